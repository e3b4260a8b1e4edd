// Triggers: every misfire policy with every overlap policy under every act (S4.6, S3.4, S4.7),
// and what a story could not tell in few words.
#include "engine/testing/desk.h"
#include "engine/testing/ledger_audit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace jobflow::engine::testing {
namespace {

SaveDefinition definition(DefinitionKind kind, const std::string& name, const std::string& spec) {
  auto decoded =
      decode_definition(kind, R"({"metadata":{"name":")" + name + R"("},"spec":{)" + spec + "}}");
  EXPECT_EQ(decoded.problems.size(), 0U) << decoded.problems.front().message;
  return {std::make_shared<const Definition>(std::move(decoded.definition))};
}

// --- misfire x overlap x act

// Ten minutely instants were missed, the last one by 30 s, when somebody acts.
enum class Act : std::uint8_t { none, edit, new_schedule, disable, pause, remove, drop };
struct Case {
  const char* misfire;
  std::set<int> kept;  // which minutes run, as far as their job is free
  const char* overlap;
  bool is_busy;
  Act act;
};

const std::vector<std::pair<const char*, std::set<int>>> kMisfires{
    {R"("skip")", {}},
    {R"("last")", {10}},
    {R"({"policy":"all","limit":3})", {8, 9, 10}},
    {R"({"policy":"all","window":"100s"})", {9, 10}}};
const std::vector<const char*> kOverlaps{R"("allow")", R"("skip")",
                                         R"({"policy":"queue","limit":1})", R"("cancel_running")"};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto& [misfire, kept] : kMisfires) {
    for (const char* overlap : kOverlaps) {
      for (const bool is_busy : {false, true}) {
        for (int act = 0; act <= static_cast<int>(Act::drop); ++act) {
          all.push_back({misfire, kept, overlap, is_busy, static_cast<Act>(act)});
        }
      }
    }
  }
  return all;
}

// What each minute must come to, by the words of S4.6, S3.4, S4.7 and S6.4.
std::vector<std::string> expected(const Case& one) {
  const bool fires = one.act == Act::none || one.act == Act::edit || one.act == Act::new_schedule ||
                     one.act == Act::drop;
  const char* stopped = one.act == Act::disable ? "disabled"
                        : one.act == Act::pause ? "paused"
                                                : "deleted";
  std::vector<std::string> minutes;
  bool is_busy = one.is_busy;
  int in_line = 0;
  for (int minute = 1; minute <= 10; ++minute) {
    const std::string overlap = one.overlap;
    std::string outcome = "run";
    if (!fires) {
      outcome = stopped;
    } else if (!one.kept.contains(minute)) {
      outcome = "misfire";
    } else if (overlap.find("cancel") != std::string::npos && minute < 10) {
      outcome = "overlap";
    } else if (is_busy && overlap.find("cancel") != std::string::npos) {
      outcome = "in line";
    } else if (is_busy && overlap.find("skip") != std::string::npos) {
      outcome = "overlap";
    } else if (is_busy && overlap.find("queue") != std::string::npos) {
      outcome = ++in_line <= 1 ? "in line" : "overlap";
    }
    is_busy = is_busy || outcome == "run";
    minutes.push_back(outcome);
  }
  return minutes;
}

// One case, lived through.
class Life {
 public:
  explicit Life(bool reloads) {
    desk.reloads_after_each = reloads;
    desk.after_each = [this](const Command& command, const Decision& decision) {
      audit.heard(decision, desk.rows, command.now);
      for (const Change& change : decision.changes) {
        const auto* insert = std::get_if<InsertRun>(&change);
        if (insert != nullptr && insert->row.progress.state == RunState::waiting) {
          in_line.insert(insert->row.id);
        }
      }
    };
    desk.add_worker({.name = "w", .incarnation = {7}, .slots = 9, .handlers = {{.name = "h"}}});
  }
  Life(Life&&) = delete;  // the desk knows it

