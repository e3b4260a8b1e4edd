// Workers across members (house, Dispatch): who holds a worker's stream says that it is there and
// lends its slots; who owns a run names a worker against what was lent, and the orders go through
// the holder. A loan is only a promise of room: an order that finds none comes back unsent.
#include "runtime/hall_inside.h"

#include <algorithm>
#include <utility>

namespace jobflow::runtime {
namespace {

constexpr Span kSignOfLife = milliseconds(500);
constexpr Span kDeafAfter = milliseconds(1500);  // without any
constexpr Span kWishAgain = milliseconds(50);
constexpr Span kLoanLasts = seconds(1);         // where it was lent to
constexpr Span kLoanEnds = milliseconds(1500);  // where it came from: later, so that it is honoured

bool could_take(const engine::RosterWorker& worker, const CreditWish::Want& want) {
  return (!want.incarnation.is_set() || want.incarnation == worker.hello.incarnation) &&
         worker.suits(want.ask);
}

}  // namespace

// What goes to a worker whose stream another member holds.
class Hall::Inside::FarStream final : public WorkerStream {
 public:
  FarStream(Inside& inside, std::int64_t holder, Id incarnation)
      : inside_(inside), holder_(holder), incarnation_(incarnation) {}
  bool send(ToWorker message) override {
    inside_.send_member(holder_, OrdersForWorker{incarnation_, std::move(message)});
    return true;
  }
  void close(Problem) override {}  // the stream is the holder's

