#include "engine/roster.h"

#include "engine/strategy_book.h"
#include "model/check.h"
#include "model/limits.h"

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

bool carries(const RosterWorker& worker, const Ask& ask) {
  return (ask.tags.empty() || std::ranges::includes(worker.hello.tags, ask.tags)) &&
         (ask.workers.empty() || std::ranges::binary_search(ask.workers, worker.hello.name));
}

bool takes_work(const RosterWorker& worker) {
  return worker.connected && !worker.draining;
}

// The finishing step of splitmix64: neighbouring buckets and like names give unlike scores.
std::uint64_t mixed(std::uint64_t hash) {
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31);
}

}  // namespace

double RosterWorker::load() const {
  return hello.slots > 0 ? static_cast<double>(held.size()) / hello.slots
                         : std::numeric_limits<double>::infinity();
}

bool RosterWorker::suits(const Ask& ask) const {
  return hello.name_space == ask.name_space && handlers.contains(ask.handler) &&
         carries(*this, ask);
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

const std::vector<RosterWorker*>& Roster::candidates(const Ask& ask) {
  if (ask.bucket) {
    RosterWorker* home = home_of(ask);
    found_.assign(home != nullptr && home->free() > 0 ? 1 : 0, home);
    return found_;
  }
  found_.clear();
  if (const Offer* offer = find_offer(ask.name_space, ask.handler)) {
    std::ranges::copy_if(offer->workers, std::back_inserter(found_), [&](const auto* worker) {
      return takes_work(*worker) && worker->free() > 0 && carries(*worker, ask);
    });
  }
  return found_;
}

RosterWorker* Roster::home_of(const Ask& ask) {
  RosterWorker* home = nullptr;
  std::uint64_t best = 0;
  if (const Offer* offer = find_offer(ask.name_space, ask.handler)) {
    for (RosterWorker* worker : offer->workers) {
      const std::uint64_t score = mixed(stable_hash(worker->hello.name, ask.bucket.value_or(0)));
      if (takes_work(*worker) && carries(*worker, ask) && (home == nullptr || score > best)) {
        home = worker;
        best = score;
      }
    }
  }
  return home;
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
    case Strategy::random:
      return candidates[choice % candidates.size()];
    case Strategy::least_loaded:
      return *std::ranges::min_element(candidates, {}, &RosterWorker::load);
    case Strategy::round_robin:
    case Strategy::designated:
    case Strategy::hash:  // the one candidate
    case Strategy::custom:
      break;
  }
  return candidates[turn++ % candidates.size()];
}

RosterWorker* choose_custom(std::string_view strategy,
                            const std::vector<RosterWorker*>& candidates,
                            std::uint32_t& turn,
                            RunToPlace run) {
  const StrategyFunction function = find_strategy(strategy);
  if (function == nullptr) {
    return nullptr;
  }
  std::vector<CandidateWorker> seen;
  for (const RosterWorker* worker : candidates) {
    seen.push_back({.name = worker->hello.name,
                    .tags = worker->hello.tags,
                    .slots = worker->hello.slots,
                    .busy = static_cast<int>(worker->held.size())});
  }
  run.turn = turn;
  try {
    const auto chosen = function(run, seen);
    if (!chosen || *chosen >= candidates.size()) {
      return nullptr;
    }
    ++turn;
    return candidates[*chosen];
  } catch (...) {  // somebody else's code: the run waits, the server lives (I8)
    return nullptr;
  }
}

std::uint16_t bucket_of(std::string_view key) {
  return static_cast<std::uint16_t>(mixed(stable_hash(key)) % limits::kHashBuckets);
}

}  // namespace jobflow::engine
