#include "client/views.h"

#include <gtest/gtest.h>

namespace jobflow::client {
namespace {

TEST(Views, ReadARunAndSkipWhatTheyDoNotKnow) {
  const auto run = read_run(R"({"id":"12","kind":"workflow","new_field":{},
      "definition":{"id":"3","kind":"workflow","namespace":"default","name":"demo"},
      "state":"failed","version":2,"attempt":1,"handler":null,"params":{"a":1},
      "created_at":"2026-11-22T17:33:04.120Z","started_at":null,"progress":0.5,"worker":null,
      "result":null,"error":{"kind":"handler","message":"no"},"principal":"token:admin"})");
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->name, "demo");
  EXPECT_EQ(run->version, 2);
  EXPECT_EQ(run->params, R"({"a":1})");
  EXPECT_EQ(run->result, "");
  EXPECT_EQ(run->error, "no");
  EXPECT_EQ(run->created.ms % 1000, 120);
  EXPECT_FALSE(run->started.is_set());
  EXPECT_TRUE(run->is_final());
}

TEST(Views, ReadPagesEventsAndLogs) {
  const auto steps = read_steps(
      R"({"items":[{"step":"a","needs":["b"],"state":"running","run_id":null,"attempt":1}]})");
  ASSERT_TRUE(steps.ok());
  EXPECT_EQ(steps->items.at(0).needs, std::vector<std::string>{"b"});
  const auto runs = read_runs(R"({"items":[],"next_cursor":"c"})");
  EXPECT_EQ(runs->next_cursor, "c");
  const auto lines = read_log_lines(
      R"({"items":[{"attempt":1,"number":4,"time":"2026-11-22T17:33:04Z","level":"warn",
          "text":"t","fields":{"k":1}}],"next_from":5})");
  EXPECT_EQ(lines->next_from, 5);
  EXPECT_EQ(lines->items.at(0).fields, R"({"k":1})");
  const auto change = read_event(
      R"({"type":"run.changed","time":"2026-11-22T17:33:04Z","data":{"run_id":"9","parent_id":"8",
          "step":"a","state":"succeeded","attempt":2,"version":1,"detail":"why"}})");
  EXPECT_EQ(change->run.parent_id, "8");
  EXPECT_EQ(change->run.error, "why");
  const auto snapshot = read_event(
      R"({"type":"snapshot","data":{"run":{"id":"8","state":"running"},"steps":[{"step":"a"}]}})");
  EXPECT_EQ(snapshot->run.id, "8");
  EXPECT_EQ(snapshot->steps.size(), 1U);
}

TEST(Views, SayWhenTheAnswerIsNoneOfOurs) {
  EXPECT_EQ(read_run("<html>").problem().code, ProblemCode::incompatible);
  EXPECT_EQ(read_runs("{}").problem().code, ProblemCode::incompatible);
}

}  // namespace
}  // namespace jobflow::client
