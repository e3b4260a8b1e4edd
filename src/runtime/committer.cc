#include "runtime/committer.h"

#include "model/check.h"
#include "model/sabotage.h"

#include <algorithm>
#include <iterator>
#include <map>

namespace jobflow::runtime {
namespace {

// One batch holds at most this many decisions, so that a flood does not make everybody wait.
constexpr std::size_t kBatchDecisions = 8192;
// Rows read for a command come back within that many batches, or are read again (3c).
constexpr std::size_t kPlacesKept = 1024;
constexpr Span kRetryPauseMax = milliseconds(250);
constexpr Span kRetryIsAway = seconds(3);
constexpr Span kAwayPauseMax = seconds(2);

// The decisions' changes and events, lent to a batch: one part a shard, in order.
std::shared_ptr<store::Batch> build(const store::Ticket& ticket,
                                    std::int64_t generation,
                                    std::vector<Decided>& decided,
                                    Instant now) {
  auto batch = std::make_shared<store::Batch>();
  batch->member = ticket.member;
  batch->term = ticket.term;
  batch->number = ticket.batch + 1;
  batch->generation = generation;
  batch->time = now;
  std::map<ShardNumber, std::size_t> places;
  for (Decided& one : decided) {
    if (!one.writes()) {
      continue;
    }
    const auto [place, is_new] = places.try_emplace(one.shard, batch->parts.size());
    if (is_new) {
      batch->parts.push_back({.shard = one.shard,
                              .epoch = one.epoch,
                              .journal = {.source = one.shard, .first = one.first_event}});
    }
    store::ShardPart& part = batch->parts[place->second];
    part.last_id = one.last_id;
    part.hand_to = one.hand_to;
    std::move(one.decision.changes.begin(), one.decision.changes.end(),
              std::back_inserter(part.changes));
    std::move(one.decision.events.begin(), one.decision.events.end(),
              std::back_inserter(part.journal.events));
    one.decision.changes.clear();
    one.decision.events.clear();
  }
  return batch;
}

// Gives the decisions back what build() took.
void unbuild(const store::Batch& batch, std::vector<Decided>& decided) {
  struct Place {
    const store::ShardPart* part;
    std::size_t change = 0, event = 0;
  };
  std::map<ShardNumber, Place> places;
  for (const store::ShardPart& part : batch.parts) {
    places[part.shard] = {&part};
  }
  for (Decided& one : decided) {
    if (!one.writes()) {
      continue;
    }
    Place& place = places.at(one.shard);
    for (std::size_t i = 0; i < one.changes; ++i) {
      one.decision.changes.push_back(place.part->changes.at(place.change++));
    }
    for (std::size_t i = 0; i < one.events; ++i) {
      one.decision.events.push_back(place.part->journal.events.at(place.event++));
    }
  }
}

bool any_writes(const std::vector<Decided>& decided) {
  return std::any_of(decided.begin(), decided.end(),
                     [](const Decided& one) { return one.writes(); });
}

}  // namespace

void Committer::begin(store::Ticket ticket) {
  ticket_ = ticket;
  generation_ = 0;
  landed_places_.clear();
  lease_from_ = {};
  beat_at_ = times_.beat_every.ms > 0 ? Instant{} : kNever;  // at once
}

void Committer::add(Decided decided) {
  decided.place = ++last_place_;
  decided.changes = decided.decision.changes.size();
  decided.events = decided.decision.events.size();
  ++undurable_;
  gathering_.push_back(std::move(decided));
}

void Committer::place(Placement placement, std::function<void(bool)> placed) {
  placements_.push_back({std::move(placement), std::move(placed)});
}

// A placement that waits, or a beat that is due.
bool Committer::send_without_decisions(Moment at) {
  if (placements_.empty() && at.monotonic < beat_at_) {
    return false;
  }
  std::vector<Decided> none;
  auto batch = build(ticket_, generation_, none, at.now);
  flight_ = {.sent = at.monotonic};
  if (!placements_.empty()) {
    batch->placement = std::move(placements_.front().placement);
    if (batch->placement->generation != 0) {
      batch->generation = batch->placement->generation;
    }
    flight_.placed = std::move(placements_.front().placed);
    placements_.erase(placements_.begin());
  }
  flight_.batch = std::move(batch);
  beat_at_ = times_.beat_every.ms > 0 ? at.monotonic + times_.beat_every : kNever;
  owner_.send(flight_.batch);
  return true;
}

void Committer::kick(Moment at) {
  while (!flight_.batch) {
    if (!placements_.empty() && send_without_decisions(at)) {
      return;
    }
    std::vector<Decided> next;
    if (!pieces_.empty()) {
      next = std::move(pieces_.front());
      pieces_.pop_front();
    } else {
      take_gathered(next);
    }
    if (next.empty()) {
      if (!send_without_decisions(at)) {
        return;
      }
    } else if (any_writes(next)) {
      send(std::move(next), at);
    } else {
      // Nothing to write, and all that came before is durable: say it now.
      release({.decided = std::move(next)}, at);
    }
  }
}

// Pieces and what gathers are each in order, but not with each other.
std::int64_t Committer::place_before_waiting() const {
  std::int64_t first = gathering_.empty() ? last_place_ + 1 : gathering_.front().place;
  for (const std::vector<Decided>& piece : pieces_) {
    first = std::min(first, piece.front().place);
  }
  return first - 1;
}

std::int64_t Committer::durable_place() const {
  const std::int64_t place = place_before_waiting();
  return flight_.decided.empty() ? place : std::min(place, flight_.decided.front().place - 1);
}

std::int64_t Committer::place_of_batch(std::int64_t batch) const {
  if (batch > ticket_.batch) {
    return place_before_waiting();  // what is under way has landed, its answer is on its way
  }
  const auto ago = static_cast<std::size_t>(ticket_.batch - batch);
  if (ago == 0) {
    return durable_place();
  }
  return ago < landed_places_.size() ? landed_places_[landed_places_.size() - 1 - ago] : 0;
}

void Committer::take_gathered(std::vector<Decided>& into) {
  if (gathering_.size() <= kBatchDecisions) {
    into.swap(gathering_);
    return;
  }
  const auto end = gathering_.begin() + static_cast<std::ptrdiff_t>(kBatchDecisions);
  into.assign(std::make_move_iterator(gathering_.begin()), std::make_move_iterator(end));
  gathering_.erase(gathering_.begin(), end);
}

void Committer::send(std::vector<Decided> decided, Moment at) {
  flight_.batch = build(ticket_, generation_, decided, at.now);
  flight_.decided = std::move(decided);
  flight_.sent = at.monotonic;
  flight_.tries = 0;
  beat_at_ = times_.beat_every.ms > 0 ? at.monotonic + times_.beat_every : kNever;
  owner_.send(flight_.batch);
  if (sabotaged(Sabotage::effects_first)) {
    for (Decided& one : flight_.decided) {
      if (one.hand_to == 0) {
        owner_.released(one);
        one.decision.effects.clear();
        one.answer = {};
      }
    }
    owner_.flushed();
  }
}

void Committer::release(std::vector<Decided> decided) {
  undurable_ -= decided.size();
  for (Decided& one : decided) {
    owner_.released(one);
  }
  owner_.flushed();
}

// In order; what the lease no longer covers waits for a beat that proves it anew.
void Committer::release(Flight flight, Moment at) {
  late_.push_back(std::move(flight));
  if (times_.lease.ms > 0 && !sabotaged(Sabotage::no_own_lease) &&
      (!lease_from_.is_set() || at.monotonic - lease_from_ >= times_.lease)) {
    beat_at_ = at.monotonic;
    return;
  }
  while (!late_.empty()) {
    Flight next = std::move(late_.front());
    late_.pop_front();
    if (next.batch) {
      owner_.landed(*next.batch, next.decided.size(), at.monotonic - next.sent);
    }
    release(std::move(next.decided));
  }
}

void Committer::has_landed(Moment at) {
  Flight flight = std::move(flight_);
  flight_ = {};
  ticket_.batch += 1;
  landed_places_.push_back(place_before_waiting());
  if (landed_places_.size() > kPlacesKept) {
    landed_places_.pop_front();
  }
  lease_from_ = std::max(lease_from_, flight.sent);
  const auto placed = std::move(flight.placed);
  release(std::move(flight), at);
  if (placed) {
    placed(true);
  }
  kick(at);
}

void Committer::answered(const store::CommitAnswer& answer, Moment at) {
  if (!flight_.batch) {
    return;  // taken back in the meantime
  }
  using enum store::CommitResult;
  // Somebody else who holds the store for long is as bad as a full disk: say so, take nothing new.
  const bool is_away =
      answer.result == unavailable ||
      (answer.result == retry && (away_ || at.monotonic - flight_.sent > kRetryIsAway));
  if (away_ != is_away) {
    away_ = is_away;
    owner_.store_away(is_away, answer.detail);
  }
  switch (answer.result) {
    case landed:
      has_landed(at);
      return;
    case retry:
#ifdef JOBFLOW_SABOTAGE
      if (sabotaged(Sabotage::receipt_by_read)) {
        take_back(at);
        return;
      }
#endif
      send_again(at.monotonic,
                 flight_.tries == 0
                     ? Span{}
                     : std::min(kRetryPauseMax, milliseconds(1LL << std::min(flight_.tries, 8))));
      return;
    case unavailable:
      send_again(at.monotonic,
                 std::min(kAwayPauseMax, milliseconds(25LL << std::min(flight_.tries, 7))));
      return;
    case not_as_seen: {
      const auto placed = std::exchange(flight_, {}).placed;
      check(placed != nullptr, "only a placement may be not as seen");
      placed(false);
      kick(at);
      return;
    }
    case refused:
      check(!flight_.decided.empty(), "a beat holds nothing to refuse");
      if (flight_.decided.size() == 1) {
        Flight flight = std::move(flight_);
        flight_ = {};
        report_bad(std::move(flight.decided.front()), answer.detail);
      } else {
        split();
      }
      kick(at);
      return;
    case fenced:
      owner_.fenced(answer.detail);
      return;
    case history_changed:
    case old_generation:
      owner_.history_changed(take_all(), answer.result == old_generation);
      return;
  }
}

void Committer::send_again(Instant monotonic, Span pause) {
  ++flight_.tries;
  if (pause.ms == 0) {
    owner_.send(flight_.batch);
  } else {
    retry_at_ = monotonic + pause;
  }
}

#ifdef JOBFLOW_SABOTAGE
// A read said that it has not landed: so it goes with what gathered since, under its number.
void Committer::take_back(Moment at) {
  Flight flight = std::exchange(flight_, {});
  unbuild(*flight.batch, flight.decided);
  const auto& placement = flight.batch->placement;
  if (flight.placed && placement) {
    placements_.insert(placements_.begin(), {*placement, std::move(flight.placed)});
  } else if (!pieces_.empty()) {
    pieces_.push_front(std::move(flight.decided));
  } else {
    gathering_.insert(gathering_.begin(), std::make_move_iterator(flight.decided.begin()),
                      std::make_move_iterator(flight.decided.end()));
  }
  kick(at);
}
#endif

void Committer::wake(Instant monotonic) {
  if (retry_at_ <= monotonic) {
    retry_at_ = kNever;
    if (flight_.batch) {
      owner_.send(flight_.batch);
    }
  }
}

// A refused batch goes again in smaller pieces: each shard by itself, then halves (house 3b).
void Committer::split() {
  Flight flight = std::move(flight_);
  flight_ = {};
  unbuild(*flight.batch, flight.decided);
  std::vector<std::vector<Decided>> smaller;
  const auto is_of_first = [&](const Decided& one) {
    return one.shard == flight.decided.front().shard;
  };
  if (!std::all_of(flight.decided.begin(), flight.decided.end(), is_of_first)) {
    std::map<ShardNumber, std::vector<Decided>> by_shard;
    for (Decided& one : flight.decided) {
      by_shard[one.shard].push_back(std::move(one));
    }
    for (auto& [shard, decided] : by_shard) {
      smaller.push_back(std::move(decided));
    }
  } else {
    const auto middle =
        flight.decided.begin() + static_cast<std::ptrdiff_t>(flight.decided.size() / 2);
    smaller.emplace_back(std::make_move_iterator(flight.decided.begin()),
                         std::make_move_iterator(middle));
    smaller.emplace_back(std::make_move_iterator(middle),
                         std::make_move_iterator(flight.decided.end()));
  }
  pieces_.insert(pieces_.begin(), std::make_move_iterator(smaller.begin()),
                 std::make_move_iterator(smaller.end()));
}

void Committer::take_shard(std::vector<Decided>& from,
                           ShardNumber shard,
                           std::vector<Decided>& into) {
  std::vector<Decided> others;
  for (Decided& one : from) {
    (one.shard == shard ? into : others).push_back(std::move(one));
  }
  from = std::move(others);
}

void Committer::report_bad(Decided bad, const std::string& why) {
  std::vector<Decided> kept;
  for (auto& piece : pieces_) {
    take_shard(piece, bad.shard, kept);
  }
  std::erase_if(pieces_, [](const std::vector<Decided>& piece) { return piece.empty(); });
  take_shard(gathering_, bad.shard, kept);
  undurable_ -= kept.size() + 1;
  owner_.refused(std::move(bad), std::move(kept), why);
}

void Committer::each_undurable(const std::function<void(const Decided&)>& look) const {
  const auto each = [&](const std::vector<Decided>& some) {
    std::for_each(some.begin(), some.end(), look);
  };
  for (const Flight& late : late_) {
    each(late.decided);
  }
  each(flight_.decided);
  std::for_each(pieces_.begin(), pieces_.end(), each);
  each(gathering_);
}

std::vector<Decided> Committer::take_all() {
  std::vector<Decided> all;
  for (Flight& late : late_) {
    std::move(late.decided.begin(), late.decided.end(), std::back_inserter(all));
  }
  late_.clear();
  std::move(flight_.decided.begin(), flight_.decided.end(), std::back_inserter(all));
  const auto placed = std::exchange(flight_, {}).placed;
  retry_at_ = kNever;
  beat_at_ = kNever;
  for (auto& piece : pieces_) {
    std::move(piece.begin(), piece.end(), std::back_inserter(all));
  }
  pieces_.clear();
  std::move(gathering_.begin(), gathering_.end(), std::back_inserter(all));
  gathering_.clear();
  undurable_ = 0;
  auto placements = std::exchange(placements_, {});
  if (placed) {
    placed(false);
  }
  for (const Waiting& waiting : placements) {
    waiting.placed(false);
  }
  return all;
}

}  // namespace jobflow::runtime
