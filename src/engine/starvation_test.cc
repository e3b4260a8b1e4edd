// S3.6 in virtual time: whatever is killed and tried again, and however much that is more urgent
// keeps coming, a run of low priority waits no longer than engine/queues.h says.
#include "engine/testing/desk.h"
#include "model/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace jobflow::engine::testing {
namespace {

constexpr int kHighest = 5;

struct Work {
  const char* name;
  const char* handler;  // runs of one handler share a queue
  int priority;
  int chance;  // of one more each second, in percent
};
constexpr Work kWork[] = {
    {"low", "a", 0, 5}, {"middle", "a", 3, 40}, {"high", "b", kHighest, 120}, {"odd", "b", 4, 30}};

class Overload {
 public:
  explicit Overload(unsigned seed) : random_(seed) {
    for (const Work& work : kWork) {
      save(work);
    }
  }

  // More comes than one slot can do, for so many seconds; then nothing comes any more.
  void last(int seconds_of_it) {
    for (int second = 0; second < seconds_of_it && !::testing::Test::HasFailure(); ++second) {
      for (const Work& work : kWork) {
        for (int left = work.chance; left > 0; left -= 100) {
          if (below(100) < left) {
            desk_.submit(TriggerRun{
                .kind = DefinitionKind::job, .name_space = "default", .name = work.name});
          }
        }
      }
      step();
    }
  }
  int served(const std::string& name) const {
    const auto found = served_.find(name);
    return found == served_.end() ? 0 : found->second;
  }

 private:
  void save(const Work& work) {
    auto decoded = decode_definition(
        DefinitionKind::job,
        R"({"metadata":{"name":")" + std::string(work.name) + R"("},"spec":{"handler":")" +
            work.handler + R"(","priority":)" + std::to_string(work.priority) +
            R"(,"retry":{"max_attempts":9,"initial":"1s","factor":1,"jitter":0.5}}})");
    ASSERT_TRUE(decoded.problems.empty()) << decoded.problems.front().message;
    const auto decision = desk_.submit(
        SaveDefinition{std::make_shared<const Definition>(std::move(decoded.definition))});
    names_[(*decision.answer)->id] = &work;
  }

  void step() {
    if (!worker_.is_set()) {
      worker_ = {++incarnations_};
      desk_.add_worker({.name = "w" + std::to_string(incarnations_),
                        .incarnation = worker_,
                        .slots = 1,
                        .handlers = {{"a", "", ""}, {"b", "", ""}}});
    }
    desk_.fire_timers();
    const auto before = waiting();
    if (desk_.dispatch() > 0) {
      look_at_choice(before);
    }
    desk_.now = desk_.now + seconds(1);
    if (below(100) < 10) {  // killed: what it had is tried again
      desk_.lose_worker(worker_, "killed");
      worker_ = {};
    } else if (running_.is_set()) {
      const RunRow& run = desk_.rows.runs.at(running_);
      FinishedReport report{.run = run.id, .token = run.progress.token};
      report.outcome = below(100) < 20 ? ReportOutcome::failed : ReportOutcome::succeeded;
      desk_.submit(AttemptEnded{report, worker_}, "worker:w");
    }
    running_ = {};
    desk_.effects.clear();
    desk_.go_on();
  }

  std::vector<RunRow> waiting() const {
    std::vector<RunRow> all;
    for (const auto& [id, run] : desk_.rows.runs) {
      if (run.progress.state == RunState::queued) {
        all.push_back(run);
      }
    }
    return all;
  }

  // From when on it would have to wait with priority 0 to be as urgent.
  static Instant seniority(const RunRow& run) {
    return run.progress.due - milliseconds(run.priority * limits::kPriorityAgeing.ms);
  }

  void look_at_choice(const std::vector<RunRow>& before) {
    const auto chosen = std::ranges::find_if(before, [&](const RunRow& run) {
      return desk_.rows.runs.at(run.id).progress.state == RunState::running;
    });
    ASSERT_NE(chosen, before.end());
    running_ = chosen->id;
    const Work& work = *names_.at(chosen->definition);
    served_[work.name] += 1;
    bool is_passed_over = false;
    for (const RunRow& run : before) {
      if (names_.at(run.definition)->handler == work.handler) {
        ASSERT_LE(seniority(*chosen).ms, seniority(run).ms)
            << work.name << " goes before " << names_.at(run.definition)->name
            << ", which has waited for " << (desk_.now - run.progress.due).ms << " ms";
      } else {
        const Span enough =
            milliseconds((kHighest - run.priority + 1) * limits::kPriorityAgeing.ms);
        is_passed_over = is_passed_over || desk_.now - run.progress.due >= enough;
      }
    }
    const std::string other = work.handler == std::string("a") ? "b" : "a";
    passed_over_[work.handler] = 0;
    passed_over_[other] = is_passed_over ? passed_over_[other] + 1 : 0;
    ASSERT_LE(passed_over_[other], 1) << "two queues take turns once both are as urgent as can be";
  }

  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  std::mt19937 random_;
  Desk desk_;
  std::map<Id, const Work*> names_;
  Id worker_, running_;
  std::int64_t incarnations_ = 0;
  std::map<std::string, int> passed_over_;  // by queue: how often in a row
  std::map<std::string, int> served_;
};

TEST(Starvation, S36_NoMixOfKillsAndRetriesKeepsALowPriorityWaitingForEver) {
  for (unsigned seed = 1; seed <= 10 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Overload overload(seed);
    overload.last(600);
    EXPECT_GT(overload.served("low"), 5);
    EXPECT_GT(overload.served("high"), 100);
  }
}

}  // namespace
}  // namespace jobflow::engine::testing
