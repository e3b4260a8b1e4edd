// The hall's work: commands to their shards, timers, dispatch, and what follows a commit.
#include "model/crash_point.h"
#include "model/sabotage.h"
#include "runtime/hall_inside.h"

#include <algorithm>
#include <cstdio>

namespace jobflow::runtime {
namespace {

// One shard's swept every so often while there are live runs; all of them within
// settings_.sweep_every.
constexpr Span kLate = seconds(1);  // a commit that took longer than that was held up
constexpr int kDispatchesATurn = 64;
constexpr std::size_t kTimersATurn = 256;
constexpr Span kLookAheadAgain = seconds(1);
constexpr Span kGaugesEvery = milliseconds(100);

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

}  // namespace

ShardNumber Hall::Inside::shard_of(const engine::Request& request) const {
  const auto home = [&](DefinitionKind kind, const std::string& name_space,
                        const std::string& name) {
    return home_shard(name_space, to_string(kind), name, static_cast<int>(seats_.size()));
  };
  return std::visit(Overloaded{
                        [&](const engine::SaveDefinition& ask) {
                          return home(ask.definition->kind, ask.definition->name_space,
                                      ask.definition->name);
                        },
                        [&](const engine::DeleteDefinition& ask) {
                          return home(ask.kind, ask.name_space, ask.name);
                        },
                        [&](const engine::TriggerRun& ask) {
                          return ask.definition.is_set() ? ask.definition.shard()
                                                         : home(ask.kind, ask.name_space, ask.name);
                        },
                        [](const engine::CancelRun& ask) { return ask.run.shard(); },
                        [](const engine::ExplainRun& ask) { return ask.run.shard(); },
                        [](const engine::RetryRun& ask) { return ask.run.shard(); },
                        [](const engine::PauseTrigger& ask) { return ask.trigger.shard(); },
                        [](const engine::ResumeTrigger& ask) { return ask.trigger.shard(); },
                        [](const engine::StartBackfill& ask) { return ask.trigger.shard(); },
                        [](const engine::PauseBackfill& ask) { return ask.backfill.shard(); },
                        [](const engine::ResumeBackfill& ask) { return ask.backfill.shard(); },
                        [](const engine::CancelBackfill& ask) { return ask.backfill.shard(); },
                        [](const engine::AttemptEnded& ask) { return ask.report.run.shard(); },
                        [](const engine::ProgressMade& ask) { return ask.report.run.shard(); },
                        [](const engine::AttemptLost& ask) { return ask.run.shard(); },
                        [](const engine::AttemptReclaimed& ask) { return ask.run.shard(); },
                        [](const engine::AssignmentUnsent& ask) { return ask.run.shard(); },
                        [](const engine::LetterCame& ask) { return ask.letter.to; },
                        [](const engine::LetterAcked& ask) { return ask.from; },
                        [](const engine::TimerDue& ask) { return ask.timer.subject.shard(); },
                        [](const engine::LookAhead& ask) { return ask.shard; },
                        [](const engine::DispatchNext&) { return ShardNumber{0}; },
                        [](const engine::ContinueRun& ask) { return ask.run.shard(); },
                        [](const engine::ContinueDelete& ask) { return ask.definition.shard(); },
                        [](const engine::NextInLine& ask) { return ask.definition.shard(); },
                        [](const engine::CancelOthers& ask) { return ask.definition.shard(); },
                        [](const engine::TellWatchers& ask) { return ask.run.shard(); },
                        [](const engine::WatchAgain& ask) { return ask.run.shard(); },
                        [](const engine::FollowAgain& ask) { return ask.trigger.shard(); },
                        [](const engine::ContinuePermits& ask) { return ask.shard; },
                        [](const engine::GrantPermits& ask) { return ask.shard; },
                        [](const engine::AskPermitAgain& ask) { return ask.run.shard(); },
                        [](const engine::ContinueBackfill& ask) { return ask.backfill.shard(); },
                        [](const engine::SetAside& ask) { return ask.subject.shard(); },
                    },
                    request);
}

void Hall::Inside::take(Submission submission) {
  const ShardNumber number = shard_of(submission.command.request);
  if (over_) {
    if (submission.answer) {
      submission.answer(Problem{ProblemCode::unavailable, "this server has stopped"});
    }
    return;
  }
  const auto* trigger = std::get_if<engine::TriggerRun>(&submission.command.request);
  const bool waits_for_nothing = trigger != nullptr && trigger->after_run.shard() >= seats_.size();
  if (number >= seats_.size() || waits_for_nothing) {
    if (submission.answer) {
      submission.answer(
          Problem{ProblemCode::not_found, waits_for_nothing
                                              ? "there is no run " + to_string(trigger->after_run)
                                              : "there is nothing of this id"});
    }
    return;
  }
  const bool is_question = std::holds_alternative<engine::ExplainRun>(submission.command.request);
  if (submission.answer && !is_question && !submission.command.id.is_set()) {
    submission.command.id = make_command_ids(1);
  }
  decide(number, std::move(submission));
}

bool Hall::Inside::system_command(ShardNumber number, engine::Request request) {
  if (number >= seats_.size() || over_) {
    return false;
  }
  return decide(number, {{.request = std::move(request), .principal = "system"}, {}});
}

// One command, one decision. Answers whether it wrote anything.
bool Hall::Inside::decide(ShardNumber number, Submission submission) {
  Seat& seat = seats_[number];
  engine::Command& command = submission.command;
  if (!command.now.is_set()) {
    command.now = at_.now;  // a command that runs again keeps its time (3b)
  }
  if (!seat.shard) {
    if (seat.is_ours || !lookout_) {
      seat.held.push_back(std::move(submission));
    } else {
      send_to_owner(number, std::move(submission));
    }
    return false;
  }
  if (auto* unsent = std::get_if<engine::AssignmentUnsent>(&command.request)) {
    unsent->sent_before = unsent->sent_before || unsent->token <= seat.loaded_up_to;
  }
  seat.shard->set_batches(committer_.next_place(), committer_.durable_place());
  const bool was_empty = seat.shard->live_runs() == 0 && seat.shard->awake() == 0;
  engine::Decision decision = seat.shard->decide(command, dealer_.roster());
  if (!decision.reads.empty()) {
    check(decision.changes.empty(), "a decision reads or writes");
    read_rows(number, std::move(submission), std::move(decision.reads));
    return false;
  }
  for (engine::Request& request : decision.more) {
    more_.emplace_back(number, std::move(request));
  }
  if (was_empty && seat.shard->awake() > 0) {
    sweep_at_ = std::min(sweep_at_, at_.monotonic + settings_.sweep_every);
  }
  count_sent_again(command.request, decision);
  const bool wrote = !decision.changes.empty();
  if (!wrote && decision.events.empty() && decision.effects.empty() && !submission.answer) {
    return false;
  }
  Decided decided{.shard = number,
                  .epoch = seat.shard->epoch(),
                  .command = std::move(submission.command),
                  .decision = std::move(decision),
                  .answer = std::move(submission.answer),
                  .last_id = seat.shard->last_id(),
                  .first_event = seat.next_event};
  seat.next_event += static_cast<std::int64_t>(decided.decision.events.size());
  committer_.add(std::move(decided));
  return wrote;
}

// What the command names is not in memory: read it, then ask again (3c). A second read waits for
// the next commit, since the first one came too early.
void Hall::Inside::read_rows(ShardNumber number, Submission submission, CommandReads reads) {
  const bool is_second = submission.command.rows != nullptr;
  auto reading = std::make_shared<Reading>(Reading{.number = ++last_reading_,
                                                   .shard = number,
                                                   .submission = std::move(submission),
                                                   .reads = std::move(reads)});
  readings_.insert(reading);
  const bool will_land = !committer_.idle() || committer_.in_flight() != nullptr ||
                         committer_.next_wake() <= at_.monotonic;
  if (is_second && will_land) {
    after_landing_.push_back(std::move(reading));
  } else {
    begin_reading(reading);
  }
}

void Hall::Inside::begin_reading(const std::shared_ptr<Reading>& reading) {
  reading->loads = seats_[reading->shard].loads;
  reading->durable = committer_.durable_place();
  store_.read_for_command(committer_.member(), reading->reads,
                          [weak = weak_from_this(), reading](Outcome<CommandRows> rows) {
                            if (const auto self = weak.lock()) {
                              self->post([reading, rows = std::move(rows)](Inside& inside) mutable {
                                inside.rows_read(reading, std::move(rows));
                              });
                            }
                          });
}

void Hall::Inside::rows_read(const std::shared_ptr<Reading>& reading, Outcome<CommandRows> rows) {
  if (readings_.erase(reading) == 0) {
    return;  // answered at the end
  }
  Submission& submission = reading->submission;
  if (!rows) {
    if (submission.answer) {
      submission.answer(rows.problem());
    }
    return;
  }
  const Seat& seat = seats_[reading->shard];
  const bool is_left_out =
      std::any_of(rows->runs.begin(), rows->runs.end(), [&](const RunRow& run) {
        return seat.left_out.contains(run.id) || seat.left_out.contains(run.parent);
      });
  if (is_left_out) {
    if (submission.answer) {
      submission.answer(Problem{ProblemCode::store_refused,
                                "the store refuses to write this run: it is left as it is"});
    }
    return;
  }
  std::erase_if(rows->triggers,
                [&](const TriggerRow& trigger) { return seat.left_out.contains(trigger.id); });
  if (reading->loads == seat.loads) {
    rows->asked = std::move(reading->reads);
    rows->batch = committer_.place_of_batch(rows->batch);
    if (rows->batch < reading->durable) {
      // Of a replica that is behind, or the store has lost what it had confirmed: reading again
      // would show the same again, a batch finds out.
      committer_.beat_now(at_.monotonic);
    }
    submission.command.rows = std::make_shared<const CommandRows>(std::move(*rows));
  } else {
    submission.command.rows.reset();  // those of an earlier read are no better
  }
  decide(reading->shard, std::move(submission));
}

void Hall::Inside::begin_waiting_reads() {
  for (const auto& reading : std::exchange(after_landing_, {})) {
    begin_reading(reading);
  }
}

void Hall::Inside::run_timers() {
  committer_.wake(at_.monotonic);
  if (away_.load(std::memory_order_relaxed)) {
    return;  // nothing new while nothing can be written
  }
  look_for_stall();
  if (look_at_ <= at_.monotonic) {
    look();
  }
  if (give_up_at_ <= at_.monotonic) {
    tend_forwarded();
  }
  if (join_again_at_ <= at_.monotonic) {
    join_again_at_ = kNever;
    join();
  }
  if (calendars_again_at_ <= at_.monotonic) {
    calendars_again_at_ = kNever;
    read_calendars_soon();
  }
  if (load_again_at_ <= at_.monotonic) {
    load_again_at_ = kNever;
    for (const ShardNumber number : std::exchange(failed_loads_, {})) {
      load(number);
    }
  }
  fire_timers();
  look_ahead();
  if (sweep_at_ <= at_.monotonic) {
    sweep();
  }
  check_leases();
  if (housekeeping_at_ <= at_.monotonic) {
    housekeeping();
  }
  if (trim_logs_at_ <= at_.monotonic) {
    trim_logs();
  }
}

// Of many that are due at one instant some at a time: while their batch is being committed the next
// ones are decided.
void Hall::Inside::fire_timers() {
  std::vector<engine::Timer> due;
  std::size_t fired = 0;
  for (std::size_t i = 0; i < seats_.size() && fired < kTimersATurn; ++i) {
    const std::size_t place = next_timed_++ % seats_.size();
    if (!seats_[place].shard || seats_[place].shard->next_due() > at_.now) {
      continue;
    }
    due.clear();
    seats_[place].shard->take_due(at_.now, due);
    fired += due.size();
    for (const engine::Timer& timer : due) {
      const bool wrote = system_command(static_cast<ShardNumber>(place), engine::TimerDue{timer});
      if (wrote && timer.kind == engine::TimerSubject::trigger) {
        metrics_.trigger_lateness_seconds.observe(static_cast<double>((at_.now - timer.due).ms) /
                                                  1000.0);
      }
    }
  }
}

// One shard at a time.
void Hall::Inside::sweep() {
  Seat& seat = seats_[next_swept_++ % seats_.size()];
  if (seat.shard) {
    seat.shard->sweep(at_.now, settings_.kept_awake);
  }
  const bool any = std::any_of(seats_.begin(), seats_.end(), [](const Seat& one) {
    return one.shard && (one.shard->live_runs() > 0 || one.shard->awake() > 0);
  });
  const auto shards = static_cast<std::int64_t>(seats_.size());
  sweep_at_ = any ? at_.monotonic + milliseconds(settings_.sweep_every.ms / shards) : kNever;
}

// Half of the window is always in memory. On the wall clock, as planned instants are.
Instant Hall::Inside::next_look_ahead() const {
  Instant next = kNever;
  for (const Seat& seat : seats_) {
    if (seat.shard) {
      const Instant needed = seat.shard->horizon() - milliseconds(settings_.look_ahead.ms / 2);
      const Instant again = at_.now + (seat.look_ahead_again - at_.monotonic);
      next = std::min(next, std::max(needed, again));
    }
  }
  return next;
}

void Hall::Inside::look_ahead() {
  const Instant needed = at_.now + milliseconds(settings_.look_ahead.ms / 2);
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    Seat& seat = seats_[i];
    if (seat.shard && seat.shard->horizon() <= needed && seat.look_ahead_again <= at_.monotonic) {
      seat.look_ahead_again = at_.monotonic + kLookAheadAgain;
      const auto number = static_cast<ShardNumber>(i);
      system_command(number, engine::LookAhead{number, at_.now + settings_.look_ahead});
    }
  }
}

