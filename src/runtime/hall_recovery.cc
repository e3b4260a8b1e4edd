// What the hall does when the store does not simply say "landed" (house 3b).
#include "model/crash_point.h"
#include "runtime/hall_inside.h"

#include <cstdio>
#include <iterator>

namespace jobflow::runtime {
namespace {

constexpr Span kLeftOutFor = minutes(1);

void say(const std::string& line) {
  std::fprintf(stderr, "jobflow: %s\n", line.c_str());
}

// Who had asked for the command: people get an answer, the system's own is set aside.
bool has_asker(const engine::Request& request) {
  return std::holds_alternative<engine::SaveDefinition>(request) ||
         std::holds_alternative<engine::DeleteDefinition>(request) ||
         std::holds_alternative<engine::TriggerRun>(request) ||
         std::holds_alternative<engine::CancelRun>(request) ||
         std::holds_alternative<engine::ExplainRun>(request) ||
         std::holds_alternative<engine::RetryRun>(request) ||
         std::holds_alternative<engine::PauseTrigger>(request) ||
         std::holds_alternative<engine::ResumeTrigger>(request) ||
         std::holds_alternative<engine::StartBackfill>(request) ||
         std::holds_alternative<engine::PauseBackfill>(request) ||
         std::holds_alternative<engine::ResumeBackfill>(request) ||
         std::holds_alternative<engine::CancelBackfill>(request);
}

// Of those of a definition: decisions update one that begins before all else.
Id first_run_written(const engine::Decision& decision) {
  for (const Change& change : decision.changes) {
    if (const auto* update = std::get_if<UpdateRun>(&change)) {
      return update->run;
    }
  }
  return {};
}

// The run, trigger or backfill that a refused command of the system's own was about.
engine::SetAside culprit_of(const Decided& bad) {
  using namespace engine;
  const Request& request = bad.command.request;
  if (const auto* ended = std::get_if<AttemptEnded>(&request)) {
    return {.subject = ended->report.run};
  }
  if (const auto* timer = std::get_if<TimerDue>(&request)) {
    const bool is_trigger = timer->timer.kind == TimerSubject::trigger;
    return {.subject = timer->timer.subject,
            .what = is_trigger ? SetAside::What::trigger : SetAside::What::run};
  }
  if (const auto* lost = std::get_if<AttemptLost>(&request)) {
    return {.subject = lost->run};
  }
  if (const auto* reclaimed = std::get_if<AttemptReclaimed>(&request)) {
    return {.subject = reclaimed->run};
  }
  if (const auto* unsent = std::get_if<AssignmentUnsent>(&request)) {
    return {.subject = unsent->run};
  }
  if (std::holds_alternative<NextInLine>(request)) {
    return {.subject = first_run_written(bad.decision)};
  }
  if (const auto* more = std::get_if<ContinueRun>(&request)) {
    return {.subject = more->run};
  }
  if (const auto* backfill = std::get_if<ContinueBackfill>(&request)) {
    return {.subject = backfill->backfill, .what = SetAside::What::backfill};
  }
  if (const auto* came = std::get_if<LetterCame>(&request)) {
    const auto* ended = std::get_if<RunEnded>(&came->letter.body);
    const auto* upstream = std::get_if<UpstreamEnded>(&came->letter.body);
    if (upstream != nullptr && !came->only_mark) {
      return {.subject = upstream->trigger, .what = SetAside::What::trigger};
    }
    return {.subject = ended == nullptr || came->only_mark ? Id{} : ended->watcher};
  }
  if (std::holds_alternative<DispatchNext>(request)) {
    for (const Effect& effect : bad.decision.effects) {
      if (const auto* send = std::get_if<SendAssignment>(&effect)) {
        return {.subject = send->assignment.run};
      }
    }
  }
  return {};  // progress, a slice of a deletion, a setting aside: simply not done
}

}  // namespace

// Not even its setting aside can be written: whatever led to it would only lead to it again (I8).
void Hall::Inside::leave_alone(ShardNumber shard, Id subject, std::vector<Decided>& kept) {
  say(to_string(subject) + " cannot be set aside: it is left alone for now");
  seats_[shard].left_out.insert(subject);
  metrics_.left_out.set(metrics_.left_out.value() + 1);
  left_out_again_at_ = at_.monotonic + kLeftOutFor;
  std::erase_if(kept, [&](const Decided& decided) {
    const bool is_same =
        !has_asker(decided.command.request) && culprit_of(decided).subject == subject;
    if (is_same) {
      give_back_unsent(decided);
    }
    return is_same;
  });
}

// What the shard does in its place.
std::deque<Submission> Hall::Inside::instead_of(Decided bad, const std::string& incident) {
  std::deque<Submission> instead;
  if (bad.hand_to != 0) {
    // Not even that it goes can be written: it stays.
  } else if (has_asker(bad.command.request)) {
    if (bad.answer) {
      bad.answer(Problem{ProblemCode::store_refused,
                         "the store refused to write this: nothing was changed",
                         {},
                         incident});
    }
  } else if (engine::SetAside culprit = culprit_of(bad); culprit.subject.is_set()) {
    culprit.incident = incident;
    instead.push_back({{.request = culprit, .principal = "system", .now = bad.command.now}, {}});
    if (std::holds_alternative<engine::AttemptEnded>(bad.command.request)) {
      instead.push_back({std::move(bad.command), {}});  // now it only gets its acknowledgement
      return instead;
    }
  }
  if (auto* came = std::get_if<engine::LetterCame>(&bad.command.request);
      came != nullptr && !came->only_mark) {
    came->only_mark = true;  // else the letters after it would wait for ever
    instead.push_back({std::move(bad.command), {}});
  }
  return instead;
}

// The shard forgets what was decided on top of the bad one, loads what is durable, and runs the
// kept commands again without it. Other shards do not notice.
void Hall::Inside::refused(Decided bad, std::vector<Decided> kept, std::string why) {
  fault_point("refused");
  metrics_.store_refused.add();
  const std::string incident = to_string(Id{bad.last_id.value ^ (committer_.next_place() << 1)});
  say("the store refuses a row of shard " + std::to_string(bad.shard) + " (incident " + incident +
      "): " + why);
  const auto* set_aside = std::get_if<engine::SetAside>(&bad.command.request);
  if (set_aside != nullptr) {
    leave_alone(bad.shard, set_aside->subject, kept);
  }
  // A shard whose decisions go back is not handed over now; the next look may ask for it again.
  std::erase_if(kept, [&](const Decided& decided) { return decided.hand_to != 0; });
  if (bad.shard < seats_.size()) {
    seats_[bad.shard].left_epoch = 0;
  }
  give_back_unsent(bad);
  for (const Decided& decided : kept) {
    give_back_unsent(decided);
  }
  if (bad.shard >= kMemberSource) {
    member_next_event_ = bad.first_event;
    for (Decided& decided : kept) {
      decided.first_event = member_next_event_;
      member_next_event_ += static_cast<std::int64_t>(decided.events);
      committer_.add(std::move(decided));
    }
    return;
  }
  Seat& seat = seats_[bad.shard];
  const ShardNumber shard = bad.shard;
  std::deque<Submission> again = instead_of(std::move(bad), incident);
  for (Decided& decided : kept) {
    decided.command.rows.reset();  // read before what is being loaded now
    again.push_back({std::move(decided.command), std::move(decided.answer)});
  }
  std::move(seat.held.begin(), seat.held.end(), std::back_inserter(again));
  seat.held = std::move(again);
  seat.loads += 1;
  seat.forget();
  load(shard);
}

// Takes them out of what was loaded; a step's workflow joins them.
void Hall::Inside::leave_out(std::set<Id>& gone, ShardImage& image) {
  if (gone.empty()) {
    return;
  }
  for (const RunRow& run : image.live_runs) {
    if (run.parent.is_set() && gone.contains(run.id)) {
      gone.insert(run.parent);
    }
  }
  const auto is_gone = [&](const RunRow& run) {
    return gone.contains(run.id) || gone.contains(run.parent);
  };
  std::erase_if(image.live_runs, is_gone);
  std::erase_if(image.ended_steps, is_gone);
  std::erase_if(image.backfills,
                [&](const BackfillRow& backfill) { return gone.contains(backfill.id); });
  std::erase_if(image.triggers,
                [&](const TriggerRow& trigger) { return gone.contains(trigger.id); });
}

// In a calm moment: nothing undurable may be forgotten with the memory.
void Hall::Inside::try_left_out_again() {
  left_out_again_at_ = kNever;
  metrics_.left_out.set(0);
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& seat = seats_[i];
    if (!seat.left_out.empty() && seat.shard) {
      seat.left_out.clear();
      seat.loads += 1;
      seat.forget();
      load(static_cast<ShardNumber>(i));
    }
  }
}

