#include "model/letter.h"

#include <gtest/gtest.h>

namespace jobflow {
namespace {

TEST(Letter, EveryBodyComesBackAsItWas) {
  for (const LetterBody& body :
       {LetterBody(WatchRun{.run = {7}, .watcher = {1LL << 62}}),
        LetterBody(RunEnded{.run = {7}, .watcher = {8}, .state = RunState::timed_out}),
        LetterBody(RunEnded{.run = {7}, .watcher = {8}, .state = std::nullopt})}) {
    EXPECT_EQ(decode_letter(encode_letter(body)), body) << encode_letter(body);
  }
}

// Members one version apart work together (S12.2): what a newer one wrote is passed on unharmed.
TEST(Letter, WhatCannotBeReadIsKeptAsItIs) {
  for (const char* text : {R"({"kind":"permit_asked","run":"7","watcher":"8"})",
                           R"({"kind":"run_ended","run":"7","watcher":"8","state":"melted"})",
                           R"({"kind":"watch_run","run":"7"})", R"({"kind":7})", "[]", "", "{"}) {
    const LetterBody body = decode_letter(text);
    EXPECT_TRUE(std::holds_alternative<UnknownLetter>(body)) << text;
    EXPECT_EQ(encode_letter(body), text);
  }
}

}  // namespace
}  // namespace jobflow