// Shards take turns; each gives out a few runs a turn until none finds anybody.
void Hall::Inside::dispatch() {
  if (away_.load(std::memory_order_relaxed) || stopping_) {
    return;
  }
  bool any = true;
  while (any && committer_.undurable() < limits::kUnsentDecisions) {
    any = false;
    for (std::size_t i = 0; i < seats_.size(); ++i) {
      const std::size_t place = (next_served_ + i) % seats_.size();
      any = dispatch_some(static_cast<ShardNumber>(place)) || any;
    }
    ++next_served_;
  }
  double waiting = 0;
  double live = 0;
  double awake = 0;
  for (const Seat& seat : seats_) {
    if (seat.shard) {
      waiting += static_cast<double>(seat.shard->waiting());
      live += static_cast<double>(seat.shard->live_runs());
      awake += static_cast<double>(seat.shard->awake());
    }
  }
  metrics_.queue_depth.set(waiting);
  metrics_.live_runs.set(live);
  metrics_.definitions_awake.set(awake);
  set_gauges(waiting);
}

// Those that cost a look at every queue or worker.
void Hall::Inside::set_gauges(double waiting) {
  if (waiting == 0) {
    metrics_.queue_oldest_age_seconds.set(0);
  }
  if (at_.monotonic < gauges_at_) {
    return;
  }
  gauges_at_ = at_.monotonic + kGaugesEvery;
  Instant oldest = at_.now;
  for (const Seat& seat : seats_) {
    if (seat.shard && seat.shard->waiting() > 0) {
      oldest = std::min(oldest, seat.shard->waits_since());
    }
  }
  metrics_.queue_oldest_age_seconds.set(static_cast<double>((at_.now - oldest).ms) / 1000.0);
  set_letter_gauges();
  double busy = 0;
  double free = 0;
  for (const auto& [incarnation, worker] : dealer_.roster().workers()) {
    if (worker.connected && !worker.credits) {  // others' are theirs to tell
      const auto held = static_cast<double>(worker.held.size());
      busy += held;
      free += std::max(0.0, static_cast<double>(worker.hello.slots) - held);
    }
  }
  metrics_.worker_slots_busy.set(busy);
  metrics_.worker_slots_free.set(free);
}

