#include "runtime/dealer.h"

#include "model/sabotage.h"

#include <algorithm>

namespace jobflow::runtime {

Outcome<Dealer::Arrival> Dealer::connect(WorkerHello hello,
                                         std::shared_ptr<WorkerStream> stream,
                                         Instant now,
                                         Instant monotonic,
                                         std::int64_t holder) {
  const Id incarnation = hello.incarnation;
  Arrival arrival;
  if (knows_newer(hello)) {
    return Problem{ProblemCode::already_exists, "this worker has opened a newer stream since"};
  }
  const bool is_known = seats_.contains(incarnation);
  for (const auto& [id, seat] : seats_) {
    if (id == incarnation || seat.hello.name != hello.name || seat.expected ||
        seat.hello.name_space != hello.name_space) {
      continue;
    }
    if (seat.is_here() && is_known) {
      continue;  // both are there, whoever gave them one name
    }
    if (seat.is_here()) {
      return Problem{
          ProblemCode::already_exists,
          "a worker named '" + hello.name + "' is connected already: give this one another --name"};
    }
    arrival.namesakes.push_back(id);
  }
  Seat& seat = seats_[incarnation];
  if (seat.stream && seat.stream != stream) {
    seat.stream->close({ProblemCode::already_exists, "this worker opened a newer stream"});
  }
  arrival.is_new = !seat.connected.is_set();
  seat.hello = hello;
  seat.stream = std::move(stream);
  seat.heard_monotonic = monotonic;
  seat.connected = seat.heard = now;
  seat.holder = holder;
  seat.visit = ++last_visit_;
  seat.expected = false;
  seat.draining = false;
  seat.ended = false;
  auto& worker = roster_.add(hello);
  worker.credits = holder == 0 ? std::nullopt : std::optional<int>(0);
  worker.connected = true;
  worker.since = now;
  worker.draining = false;
  worker.held.clear();  // what it says now is what holds; what it is sent again comes on top
  for (const WorkerHello::Holding& held : hello.holding) {
    roster_.take(incarnation, held.token);
  }
  roster_.touch();
  return arrival;
}

void Dealer::heard(Id incarnation, const FromWorker& said, Instant now, Instant monotonic) {
  const auto found = seats_.find(incarnation);
  if (found == seats_.end()) {
    return;
  }
  Seat& seat = found->second;
  seat.heard_monotonic = monotonic;
  seat.heard = now;
  if (said.heartbeat) {
    seat.load = said.load;
    if (seat.draining != said.draining) {
      seat.draining = said.draining;
      if (auto* worker = roster_.find(incarnation); worker != nullptr) {
        worker->draining = said.draining;
        roster_.touch();
      }
    }
  }
}

bool Dealer::closed(Id incarnation, const WorkerStream* stream, Instant monotonic) {
  const auto found = seats_.find(incarnation);
  if (found == seats_.end() || found->second.stream.get() != stream) {
    return false;  // an older stream's end
  }
  found->second.stream.reset();
  found->second.heard_monotonic = monotonic;
  outgoing_.erase(incarnation);
  no_longer_here(incarnation);
  return true;
}

void Dealer::leave(Id incarnation, Instant monotonic) {
  if (const auto found = seats_.find(incarnation); found != seats_.end()) {
    closed(incarnation, found->second.stream.get(), monotonic);
  }
}

// Nothing is dealt to it until it is back.
void Dealer::no_longer_here(Id incarnation) {
  if (auto* worker = roster_.find(incarnation); worker != nullptr) {
    worker->connected = false;
    roster_.touch();
  }
}

void Dealer::remove(Id incarnation) {
  const auto found = seats_.find(incarnation);
  if (found == seats_.end()) {
    return;
  }
  if (found->second.stream) {
    found->second.stream->close(
        {ProblemCode::unavailable, "silent for a whole lease: register again"});
  }
  seats_.erase(found);
  outgoing_.erase(incarnation);
  roster_.remove(incarnation);
}

void Dealer::expect(Id incarnation, Instant monotonic) {
  const auto [place, is_new] = seats_.try_emplace(incarnation);
  if (is_new) {
    place->second.expected = true;
    place->second.hello.incarnation = incarnation;
    place->second.heard_monotonic =
        sabotaged(Sabotage::lease_not_restarted) ? Instant{} : monotonic;
    roster_.add(place->second.hello).connected = false;
  }
}

void Dealer::restart_leases(Instant now, Instant monotonic) {
  for (auto& [id, seat] : seats_) {
    seat.heard_monotonic = monotonic;
    if (auto* worker = roster_.find(id); worker != nullptr) {
      worker->since = now;
    }
  }
}

void Dealer::stretch_leases(Span deaf, Instant now, Instant monotonic) {
  for (auto& [id, seat] : seats_) {
    seat.heard_monotonic = std::min(seat.heard_monotonic + deaf, monotonic);
    if (auto* worker = roster_.find(id);
        worker != nullptr && !(seat.is_here() && seat.holder == 0)) {
      worker->since = now;
    }
  }
}

std::vector<Id> Dealer::expired(Instant monotonic) const {
  std::vector<Id> gone;
  for (const auto& [id, seat] : seats_) {
    if (seat.heard_monotonic + lease_ <= monotonic) {
      gone.push_back(id);
    }
  }
  return gone;
}

std::vector<Dealer::Unsent> Dealer::flush() {
  std::vector<Unsent> unsent;
  for (auto& [incarnation, message] : outgoing_) {
    if (message.empty()) {
      continue;
    }
    const std::size_t sent_before = unsent.size();
    for (const Assignment& assignment : message.assignments) {
      unsent.push_back({assignment.run, assignment.token});
    }
    const auto found = seats_.find(incarnation);
    if (found == seats_.end() || !found->second.is_here()) {
      continue;
    }
    if (found->second.stream->send(std::move(message))) {
      unsent.resize(sent_before);
    } else {
      found->second.ended = true;
      no_longer_here(incarnation);
    }
  }
  outgoing_.clear();
  return unsent;
}

void Dealer::close_all(const Problem& reason) {
  for (auto& [id, seat] : seats_) {
    if (seat.stream) {
      seat.stream->close(reason);
    }
  }
}

std::vector<WorkerDirectory::Entry> Dealer::directory() const {
  std::vector<WorkerDirectory::Entry> here;
  for (const auto& [id, seat] : seats_) {
    if (seat.is_here() && seat.holder == 0) {
      here.push_back({.hello = seat.hello, .visit = seat.visit, .draining = seat.draining});
    }
  }
  return here;
}

bool Dealer::is_here(Id incarnation) const {
  const auto found = seats_.find(incarnation);
  return found != seats_.end() && found->second.is_here() && found->second.holder == 0;
}

bool Dealer::knows_newer(const WorkerHello& hello) const {
  const auto found = seats_.find(hello.incarnation);
  return found != seats_.end() && hello.connection != 0 &&
         hello.connection < found->second.hello.connection;
}

std::int64_t Dealer::connection_of(Id incarnation) const {
  const auto found = seats_.find(incarnation);
  return found == seats_.end() ? 0 : found->second.hello.connection;
}

std::int64_t Dealer::holder_of(Id incarnation) const {
  const auto found = seats_.find(incarnation);
  return found == seats_.end() ? 0 : found->second.holder;
}

std::vector<WorkerView> Dealer::views() const {
  std::vector<WorkerView> all;
  for (const auto& [id, seat] : seats_) {
    if (seat.expected) {
      continue;
    }
    WorkerView view{.hello = seat.hello,
                    .state = !seat.is_here() ? "suspect"
                             : seat.draining ? "draining"
                                             : "online",
                    .load = seat.load,
                    .connected = seat.connected,
                    .last_heard = seat.heard};
    const auto worker = roster_.workers().find(id);
    if (worker != roster_.workers().end()) {
      view.busy = static_cast<int>(worker->second.held.size());
    }
    all.push_back(std::move(view));
  }
  return all;
}

std::string Dealer::name_of(Id incarnation) const {
  const auto found = seats_.find(incarnation);
  return found == seats_.end() ? std::string{} : found->second.hello.name;
}

}  // namespace jobflow::runtime
