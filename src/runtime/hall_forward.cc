// The hall's commands for other members' shards, and theirs for ours (S12.4).
#include "runtime/hall_inside.h"

#include <algorithm>
#include <utility>

namespace jobflow::runtime {
namespace {

constexpr Span kPatience = seconds(5);  // for a shard to have an owner again, and for its answer
constexpr int kHopsMax = 3;
constexpr std::size_t kAskedKept = 10'000;

}  // namespace

void Hall::Inside::send_member(std::int64_t to,
                               decltype(MemberMessage::what) what,
                               std::int64_t term) {
  if (link_ == nullptr || !lookout_ || to == committer_.member()) {
    return;
  }
  for (const MemberRow& member : lookout_->image().members) {
    if (member.id == to) {
      link_->send(to, member.address,
                  {.from = committer_.member(),
                   .term = committer_.term(),
                   .generation = generation_,
                   .to_term = term != 0 ? term : terms_[to],
                   .number = ++said_[to],
                   .what = std::move(what)});
      return;
    }
  }
}

void Hall::Inside::send_to_owner(ShardNumber number, Submission submission) {
  if (auto* ended = std::get_if<engine::AttemptEnded>(&submission.command.request)) {
    FromWorker said;
    said.finished.push_back(std::move(ended->report));
    send_member(seats_[number].owner, SaidByWorker{ended->incarnation, std::move(said)});
    return;
  }
  if (auto* made = std::get_if<engine::ProgressMade>(&submission.command.request)) {
    FromWorker said;
    said.progress.push_back(made->report);
    send_member(seats_[number].owner, SaidByWorker{{}, std::move(said)});
    return;
  }
  if (auto* unsent = std::get_if<engine::AssignmentUnsent>(&submission.command.request)) {
    send_member(seats_[number].owner, OrdersUnsent{{*unsent}});
    return;
  }
  if (!submission.answer) {
    return;  // the system's own: its owner knows as much
  }
  forward({.submission = std::move(submission), .shard = number, .since = at_.monotonic});
}

// To whoever owns its shard; while nobody does it waits.
void Hall::Inside::forward(Forwarded forwarded) {
  const std::int64_t owner = seats_[forwarded.shard].owner;
  forwarded.submission.command.rows.reset();
  forwarded.to = owner == committer_.member() ? 0 : owner;
  give_up_at_ = std::min(give_up_at_, forwarded.since + kPatience);
  const std::int64_t request = ++last_request_;
  if (forwarded.to != 0) {
    send_member(forwarded.to, ForwardedCommand{request, forwarded.submission.command});
  }
  forwarded_.emplace(request, std::move(forwarded));
}

void Hall::Inside::take_forwarded(const MemberMessage& message, ForwardedCommand forwarded) {
  auto& asked = asked_[{message.from, message.term}];
  if (!asked.insert(forwarded.request).second) {
    return;  // the network said it twice
  }
  if (asked.size() > kAskedKept) {
    asked.erase(asked.begin());
  }
  const auto answer = [this, to = message.from, request = forwarded.request](
                          bool not_mine, Outcome<engine::Reply> outcome) {
    send_member(to, ForwardedAnswer{request, not_mine, std::move(outcome)});
  };
  const ShardNumber number = shard_of(forwarded.command.request);
  if (number >= seats_.size() || !seats_[number].is_ours) {
    answer(true, Outcome<engine::Reply>(engine::Reply{}));
    return;
  }
  forwarded.command.now = {};  // clocks are not compared: the owner's counts
  take({std::move(forwarded.command),
        [answer](Outcome<engine::Reply> outcome) { answer(false, std::move(outcome)); }});
}

void Hall::Inside::take_answer(const MemberMessage& message, ForwardedAnswer answer) {
  const auto found = forwarded_.find(answer.request);
  if (found == forwarded_.end() || found->second.to != message.from) {
    return;
  }
  Forwarded forwarded = std::move(found->second);
  forwarded_.erase(found);
  if (!answer.not_mine) {
    forwarded.submission.answer(std::move(answer.answer));
    return;
  }
  // Nothing was done there. Who owns it? The next look tells; until then it waits.
  look_at_ = at_.monotonic;
  forwarded.to = 0;
  forwarded.hops += 1;
  give_up_at_ = std::min(give_up_at_, forwarded.since + kPatience);
  forwarded_.emplace(++last_request_, std::move(forwarded));
}

// What waited for an owner goes to it; what waited too long is given up.
void Hall::Inside::give_up_forwarded() {
  give_up_at_ = kNever;
  std::vector<std::int64_t> requests;
  for (const auto& [request, forwarded] : forwarded_) {
    requests.push_back(request);
  }
  for (const std::int64_t request : requests) {
    Forwarded forwarded = std::move(forwarded_[request]);
    const Seat& seat = seats_[forwarded.shard];
    const bool has_owner = seat.is_ours || (seat.owner != 0 && seat.owner != committer_.member());
    if (at_.monotonic - forwarded.since >= kPatience || forwarded.hops > kHopsMax || over_) {
      forwarded_.erase(request);
      give_up(std::move(forwarded));
    } else if (forwarded.to == 0 && seat.is_ours) {
      forwarded_.erase(request);
      take(std::move(forwarded.submission));
    } else if (forwarded.to == 0 && has_owner) {
      forwarded_.erase(request);
      forward(std::move(forwarded));
    } else {
      give_up_at_ = std::min(give_up_at_, forwarded.since + kPatience);
      forwarded_[request] = std::move(forwarded);
    }
  }
}

void Hall::Inside::give_up(Forwarded forwarded) {
  forwarded.submission.answer(
      forwarded.to == 0
          ? Problem{ProblemCode::unavailable, "nobody owns its shard now: try again"}
          : Problem{ProblemCode::outcome_unknown,
                    "the member that owns its shard did not answer: it may have been done"});
}

}  // namespace jobflow::runtime