// Whether there may be more.
bool Hall::Inside::dispatch_some(ShardNumber number) {
  Seat& seat = seats_[number];
  for (int given = 0; seat.shard && seat.shard->waiting() > 0; ++given) {
    const std::uint64_t generation = dealer_.roster().generation();
    if (seat.seen_generation == generation && seat.seen_arrivals == seat.shard->arrivals()) {
      break;
    }
    if (given == kDispatchesATurn) {
      return true;
    }
    if (!system_command(number, engine::DispatchNext{})) {
      seat.seen_generation = generation;
      seat.seen_arrivals = seat.shard->arrivals();
    }
  }
  return false;
}

void Hall::Inside::send(std::shared_ptr<const store::Batch> batch) {
  fault_point("before_send");
  store_.commit(batch, [weak = weak_from_this(), sent = batch](store::CommitAnswer answer) {
    if (const auto self = weak.lock()) {
      self->post([answer = std::move(answer), sent](Inside& inside) {
        if (inside.over_ || inside.committer_.in_flight() != sent) {
          return;
        }
#ifdef JOBFLOW_SABOTAGE
        if (sabotaged(Sabotage::receipt_by_read) && answer.result == store::CommitResult::retry) {
          inside.read_receipt(sent);
          return;
        }
#endif
        inside.committer_.answered(answer, inside.at_);
      });
    }
  });
}

