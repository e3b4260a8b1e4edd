#include "worker/log_spool.h"

#include "model/limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace jobflow::worker {
namespace {

LogLine line(std::string text) {
  return {Instant{1}, LogLevel::info, std::move(text), {}};
}

std::vector<std::string> texts(const v1::WorkerMessage& message) {
  std::vector<std::string> all;
  for (const v1::LogChunk& chunk : message.logs()) {
    for (const v1::LogLine& each : chunk.lines()) {
      all.push_back(each.text());
    }
  }
  return all;
}

std::vector<std::string> take_all(LogSpool& spool) {
  std::vector<std::string> all;
  while (true) {
    v1::WorkerMessage message;
    if (spool.take(message, 1'000'000) == 0) {
      return all;
    }
    for (std::string& text : texts(message)) {
      all.push_back(std::move(text));
    }
  }
}

TEST(LogSpool, LinesStayUntilAcknowledged) {  // S7.3
  LogSpool spool(100'000, 100'000);
  RunSpool* run = spool.open(Id{1}, 2);
  EXPECT_TRUE(spool.append(run, line("a")));
  EXPECT_TRUE(spool.append(run, line("b")));
  EXPECT_EQ(take_all(spool), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(take_all(spool).empty());  // once on a link
  spool.acknowledge(Id{1}, 2, 1);
  spool.rewind();  // another link
  v1::WorkerMessage message;
  spool.take(message, 1'000'000);
  EXPECT_EQ(texts(message), (std::vector<std::string>{"b"}));
  EXPECT_EQ(message.logs(0).offset(), 1);
  EXPECT_EQ(message.logs(0).attempt(), 2U);
  EXPECT_FALSE(spool.empty());
  spool.close(run);
  spool.acknowledge(Id{1}, 2, 2);
  spool.acknowledge(Id{1}, 2, 2);  // late and twice is harmless
  EXPECT_TRUE(spool.empty());
}

TEST(LogSpool, AnAcknowledgementOfWhatNeverLeftIsNotBelieved) {
  LogSpool spool(100'000, 100'000);
  RunSpool* run = spool.open(Id{1}, 1);
  spool.append(run, line("a"));
  spool.acknowledge(Id{1}, 1, 100);
  EXPECT_EQ(take_all(spool).size(), 1U);
}

TEST(LogSpool, OneAttemptsFloodLeavesRoomForOthers) {
  LogSpool spool(10'000'000, 10'000'000);
  RunSpool* loud = spool.open(Id{1}, 1);
  for (int i = 0; i < 10'000; ++i) {
    spool.append(loud, line(std::string(100, 'x')));
  }
  spool.append(spool.open(Id{2}, 1), line("quiet"));
  v1::WorkerMessage message;
  spool.take(message, 100'000);
  EXPECT_EQ(texts(message).back(), "quiet");
}

TEST(LogSpool, WhatDoesNotFitIsCountedWhereItIsMissing) {  // S10.2
  LogSpool spool(1000, 1000);
  RunSpool* run = spool.open(Id{1}, 1);
  for (int i = 0; i < 100; ++i) {
    spool.append(run, line(std::to_string(i)));
  }
  const std::size_t kept = take_all(spool).size();
  EXPECT_LT(kept, 100U);
  spool.acknowledge(Id{1}, 1, static_cast<std::int64_t>(kept));
  spool.append(run, line("after"));
  v1::WorkerMessage message;
  spool.take(message, 1'000'000);
  EXPECT_EQ(message.logs(0).lines(0).dropped(), 100 - kept);
  const auto lines = texts(message);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].find("[jobflow: " + std::to_string(100 - kept) + " lines dropped"), 0U);
  EXPECT_EQ(lines[1], "after");
}

// The marker is a line like others: it has its number, and goes over to the next server with it.
TEST(LogSpool, WhatWasDroppedIsSaidOnceWhicheverServerTakesIt) {  // S7.3, S10.2
  LogSpool spool(1000, 1000);
  RunSpool* run = spool.open(Id{1}, 1);
  std::int64_t written = 0;
  const auto flood = [&] {
    for (int i = 0; i < 100; ++i) {
      spool.append(run, line(std::to_string(written++)));
    }
  };
  std::map<std::int64_t, std::string> stored;  // what one or another server took, by number
  std::map<std::int64_t, std::uint64_t> dropped;
  const auto take = [&] {
    v1::WorkerMessage message;
    spool.take(message, 1'000'000);
    std::int64_t end = 0;
    for (const v1::LogChunk& chunk : message.logs()) {
      end = chunk.offset();
      for (const v1::LogLine& each : chunk.lines()) {
        const auto [at, is_new] = stored.try_emplace(end, each.text());
        EXPECT_TRUE(is_new || at->second == each.text()) << "number " << end;
        dropped[end++] = each.dropped();
      }
    }
    return end;
  };

  flood();
  const std::int64_t kept = take();
  spool.rewind();  // the acknowledgement went down with the link
  flood();         // nobody takes anything, and these are left out too
  EXPECT_EQ(take(), kept) << "the same lines again, and nothing is said before its place";
  spool.acknowledge(Id{1}, 1, kept);
  spool.append(run, line("after"));
  const std::int64_t end = take();
  EXPECT_EQ(end, kept + 2);
  spool.rewind();  // the marker, too, is sent to another server when nobody answered for it
  EXPECT_EQ(take(), end);
  spool.acknowledge(Id{1}, 1, end);
  spool.close(run);
  EXPECT_TRUE(spool.empty());

  const auto left_out = static_cast<std::uint64_t>(written - kept);
  EXPECT_EQ(dropped.at(kept), left_out);
  EXPECT_EQ(stored.at(kept).find("[jobflow: " + std::to_string(left_out) + " lines dropped"), 0U);
  EXPECT_EQ(stored.at(kept + 1), "after");
  EXPECT_EQ(std::count_if(dropped.begin(), dropped.end(),
                          [](const auto& each) { return each.second > 0; }),
            1);
}

TEST(LogSpool, AnAttemptHasALimitAndSaysSo) {  // limits::kLogRunBytes
  LogSpool spool(1'000'000'000, 1'000'000'000);
  RunSpool* run = spool.open(Id{1}, 1);
  const std::string text(limits::kLogLineBytes, 'x');
  const std::size_t fitting = limits::kLogRunBytes / limits::kLogLineBytes;
  std::vector<std::string> said;
  const auto drain = [&] {
    for (std::string& taken : take_all(spool)) {
      said.push_back(taken.substr(0, 80));
    }
    spool.acknowledge(Id{1}, 1, static_cast<std::int64_t>(said.size()));
  };
  for (std::size_t i = 0; i < fitting + 3; ++i) {
    spool.append(run, line(text));
    if (i % 256 == 0) {
      drain();
    }
  }
  spool.close(run);
  drain();
  ASSERT_EQ(said.size(), fitting + 2);
  EXPECT_EQ(said[fitting],
            "[jobflow: the log limit of 64 MiB is reached: what follows is dropped]");
  EXPECT_EQ(said[fitting + 1], "[jobflow: 3 lines dropped at the log limit]");
  EXPECT_TRUE(spool.empty());
}

}  // namespace
}  // namespace jobflow::worker