  void save(const std::string& spec) {
    desk.submit(definition(DefinitionKind::job, "j", R"("handler":"h",)" + spec));
    desk.go_on();
  }
  Id trigger() const { return desk.rows.triggers.begin()->first; }

  void act(const Case& one, const std::string& policies) {
    switch (one.act) {
      case Act::none:
        return;
      case Act::edit:
        return save(R"("params":{"a":1},"triggers":[{"every":"1m",)" + policies + "}]");
      case Act::new_schedule:
        return save(R"("triggers":[{"every":"2m",)" + policies + "}]");
      case Act::disable:
        return save(R"("enabled":false,"triggers":[{"every":"1m",)" + policies + "}]");
      case Act::pause:
        desk.submit(PauseTrigger{trigger(), "so"});
        return;
      case Act::remove:
        desk.submit(DeleteDefinition{DefinitionKind::job, "default", "j"});
        return;
      case Act::drop:
        return save(R"("triggers":[])");
    }
  }

  std::vector<std::string> ledger(Id of) const {
    std::vector<std::string> minutes(10, "nothing");
    const auto minute = [](Instant instant) { return (instant - Desk::kBase).ms / 60'000; };
    for (const auto& [id, run] : desk.rows.runs) {
      if (run.trigger == of && minute(run.planned) <= 10) {
        const bool was_in_line = in_line.contains(id);
        minutes.at(static_cast<std::size_t>(minute(run.planned) - 1)) =
            was_in_line ? "in line" : "run";
      }
    }
    for (const auto& [key, row] : desk.rows.skipped) {
      for (std::int64_t at = minute(row.from); at <= std::min<std::int64_t>(minute(row.to), 10);
           ++at) {
        std::string& outcome = minutes.at(static_cast<std::size_t>(at - 1));
        outcome = outcome == "nothing" ? row.reason : "twice";
      }
    }
    return minutes;
  }

  Desk desk;
  LedgerAudit audit;
  std::set<Id> in_line;
};

class Policies : public ::testing::TestWithParam<bool> {};

TEST_P(Policies, EveryMissedInstantComesToWhatTheySay) {
  for (const Case& one : cases()) {
    Life life(GetParam());
    Desk& desk = life.desk;
    const std::string policies =
        std::string(R"("misfire":)") + one.misfire + R"(,"overlap":)" + one.overlap;
    const std::string told = policies + (one.is_busy ? ", busy" : ", free") + ", act " +
                             std::to_string(static_cast<int>(one.act));
    life.save(R"("triggers":[{"every":"1m",)" + policies + "}]");
    const Id first = life.trigger();
    if (one.is_busy) {
      desk.submit(TriggerRun{.name_space = "default", .name = "j"});
      desk.dispatch();
    }
    desk.now = desk.now + seconds(630);
    life.act(one, policies);
    desk.go_on();
    desk.fire_timers();
    EXPECT_EQ(life.ledger(first), expected(one)) << told;

    // Made undone a while later: nothing of the past fires (S4.7), and the next one comes in time.
    if (one.act == Act::pause || one.act == Act::disable) {
      const std::size_t runs = desk.rows.runs.size();
      desk.now = desk.now + seconds(45);
      if (one.act == Act::pause) {
        desk.submit(ResumeTrigger{first});
      } else {
        life.save(R"("triggers":[{"every":"1m",)" + policies + "}]");
      }
      desk.fire_timers();
      EXPECT_EQ(desk.rows.runs.size(), runs) << told;
    }
    if (one.act != Act::remove && one.act != Act::drop) {
      const Span every = one.act == Act::new_schedule ? minutes(2) : minutes(1);
      const Instant anchor =
          one.act == Act::new_schedule ? Desk::kBase + seconds(630) : Desk::kBase;
      EXPECT_EQ(((desk.rows.triggers.at(first).progress.next_due - anchor).ms) % every.ms, 0)
          << told;
      EXPECT_LE(desk.rows.triggers.at(first).progress.next_due, desk.now + every) << told;
    }
    EXPECT_EQ(life.audit.broken(), "") << told;
    EXPECT_EQ(desk.take_told().find("REFUSED"), std::string::npos) << told;
  }
}

INSTANTIATE_TEST_SUITE_P(Loaded, Policies, ::testing::Bool(), [](const auto& each) {
  return each.param ? "anew_after_each_decision" : "once";
});

// --- time

// S4.8, S4.10: when the clock was set back, an edit is dated by the shard's own time, up to which
// the ledger of before reaches. Its schedule counts from there, and so does the audit.
TEST(ShardTriggers, AnEditAfterTheClockWentBackIsDatedByWhatHasFired) {
  Desk desk;
  const auto save = [&](const char* trigger) {
    desk.submit(
        definition(DefinitionKind::job, "j",
                   std::string(R"("handler":"h","triggers":[{"name":"t",)") + trigger + "}]"));
  };
  save(R"("every":"1m")");
  desk.now = Desk::kBase + minutes(3);
  desk.fire_timers();
  desk.now = Desk::kBase + minutes(1);
  save(R"("every":"10s")");
  const TriggerProgress& at = desk.rows.triggers.begin()->second.progress;
  const Instant edited = desk.rows.revisions.rbegin()->second.updated;
  EXPECT_EQ(edited, Desk::kBase + minutes(3));
  EXPECT_EQ(at.anchor, edited);
  EXPECT_EQ(at.next_due, edited + seconds(10));
}

// --- what nobody may set going

// Jobs that follow each other in a circle, and whose runs take no time, come to an end (house 8: no
// busy loop); the ledger says why. When the runs take time, the circle goes on.
TEST(ShardTriggers, ACircleOfRunsThatTakeNoTimeEnds) {
  for (const bool takes_time : {false, true}) {
    Desk desk;
    for (const auto& [name, other] : {std::pair("a", "b"), std::pair("b", "a")}) {
      // Its step's template names what is not there: it fails without a worker.
      desk.submit(definition(
          DefinitionKind::workflow, name,
          std::string(R"("inputs":{"x":{"default":1}},"steps":[{"id":"s","handler":"h",)") +
              R"("with":{"x":"{{ inputs.x.y }}"}}],"triggers":[{"jitter":")" +
              (takes_time ? "9s" : "0s") + R"(","after":{"workflow":")" + other +
              R"(","states":["failed"]}}])"));
    }
    desk.deliver_letters();
    desk.submit(TriggerRun{.kind = DefinitionKind::workflow, .name_space = "default", .name = "a"});
    for (int i = 0; i < 500; ++i) {
      desk.go_on();
      desk.deliver_letters();
      desk.now = desk.now + seconds(10);
      desk.fire_timers();
      desk.deliver_letters();
    }
    std::size_t runs = 0;
    for (const auto& [id, row] : desk.rows.runs) {
      runs += row.kind == RunKind::workflow ? 1 : 0;
    }
    if (takes_time) {
      EXPECT_GT(runs, 400U);
      EXPECT_TRUE(desk.rows.skipped.empty());
    } else {
      EXPECT_EQ(runs, static_cast<std::size_t>(limits::kHopsMax) + 1);
      ASSERT_EQ(desk.rows.skipped.size(), 1U);
      EXPECT_EQ(desk.rows.skipped.begin()->second.reason, "loop");
    }
  }
}

