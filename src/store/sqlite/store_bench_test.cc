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
#include <string>
#include <utility>
#include <vector>

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

// A history: 1,000 jobs, one of them with a tenth of all runs; every 50th run failed; one workflow
// run of 100 steps among every 1,000 runs; 2,000 runs are live.
void fill_history(Store& store, int runs, std::vector<Id>& workflows) {
  Writer writer(store);
  std::vector<Change> changes;
  std::int64_t now = 1'600'000'000'000;
  for (int i = 0; i < runs; ++i) {
    const auto job = i % 10 == 0 ? 0 : i * 7919LL % 1000;
    const auto shard = static_cast<ShardNumber>(job % 64);
    const Id definition{(job + 1) << 22 | shard << 12};
    now += i % 4 == 0 ? 1 : 0;
    const RunState state = i >= runs - 2'000 ? RunState::queued
                           : i % 50 == 0     ? RunState::failed
                                             : RunState::succeeded;
    RunRow row = job_run(writer.new_id(shard, {now}), definition, state);
    if (i % 1'000 == 0) {
      row = testing::workflow_run(row.id, definition, RunState::succeeded);
      workflows.push_back(row.id);
    }
    changes.push_back(InsertRun{row});
    for (int step = 0; i % 1'000 == 0 && step < 100; ++step) {
      changes.push_back(InsertRun{
          testing::step_run(writer.new_id(shard, {now}), row, "step", RunState::succeeded)});
    }
    if (changes.size() >= 4'000 || i + 1 == runs) {
      ASSERT_EQ(writer.commit(std::exchange(changes, {})).result, CommitResult::landed);
    }
  }
}

TEST(StoreBench, DISABLED_Lists) {
  const char* wanted = std::getenv("JOBFLOW_BENCH_RUNS");
  const int runs = wanted == nullptr ? 1'000'000 : std::atoi(wanted);
  const testing::TemporaryFolder folder;
  std::vector<Id> workflows;
  {
    auto filling = open_sqlite_store(folder.file("bench.db"), {.durability = Durability::os});
    const auto began = Clock::now();
    fill_history(**filling, runs, workflows);
    std::printf("filled %d runs in %.1f s\n", runs, seconds_since(began));
  }
  auto store = open_sqlite_store(folder.file("bench.db"));
  std::printf("file %.0f MB\n",
              static_cast<double>(std::filesystem::file_size(folder.file("bench.db"))) / 1e6);
  testing::Desk desk(**store);
  const Id hot{1LL << 22};
  const Id cold{(502LL << 22) | (501 % 64) << 12};
  const Id middle = workflows[workflows.size() / 2];
  const auto list = [&](const char* what, const RunFilter& filter) {
    Timed timed;
    std::size_t found = 0;
    for (int i = 0; i < 50; ++i) {
      const auto began = Clock::now();
      found = desk.list_runs(filter).size();
      timed.commits_ms.push_back(seconds_since(began) * 1000);
    }
    const double first = timed.commits_ms.front();
    std::ranges::sort(timed.commits_ms);
    std::printf("%-36s %3zu rows  first %.2f p50 %.2f max %.2f ms\n", what, found, first,
                timed.commits_ms[25], timed.commits_ms.back());
  };
  list("newest", {});
  list("from the middle", {.before = middle});
  list("from the middle, with steps", {.with_steps = true, .before = middle});
  list("of a hot job", {.definition = hot});
  list("of a hot job, from the middle", {.definition = hot, .before = middle});
  list("of a cold job", {.definition = cold});
  list("failed", {.states = {RunState::failed}});
  list("failed, from the middle", {.states = {RunState::failed}, .before = middle});
  list("failed of a cold job", {.definition = cold, .states = {RunState::failed}});
  list("queued", {.states = {RunState::queued}});
  list("running (none)", {.states = {RunState::running}});
  list("queued or running of a job",
       {.definition = cold, .states = {RunState::queued, RunState::running}});
  list("succeeded", {.states = {RunState::succeeded}});
  list("steps of a run", {.parent = middle, .limit = 100});
  const auto began = Clock::now();
  std::size_t live = 0;
  for (ShardNumber shard = 0; shard < 64; ++shard) {
    live += desk.load_shard(1, shard).live_runs.size();
  }
  std::printf("64 shards loaded, %zu live runs: %.1f ms\n", live, seconds_since(began) * 1000);
}

std::string resident() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS")) {
      return line;
    }
  }
  return {};
}

TEST(StoreBench, DISABLED_IdleMemory) {
  const testing::TemporaryFolder folder;
  std::printf("before: %s\n", resident().c_str());
  const auto began = Clock::now();
  auto store = open_sqlite_store(folder.file("jobflow.db"));
  auto logs = open_sqlite_log_store(folder.file("logs.db"));
  std::printf("new files: %.1f ms\n", seconds_since(began) * 1000);
  store->reset();
  logs->reset();
  const auto again = Clock::now();
  store = open_sqlite_store(folder.file("jobflow.db"));
  logs = open_sqlite_log_store(folder.file("logs.db"));
  const double opened = seconds_since(again);
  testing::Desk desk(**store);
  const Ticket ticket = desk.join({"solo"});
  for (ShardNumber shard = 0; shard < 64; ++shard) {
    desk.load_shard(ticket.member, shard);
  }
  std::printf("opened again: %.1f ms, joined and loaded: %.1f ms\nidle:   %s\n", opened * 1000,
              seconds_since(again) * 1000, resident().c_str());
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
