// Misfire, overlap, edit and pause, each with each, in virtual time: what becomes of every due
// instant, against a naive walk over the instants by the words of S3.4, S4.6-S4.8 and S6.4.
#include "engine/testing/desk.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace jobflow::engine::testing {
namespace {

enum class Edit : std::uint8_t { none, of_params, of_schedule };

using Pair = std::tuple<const char*, const char*, Edit, bool>;  // misfire, overlap, edit, pause

// One story for all, in seconds: saved at 0 with a rate of 10 s, edited at 15, paused at 32 and
// resumed at 57; nobody is there between 62 and 96. No run ever ends by itself.
constexpr int kEdit = 15;
constexpr int kPause = 32;
constexpr int kResume = 57;
constexpr int kGone = 62;
constexpr int kBack = 96;
constexpr int kOver = 121;
constexpr int kEvery = 10;
constexpr int kEveryAfter = 7;  // when the edit is of the schedule, from then on

std::string spec_of(const Pair& pair, Edit edit) {
  const auto& [misfire, overlap, edits, pauses] = pair;
  const int every = edit == Edit::of_schedule ? kEveryAfter : kEvery;
  return std::string(R"({"metadata":{"name":"j"},"spec":{"handler":"h","params":{"n":)") +
         (edit == Edit::none ? "1" : "2") + R"(},"triggers":[{"name":"t","every":")" +
         std::to_string(every) + R"(s","misfire":")" + misfire + R"(","overlap":")" + overlap +
         R"("}]}})";
}

std::vector<int> due_instants(const Pair& pair) {
  const Edit edit = std::get<Edit>(pair);
  std::vector<int> due;
  const int end = edit == Edit::of_schedule ? kEdit : kOver;
  for (int at = kEvery; at <= end; at += kEvery) {
    due.push_back(at);
  }
  for (int at = kEdit + kEveryAfter; edit == Edit::of_schedule && at <= kOver; at += kEveryAfter) {
    due.push_back(at);
  }
  return due;
}

// "ran", or why not, of each due instant.
std::map<int, std::string> expected(const Pair& pair) {
  const std::string misfire = std::get<0>(pair);
  const std::string overlap = std::get<1>(pair);
  const bool pauses = std::get<bool>(pair);
  const std::vector<int> due = due_instants(pair);
  int newest_missed = 0;
  for (const int at : due) {
    newest_missed = at > kGone && at <= kBack ? at : newest_missed;
  }
  std::map<int, std::string> outcome;
  bool any_live = false;
  for (const int at : due) {
    const bool was_missed = at > kGone && at <= kBack;
    const bool is_newest = at == newest_missed;
    const bool is_on_time = seconds(kBack - newest_missed) <= limits::kOnTime;
    if (pauses && at > kPause && at <= kResume) {
      outcome[at] = "paused";
    } else if (was_missed && misfire == std::string("skip") && !(is_newest && is_on_time)) {
      outcome[at] = "misfire";
    } else if (was_missed && misfire == std::string("last") && !is_newest) {
      outcome[at] = "misfire";
    } else if (overlap == std::string("skip") && any_live) {
      outcome[at] = "overlap";
    } else if (overlap == std::string("cancel_running") && was_missed && !is_newest) {
      outcome[at] = "overlap";  // the next would only cancel it again
    } else {
      outcome[at] = "ran";
      any_live = true;
    }
  }
  return outcome;
}

class TriggerPairs : public ::testing::TestWithParam<Pair> {
 protected:
  void save(Edit edit) {
    auto decoded = decode_definition(DefinitionKind::job, spec_of(GetParam(), edit));
    ASSERT_EQ(decoded.problems.size(), 0U) << decoded.problems.front().message;
    desk.submit(SaveDefinition{std::make_shared<const Definition>(std::move(decoded.definition))});
    desk.go_on();
  }
  // Somebody is there.
  void pass_until(int second) {
    while (desk.now < Desk::kBase + seconds(second)) {
      desk.now = desk.now + seconds(1);
      desk.fire_timers();
      desk.go_on();
    }
  }
  Id trigger() const { return desk.rows.triggers.begin()->first; }

  void live() {
    const auto& [misfire, overlap, edit, pauses] = GetParam();
    save(Edit::none);
    pass_until(kEdit);
    if (edit != Edit::none) {
      save(edit);
    }
    pass_until(kPause);
    if (pauses) {
      desk.submit(PauseTrigger{trigger(), "so"});
    }
    pass_until(kResume);
    if (pauses) {
      desk.submit(ResumeTrigger{trigger()});
    }
    pass_until(kGone);
    desk.now = Desk::kBase + seconds(kBack);
    desk.reload();
    desk.fire_timers();
    desk.go_on();
    pass_until(kOver);
  }

  static int second_of(Instant instant) {
    return static_cast<int>((instant - Desk::kBase).ms / 1000);
  }
  // What the rows say of each due instant; one that has two outcomes shows both.
  std::map<int, std::string> ledger() const {
    std::map<int, std::string> outcome;
    for (const auto& [id, run] : desk.rows.runs) {
      outcome[second_of(run.planned)] += "ran";
    }
    for (const auto& [key, row] : desk.rows.skipped) {
      int count = 0;
      for (const int at : due_instants(GetParam())) {
        const Instant instant = Desk::kBase + seconds(at);
        if (instant >= row.from && instant <= row.to) {
          outcome[at] += row.reason;
          ++count;
        }
      }
      EXPECT_EQ(count, row.count) << row.reason << " from " << second_of(row.from);
    }
    return outcome;
  }

  Desk desk;
};

TEST_P(TriggerPairs, EveryDueInstantHasTheOutcomeThatTheWordsSay) {
  live();
  EXPECT_EQ(ledger(), expected(GetParam()));
  const std::string overlap = std::get<1>(GetParam());
  int waiting = 0, live = 0;
  for (const auto& [id, run] : desk.rows.runs) {
    waiting += run.progress.state == RunState::waiting ? 1 : 0;
    live += is_final(run.progress.state) ? 0 : 1;
    const bool is_after_edit = second_of(run.planned) > kEdit;
    EXPECT_EQ(run.revision, is_after_edit && std::get<Edit>(GetParam()) != Edit::none ? 2 : 1);
  }
  const int all = static_cast<int>(desk.rows.runs.size());
  EXPECT_EQ(live, overlap == "cancel_running" ? 1 : all);
  EXPECT_EQ(waiting, overlap == "queue" ? all - 1 : 0) << "in line behind the one that is live";
}

INSTANTIATE_TEST_SUITE_P(
    All,
    TriggerPairs,
    ::testing::Combine(::testing::Values("skip", "last", "all"),
                       ::testing::Values("allow", "skip", "queue", "cancel_running"),
                       ::testing::Values(Edit::none, Edit::of_params, Edit::of_schedule),
                       ::testing::Bool()));

}  // namespace
}  // namespace jobflow::engine::testing
