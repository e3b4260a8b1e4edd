#include "cli/follow_view.h"

#include "cli/text_width.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace jobflow::cli {
namespace {

constexpr Instant kStart{1'795'368'784'000};  // 2026-11-22T17:33:04Z

client::EventView change(const std::string& step,
                         const std::string& state,
                         Instant at,
                         int attempt = 1,
                         const std::string& why = "") {
  client::EventView event;
  event.type = "run.changed";
  event.time = at;
  event.run.id = step.empty() ? "100" : "10" + step;
  event.run.parent_id = step.empty() ? "" : "100";
  event.run.step = step;
  event.run.state = state;
  event.run.attempt = attempt;
  event.run.error = why;
  return event;
}

FollowView started(const std::vector<std::string>& steps) {
  FollowView view;
  std::vector<client::StepView> views;
  for (const std::string& step : steps) {
    views.push_back({.step = step, .state = "pending"});
  }
  view.take_snapshot({.id = "100",
                      .kind = "workflow",
                      .name = "demo",
                      .state = "running",
                      .created = kStart,
                      .started = kStart},
                     std::move(views));
  return view;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

TEST(FollowView, ShowsStepsMoving) {
  FollowView view = started({"split", "sizes", "join"});
  view.take_event(change("split", "running", kStart));
  view.take_event(change("split", "succeeded", kStart + milliseconds(210)));
  view.take_event(change("sizes", "running", kStart + milliseconds(210)));
  view.take_event(change("sizes", "scheduled", kStart + milliseconds(400), 1, "exit code 1\nmore"));
  view.take_event(change("sizes", "running", kStart + milliseconds(500), 2));
  view.take_event(change("other", "running", kStart));  // joins: a step of a newer version
  EXPECT_EQ(joined(view.picture(kStart + milliseconds(1500), 80, 24, {})),
            "● demo  run 100  running\n"
            "  ✓ split  succeeded    0.21 s\n"
            "  ● sizes  running       1.0 s  attempt 2\n"
            "  · join   pending            \n"
            "  ● other  running       1.5 s\n"
            "  ━━━━━━━━━━━━━━━━━━━━━━━━  1/4 steps  1.5 s\n");
}

TEST(FollowView, TellsWhoDoesWhat) {
  FollowView view;
  view.take_snapshot({.id = "100", .kind = "workflow", .name = "demo", .state = "running"},
                     {{.step = "a", .handler = "packages.sizes", .state = "queued"}});
  view.take_event(change("a", "running", kStart, 2, "machine"));
  EXPECT_EQ(view.picture(kStart + seconds(1), 80, 24, {}).at(1),
            "  ● a  running       1.0 s  attempt 2  packages.sizes on machine");
}

TEST(FollowView, EndsWithTheReasonOfAFailure) {
  FollowView view = started({"a", "b"});
  view.take_event(change("a", "running", kStart));
  view.take_event(change("a", "failed", kStart + seconds(2), 1, "no such file"));
  view.take_event(change("b", "skipped", kStart + seconds(2), 0, "a failed"));
  view.take_event(change("", "failed", kStart + seconds(2), 0, "step a failed"));
  EXPECT_TRUE(view.ended());
  EXPECT_EQ(joined(view.picture(kStart + seconds(9), 60, 24, {.unicode = false})),
            "x demo  run 100  failed\n"
            "  step a failed\n"
            "  x a  failed        2.0 s  no such file\n"
            "  - b  skipped              a failed\n"
            "  ########################  2/2 steps  2.0 s\n");
  EXPECT_EQ(view.summary(kStart + seconds(9)), "run 100 of demo: failed, 2 of 2 steps done, 2.0 s");
}

TEST(FollowView, WithLittleRoomWhatMovesComesFirst) {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) {
    names.push_back(fmt::format("s{:02}", i));
  }
  FollowView view = started(names);
  view.take_event(change("s10", "succeeded", kStart));
  view.take_event(change("s50", "running", kStart));
  view.take_event(change("s90", "failed", kStart, 1, "a long reason that has no room at all here"));
  const auto lines = view.picture(kStart + seconds(1), 40, 6, {});
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_NE(joined(lines).find("s50"), std::string::npos);
  EXPECT_NE(joined(lines).find("s90"), std::string::npos);
  EXPECT_NE(joined(lines).find("… 97 more"), std::string::npos);
  for (const std::string& line : lines) {
    EXPECT_LE(text_width(line), 40U) << line;
  }
}

TEST(FollowView, WithoutATerminalEachChangeIsALine) {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  FollowView view = started({"split", "join"});
  EXPECT_TRUE(view.take_news({}).empty());
  view.take_event(change("split", "queued", kStart, 0));
  view.take_event(change("split", "running", kStart, 1, "worker-1"));
  view.take_event(change("split", "running", kStart, 1, "worker-1"));  // progress is no news
  view.take_event(change("split", "succeeded", kStart + milliseconds(210), 2));
  view.take_event(change("", "succeeded", kStart + seconds(1)));
  EXPECT_EQ(joined(view.take_news({})),
            "17:33:04.000  ● split  running\n"
            "17:33:04.210  ✓ split  succeeded  0.21 s  attempt 2\n"
            "17:33:05.000  ✓ run    succeeded\n");
  EXPECT_TRUE(view.take_news({}).empty());
}

TEST(FollowView, ASecondSnapshotTellsWhatWasMissed) {
  FollowView view = started({"a"});
  view.take_event(change("a", "running", kStart));
  view.take_news({});
  view.take_snapshot({.id = "100", .state = "running"},
                     {{.step = "a", .state = "succeeded", .started = kStart, .ended = kStart}});
  EXPECT_EQ(view.take_news({}).size(), 1U);
}

TEST(FollowView, IgnoresEventsOfOtherRuns) {
  FollowView view = started({"a"});
  client::EventView stranger = change("a", "failed", kStart);
  stranger.run.parent_id = "999";
  view.take_event(stranger);
  EXPECT_EQ(view.steps()[0].state, "pending");
}

}  // namespace
}  // namespace jobflow::cli
