// The workers' desk: who is there, what they say, and when they are gone (S6.6, S7.2-S7.4).
#include "model/json.h"
#include "runtime/hall_inside.h"

#include <algorithm>
#include <cmath>

namespace jobflow::runtime {
namespace {

// Longer than that between two looks at the leases, and we may not have listened ourselves.
constexpr Span kStall = seconds(3);

}  // namespace

void Hall::Inside::worker_connected(WorkerHello hello,
                                    std::shared_ptr<WorkerStream> stream,
                                    std::function<void(Outcome<Done>)> welcomed) {
  if (over_ || stopping_) {
    welcomed(Problem{ProblemCode::unavailable, "the server is stopping: connect again"});
    return;
  }
  if (!is_loaded()) {
    after_loading_.push_back([hello = std::move(hello), stream = std::move(stream),
                              welcomed = std::move(welcomed)](Inside& inside) {
      inside.worker_connected(hello, stream, welcomed);
    });
    return;
  }
  const Outcome<Done> greeted = greet_worker(std::move(hello), std::move(stream), 0);
  welcomed(greeted);
}

// Attempt by attempt: what it should hold and does not is sent again; what it holds in vain stops.
Outcome<Done> Hall::Inside::greet_worker(WorkerHello hello,
                                         std::shared_ptr<WorkerStream> stream,
                                         std::int64_t holder) {
  const Id incarnation = hello.incarnation;
  std::vector<WorkerHello::Holding> holding = hello.holding;
  auto arrival =
      dealer_.connect(std::move(hello), std::move(stream), at_.now, clock_.monotonic(), holder);
  if (!arrival) {
    return arrival.problem();
  }
  for (const Id namesake : arrival->namesakes) {
    const bool holds_any = std::any_of(seats_.begin(), seats_.end(), [&](const Seat& seat) {
      return seat.shard && !seat.shard->held_by(namesake).empty();
    });
    if (!holds_any) {
      worker_gone(namesake, "its process was started anew");
    }
  }
  if (holder == 0) {
    note_worker(incarnation, arrival->is_new ? "online" : "back");
    directory_changed_ = true;
  }
  std::sort(holding.begin(), holding.end(),
            [](const auto& a, const auto& b) { return a.token < b.token; });
  const auto says_it_holds = [&](Id token) {
    return std::binary_search(holding.begin(), holding.end(), WorkerHello::Holding{{}, token},
                              [](const auto& a, const auto& b) { return a.token < b.token; });
  };
  // What has yet to become durable is not sent again: its first sending is still to come. Two
  // sendings under way could end differently.
  const std::set<Id> to_come = undurable_assignments(incarnation);
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    if (!seats_[i].shard) {
      continue;  // another member's
    }
    const auto held = seats_[i].shard->held_by(incarnation);
    if (!held.empty()) {
      dealer_.outgoing(incarnation)
          .epochs.push_back({static_cast<ShardNumber>(i), seats_[i].shard->epoch()});
    }
    for (const auto& [run, token] : held) {
      if (to_come.contains(token)) {
        dealer_.roster().take(incarnation, token);
      } else {
        system_command(static_cast<ShardNumber>(i),
                       engine::AttemptReclaimed{run, token, incarnation, says_it_holds(token)});
      }
    }
    std::erase_if(holding, [&](const WorkerHello::Holding& one) {
      return std::any_of(held.begin(), held.end(),
                         [&](const auto& known) { return known.token == one.token; });
    });
  }
  for (const WorkerHello::Holding& one : holding) {
    system_command(one.run.shard(),
                   engine::AttemptReclaimed{one.run, one.token, incarnation, true});
  }
  metrics_.workers.set(static_cast<double>(dealer_.size()));
  return Done{};
}

