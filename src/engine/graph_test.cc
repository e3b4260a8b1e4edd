#include "engine/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace jobflow::engine {
namespace {

// Steps "a", "b", ... by what each needs: {{}, {0}} is a chain of two.
WorkflowSpec spec_of(const std::vector<std::vector<int>>& needs) {
  WorkflowSpec spec;
  for (std::size_t i = 0; i < needs.size(); ++i) {
    spec.steps.push_back({.id = std::string(1, static_cast<char>('a' + i)),
                          .needs = needs[i],
                          .dependants = {},
                          .task = {}});
  }
  for (std::size_t i = 0; i < needs.size(); ++i) {
    for (const int need : needs[i]) {
      spec.steps[static_cast<std::size_t>(need)].dependants.push_back(static_cast<int>(i));
    }
  }
  return spec;
}

RunRow row_of(const WorkflowSpec& spec, int step, Id run, RunState state, int version = 1) {
  RunRow row{.id = run, .kind = RunKind::step, .parent = {1}};
  row.step = spec.steps[static_cast<std::size_t>(step)].id;
  row.progress.state = state;
  row.progress.version = version;
  if (is_final(state)) {
    row.progress.ended = {run.value};
  }
  return row;
}

TEST(Graph, AStepStartsWhenAllItsNeedsSucceeded) {  // S8.5
  const auto spec = spec_of({{}, {}, {0, 1}});
  Graph graph(spec);
  EXPECT_EQ(graph.next_decidable(), 0);
  graph.start(0, {10});
  EXPECT_EQ(graph.next_decidable(), 1);
  graph.start(1, {11});
  EXPECT_EQ(graph.next_decidable(), -1);
  graph.succeed(1, {11}, "");
  EXPECT_EQ(graph.next_decidable(), -1);
  graph.succeed(0, {10}, "{\"x\":1}");
  EXPECT_EQ(graph.next_decidable(), 2);
  EXPECT_FALSE(graph.must_skip(2));
  ASSERT_NE(graph.output(0), nullptr);
  EXPECT_EQ(*graph.output(0), "{\"x\":1}");
  EXPECT_EQ(*graph.output(1), "null") << "a step without a result gives null";
  EXPECT_EQ(graph.output(2), nullptr);
  graph.start(2, {12});
  EXPECT_FALSE(graph.over());
  graph.succeed(2, {12}, "");
  EXPECT_TRUE(graph.over());
  EXPECT_FALSE(graph.failed());
}

TEST(Graph, AFailureSkipsWhatNeedsItAtOnce) {  // S8.5
  const auto spec = spec_of({{}, {}, {0, 1}, {2}});
  Graph graph(spec);
  graph.start(0, {10});
  graph.start(1, {11});
  graph.fail(0, row_of(spec, 0, {10}, RunState::failed));
  EXPECT_EQ(graph.next_decidable(), 2) << "although b still runs";
  EXPECT_TRUE(graph.must_skip(2));
  graph.fail(2, row_of(spec, 2, {12}, RunState::skipped));
  EXPECT_TRUE(graph.must_skip(3));
  graph.fail(3, row_of(spec, 3, {13}, RunState::skipped));
  EXPECT_FALSE(graph.over());
  graph.fail(1, row_of(spec, 1, {11}, RunState::timed_out));
  EXPECT_TRUE(graph.over());
  EXPECT_EQ(graph.first_failure(), "step 'a' failed");
}

// What failed first is a fact of the rows: by when it ended, whatever came to be known first.
TEST(Graph, TheFirstFailureIsTheOneThatEndedFirst) {
  const auto spec = spec_of({{}, {}});
  Graph graph(spec);
  graph.start(0, {11});
  graph.start(1, {10});
  graph.fail(0, row_of(spec, 0, {11}, RunState::failed));
  graph.fail(1, row_of(spec, 1, {10}, RunState::expired));
  EXPECT_EQ(graph.first_failure(), "step 'b' expired");
}

TEST(Graph, ARetryReplacesWhatFailedAndAllBelowIt) {  // S8.6
  const auto spec = spec_of({{}, {0}, {0}, {1, 2}});
  Graph graph(spec);
  graph.start(0, {10});
  graph.succeed(0, {10}, "1");
  graph.start(1, {11});
  graph.start(2, {12});
  graph.fail(1, row_of(spec, 1, {11}, RunState::failed));
  graph.fail(3, row_of(spec, 3, {13}, RunState::skipped));
  int live_step = -1;
  EXPECT_EQ(graph.replaced_by_retry({}, live_step), (std::vector<int>{1, 3}));
  EXPECT_EQ(live_step, -1) << "c is carried";
  EXPECT_EQ(graph.replaced_by_retry({0}, live_step), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(live_step, 2);
  graph.reopen({1, 3});
  EXPECT_EQ(graph.next_decidable(), 1);
  EXPECT_FALSE(graph.failed());
  EXPECT_EQ(graph.first_failure(), "");
}

// A row of before its step's last replacement counts for nothing; a carried one counts on.
TEST(Graph, IsReadFromRowsOfSeveralVersions) {
  const auto spec = spec_of({{}, {0}, {0}});
  const std::string versions = add_version(add_version("", 2, {"b"}), 3, {"b", "c"});
  const std::vector<RunRow> rows{
      row_of(spec, 0, {10}, RunState::succeeded), row_of(spec, 1, {11}, RunState::failed),
      row_of(spec, 2, {12}, RunState::succeeded), row_of(spec, 1, {13}, RunState::failed, 2),
      row_of(spec, 2, {14}, RunState::running, 3)};
  const Graph graph(spec, rows, versions);
  EXPECT_EQ(graph.standing(0), StepStanding::succeeded);
  EXPECT_EQ(graph.standing(1), StepStanding::open);
  EXPECT_EQ(graph.standing(2), StepStanding::live);
  EXPECT_EQ(graph.run_of(2), Id{14});
  EXPECT_EQ(graph.next_decidable(), 1);
  EXPECT_FALSE(graph.failed());
}

// A random graph with random ends and retries, and the rows it leaves.
class Story {
 public:
  explicit Story(unsigned seed) : random_(seed), spec_(spec_of(random_needs())), graph_(spec_) {}

  void go_on() {
    std::vector<int> live;
    for (int step = 0; step < steps(); ++step) {
      if (graph_.standing(step) == StepStanding::live) {
        live.push_back(step);
      }
    }
    const int next = graph_.next_decidable();
    if (next >= 0 && below(3) > 0) {
      decide(next);
    } else if (!live.empty() && below(3) > 0) {
      end(live[below(live.size())]);
    } else if (below(4) == 0) {
      retry();
    }
  }

  void expect_the_rows_tell_the_same() const {
    const Graph read(spec_, rows_, versions_);
    const auto output = [](const Graph& graph, int step) {
      return graph.output(step) == nullptr ? "none" : *graph.output(step);
    };
    for (int step = 0; step < steps(); ++step) {
      ASSERT_EQ(graph_.standing(step), read.standing(step)) << step;
      ASSERT_EQ(output(graph_, step), output(read, step)) << step;
      if (graph_.standing(step) != StepStanding::open) {
        ASSERT_EQ(graph_.run_of(step), read.run_of(step)) << step;
      }
    }
    ASSERT_EQ(graph_.next_decidable(), read.next_decidable());
    ASSERT_EQ(graph_.live(), read.live());
    ASSERT_EQ(graph_.over(), read.over());
    ASSERT_EQ(graph_.failed(), read.failed());
    ASSERT_EQ(graph_.first_failure(), read.first_failure());
  }

 private:
  std::size_t below(std::size_t count) { return random_() % count; }
  int steps() const { return static_cast<int>(spec_.steps.size()); }

  std::vector<std::vector<int>> random_needs() {
    std::vector<std::vector<int>> needs(2 + below(10));
    for (std::size_t i = 1; i < needs.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (below(3) == 0) {
          needs[i].push_back(static_cast<int>(j));
        }
      }
    }
    return needs;
  }

  void decide(int step) {
    const bool skip = graph_.must_skip(step);
    rows_.push_back(
        row_of(spec_, step, {++id_}, skip ? RunState::skipped : RunState::running, version_));
    skip ? graph_.fail(step, rows_.back()) : graph_.start(step, {id_});
  }

  void end(int step) {
    auto& row = *std::find_if(rows_.begin(), rows_.end(),
                              [&](const RunRow& one) { return one.id == graph_.run_of(step); });
    const bool fails = below(3) == 0;
    row.progress.state = fails ? RunState::failed : RunState::succeeded;
    row.progress.ended = {++id_};
    row.progress.result = std::to_string(id_);
    fails ? graph_.fail(step, row) : graph_.succeed(step, row.id, row.progress.result);
  }

  void retry() {
    std::vector<int> from;
    if (below(2) == 0) {
      from.push_back(static_cast<int>(below(spec_.steps.size())));
    }
    int live_step = -1;
    const auto replaced = graph_.replaced_by_retry(from, live_step);
    if (live_step >= 0 || replaced.empty()) {
      return;
    }
    std::vector<std::string> names;
    for (const int step : replaced) {
      names.push_back(spec_.steps[static_cast<std::size_t>(step)].id);
    }
    versions_ = add_version(versions_, ++version_, names);
    graph_.reopen(replaced);
  }

  std::mt19937 random_;
  WorkflowSpec spec_;
  Graph graph_;
  std::vector<RunRow> rows_;
  std::string versions_;
  int version_ = 1;
  std::int64_t id_ = 10;
};

// However a graph runs and is retried, the one that is read from the rows says the same.
TEST(Graph, TheRowsTellEverything) {
  for (unsigned seed = 1; seed <= 300 && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Story story(seed);
    for (int turn = 0; turn < 60; ++turn) {
      story.go_on();
      story.expect_the_rows_tell_the_same();
    }
  }
}

}  // namespace
}  // namespace jobflow::engine
