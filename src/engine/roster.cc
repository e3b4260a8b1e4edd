#include "engine/roster.h"

#include "model/check.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace jobflow::engine {
namespace {

std::uint64_t offer_key(std::string_view name_space, std::string_view handler) {
  return stable_hash(handler, stable_hash(name_space));
}

bool by_name(const RosterWorker* a, const RosterWorker* b) {
  return std::tie(a->hello.name, a->hello.incarnation) <
         std::tie(b->hello.name, b->hello.incarnation);
}

bool can_take(const RosterWorker& worker, const Wanted& wanted) {
  if (!worker.connected || worker.draining || worker.free() <= 0) {
    return false;
  }
  return wanted.tags == nullptr || wanted.tags->empty() ||
         std::includes(worker.hello.tags.begin(), worker.hello.tags.end(), wanted.tags->begin(),
                       wanted.tags->end());
}

}  // namespace

double RosterWorker::load() const {
  return hello.slots > 0 ? static_cast<double>(held.size()) / hello.slots
                         : std::numeric_limits<double>::infinity();
}

RosterWorker& Roster::add(WorkerHello hello) {
  std::sort(hello.tags.begin(), hello.tags.end());
  const auto [found, is_new] = workers_.try_emplace(hello.incarnation);
  RosterWorker& worker = found->second;
  if (!is_new) {
    unlist(worker);
  }
  worker.hello = std::move(hello);
  worker.connected = true;
  worker.handlers.clear();
  for (const auto& handler : worker.hello.handlers) {
    worker.handlers.insert(handler.name);
  }
  list(worker);
  touch();
  return worker;
}

void Roster::remove(Id incarnation) {
  if (const auto found = workers_.find(incarnation); found != workers_.end()) {
    unlist(found->second);
    workers_.erase(found);
  }
}

RosterWorker* Roster::find(Id incarnation) {
  const auto found = workers_.find(incarnation);
  return found == workers_.end() ? nullptr : &found->second;
}

void Roster::list(RosterWorker& worker) {
  for (const std::string& handler : worker.handlers) {
    const std::uint64_t key = offer_key(worker.hello.name_space, handler);
    Offer* offer = find_offer(worker.hello.name_space, handler);
    if (offer == nullptr) {
      offer = &offers_.emplace(key, Offer{worker.hello.name_space, handler, {}})->second;
    }
    offer->workers.insert(
        std::upper_bound(offer->workers.begin(), offer->workers.end(), &worker, by_name), &worker);
  }
}

void Roster::unlist(RosterWorker& worker) {
  last_offer_ = nullptr;
  found_.clear();
  for (const std::string& handler : worker.handlers) {
    const auto [first, last] = offers_.equal_range(offer_key(worker.hello.name_space, handler));
    for (auto offer = first; offer != last; ++offer) {
      std::erase(offer->second.workers, &worker);
      if (offer->second.workers.empty()) {
        offers_.erase(offer);
        break;
      }
    }
  }
}

Roster::Offer* Roster::find_offer(std::string_view name_space, std::string_view handler) {
  const auto is_it = [&](const Offer& offer) {
    return offer.handler == handler && offer.name_space == name_space;
  };
  if (last_offer_ != nullptr && is_it(*last_offer_)) {
    return last_offer_;
  }
  const auto [first, last] = offers_.equal_range(offer_key(name_space, handler));
  const auto found =
      std::find_if(first, last, [&](const auto& entry) { return is_it(entry.second); });
  return found == last ? nullptr : last_offer_ = &found->second;
}

const std::vector<RosterWorker*>& Roster::candidates(const Wanted& wanted) {
  found_.clear();
  if (const Offer* offer = find_offer(wanted.name_space, wanted.handler)) {
    std::copy_if(offer->workers.begin(), offer->workers.end(), std::back_inserter(found_),
                 [&](const RosterWorker* worker) { return can_take(*worker, wanted); });
  }
  return found_;
}

void Roster::take(Id incarnation, Id token) {
  RosterWorker* worker = find(incarnation);
  check(worker != nullptr, "a credit is taken of a worker that is here");
  if (worker->held.insert(token).second && worker->credits) {
    worker->credits = std::max(0, *worker->credits - 1);
  }
}

bool Roster::give_back(Id incarnation, Id token) {
  RosterWorker* worker = find(incarnation);
  if (worker == nullptr || worker->held.erase(token) == 0) {
    return false;
  }
  touch();
  return true;
}

RosterWorker* choose(Strategy strategy,
                     const std::vector<RosterWorker*>& candidates,
                     std::uint32_t& turn,
                     std::uint64_t choice) {
  check(!candidates.empty(), "somebody to choose from");
  switch (strategy) {
    case Strategy::round_robin:
      return candidates[turn++ % candidates.size()];
    case Strategy::random:
      return candidates[choice % candidates.size()];
    case Strategy::least_loaded:
      break;
  }
  return *std::min_element(
      candidates.begin(), candidates.end(),
      [](const RosterWorker* a, const RosterWorker* b) { return a->load() < b->load(); });
}

}  // namespace jobflow::engine