#ifdef JOBFLOW_SABOTAGE
// Believes what the store shows of this member, instead of asking for the receipt.
void Hall::Inside::read_receipt(const std::shared_ptr<const store::Batch>& sent) {
  store_.read_cluster([weak = weak_from_this(), sent](Outcome<ClusterImage> image) {
    if (const auto self = weak.lock()) {
      self->post([image = std::move(image), sent](Inside& inside) {
        if (inside.over_ || inside.committer_.in_flight() != sent) {
          return;
        }
        if (!image) {
          inside.send(sent);
          return;
        }
        const bool is_there = std::ranges::any_of(image->members, [&](const MemberRow& member) {
          return member.id == sent->member && member.batch >= sent->number;
        });
        inside.committer_.answered(
            {is_there ? store::CommitResult::landed : store::CommitResult::retry, "as it was read"},
            inside.at_);
      });
    }
  });
}
#endif

void Hall::Inside::landed(const store::Batch& batch, std::size_t decisions, Span took) {
  crash_point("before_effects");
  metrics_.commit_seconds.observe(static_cast<double>(took.ms) / 1000.0);
  metrics_.commit_batch_size.observe(static_cast<double>(decisions));
  metrics_.count(batch);
  std::vector<const JournalPart*> parts;
  for (const store::ShardPart& part : batch.parts) {
    if (!part.journal.events.empty()) {
      parts.push_back(&part.journal);
    }
  }
  feed_.publish(parts);
  if (lookout_) {
    note_heads(parts);
  }
}

