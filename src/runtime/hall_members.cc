// The hall among others: joining, looking at who is there, shards that come and go (house 3a, 4).
#include "model/crash_point.h"
#include "runtime/hall_inside.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace jobflow::runtime {
namespace {

constexpr Span kLoadPause = milliseconds(250);
constexpr Span kHeadsEvery = milliseconds(20);
constexpr Span kLookAgain = milliseconds(50);  // when it was not as seen

}  // namespace

// --- joining

void Hall::Inside::join() {
  joining_ = true;
  store_.join(
      {.name = settings_.member_name,
       .alone = settings_.cluster.alone,
       .address = settings_.cluster.address},
      [weak = weak_from_this()](Outcome<store::Ticket> ticket) {
        if (const auto self = weak.lock()) {
          self->post([ticket = std::move(ticket)](Inside& inside) { inside.joined(ticket); });
        }
      });
}

void Hall::Inside::joined(const Outcome<store::Ticket>& ticket) {
  joining_ = false;
  if (over_) {
    return;
  }
  if (!ticket) {
    set_not_ready(ticket.problem().detail);
    if (on_ready_) {
      std::exchange(on_ready_, {})(ticket.problem());
    }
    join_again_at_ = at_.monotonic + kLoadPause;
    return;
  }
  fault_point("joined");
  committer_.begin(*ticket);
  // Above the requests of this member's earlier processes: their answers may still be on the way.
  last_request_ = std::max(last_request_, ticket->term << 32);
  member_bits_ = ticket->member % kShardsMax;
  member_source_ = static_cast<ShardNumber>(
      std::min<std::int64_t>(kMemberSource + ticket->member - 1, kLastSource));
  if (settings_.cluster.alone) {
    store_.read_cluster([weak = weak_from_this(), era = era_](Outcome<ClusterImage> image) {
      if (const auto self = weak.lock()) {
        self->post([image = std::move(image), era](Inside& inside) {
          if (!inside.over_ && era == inside.era_) {
            inside.begin_alone(image);
          }
        });
      }
    });
  } else {
    lookout_ = std::make_unique<Lookout>(ticket->member, settings_.cluster.lease);
    look();
  }
}

void Hall::Inside::begin_alone(const Outcome<ClusterImage>& image) {
  if (!image) {
    joined(image.problem());
    return;
  }
  begin_generation(raises_generation_ ? above(image->generation) : image->generation);
  if (std::exchange(raises_generation_, false)) {
    committer_.place({.generation = image->generation, .next_generation = generation_},
                     [](bool) {});
  }
  heed_calendars(image->calendars);
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    seats_[i].is_ours = true;
    load(static_cast<ShardNumber>(i));
  }
  claimed();
}

// A generation that was never given out, also when the store forgot that one was.
std::int64_t Hall::Inside::above(std::int64_t generation) const {
  return std::max(generation, generation_) + 1;
}

// Numbers of journals that were seen or said under an earlier history mean nothing any more.
void Hall::Inside::begin_generation(std::int64_t generation) {
  generation_ = generation;
  heads_.clear();
  heads_said_.clear();
  heads_read_.clear();
  feed_.begin_generation(generation);
}

// What an earlier process of this member owned is in a new epoch.
void Hall::Inside::claimed() {
  has_claimed_ = true;
  if (lookout_) {
    committer_.begin_generation(generation_);
  }
  load(member_source_);
}

// --- looking at the others

void Hall::Inside::look() {
  look_at_ = kNever;
  if (looking_ || !lookout_ || over_) {
    return;
  }
  looking_ = true;
  store_.read_cluster([weak = weak_from_this(), began = clock_.monotonic(),
                       era = era_](Outcome<ClusterImage> image) {
    if (const auto self = weak.lock()) {
      self->post([image = std::move(image), began, era](Inside& inside) {
        inside.looking_ = false;
        inside.look_at_ = inside.at_.monotonic + inside.settings_.cluster.look;
        if (!inside.over_ && era == inside.era_ && !inside.joining_) {
          inside.looked(image, began);
        }
      });
    }
  });
}