// Its assignments never left: their credits are free again.
void Hall::Inside::give_back_unsent(const Decided& decided) {
  for (const engine::Effect& effect : decided.decision.effects) {
    if (const auto* send = std::get_if<engine::SendAssignment>(&effect)) {
      dealer_.roster().give_back(send->incarnation, send->assignment.token);
    }
  }
}

void Hall::Inside::store_away(bool away, const std::string& why) {
  if (away) {
    metrics_.store_away.add();
    say("the store cannot write now, new commands are refused until it can: " + why);
  } else {
    say("the store can write again");
  }
  away_.store(away, std::memory_order_relaxed);
  if (!stopping_) {
    set_not_ready(away          ? "the store cannot write now: " + why
                  : is_loaded() ? std::string{}
                                : "loading");
  }
}

void Hall::Inside::fenced(const std::string& why) {
  say("fenced: another server has taken this store over: " + why);
  set_not_ready("fenced: another server has taken this store over");
  end("another server has taken this store over: ask it what became of this");
  dealer_.close_all({ProblemCode::unavailable, "another server has taken over: connect again"});
  if (on_fenced_) {
    on_fenced_(why);
  }
  if (on_stopped_) {
    std::exchange(on_stopped_, {})();
  }
}

// The store lost or gained history (I1b): memory is worth nothing; begin anew under a new term. The
// others must, too, unless it is from one of them that the store knows.
void Hall::Inside::history_changed(std::vector<Decided> undurable, bool is_known) {
  raises_generation_ = raises_generation_ || !is_known;
  begin_anew(std::move(undurable));
}

void Hall::Inside::begin_anew(std::vector<Decided> undurable) {
  fault_point("begin_anew");
  metrics_.history_changed.add();
  say("history changed: the store is not what it was; everything is loaded again");
  set_not_ready("the store's history changed: loading again");
  for (Decided& decided : undurable) {
    give_back_unsent(decided);
    if (decided.answer) {
      decided.answer(
          Problem{ProblemCode::outcome_unknown, "the store's history changed meanwhile"});
    }
  }
  dealer_.close_all({ProblemCode::unavailable, "the server starts anew: connect again"});
  more_.clear();
  failed_loads_.clear();
  {
    const std::lock_guard lock(mutex_);
    calendars_.reset();
  }
  reading_calendars_ = false;
  loading_ = 0;
  era_ += 1;
  member_is_loaded_ = false;
  has_claimed_ = false;
  placing_ = false;
  for (Seat& seat : seats_) {
    seat.loads += 1;
    seat.is_ours = false;
    seat.left_epoch = 0;  // epochs that were lost are given out again
    seat.forget();
    seat.given_out = seat.newest_id;
  }
  join();
}

}  // namespace jobflow::runtime