void Hall::Inside::released(Decided& decided) {
  fault_point("between_effects");
  if (decided.hand_to != 0) {
    handed_over(decided);
    return;
  }
  for (engine::Effect& effect : decided.decision.effects) {
    std::visit(
        Overloaded{
            [&](engine::SendAssignment& send) {
              const auto& shard = seats_[decided.shard].shard;
              if (shard && !shard->holds(send.assignment.run, send.assignment.token)) {
                // Taken back before it could leave.
                dealer_.roster().give_back(send.incarnation, send.assignment.token);
                return;
              }
              if (shard && at_.now - decided.command.now > kLate) {
                shard->sent_late(send.assignment.run, send.assignment.token, at_.now);
              }
              dealer_.outgoing(send.incarnation).assignments.push_back(std::move(send.assignment));
            },
            [&](const engine::SendCancel& send) {
              dealer_.outgoing(send.incarnation).cancels.push_back(send.order);
            },
            [&](const engine::SendAck& send) {
              // Said at the report's coming already; it may have come before its worker's hello.
              dealer_.roster().give_back(send.incarnation, send.token);
              dealer_.outgoing(send.incarnation).acks.push_back(send.token);
            },
            [&](engine::SendLetter& send) { send_letter(std::move(send.letter)); },
            [&](const engine::SendLetterAck& send) { send_letter_ack(send); },
        },
        effect);
  }
  if (decided.answer) {
    decided.answer(decided.decision.answer ? std::move(*decided.decision.answer)
                                           : Outcome<engine::Reply>(engine::Reply{}));
  }
}

void Hall::Inside::flushed() {
  flush_workers();
  crash_point("after_effects");
  begin_waiting_reads();
}

// Assignments whose worker is not there any more were never sent (S6.7). That is decided at once:
// were the worker to come back before, it would be sent them again.
void Hall::Inside::flush_workers() {
  for (const Dealer::Unsent& unsent : dealer_.flush()) {
    system_command(unsent.run.shard(), engine::AssignmentUnsent{unsent.run, unsent.token});
  }
}

}  // namespace jobflow::runtime