void Hall::Inside::worker_heard(Id incarnation, FromWorker said) {
  if (over_) {
    return;
  }
  dealer_.heard(incarnation, said, at_.now, clock_.monotonic());
  const std::string principal = "worker:" + dealer_.name_of(incarnation);
  for (FinishedReport& report : said.finished) {
    dealer_.roster().give_back(incarnation, report.token);
    if (!report.result.empty() && !is_json(report.result)) {
      report.outcome = ReportOutcome::failed;
      report.error_kind = "result_not_json";
      report.error = "the handler's result is not JSON";
      report.result.clear();
      report.do_not_retry = true;
    }
    const ShardNumber number = report.run.shard();
    if (number >= seats_.size()) {
      continue;
    }
    const bool knows_newer_owner =
        report.outcome == ReportOutcome::refused && report.error_kind == "old_epoch";
    const Id token = report.token;
    decide(number, {{.request = engine::AttemptEnded{std::move(report), incarnation},
                     .principal = principal},
                    {}});
    if (knows_newer_owner && token > seats_[number].loaded_up_to) {
      // What this owner itself gave out: the store has forgotten who had the shard in between, and
      // nobody but the worker has not (house 8). A newer epoch, until it is new enough.
      hand_over(number, committer_.member());
    }
  }
  for (const ProgressReport& report : said.progress) {
    if (std::isfinite(report.progress)) {
      system_command(report.run.shard(), engine::ProgressMade{report});
    }
  }
  if (said.leaving) {
    worker_gone(incarnation, "its worker left");
  }
}

void Hall::Inside::worker_closed(Id incarnation,
                                 const WorkerStream* stream,
                                 const std::vector<Assignment>& unsent) {
  if (over_) {
    return;
  }
  if (!dealer_.closed(incarnation, stream, clock_.monotonic())) {
    // A newer stream has settled what this one left; or this one has not had its turn yet.
    if (!is_loaded()) {
      after_loading_.push_back([incarnation, stream, unsent](Inside& inside) {
        inside.worker_closed(incarnation, stream, unsent);
      });
    }
    return;
  }
  directory_changed_ = true;
  for (const Assignment& assignment : unsent) {
    system_command(assignment.run.shard(),
                   engine::AssignmentUnsent{assignment.run, assignment.token});
  }
}

// The tokens of those that have not been released to it yet.
std::set<Id> Hall::Inside::undurable_assignments(Id incarnation) const {
  std::set<Id> tokens;
  committer_.each_undurable([&](const Decided& decided) {
    for (const engine::Effect& effect : decided.decision.effects) {
      const auto* send = std::get_if<engine::SendAssignment>(&effect);
      if (send != nullptr && send->incarnation == incarnation) {
        tokens.insert(send->assignment.token);
      }
    }
  });
  return tokens;
}

void Hall::Inside::worker_gone(Id incarnation, const std::string& reason) {
  if (dealer_.holder_of(incarnation) == 0) {
    note_worker(incarnation, "gone");
    gone_workers_.push_back(incarnation);
    directory_changed_ = true;
  }
  dealer_.remove(incarnation);
  const std::set<Id> to_come = undurable_assignments(incarnation);
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    if (!seats_[i].shard) {
      continue;
    }
    for (const auto& [run, token] : seats_[i].shard->held_by(incarnation)) {
      if (to_come.contains(token)) {
        system_command(static_cast<ShardNumber>(i), engine::AssignmentUnsent{run, token});
      } else {
        system_command(static_cast<ShardNumber>(i), engine::AttemptLost{run, token, reason});
      }
    }
  }
  metrics_.workers.set(static_cast<double>(dealer_.size()));
}

// Before any bound or lease is judged: were we able to listen ourselves?
void Hall::Inside::look_for_stall() {
  const Instant monotonic = clock_.monotonic();
  if (monotonic - leases_checked_ > kStall) {
    dealer_.restart_leases(at_.now, monotonic);
  } else if (!hears_everybody()) {
    dealer_.stretch_leases(monotonic - leases_checked_, at_.now, monotonic);
  }
  leases_checked_ = monotonic;
}

void Hall::Inside::check_leases() {
  const Instant monotonic = clock_.monotonic();
  if (!is_loaded()) {
    return;  // a shard that is being loaded cannot say what was held
  }
  for (const Id incarnation : dealer_.expired(monotonic)) {
    worker_gone(incarnation, "its worker was silent for a whole lease");
  }
}

// An event of this member's own source (S9.1).
void Hall::Inside::note_worker(Id incarnation, std::string_view state) {
  const std::string name = dealer_.name_of(incarnation);
  if (name.empty() || !member_is_loaded_) {
    return;  // known from rows only; or its number is not known
  }
  Decided decided{.shard = member_source_, .first_event = member_next_event_++};
  decided.command.now = at_.now;
  decided.decision.events.push_back({.type = EventType::worker_changed,
                                     .subject = incarnation,
                                     .time = at_.now,
                                     .text = name,
                                     .detail = std::string(state)});
  committer_.add(std::move(decided));
}

}  // namespace jobflow::runtime