 private:
  Inside& inside_;
  const std::int64_t holder_;
  const Id incarnation_;
};

// --- the holder

// In full when something changed, else a sign of life.
void Hall::Inside::say_directory(std::int64_t to) {
  WorkerDirectory directory{.version = directory_version_};
  if (to != 0 || directory_changed_) {
    directory.in_full = true;
    directory.here = dealer_.directory();
  }
  const auto send = [&](const MemberRow& member) {
    const auto far = far_.find(member.id);
    const bool is_heard = far != far_.end() && far->second.said_term == member.term;
    directory.said = at_.monotonic;
    directory.echo = is_heard ? far->second.said : Instant{};
    send_member(member.id, directory);
  };
  const auto& members = lookout_->image().members;
  if (to != 0) {
    const auto member = std::find_if(members.begin(), members.end(),
                                     [&](const MemberRow& one) { return one.id == to; });
    if (member != members.end()) {
      send(*member);
    }
    return;
  }
  if (directory_changed_) {
    directory_changed_ = false;
    directory.version = ++directory_version_;
    directory.gone = std::exchange(gone_workers_, {});
  }
  for (const MemberRow& member : members) {
    if (member.id != committer_.member() && member.state != MemberState::gone) {
      send(member);
    }
  }
  directory_at_ = at_.monotonic + kSignOfLife;
}

void Hall::Inside::take_wish(std::int64_t from, CreditWish wish) {
  if (wish.wants.empty()) {
    wishes_.erase(from);
  } else {
    wishes_[from] = {std::move(wish), at_.monotonic + kLoanEnds};
  }
}

// What the runs that wait here for a worker ask, and of whom.
std::vector<CreditWish::Want> Hall::Inside::wants() {
  std::vector<CreditWish::Want> all;
  std::map<std::pair<std::string, Id>, std::size_t> places;  // of equal ones, of several shards
  for (const Seat& seat : seats_) {
    if (!seat.shard || seat.shard->waiting() == 0) {
      continue;
    }
    seat.shard->each_queue([&](const engine::Ask& ask, std::size_t runs) {
      engine::Ask asked = ask;
      Id incarnation;
      if (ask.bucket) {
        const auto* home = dealer_.roster().home_of(ask);
        if (home == nullptr) {
          return;
        }
        incarnation = home->hello.incarnation;
        asked.bucket.reset();
      }
      const auto [place, is_new] =
          places.try_emplace({engine::key_of(asked), incarnation}, all.size());
      if (is_new) {
        all.push_back({.ask = std::move(asked), .incarnation = incarnation});
      }
      all[place->second].runs += static_cast<int>(runs);
    });
  }
  return all;
}

// Free slots of our workers go in turn to whoever has work for them, ourselves included.
void Hall::Inside::lend() {
  end_loans();
  if (wishes_.empty()) {
    return;
  }
  std::vector<CreditWish::Want> own = wants();
  std::map<std::int64_t, CreditGrant> grants;
  for (const auto& entry : dealer_.directory()) {
    auto* worker = dealer_.roster().find(entry.hello.incarnation);
    if (worker == nullptr || entry.draining || worker->free() <= 0) {
      continue;
    }
    lend_of(*worker, own, grants);
  }
  for (auto& [member, grant] : grants) {
    send_member(member, std::move(grant));
  }
}

void Hall::Inside::lend_of(engine::RosterWorker& worker,
                           std::vector<CreditWish::Want>& own,
                           std::map<std::int64_t, CreditGrant>& grants) {
  std::vector<std::pair<std::int64_t, int*>> claims;  // member, runs it could still use
  const auto claim = [&](std::int64_t member, std::vector<CreditWish::Want>& all) {
    for (CreditWish::Want& want : all) {
      if (want.runs > 0 && could_take(worker, want)) {
        claims.emplace_back(member, &want.runs);
      }
    }
  };
  claim(0, own);
  for (auto& [member, wish] : wishes_) {
    claim(member, wish.first.wants);
  }
  if (claims.empty()) {
    return;
  }
  std::map<std::int64_t, int> given;
  int free = worker.free();
  std::size_t idle = 0;
  for (; free > 0 && idle < claims.size(); ++next_claim_) {
    auto& [member, runs] = claims[next_claim_ % claims.size()];
    if (*runs <= 0) {
      ++idle;
      continue;
    }
    idle = 0;
    --*runs;
    --free;
    ++given[member];
  }
  const Id incarnation = worker.hello.incarnation;
  for (const auto& [member, runs] : given) {
    if (member != 0) {
      Loan& loan = loans_[{incarnation, member}];
      loan.runs += runs;
      loan.until = at_.monotonic + kLoanEnds;
      worker.lent += runs;
      grants[member].grants.push_back({incarnation, runs});
    }
  }
}

void Hall::Inside::end_loans() {
  std::erase_if(wishes_, [&](const auto& wish) { return wish.second.second <= at_.monotonic; });
  for (auto next = loans_.begin(); next != loans_.end();) {
    const auto one = next++;
    if (one->second.until <= at_.monotonic || one->second.runs == 0) {
      if (auto* worker = dealer_.roster().find(one->first.first)) {
        worker->lent = std::max(0, worker->lent - one->second.runs);
        dealer_.roster().touch();
      }
      loans_.erase(one);
    }
  }
}

void Hall::Inside::take_orders(std::int64_t from, OrdersForWorker orders) {
  auto* worker = dealer_.roster().find(orders.incarnation);
  if (!dealer_.is_here(orders.incarnation) || worker == nullptr) {
    send_unsent(from, orders.orders.assignments);
    return;
  }
  ToWorker& outgoing = dealer_.outgoing(orders.incarnation);
  std::vector<Assignment> unsent;
  for (Assignment& assignment : orders.orders.assignments) {
    if (!worker->held.contains(assignment.token)) {
      if (const auto loan = loans_.find({orders.incarnation, from});
          loan != loans_.end() && loan->second.runs > 0) {
        loan->second.runs -= 1;
        worker->lent -= 1;
      } else if (worker->free() <= 0 && !assignment.sent_before) {
        unsent.push_back(std::move(assignment));
        continue;
      }
      dealer_.roster().take(orders.incarnation, assignment.token);
    }
    outgoing.assignments.push_back(std::move(assignment));
  }
  for (const Id token : orders.orders.acks) {
    dealer_.roster().give_back(orders.incarnation, token);
    outgoing.acks.push_back(token);
  }
  std::move(orders.orders.epochs.begin(), orders.orders.epochs.end(),
            std::back_inserter(outgoing.epochs));
  std::move(orders.orders.cancels.begin(), orders.orders.cancels.end(),
            std::back_inserter(outgoing.cancels));
  send_unsent(from, unsent);
  flush_workers();
}

void Hall::Inside::send_unsent(std::int64_t to, const std::vector<Assignment>& assignments) {
  if (assignments.empty()) {
    return;
  }
  OrdersUnsent unsent;
  for (const Assignment& assignment : assignments) {
    unsent.those.push_back({assignment.run, assignment.token});
  }
  send_member(to, std::move(unsent));
}

// --- the owner

void Hall::Inside::take_directory(const MemberMessage& message, WorkerDirectory directory) {
  const std::int64_t from = message.from;
  FarMember& far = far_[from];
  far.fresh = std::max(far.fresh, directory.echo);
  far.said = directory.said;
  far.said_term = message.term;
  if (!directory.in_full) {
    if (directory.version != far.version) {
      far.is_known = false;
      send_member(from, AskDirectory{});
    }
    for (const auto& [incarnation, visit] : far.here) {
      dealer_.heard(incarnation, {}, at_.now, at_.monotonic);
    }
    return;
  }
  far.version = directory.version;
  far.is_known = true;
  std::map<Id, std::int64_t> before = std::exchange(far.here, {});
  for (WorkerDirectory::Entry& entry : directory.here) {
    const Id incarnation = entry.hello.incarnation;
    if (dealer_.knows_newer(entry.hello)) {
      continue;  // it is elsewhere by now, which its old stream's end will tell them
    }
    const auto known = before.find(incarnation);
    const bool is_same = known != before.end() && known->second == entry.visit &&
                         dealer_.holder_of(incarnation) == from;
    if (known != before.end()) {
      before.erase(known);
    }
    if (is_same || worker_came_far(from, entry)) {
      far.here[incarnation] = entry.visit;
      dealer_.heard(incarnation, {.heartbeat = true, .draining = entry.draining}, at_.now,
                    at_.monotonic);
    } else {
      far.version = kUnknownVersion;  // asked for again with the next sign of life
    }
  }
  for (const auto& [incarnation, visit] : before) {
    far_worker_left(from, incarnation);
  }
  for (const Id incarnation : directory.gone) {
    if (dealer_.holder_of(incarnation) == from) {
      worker_gone(incarnation, "its worker is gone, says the member that held its stream");
    }
  }
}

// A worker is there, with another member: what it should hold of ours is sent again, what it holds
// in vain stops. Answers whether we take it so.
bool Hall::Inside::worker_came_far(std::int64_t holder, const WorkerDirectory::Entry& entry) {
  const Id incarnation = entry.hello.incarnation;
  WorkerHello hello = entry.hello;
  if (dealer_.is_here(incarnation)) {
    if (dealer_.connection_of(incarnation) >= hello.connection) {
      return false;  // its stream is ours, for all that is known
    }
    directory_changed_ = true;  // ours is over, we have not noticed yet
  }
  for (auto& [member, far] : far_) {
    if (member != holder && far.here.erase(incarnation) > 0) {
      far.version = kUnknownVersion;  // does it still have it?
    }
  }
  std::erase_if(hello.holding, [&](const WorkerHello::Holding& held) {
    return held.run.shard() >= seats_.size() || !seats_[held.run.shard()].is_ours;
  });
  auto stream = std::make_shared<FarStream>(*this, holder, incarnation);
  return greet_worker(std::move(hello), std::move(stream), holder).ok();
}

void Hall::Inside::far_worker_left(std::int64_t holder, Id incarnation) {
  if (dealer_.holder_of(incarnation) == holder) {
    dealer_.leave(incarnation, at_.monotonic);
  }
}

// Whether a worker that is with any living member would be known here: silence proves nothing while
// it would not (S6.6). What was long under way does not tell: only what was said after we were
// heard.
bool Hall::Inside::hears_everybody() const {
  if (!lookout_ || link_ == nullptr) {
    return true;
  }
  const auto& members = lookout_->image().members;
  return std::all_of(members.begin(), members.end(), [&](const MemberRow& member) {
    if (member.id == committer_.member() || member.state == MemberState::gone) {
      return true;
    }
    const auto far = far_.find(member.id);
    return far != far_.end() && far->second.is_known &&
           at_.monotonic - far->second.fresh <= kDeafAfter;
  });
}

// It is dead or out of reach: what it was told lately may never have come.
void Hall::Inside::far_member_lost(std::int64_t member) {
  if (const auto far = far_.find(member); far != far_.end()) {
    for (const auto& [incarnation, visit] : far->second.here) {
      far_worker_left(member, incarnation);
    }
    far_.erase(far);
  }
}

// How many of our runs wait for handlers that others' workers offer.
void Hall::Inside::wish() {
  const bool any_wish =
      std::any_of(far_.begin(), far_.end(), [](const auto& far) { return far.second.wished; });
  if (at_.monotonic < wish_at_) {
    return;
  }
  wish_at_ = {};
  if (far_.empty() || (!any_wish && metrics_.queue_depth.value() == 0)) {
    return;
  }
  const std::vector<CreditWish::Want> waiting = wants();
  wish_at_ = waiting.empty() ? Instant{} : at_.monotonic + kWishAgain;
  for (auto& [member, far] : far_) {
    CreditWish wish;
    std::ranges::copy_if(waiting, std::back_inserter(wish.wants),
                         [&, &far = far](const auto& want) {
                           return std::ranges::any_of(far.here, [&](const auto& here) {
                             const auto* worker = dealer_.roster().find(here.first);
                             return worker != nullptr && could_take(*worker, want);
                           });
                         });
    const bool is_any = !wish.wants.empty();
    if (std::exchange(far.wished, is_any) || is_any) {
      send_member(member, std::move(wish));
    }
  }
}

void Hall::Inside::take_grant(std::int64_t from, const CreditGrant& grant) {
  for (const CreditGrant::Grant& one : grant.grants) {
    auto* worker = dealer_.roster().find(one.incarnation);
    if (worker != nullptr && worker->credits && dealer_.holder_of(one.incarnation) == from) {
      worker->credits = *worker->credits + one.runs;
      borrowed_[one.incarnation] = at_.monotonic + kLoanLasts;
    }
  }
  dealer_.roster().touch();
}

void Hall::Inside::end_borrowed() {
  std::erase_if(borrowed_, [&](const auto& borrowed) {
    if (borrowed.second > at_.monotonic) {
      return false;
    }
    auto* worker = dealer_.roster().find(borrowed.first);
    if (worker != nullptr && worker->credits) {
      worker->credits = 0;
    }
    return true;
  });
}

// Once a turn, before runs are given out.
void Hall::Inside::tend_lending() {
  if (!lookout_ || link_ == nullptr || over_ || joining_) {
    return;
  }
  say_heads(directory_at_ <= at_.monotonic);
  if (directory_changed_ || directory_at_ <= at_.monotonic) {
    say_directory(0);
  }
  end_borrowed();
  lend();
}

Instant Hall::Inside::next_lending() const {
  if (!lookout_ || link_ == nullptr || joining_) {
    return kNever;
  }
  Instant next = wish_at_.is_set() ? std::min(directory_at_, wish_at_) : directory_at_;
  if (!heads_.empty()) {
    next = std::min(next, heads_at_);
  }
  for (const auto& [key, loan] : loans_) {
    next = std::min(next, loan.until);
  }
  for (const auto& [incarnation, until] : borrowed_) {
    next = std::min(next, until);
  }
  return next;
}

}  // namespace jobflow::runtime