// A hundred follow one job; the next is told that it cannot (I7).
TEST(ShardTriggers, AJobIsFollowedByAHundredTriggersAtMost) {
  Desk desk;
  for (std::size_t i = 0; i <= limits::kFollowersMax; ++i) {
    desk.submit(definition(DefinitionKind::job, "d" + std::to_string(i),
                           R"("handler":"h","triggers":[{"after":{"job":"up"}}])"));
  }
  desk.deliver_letters();
  EXPECT_EQ(desk.rows.follows.size(), limits::kFollowersMax);
  int set_aside = 0;
  for (const auto& [id, row] : desk.rows.triggers) {
    if (row.progress.state == TriggerState::set_aside) {
      ++set_aside;
      EXPECT_NE(row.progress.note.find("100 triggers"), std::string::npos);
    }
  }
  EXPECT_EQ(set_aside, 1);
  // All are told in the decision that ends a run.
  desk.submit(definition(DefinitionKind::job, "up", R"("handler":"h")"));
  desk.submit(TriggerRun{.name_space = "default", .name = "up"});
  desk.submit(CancelRun{desk.rows.runs.begin()->first});
  EXPECT_TRUE(desk.rows.letters.empty()) << "it was cancelled, they wait for its success";
  desk.add_worker({.name = "w", .incarnation = {7}, .slots = 9, .handlers = {{.name = "h"}}});
  desk.submit(TriggerRun{.name_space = "default", .name = "up"});
  desk.dispatch();
  const RunRow& run = desk.rows.runs.rbegin()->second;
  desk.submit(AttemptEnded{{.run = run.id, .token = run.progress.token}, {7}});
  EXPECT_EQ(desk.rows.letters.size(), limits::kFollowersMax);
  desk.deliver_letters();
  EXPECT_EQ(desk.rows.runs.size(), limits::kFollowersMax + 2);
}