void Hall::Inside::looked(const Outcome<ClusterImage>& image, Instant began) {
  if (!image) {
    return;  // what goes wrong for long makes the lookout blind
  }
  if (image->generation > generation_) {
    begin_generation(image->generation);
    if (has_claimed_) {
      begin_anew(committer_.take_all());
      return;
    }
  }
  heed_calendars(image->calendars);
  lookout_->saw(*image, began);
  if (committer_.lease_from().is_set()) {
    lookout_->beat_landed(committer_.lease_from());
  }
  for (const ShardOwner& shard : lookout_->image().shards) {
    Seat& seat = seats_[shard.shard];
    seat.owner = shard.owner;
    if (shard.owner != committer_.member()) {
      seat.given_out = {};  // theirs to mind, whatever we know of it
    }
  }
  if (!has_claimed_ && claim_anew()) {
    return;
  }
  for (const MemberRow& member : image->members) {
    note_term(member.id, member.term);
    if (member.state == MemberState::gone) {
      read_head(member);
      far_member_lost(member.id);
    }
  }
  take_what_is_ours();
  act_on_look();
  tend_forwarded();
}

// What the store says is this member's was an earlier process's: we take it over in a new epoch, so
// that workers can tell our orders from its (S6.6). Answers whether there is anything to wait for.
bool Hall::Inside::claim_anew() {
  Placement claim;
  for (const ShardOwner& shard : lookout_->image().shards) {
    if (shard.owner == committer_.member()) {
      claim.moves.push_back({shard.shard, shard.owner, shard.epoch, shard.owner});
    }
  }
  if (raises_generation_) {
    claim.generation = lookout_->image().generation;
    claim.next_generation = above(claim.generation);
  }
  if (claim.moves.empty() && claim.generation == 0) {
    claimed();
    return false;
  }
  if (!placing_) {
    placing_ = true;
    const std::int64_t generation = claim.next_generation;
    committer_.place(std::move(claim), [this, generation](bool placed) {
      placing_ = false;
      if (placed && generation != 0) {
        raises_generation_ = false;
        begin_generation(generation);
      }
      if (placed) {
        claimed();
      }
      look_at_ = at_.monotonic + (placed ? Span{} : kLookAgain);
    });
  }
  return true;
}

void Hall::Inside::take_what_is_ours() {
  for (const ShardOwner& shard : lookout_->image().shards) {
    Seat& seat = seats_[shard.shard];
    // A look that began before our last word landed still shows it as ours.
    if (shard.owner == committer_.member() && !seat.is_ours && shard.epoch > seat.left_epoch) {
      seat.is_ours = true;
      seat.loads += 1;
      load(shard.shard);
    }
  }
  if (is_loaded() && member_is_loaded_ && !ready() && !stopping_) {
    all_loaded();  // there may be nothing for us yet
  }
}

void Hall::Inside::act_on_look() {
  const Lookout::Conclusion conclusion = lookout_->conclude(at_.monotonic);
  if (!conclusion.is_empty()) {
    place(conclusion.placement);
    return;
  }
  for (const auto& [number, to] : conclusion.hand_over) {
    hand_over(number, to);
  }
}

void Hall::Inside::place(Placement placement) {
  if (placing_) {
    return;
  }
  for (const Placement::Revoked& dead : placement.revoked) {
    std::fprintf(stderr, "jobflow: member %lld is silent for a whole lease: taking over\n",
                 static_cast<long long>(dead.member));
  }
  placing_ = true;
  // One that left in order owns nothing any more: its row is put away, nothing is taken over.
  const auto dead = std::ranges::count_if(placement.revoked, [&](const Placement::Revoked& one) {
    return std::ranges::find(placement.moves, one.member, &Placement::Move::from) !=
           placement.moves.end();
  });
  committer_.place(std::move(placement), [this, dead, since = at_.monotonic](bool placed) {
    placing_ = false;
    for (std::ptrdiff_t i = 0; placed && i < dead; ++i) {
      fault_point("taken_over");
      metrics_.takeovers.add();
      metrics_.takeover_seconds.observe(static_cast<double>((at_.monotonic - since).ms) / 1000.0);
    }
    look_at_ = at_.monotonic + (placed ? Span{} : kLookAgain);
  });
}

// --- what others say

// By the rows or by what it says, whichever is first. What the process before it was told last it
// may not have heard, and what that one lent is void.
void Hall::Inside::note_term(std::int64_t member, std::int64_t term) {
  std::int64_t& newest = terms_[member];
  if (term > newest && std::exchange(newest, term) != 0) {
    member_lost(member);
  }
}

