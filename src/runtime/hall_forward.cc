// The hall's commands for other members' shards, and theirs for ours. A command is carried out once
// under its id, so that it may be sent again whenever its answer is not sure to come (S12.4).
#include "runtime/hall_inside.h"

#include <algorithm>
#include <utility>

namespace jobflow::runtime {
namespace {

constexpr Span kPatience = seconds(5);  // for a shard to have an owner again, and for its answer
constexpr Span kSendAgain = seconds(2);
constexpr Span kAskAgain = milliseconds(250);  // one who could not say, or was not reached

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
  submission.command.rows.reset();
  give_up_at_ = std::min(give_up_at_, at_.monotonic + kPatience);
  Forwarded& forwarded =
      forwarded_
          .emplace(++last_request_, Forwarded{.submission = std::move(submission),
                                              .shard = number,
                                              .since = at_.monotonic,
                                              .again = at_.monotonic})
          .first->second;
  forward(last_request_, forwarded);
}

// To whoever owns its shard; while nobody does it waits.
void Hall::Inside::forward(std::int64_t request, Forwarded& forwarded) {
  const std::int64_t owner = seats_[forwarded.shard].owner;
  if (owner == 0 || owner == committer_.member()) {
    return;
  }
  forwarded.to = owner;
  forwarded.again = at_.monotonic + kSendAgain;
  give_up_at_ = std::min(give_up_at_, forwarded.again);
  send_member(owner, ForwardedCommand{request, forwarded.submission.command});
  forwarded.submission.command.is_repeat = true;
}

void Hall::Inside::take_forwarded(const MemberMessage& message, ForwardedCommand forwarded) {
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
  const bool is_no_answer =
      answer.not_mine ||
      (!answer.answer && (answer.answer.problem().code == ProblemCode::unavailable ||
                          answer.answer.problem().code == ProblemCode::outcome_unknown));
  if (!is_no_answer) {
    const Submission submission = std::move(found->second.submission);
    forwarded_.erase(found);
    submission.answer(std::move(answer.answer));
    return;
  }
  // Who owns it? The next look tells.
  look_at_ = answer.not_mine ? at_.monotonic : look_at_;
  ask_again_soon(found->second);
}

void Hall::Inside::ask_again_soon(Forwarded& forwarded) {
  forwarded.again = at_.monotonic + kAskAgain;
  give_up_at_ = std::min(give_up_at_, forwarded.again);
}

// What has no answer goes to whoever owns its shard now; what waited too long is given up.
void Hall::Inside::tend_forwarded() {
  give_up_at_ = kNever;
  std::vector<std::int64_t> requests;
  for (const auto& [request, forwarded] : forwarded_) {
    requests.push_back(request);
  }
  for (const std::int64_t request : requests) {
    Forwarded& forwarded = forwarded_[request];
    const Seat& seat = seats_[forwarded.shard];
    const bool is_too_late = over_ || at_.monotonic - forwarded.since >= kPatience;
    if (is_too_late || seat.is_ours) {
      Submission submission = std::move(forwarded.submission);
      forwarded_.erase(request);
      is_too_late ? give_up(submission) : take(std::move(submission));
      continue;
    }
    if (forwarded.again <= at_.monotonic || forwarded.to != seat.owner) {
      forward(request, forwarded);
    }
    const Instant next = forwarded.since + kPatience;
    give_up_at_ = std::min(
        give_up_at_, forwarded.again > at_.monotonic ? std::min(next, forwarded.again) : next);
  }
}

void Hall::Inside::give_up(const Submission& submission) {
  submission.answer(
      submission.command.is_repeat
          ? Problem{ProblemCode::outcome_unknown,
                    "the member that owns its shard did not answer: it may have been done"}
          : Problem{ProblemCode::unavailable, "nobody owns its shard now: try again"});
}

}  // namespace jobflow::runtime