// A firing that cancels more than one decision may write goes on in slices, also after a crash.
TEST(ShardTriggers, CancellingManyGoesInSlices) {
  for (const bool dies : {false, true}) {
    Desk desk;
    desk.submit(
        definition(DefinitionKind::job, "j",
                   R"("handler":"h","triggers":[{"every":"1m","overlap":"cancel_running"}])"));
    for (int i = 0; i < 2500; ++i) {
      desk.submit(TriggerRun{.name_space = "default", .name = "j"});
    }
    desk.now = desk.now + minutes(1);
    std::vector<Timer> due;
    desk.shard().take_due(desk.now, due);
    for (const Timer& timer : due) {
      desk.submit(TimerDue{timer}, "system");
    }
    EXPECT_LE(desk.widest, static_cast<std::size_t>(limits::kDecisionRows));
    const auto unfinished = [&] {
      return std::count_if(desk.rows.runs.begin(), desk.rows.runs.end(), [](const auto& entry) {
        return !is_final(entry.second.progress.state);
      });
    };
    EXPECT_GT(unfinished(), 1000);
    if (dies) {
      desk.reload();
    }
    desk.go_on();
    EXPECT_EQ(unfinished(), 1);
    const RunRow& run = desk.rows.runs.rbegin()->second;
    EXPECT_EQ(run.progress.state, RunState::queued);
    EXPECT_EQ(run.progress.error_kind, "");
    EXPECT_TRUE(run.trigger.is_set());
    EXPECT_LE(desk.widest, static_cast<std::size_t>(limits::kDecisionRows));
  }
}