// Whether it is for this process, from a process and of a history that count, and not a repeat.
bool Hall::Inside::is_to_be_heard(const MemberMessage& message) {
  if (over_ || !lookout_ || joining_ || message.to_term != committer_.term()) {
    return false;
  }
  note_term(message.from, message.term);
  if (message.term < terms_[message.from]) {
    send_member(message.from, TermIsOver{}, message.term);
    return false;
  }
  std::int64_t& newest = heard_[{message.from, message.term}];
  if (message.number <= newest) {
    return false;
  }
  newest = message.number;
  if (message.generation != generation_ && !std::holds_alternative<TermIsOver>(message.what)) {
    // An acknowledgement from a history that is no more would take back what has to come again.
    look_at_ = message.generation > generation_ ? at_.monotonic : look_at_;
    return false;
  }
  return true;
}

void Hall::Inside::member_said(MemberMessage message) {
  if (!is_to_be_heard(message)) {
    return;
  }
  if (auto* command = std::get_if<ForwardedCommand>(&message.what)) {
    take_forwarded(message, std::move(*command));
  } else if (auto* answer = std::get_if<ForwardedAnswer>(&message.what)) {
    take_answer(message, std::move(*answer));
  } else if (std::holds_alternative<LookNow>(message.what)) {
    look_at_ = at_.monotonic;
  } else if (std::holds_alternative<TermIsOver>(message.what)) {
    fenced("member " + std::to_string(message.from) + " has seen a newer term of ours");
  } else if (auto* heads = std::get_if<JournalHeads>(&message.what)) {
    take_heads(*heads);
  } else if (auto* directory = std::get_if<WorkerDirectory>(&message.what)) {
    take_directory(message, std::move(*directory));
  } else if (std::holds_alternative<AskDirectory>(message.what)) {
    say_directory(message.from);
  } else if (auto* wish = std::get_if<CreditWish>(&message.what)) {
    take_wish(message.from, std::move(*wish));
  } else if (auto* grant = std::get_if<CreditGrant>(&message.what)) {
    take_grant(message.from, *grant);
  } else if (auto* orders = std::get_if<OrdersForWorker>(&message.what)) {
    take_orders(message.from, std::move(*orders));
  } else if (auto* unsent = std::get_if<OrdersUnsent>(&message.what)) {
    take_unsent(*unsent);
  } else if (auto* said = std::get_if<SaidByWorker>(&message.what)) {
    worker_heard(said->incarnation, std::move(said->said));
  } else {
    take_letters(std::move(message.what));
  }
}

void Hall::Inside::take_unsent(const OrdersUnsent& unsent) {
  for (const engine::AssignmentUnsent& one : unsent.those) {
    const ShardNumber shard = one.run.shard();
    if (shard < seats_.size() && seats_[shard].is_ours) {
      system_command(shard, one);
    }  // else whoever has it now asks the worker itself (S6.6)
  }
}

// What it was asked may or may not have been done there: it, or who comes after it, is asked again.
void Hall::Inside::member_lost(std::int64_t member) {
  for (auto& [request, forwarded] : forwarded_) {
    if (forwarded.to == member) {
      ask_again_soon(forwarded);
    }
  }
  far_member_lost(member);
}

// --- events of all shards at any member (S9.3)

void Hall::Inside::take_heads(const JournalHeads& heads) {
  for (const JournalHeads::Head& head : heads.heads) {
    if (head.source >= seats_.size() || !seats_[head.source].is_ours) {
      feed_.advance(head.source, head.first, head.next);
    }
  }
}

void Hall::Inside::note_heads(const std::vector<const JournalPart*>& parts) {
  for (const JournalPart* part : parts) {
    JournalHeads::Head& head =
        heads_.try_emplace(part->source, JournalHeads::Head{part->source, part->first})
            .first->second;
    head.next = part->first + static_cast<std::int64_t>(part->events.size());
  }
}

// Somebody who is no more may have written events of which nobody was told.
void Hall::Inside::note_head(ShardNumber source, std::int64_t next) {
  if (lookout_) {
    heads_.try_emplace(source, JournalHeads::Head{source, next, next});
  }
}

