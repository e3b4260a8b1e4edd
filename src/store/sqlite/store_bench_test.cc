// Measures, not judges: disabled by default. Run one with
//   store_test --gtest_also_run_disabled_tests --gtest_filter=StoreBench.*
// JOBFLOW_BENCH_DIR: where the files lie (default: the temporary folder).
#include "store/sqlite/sqlite_store.h"
#include "store/testing/store_desk.h"
#include "store/testing/temporary_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

namespace jobflow::store {
namespace {

using testing::await;
using testing::job_run;
using testing::progress_in;
using testing::Writer;

using Clock = std::chrono::steady_clock;

// Of all threads of this process: what the noise of other processes does not touch.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

struct Load {
  const char* name = "";
  int runs = 400'000;
  int batch = 2'000;
  int shards = 64;
  int definitions = 1;
  bool fsync = true;
  bool live = false;  // ends the runs of the batch before in the same batch that inserts new ones
};

struct Timed {
  double seconds = 0;
  double cpu = 0;
  std::vector<double> commits_ms;
};

// Sends prepared batches one after the other, as the committer does.
Timed send_all(Writer& writer, const std::vector<std::vector<Change>>& batches) {
  Timed timed;
  for (const auto& changes : batches) {
    const auto batch = writer.batch(changes);
    const auto began = Clock::now();
    const double cpu_began = cpu_seconds();
    const auto answer = writer.send(batch);
    timed.cpu += cpu_seconds() - cpu_began;
    timed.commits_ms.push_back(seconds_since(began) * 1000);
    timed.seconds += timed.commits_ms.back() / 1000;
    EXPECT_EQ(answer.result, CommitResult::landed) << answer.detail;
  }
  return timed;
}

void print(const char* what, const Load& load, std::size_t rows, Timed timed) {
  std::ranges::sort(timed.commits_ms);
  const auto at = [&](double share) {
    const auto last = static_cast<double>(timed.commits_ms.size() - 1);
    return timed.commits_ms[static_cast<std::size_t>(share * last)];
  };
  std::printf(
      "%-16s %-7s %8.0f rows/s (%.2f us CPU a row)  batch %d  commit ms p50 %.2f p99 %.2f max "
      "%.2f\n",
      load.name, what, static_cast<double>(rows) / timed.seconds,
      timed.cpu * 1e6 / static_cast<double>(rows), load.batch, at(0.5), at(0.99), at(1));
  std::fflush(stdout);
}

void measure(const Load& load) {
  const testing::TemporaryFolder folder;
  const char* elsewhere = std::getenv("JOBFLOW_BENCH_DIR");
  const std::string path = elsewhere == nullptr
                               ? folder.file("bench.db")
                               : (std::filesystem::path(elsewhere) / "bench.db").string();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::filesystem::remove(path + suffix);
  }
  auto store =
      open_sqlite_store(path, {.durability = load.fsync ? Durability::fsync : Durability::os});
  ASSERT_TRUE(store) << store.problem().detail;
  Writer writer(**store);
  std::vector<std::vector<Change>> inserts, updates;
  std::vector<Id> ids;
  std::int64_t now = 1'700'000'000'000;
  for (int i = 0; i < load.runs; ++i) {
    if (i % load.batch == 0) {
      inserts.emplace_back();
      updates.emplace_back();
      now += 5;
    }
    const auto definition_number = i * 7919LL % load.definitions;
    const auto shard = static_cast<ShardNumber>(definition_number % load.shards);
    const Id id = writer.new_id(shard, {now});
    RunRow row = job_run(id, {(definition_number + 1) << 22 | shard << 12}, RunState::running);
    inserts.back().push_back(InsertRun{row});
    row.progress = progress_in(RunState::succeeded, id);
    updates.back().push_back(UpdateRun{id, row.progress});
  }
  const auto rows = static_cast<std::size_t>(load.runs);
  if (load.live) {
    std::vector<std::vector<Change>> both;
    for (std::size_t i = 0; i <= inserts.size(); ++i) {
      both.emplace_back();
      if (i > 0) {
        std::ranges::move(updates[i - 1], std::back_inserter(both.back()));
      }
      if (i < inserts.size()) {
        std::ranges::move(inserts[i], std::back_inserter(both.back()));
      }
    }
    print("live", load, rows * 2, send_all(writer, both));
  } else {
    print("insert", load, rows, send_all(writer, inserts));
    print("update", load, rows, send_all(writer, updates));
  }
  std::printf("%-16s file %.1f MB\n", load.name,
              static_cast<double>(std::filesystem::file_size(path)) / 1e6);
}

TEST(StoreBench, DISABLED_OneJob) {
  measure({.name = "one job"});
}
TEST(StoreBench, DISABLED_OneJobWithoutFsync) {
  measure({.name = "one job, os", .fsync = false});
}
TEST(StoreBench, DISABLED_ManyJobs) {
  measure({.name = "100k jobs", .definitions = 100'000});
}
TEST(StoreBench, DISABLED_Live) {
  measure({.name = "one job", .live = true});
}
TEST(StoreBench, DISABLED_LiveManyJobs) {
  measure({.name = "100k jobs", .definitions = 100'000, .live = true});
}
TEST(StoreBench, DISABLED_SmallBatches) {
  measure({.name = "small batches", .runs = 20'000, .batch = 1});
}

TEST(StoreBench, DISABLED_LogLines) {
  const testing::TemporaryFolder folder;
  auto logs = open_sqlite_log_store(folder.file("logs.db"));
  ASSERT_TRUE(logs);
  for (const int lines : {1, 10, 100}) {
    constexpr int kLines = 400'000;
    const int chunks = kLines / lines;
    const auto began = Clock::now();
    for (int i = 0; i < chunks;) {
      std::vector<LogChunk> append;
      for (int end = i + std::max(1, 4000 / lines); i < end && i < chunks; ++i) {
        LogChunk chunk{.run = {1 + i % 50}, .attempt = lines, .offset = i / 50 * lines};
        for (int line = 0; line < lines; ++line) {
          chunk.lines.push_back({{1'700'000'000'000 + i},
                                 LogLevel::info,
                                 "an ordinary line of a job's log, about eighty bytes of it, "
                                 "not very random",
                                 {}});
        }
        append.push_back(std::move(chunk));
      }
      const auto done =
          await<Outcome<Done>>([&](auto answer) { (*logs)->append(std::move(append), answer); });
      ASSERT_TRUE(done);
    }
    std::printf("log lines, %3d a chunk: %.0f lines/s\n", lines, kLines / seconds_since(began));
  }
}

}  // namespace
}  // namespace jobflow::store