// Ten thousand missed firings, all of which are wanted: each runs once, in slices.
TEST(ShardTriggers, TenThousandMissedFiringsComeInSlices) {
  for (const char* window : {"", R"(,"window":"500s")"}) {
    Desk desk;
    desk.submit(definition(DefinitionKind::job, "j",
                           std::string(R"("handler":"h","triggers":[{"every":"100ms","misfire":)") +
                               R"({"policy":"all","limit":10000)" + window + "}}]"));
    const Instant back = desk.now + seconds(1'100);
    desk.now = back;
    desk.fire_timers();
    desk.go_on();
    while (desk.rows.triggers.begin()->second.progress.next_due <= desk.now) {
      desk.fire_timers();
      desk.go_on();
    }
    std::set<Instant> planned;
    for (const auto& [id, run] : desk.rows.runs) {
      planned.insert(run.planned);
      EXPECT_GT(run.planned, back - seconds(1'000)) << "the newest";
    }
    EXPECT_EQ(planned.size(), desk.rows.runs.size()) << "none twice";
    EXPECT_EQ(planned.size(), *window == 0 ? 10'000U : 5'001U);
    EXPECT_LE(desk.widest, static_cast<std::size_t>(limits::kDecisionRows));
  }
}

// A firing that its jitter holds back has not fired yet: what is disabled meanwhile does not
// (S6.4).
TEST(ShardTriggers, WhatIsDisabledDoesNotFireAfterItsJitter) {
  const std::string handler = R"("handler":"h",)";
  const std::string step = R"("steps":[{"id":"a","handler":"h"}],)";
  for (const DefinitionKind kind : {DefinitionKind::job, DefinitionKind::workflow}) {
    for (const bool is_disabled : {false, true}) {
      for (const bool is_its_trigger : {false, true}) {
        const auto spec = [&](bool enabled) {
          const std::string off = enabled ? "" : R"("enabled":false,)";
          return definition(kind, "j",
                            (kind == DefinitionKind::job ? handler : step) +
                                (is_its_trigger ? "" : off) + R"("triggers":[{)" +
                                (is_its_trigger ? off : "") + R"("every":"1h","jitter":"50m"}])");
        };
        Desk desk;
        desk.submit(spec(true));
        desk.now = desk.now + hours(1);
        desk.fire_timers();
        ASSERT_EQ(desk.rows.runs.size(), 1U);
        EXPECT_EQ(desk.rows.runs.begin()->second.progress.state, RunState::scheduled);
        if (is_disabled) {
          desk.submit(spec(false));
        }
        desk.reload();
        desk.now = desk.now + minutes(51);
        desk.fire_timers();
        desk.go_on();
        EXPECT_EQ(desk.rows.runs.begin()->second.progress.state == RunState::cancelled, is_disabled)
            << desk.rows.runs.begin()->second.progress.error;
      }
    }
  }
}

// A hundred years of a 100 ms rate cost one decision of a few rows, and its row is exact as far as
// it can be.
TEST(ShardTriggers, AnyOutageIsBoundedWork) {
  for (const char* policy : {R"("last")", R"("skip")", R"({"policy":"all","limit":5})"}) {
    Desk desk;
    desk.submit(definition(
        DefinitionKind::job, "j",
        std::string(R"("handler":"h","triggers":[{"every":"100ms","misfire":)") + policy + "}]"));
    desk.now = desk.now + days(5'000);
    desk.fire_timers();
    EXPECT_LE(desk.widest, 8U);
    ASSERT_GE(desk.rows.skipped.size(), 1U);
    EXPECT_GT(desk.rows.skipped.begin()->second.count, 2'000'000'000);
    EXPECT_GT(desk.rows.triggers.begin()->second.progress.next_due, desk.now);
  }
}

// A takeover, or a member that was busy for a moment, costs no instant, whatever the policy; one
// that came back later than that makes up for what the policy says, and never for a flood.
TEST(ShardTriggers, InstantsThatAreOnTimeAreNoMisfire) {
  for (const auto& [policy, after_outage] :
       {std::pair{R"("last")", 1U}, {R"("skip")", 1U}, {R"({"policy":"all","limit":3})", 3U}}) {
    for (const bool reloads : {false, true}) {
      Desk desk;
      desk.reloads_after_each = reloads;
      desk.submit(definition(
          DefinitionKind::job, "j",
          std::string(R"("handler":"h","triggers":[{"every":"100ms","misfire":)") + policy + "}]"));
      desk.now = desk.now + limits::kOnTime;
      desk.fire_timers();
      EXPECT_EQ(desk.rows.runs.size(), 50U) << policy;
      EXPECT_TRUE(desk.rows.skipped.empty()) << policy;
      desk.now = desk.now + limits::kOnTime + milliseconds(200);
      desk.fire_timers();
      EXPECT_EQ(desk.rows.runs.size(), 50U + after_outage) << policy;
    }
  }
}

}  // namespace
}  // namespace jobflow::engine::testing
