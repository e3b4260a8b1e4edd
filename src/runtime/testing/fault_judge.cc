// What must be true of a server among faults. The bodies' own record, kept outside the store, is
// what S1.2, S1.3 and S6.7 are judged by.
#include "runtime/testing/fault_world.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jobflow::runtime::testing {

void FaultWorld::judge() {
  EXPECT_TRUE(is_over()) << "runs that never ended";
  for (const Id run : acknowledged_) {
    const auto row = row_of(run);
    if (!row) {
      FAIL() << "acknowledged run " << run.value << " is lost (S1.5)";
    }
    EXPECT_TRUE(is_final(row->progress.state)) << "run " << run.value;
  }
  for (const RunRow& row : all_runs()) {
    judge_executions(row);
  }
  judge_credits();
  judge_journal();
}

void FaultWorld::judge_executions(const RunRow& row) {
  const auto& tokens = executions_[row.id];
  if (row.kind != RunKind::workflow && row.progress.state == RunState::succeeded) {
    EXPECT_FALSE(tokens.empty()) << "succeeded without a body: " << row.id.value;
  }
  if (once_.contains(row.id) || row.kind == RunKind::step) {
    EXPECT_LE(tokens.size(), 1U + by_hand_[row.id])
        << "max_attempts 1 (S1.2), run " << row.id.value;
  }
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end())) << "tokens grow (S1.3)";
  EXPECT_EQ(std::adjacent_find(tokens.begin(), tokens.end()), tokens.end()) << "a token twice";
  for (const Id token : tokens) {
    EXPECT_LE(token, newest_token(row)) << "a token that no row knows";
  }
}

// I4: what a worker is told is durable at that moment.
void FaultWorld::check_effects(const ToWorker& message) {
  for (const Assignment& one : message.assignments) {
    const auto row = row_of(one.run);
    if (!row) {
      FAIL() << "an assignment of a run that is not durable (I4)";
    }
    EXPECT_EQ(row->progress.token, one.token) << "an assignment that is not durable (I4)";
    EXPECT_TRUE(row->progress.state == RunState::running ||
                row->progress.state == RunState::cancelling);
  }
  for (const CancelOrder& one : message.cancels) {
    const auto row = row_of(one.run);
    EXPECT_TRUE(!row || row->progress.token != one.token ||
                row->progress.state != RunState::running)
        << "a cancel that is not durable (I4)";
  }
  for (const Id token : message.acks) {
    const Id run = run_of_token_[token];
    const auto row = row_of(run);
    EXPECT_TRUE(!row || row->progress.token != token || is_final(row->progress.state))
        << "an acknowledgement before the commit (I4), run " << run.value;
  }
}

std::optional<RunRow> FaultWorld::row_of(Id run) {
  std::optional<RunRow> row;
  truth_->read_run(run, [&](const Outcome<std::optional<store::RunAt>>& found) {
    if (*found) {
      row = (*found)->row;
    }
  });
  return row;
}

std::vector<RunRow> FaultWorld::all_runs() {
  std::vector<RunRow> all;
  truth_->list_runs({.with_steps = true, .limit = 100'000},
                    [&](const Outcome<std::vector<RunRow>>& runs) { all = *runs; });
  return all;
}

bool FaultWorld::is_over() {
  const auto runs = all_runs();
  return store_tasks_.empty() && std::all_of(runs.begin(), runs.end(), [](const RunRow& row) {
           return is_final(row.progress.state);
         });
}

Id FaultWorld::newest_token(const RunRow& row) {
  Id newest = row.progress.token;
  truth_->list_attempts(row.id, [&](const Outcome<std::vector<AttemptRow>>& attempts) {
    for (const AttemptRow& attempt : *attempts) {
      newest = std::max(newest, attempt.token);
    }
  });
  return newest;
}

void FaultWorld::judge_credits() {
  for (int round = 0; round < 5; ++round) {
    for (FaultWorker& worker : workers_) {
      if (!worker.is_connected()) {
        connect(worker);
      }
      worker.end_all();
      say_all(worker);
    }
    drain();
  }
  bool called = false;
  stage_->hall->list_workers([&](const std::vector<WorkerView>& views) {
    called = true;
    for (const WorkerView& view : views) {
      EXPECT_EQ(view.busy, 0) << view.hello.name << " holds credits for nothing";
    }
  });
  drain();
  EXPECT_TRUE(called);
  for (const FaultWorker& worker : workers_) {
    EXPECT_TRUE(worker.reports.empty()) << "a report is never acknowledged (S7.3)";
  }
}

// S9.1: gapless, what the feed told is what the journal holds, and it ends where the rows stand.
void FaultWorld::judge_journal() {
  std::map<Id, Event> last;
  for (const auto& [source, heard] : heard_) {
    std::vector<Event> stored;
    truth_->read_journal(source, 1, 1'000'000,
                         [&, number = source](const Outcome<std::vector<JournalPart>>& parts) {
                           for (const JournalPart& part : *parts) {
                             EXPECT_EQ(part.first, static_cast<std::int64_t>(stored.size()) + 1)
                                 << "source " << number;
                             stored.insert(stored.end(), part.events.begin(), part.events.end());
                           }
                         });
    EXPECT_EQ(heard, stored) << "source " << source;
    for (const Event& event : stored) {
      if (event.type == EventType::run_changed) {
        last[event.subject] = event;
      }
    }
  }
  for (const RunRow& row : all_runs()) {
    ASSERT_TRUE(last.contains(row.id));
    EXPECT_EQ(last[row.id].state, static_cast<std::uint8_t>(row.progress.state));
    EXPECT_EQ(last[row.id].attempt, row.progress.attempt);
  }
}

}  // namespace jobflow::runtime::testing
