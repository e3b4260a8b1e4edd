// The exam of log stores (S10.1, S10.2).
#include "model/limits.h"
#include "store/testing/store_conformance.h"

#include <gmock/gmock.h>

namespace jobflow::store::testing {

Outcome<Done> LogStoreConformance::append(std::vector<LogChunk> chunks) {
  return await<Outcome<Done>>([&](auto done) { logs->append(std::move(chunks), done); });
}

std::vector<StoredLine> LogStoreConformance::read(LogQuery query) {
  auto lines = await<Outcome<std::vector<StoredLine>>>([&](auto done) { logs->read(query, done); });
  EXPECT_TRUE(lines);
  return lines ? *lines : std::vector<StoredLine>();
}

namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Lines "<prefix>0", "<prefix>1" ... ; each fourth is an error.
LogChunk chunk_of(Id run, int attempt, std::int64_t offset, int lines) {
  LogChunk chunk{.run = run, .attempt = attempt, .offset = offset};
  for (std::int64_t i = offset; i < offset + lines; ++i) {
    chunk.lines.push_back({.time = {1'700'000'000'000 - i},
                           .level = i % 4 == 3 ? LogLevel::error : LogLevel::info,
                           .text = std::to_string(attempt) + "." + std::to_string(i)});
  }
  return chunk;
}

std::vector<std::string> texts(const std::vector<StoredLine>& lines) {
  std::vector<std::string> found;
  for (const StoredLine& each : lines) {
    EXPECT_EQ(each.line.text, std::to_string(each.attempt) + "." + std::to_string(each.number));
    found.push_back(each.line.text);
  }
  return found;
}

TEST_P(LogStoreConformance, EveryFieldComesBack) {
  LogChunk chunk{.run = {5}, .attempt = 2, .offset = 7};
  chunk.lines = {{{1'000}, LogLevel::debug, "", ""},
                 {{999}, LogLevel::warn, std::string("a\0b\n\xff", 5), R"({"k":1})"},
                 {kNever, LogLevel::error, std::string(limits::kLogLineBytes, 'x'), ""}};
  ASSERT_TRUE(append({chunk}));
  const auto lines = read({.run = {5}});
  ASSERT_EQ(lines.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(lines[i].attempt, 2);
    EXPECT_EQ(lines[i].number, 7 + static_cast<std::int64_t>(i));
    EXPECT_EQ(lines[i].line.time, chunk.lines[i].time);
    EXPECT_EQ(lines[i].line.level, chunk.lines[i].level);
    EXPECT_EQ(lines[i].line.text, chunk.lines[i].text);
    EXPECT_EQ(lines[i].line.fields, chunk.lines[i].fields);
  }
  EXPECT_THAT(read({.run = {6}}), IsEmpty());
}

TEST_P(LogStoreConformance, S73_TheSameChunkAgainChangesNothing) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(append({chunk_of({5}, 1, 0, 2), chunk_of({5}, 1, 2, 1)}));
  }
  EXPECT_THAT(texts(read({.run = {5}})), ElementsAre("1.0", "1.1", "1.2"));
}

TEST_P(LogStoreConformance, OverlappingChunksHoldEachLineOnce) {
  ASSERT_TRUE(append({chunk_of({5}, 1, 0, 4), chunk_of({5}, 1, 2, 4), chunk_of({5}, 1, 3, 1)}));
  ASSERT_TRUE(append({chunk_of({5}, 1, 5, 1), chunk_of({5}, 1, 5, 3)}));
  EXPECT_THAT(texts(read({.run = {5}})),
              ElementsAre("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7"));
  EXPECT_THAT(texts(read({.run = {5}, .attempt = 1, .from = 3, .limit = 3})),
              ElementsAre("1.3", "1.4", "1.5"));
}

TEST_P(LogStoreConformance, LinesArePagedWithinAnAttemptAndOverAll) {
  ASSERT_TRUE(append({chunk_of({5}, 2, 0, 2), chunk_of({5}, 1, 2, 2), chunk_of({5}, 1, 0, 2),
                      chunk_of({6}, 1, 0, 9)}));
  EXPECT_THAT(texts(read({.run = {5}, .limit = 3})), ElementsAre("1.0", "1.1", "1.2"));
  EXPECT_THAT(texts(read({.run = {5}, .from = 3, .limit = 3})), ElementsAre("1.3", "2.0", "2.1"));
  EXPECT_THAT(texts(read({.run = {5}, .from = 5})), ElementsAre("2.1"));
  EXPECT_THAT(texts(read({.run = {5}, .attempt = 1, .from = 1, .limit = 2})),
              ElementsAre("1.1", "1.2"));
  EXPECT_THAT(texts(read({.run = {5}, .attempt = 2})), ElementsAre("2.0", "2.1"));
  EXPECT_THAT(read({.run = {5}, .attempt = 3}), IsEmpty());
}

TEST_P(LogStoreConformance, S101_LinesAreFoundByLevel) {
  ASSERT_TRUE(append({chunk_of({5}, 1, 0, 3), chunk_of({5}, 1, 3, 6), chunk_of({5}, 2, 0, 4)}));
  EXPECT_THAT(texts(read({.run = {5}, .min_level = LogLevel::warn})),
              ElementsAre("1.3", "1.7", "2.3"));
  EXPECT_THAT(texts(read({.run = {5}, .from = 1, .limit = 1, .min_level = LogLevel::error})),
              ElementsAre("1.7"));
  EXPECT_THAT(texts(read({.run = {5}, .attempt = 1, .from = 4, .min_level = LogLevel::error})),
              ElementsAre("1.7"));
}

TEST_P(LogStoreConformance, S101_LinesAreFoundByText) {
  LogChunk chunk{.run = {5}, .attempt = 1, .offset = 0};
  chunk.lines = {{{1}, LogLevel::info, "Disk FULL", ""},
                 {{2}, LogLevel::info, "all is well", ""},
                 {{3}, LogLevel::error, "disk full", ""},
                 {{4}, LogLevel::info, "", R"({"why":"disk Full"})"},
                 {{5}, LogLevel::info, "\xc3\x84 disk", ""},
                 {{6}, LogLevel::warn, "disk ful", ""}};
  ASSERT_TRUE(append({chunk, {.run = {5}, .attempt = 2, .offset = 0, .lines = chunk.lines}}));
  const auto numbers = [&](const LogQuery& query) {
    std::vector<std::int64_t> found;
    for (const StoredLine& line : read(query)) {
      found.push_back(line.attempt * 10 + line.number);
    }
    return found;
  };
  EXPECT_THAT(numbers({.run = {5}, .text = "disk full"}), ElementsAre(10, 12, 13, 20, 22, 23));
  EXPECT_THAT(numbers({.run = {5}, .min_level = LogLevel::warn, .text = "K fUL"}),
              ElementsAre(12, 15, 22, 25));
  EXPECT_THAT(numbers({.run = {5}, .text = "\xc3\x84 D"}), ElementsAre(14, 24));
  EXPECT_THAT(numbers({.run = {5}, .text = "absent"}), IsEmpty());
  // Pages go on where the one before ended, over all attempts and within one.
  EXPECT_THAT(numbers({.run = {5}, .from = 2, .limit = 2, .text = "disk full"}),
              ElementsAre(13, 20));
  EXPECT_THAT(numbers({.run = {5}, .attempt = 2, .from = 1, .limit = 1, .text = "disk full"}),
              ElementsAre(22));
}

TEST_P(LogStoreConformance, LongChunksArePagedToo) {
  ASSERT_TRUE(append({chunk_of({5}, 1, 0, 2'500), chunk_of({5}, 1, 2'500, 700)}));
  ASSERT_TRUE(append({chunk_of({5}, 1, 0, 2'500)}));
  const auto page = read({.run = {5}, .attempt = 1, .from = 1'999, .limit = 1'200});
  EXPECT_EQ(page.size(), 1'200U);
  EXPECT_EQ(texts(page).front(), "1.1999");
  EXPECT_EQ(texts(page).back(), "1.3198");
  EXPECT_EQ(read({.run = {5}, .limit = 10'000}).size(), 3'200U);
}

TEST_P(LogStoreConformance, ARefusedChunkHarmsNoOther) {
  EXPECT_EQ(append({chunk_of({}, 1, 0, 2)}).problem().code, ProblemCode::store_refused);
  ASSERT_TRUE(append({chunk_of({5}, 1, 0, 1)}));
  EXPECT_THAT(texts(read({.run = {5}})), ElementsAre("1.0"));
}

Instant at_hour(int hour) {
  return Instant{1'700'000'000'000} + hours(hour);
}

// Asks for trims as the hall does, and keeps by how much they are behind.
struct Retention {
  LogStore& logs;
  Span behind = {};

  int trim(LogTrim limits) {
    const auto went = await<Outcome<LogTrimmed>>([&](auto done) { logs.trim(limits, done); });
    EXPECT_TRUE(went);
    behind = went ? went->behind : Span{};
    return went ? went->chunks : -1;
  }
};

TEST_P(LogStoreConformance, S111_WhatIsOldGoesInSmallPieces) {
  Retention retention{*logs};
  ASSERT_TRUE(append({chunk_of({5}, 1, 0, 1), chunk_of({6}, 1, 0, 1), chunk_of({5}, 1, 1, 1)}));
  EXPECT_EQ(retention.trim({.now = at_hour(0), .kept = hours(10)}), 0);
  ASSERT_TRUE(append({chunk_of({5}, 1, 2, 1), chunk_of({7}, 1, 0, 1)}));
  EXPECT_EQ(retention.trim({.now = at_hour(5), .kept = hours(10)}), 0);
  EXPECT_EQ(retention.trim({.now = at_hour(9), .kept = hours(10)}), 0);
  EXPECT_EQ(retention.trim({.now = at_hour(12), .kept = hours(10), .chunks = 2}), 2);
  EXPECT_EQ(retention.behind, hours(2)) << "one is left that should have gone two hours ago";
  EXPECT_EQ(retention.trim({.now = at_hour(12), .kept = hours(10), .chunks = 2}), 1);
  EXPECT_EQ(retention.behind, Span{});
  EXPECT_EQ(retention.trim({.now = at_hour(12), .kept = hours(10), .chunks = 2}), 0);
  EXPECT_THAT(texts(read({.run = {5}})), ElementsAre("1.2"));
  EXPECT_THAT(read({.run = {6}}), IsEmpty());
  EXPECT_EQ(retention.trim({.now = at_hour(15), .kept = hours(10), .bytes = 1}), 1);
  EXPECT_EQ(retention.trim({.now = at_hour(15), .kept = hours(10), .bytes = 1}), 1);
  EXPECT_THAT(read({.run = {7}}), IsEmpty());
}

TEST_P(LogStoreConformance, S111_AnEmptiedStoreForgetsItsOldMarks) {
  Retention retention{*logs};
  ASSERT_TRUE(append({chunk_of({5}, 1, 0, 1), chunk_of({5}, 1, 1, 1)}));
  EXPECT_EQ(retention.trim({.now = at_hour(0), .kept = hours(10)}), 0);
  ASSERT_TRUE(append({chunk_of({5}, 1, 2, 1)}));
  EXPECT_EQ(retention.trim({.now = at_hour(1), .kept = hours(10)}), 0);
  EXPECT_EQ(retention.trim({.now = at_hour(11), .kept = hours(10), .chunks = 3}), 3);
  ASSERT_TRUE(append({chunk_of({6}, 1, 0, 1)}));
  EXPECT_EQ(retention.trim({.now = at_hour(12), .kept = hours(10)}), 0);
  EXPECT_EQ(retention.trim({.now = at_hour(21), .kept = hours(10)}), 0);
  EXPECT_THAT(texts(read({.run = {6}})), ElementsAre("1.0"));
  EXPECT_EQ(retention.trim({.now = at_hour(22), .kept = hours(10)}), 1);
}

TEST_P(LogStoreConformance, S111_AClockThatGoesBackKeepsNothingForEver) {
  Retention retention{*logs};
  ASSERT_TRUE(append({chunk_of({5}, 1, 0, 1)}));
  EXPECT_EQ(retention.trim({.now = at_hour(1000), .kept = hours(10)}), 0);
  ASSERT_TRUE(append({chunk_of({5}, 1, 1, 1)}));
  EXPECT_EQ(retention.trim({.now = at_hour(0), .kept = hours(10)}), 0);
  EXPECT_EQ(retention.trim({.now = at_hour(9), .kept = hours(10)}), 0);
  EXPECT_EQ(retention.trim({.now = at_hour(10), .kept = hours(10)}), 2);
  EXPECT_THAT(read({.run = {5}}), IsEmpty());
}

}  // namespace
}  // namespace jobflow::store::testing