// A member that has gone says nothing any more: its own events end where the journal says.
void Hall::Inside::read_head(const MemberRow& gone) {
  const std::pair member{gone.id, gone.term};
  if (!heads_read_.insert(member).second) {
    return;
  }
  const auto source =
      static_cast<ShardNumber>(std::min<std::int64_t>(kMemberSource + gone.id - 1, kLastSource));
  store_.load_shard(committer_.member(), source,
                    [weak = weak_from_this(), source, member,
                     generation = generation_](const Outcome<ShardImage>& image) {
                      const auto self = weak.lock();
                      if (!self) {
                        return;
                      }
                      const std::int64_t next = image ? image->next_event : 0;
                      self->post([source, member, generation, next](Inside& inside) {
                        if (generation != inside.generation_) {
                          return;
                        }
                        if (next == 0) {
                          inside.heads_read_.erase(member);  // the next look tries again
                        } else {
                          inside.feed_.advance(source, next, next);
                        }
                      });
                    });
}

// Who has subscribers reads the events themselves from the store. Said again with each sign of
// life, should it have been lost.
void Hall::Inside::say_heads(bool again) {
  if (heads_.empty() && !(again && !heads_said_.empty())) {
    return;
  }
  if (!again && at_.monotonic < heads_at_) {
    return;
  }
  for (const auto& [source, head] : std::exchange(heads_, {})) {
    heads_said_.try_emplace(source, head).first->second.next = head.next;
  }
  JournalHeads heads;
  for (const auto& [source, head] : heads_said_) {
    heads.heads.push_back(head);
  }
  heads_at_ = at_.monotonic + kHeadsEvery;
  for (const MemberRow& member : lookout_->image().members) {
    if (member.state != MemberState::gone) {
      send_member(member.id, heads);
    }
  }
}

// --- shards that go

// Our last decision about it names the new owner (I1e). Its memory goes at once: nothing may be
// decided on top. Until that has landed it is still ours, and what is asked waits.
void Hall::Inside::hand_over(ShardNumber number, std::int64_t to) {
  Seat& seat = seats_[number];
  if (!seat.is_ours || !seat.shard || stopping_) {
    return;  // not ours, or not loaded yet
  }
  Decided last_word{.shard = number,
                    .epoch = seat.shard->epoch(),
                    .last_id = seat.shard->last_id(),
                    .first_event = seat.next_event,
                    .hand_to = to};
  last_word.command.now = at_.now;
  seat.left_epoch = seat.shard->epoch();
  seat.forget();
  seat.loads += 1;
  std::erase_if(more_, [&](const auto& more) { return more.first == number; });
  committer_.add(std::move(last_word));
  fault_point("last_word");
}

// The others get our shards before we go (S12.2).
void Hall::Inside::leave() {
  leaving_ = true;
  lookout_->set_leaving();
  place({.own_state = MemberState::leaving});
  look_at_ = at_.monotonic;
}

void Hall::Inside::handed_over(const Decided& last_word) {
  Seat& seat = seats_[last_word.shard];
  fault_point("handed_over");
  if (last_word.hand_to == committer_.member()) {  // in a new epoch
    load(last_word.shard);
    return;
  }
  seat.is_ours = false;
  seat.owner = last_word.hand_to;
  heads_said_.erase(last_word.shard);
  send_member(seat.owner, LookNow{});
  for (Submission& submission : std::exchange(seat.held, {})) {
    take(std::move(submission));
  }
}

// --- shards that come

void Hall::Inside::load(ShardNumber number) {
  if (!calendars_) {
    failed_loads_.push_back(number);
    return read_calendars_soon();
  }
  ++loading_;
  auto done = [weak = weak_from_this(), number, era = era_](Outcome<ShardImage> image) {
    const auto self = weak.lock();
    if (!self) {
      return;
    }
    self->post([number, era,
                image = std::make_shared<Outcome<ShardImage>>(std::move(image))](Inside& inside) {
      if (era == inside.era_) {
        inside.loaded(number, std::move(*image));
      }
    });
  };
  store_.load_shard(committer_.member(), number, std::move(done));
}

void Hall::Inside::loaded(ShardNumber number, Outcome<ShardImage> image) {
  --loading_;
  if (over_) {
    return;
  }
  if (!image) {
    if (on_ready_) {
      set_not_ready(image.problem().detail);
      std::exchange(on_ready_, {})(image.problem());
    }
    failed_loads_.push_back(number);
    load_again_at_ = at_.monotonic + kLoadPause;
    return;
  }
  if (number == member_source_) {
    member_next_event_ = image->next_event;
    member_is_loaded_ = true;
    feed_.begin(member_source_, member_next_event_);
    note_head(member_source_, member_next_event_);
  } else {
    begin_shard(number, std::move(*image));
  }
  if (is_loaded()) {
    all_loaded();
  }
}

