#include "model/letter.h"

#include <gtest/gtest.h>

namespace jobflow {
namespace {

TEST(Letter, EveryBodyComesBackAsItWas) {
  for (const LetterBody& body :
       {LetterBody(WatchRun{.run = {7}, .watcher = {1LL << 62}}),
        LetterBody(RunEnded{.run = {7}, .watcher = {8}, .state = RunState::timed_out}),
        LetterBody(RunEnded{.run = {7}, .watcher = {8}, .state = std::nullopt}),
        LetterBody(FollowRuns{.kind = DefinitionKind::workflow,
                              .name_space = "a",
                              .name = "b",
                              .trigger = {7},
                              .follow = {8},
                              .states = 384}),
        LetterBody(StopFollowing{.trigger = {7}, .follow = {8}}),
        LetterBody(UpstreamEnded{.trigger = {7},
                                 .follow = {8},
                                 .run = {9},
                                 .state = RunState::failed,
                                 .at = {1'767'225'600'000},
                                 .hops = 3}),
        LetterBody(AskPermit{.name_space = "a",
                             .semaphore = "db",
                             .run = {7},
                             .ask = {8},
                             .priority = -3,
                             .since = {5},
                             .held = true}),
        LetterBody(ReturnPermit{.name_space = "a", .semaphore = "db", .run = {7}, .ask = {8}}),
        LetterBody(PermitGranted{.name_space = "a", .semaphore = "db", .run = {7}, .ask = {8}}),
        LetterBody(UpstreamEnded{
            .trigger = {7}, .follow = {8}, .run = {}, .state = std::nullopt, .at = {5}})}) {
    EXPECT_EQ(decode_letter(encode_letter(body)), body) << encode_letter(body);
  }
}

// Members one version apart work together (S12.2): what a newer one wrote is passed on unharmed.
TEST(Letter, WhatCannotBeReadIsKeptAsItIs) {
  for (const char* text : {R"({"kind":"ask_permit","semaphore":"db","run":"7","ask":"8"})",
                           R"({"kind":"return_permit","semaphore":"","run":"7","ask":"8"})",
                           R"({"kind":"permit_asked","run":"7","watcher":"8"})",
                           R"({"kind":"run_ended","run":"7","watcher":"8","state":"melted"})",
                           R"({"kind":"watch_run","run":"7"})",
                           R"({"kind":"follow_runs","trigger":"7","follow":"8","name":"x"})",
                           R"({"kind":"upstream_ended","trigger":"7","follow":"8","state":""})",
                           R"({"kind":7})", "[]", "", "{"}) {
    const LetterBody body = decode_letter(text);
    EXPECT_TRUE(std::holds_alternative<UnknownLetter>(body)) << text;
    EXPECT_EQ(encode_letter(body), text);
  }
}

}  // namespace
}  // namespace jobflow