void Hall::Inside::begin_shard(ShardNumber number, ShardImage image) {
  Seat& seat = seats_[number];
  if (image.owner != committer_.member()) {
    seat.is_ours = false;  // taken from us in between: the fence will tell us why
    return;
  }
  seat.owner = image.owner;
  seat.next_event = image.next_event;
  seat.loads += 1;
  leave_out(seat.left_out, image);
  image.batch = committer_.place_of_batch(image.batch);
  feed_.begin(number, image.next_event);
  note_head(number, image.next_event);
  const Id last_command = image.last_command;
  seat.shard = std::make_unique<engine::Shard>(std::move(image), at_.now);
  seat.shard->set_calendars(calendars_);
  if (lookout_) {
    raise_command_ids(last_command);
    seat.shard->keep_commands(last_command);
  }
  seat.loaded_up_to = seat.shard->last_id();
  seat.seen_arrivals = seat.seen_generation = 0;
  seat.look_ahead_again = Instant{};
  // After a change of history first of all what it undid; then what had been asked before, in its
  // order; then what the load itself brings to light.
  if (const Id given_out = std::exchange(seat.given_out, {}); given_out.is_set()) {
    for (engine::Request& request : seat.shard->begin_generation(given_out, at_.now)) {
      system_command(number, std::move(request));
    }
  }
  if (generation_ > 1) {  // whoever was to ask again may have died before it had
    for (engine::Request& request : seat.shard->ask_again()) {
      system_command(number, std::move(request));
    }
  }
  auto business = seat.shard->unfinished_business();
  for (Submission& submission : std::exchange(seat.held, {})) {
    const auto* reclaimed = std::get_if<engine::AttemptReclaimed>(&submission.command.request);
    if (reclaimed != nullptr && dealer_.roster().find(reclaimed->incarnation) == nullptr) {
      continue;  // its worker has gone in the meantime
    }
    const auto* unsent = std::get_if<engine::AssignmentUnsent>(&submission.command.request);
    if (unsent != nullptr && unsent->token <= seat.loaded_up_to) {
      continue;  // nothing to take back, and nothing to lose: its worker has a lease to come back
    }
    decide(number, std::move(submission));
  }
  for (engine::Request& request : business) {
    system_command(number, std::move(request));
  }
  if (seat.shard->awake() > 0) {
    sweep_at_ = std::min(sweep_at_, at_.monotonic);
  }
  if (lookout_) {
    greet_holders(number);
  }
  fault_point("shard_loaded");
}

// A shard that came from another member: whoever holds its attempts learns its new epoch and is
// sent them again, which is harmless (S6.5, S6.6); who is not here gets a lease to come back.
void Hall::Inside::greet_holders(ShardNumber number) {
  const Seat& seat = seats_[number];
  for (const Id incarnation : seat.shard->incarnations()) {
    const auto* worker = dealer_.roster().find(incarnation);
    if (worker == nullptr || !worker->connected) {
      dealer_.expect(incarnation, at_.monotonic);
      continue;
    }
    dealer_.outgoing(incarnation).epochs.push_back({number, seat.shard->epoch()});
    for (const auto& [run, token] : seat.shard->held_by(incarnation)) {
      system_command(number, engine::AttemptReclaimed{run, token, incarnation, false});
    }
  }
}

void Hall::Inside::all_loaded() {
  load_again_at_ = kNever;
  for (auto& task : std::exchange(after_loading_, {})) {
    task(*this);
  }
  double ours = 0;
  const Instant monotonic = clock_.monotonic();
  for (const Seat& seat : seats_) {
    if (seat.shard) {
      ours += 1;
      for (const Id incarnation : seat.shard->incarnations()) {
        dealer_.expect(incarnation, monotonic);
      }
    }
  }
  metrics_.shards_owned.set(ours);
  if (!stopping_ && !away_.load()) {
    set_not_ready({});
  }
  if (on_ready_) {
    std::exchange(on_ready_, {})(Done{});
  }
}

}  // namespace jobflow::runtime
