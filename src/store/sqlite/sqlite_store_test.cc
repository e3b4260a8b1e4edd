#include "store/sqlite/sqlite_store.h"

#include "model/crash_point.h"
#include "model/schedule.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/statements.h"
#include "store/testing/store_conformance.h"
#include "store/testing/temporary_folder.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace jobflow::store {
namespace {

using testing::await;
using testing::Desk;
using testing::job_run;
using testing::progress_in;
using testing::TemporaryFolder;
using testing::Writer;

const Id kJob{42LL << 22 | 3 << 12};

std::unique_ptr<Store> open_at(const std::string& path, int shard_count = 8) {
  auto store = open_sqlite_store(path, {.shard_count = shard_count});
  EXPECT_TRUE(store) << store.problem().detail;
  return store ? std::move(*store) : nullptr;
}

Problem problem_of(const std::string& path) {
  const auto store = open_sqlite_store(path);
  EXPECT_FALSE(store) << "should have been refused";
  return store ? Problem{} : store.problem();
}

class FileHandles final : public testing::Database {
 public:
  explicit FileHandles(int shard_count) : shard_count_(shard_count) {}
  std::unique_ptr<Store> open() override {
    return open_at(folder_.file("jobflow.db"), shard_count_);
  }

 private:
  const int shard_count_;
  TemporaryFolder folder_;
};

void run_sql(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  char* error = nullptr;
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
  sqlite3_free(error);
  sqlite3_close(db);
}

// Runs `body` in a process of its own; answers its wait status.
template <class Body>
int in_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

bool was_killed(int status) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

TEST(SqliteStore, KeepsEverythingWhenItIsOpenedAgain) {
  const TemporaryFolder folder;
  std::string cluster;
  {
    const auto store = open_at(folder.file("jobflow.db"));
    cluster = store->facts().cluster_id;
    Writer writer(*store);
    ASSERT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
              CommitResult::landed);
  }
  // An existing store keeps its shards, whatever is asked (house 3.7).
  const auto store = open_at(folder.file("jobflow.db"), 16);
  EXPECT_EQ(store->facts().shard_count, 8);
  EXPECT_EQ(store->facts().cluster_id, cluster);
  EXPECT_EQ(Desk(*store).list_runs({}).size(), 1U);
  EXPECT_EQ(Desk(*store).join({"solo"}).term, 2);
}

TEST(SqliteStore, S15_SaysWhichPromiseItsSettingVoids) {
  const TemporaryFolder folder;
  EXPECT_TRUE(open_at(folder.file("a.db"))->facts().voided_promises.empty());
  const auto weak = open_sqlite_store(folder.file("b.db"), {.durability = Durability::os});
  ASSERT_TRUE(weak);
  EXPECT_EQ((*weak)->facts().voided_promises.size(), 1U);
}

TEST(SqliteStore, RefusesANewerSchemaAndSaysWhatToDo) {
  const TemporaryFolder folder;
  const auto path = folder.file("jobflow.db");
  open_at(path);
  run_sql(path, "PRAGMA user_version = 99");
  const Problem problem = problem_of(path);
  EXPECT_EQ(problem.code, ProblemCode::incompatible);
  EXPECT_NE(problem.detail.find("99"), std::string::npos) << problem.detail;
  const int newest = sqlite::newest_schema_version(sqlite::kStateSchema);
  EXPECT_NE(problem.detail.find("up to " + std::to_string(newest)), std::string::npos)
      << problem.detail;
  EXPECT_NE(problem.detail.find("newer jobflow"), std::string::npos) << problem.detail;
}

TEST(SqliteStore, RefusesOtherPeoplesFilesAndLeavesThemAlone) {
  const TemporaryFolder folder;
  const auto foreign = folder.file("foreign.db");
  run_sql(foreign, "CREATE TABLE mine (a)");
  EXPECT_EQ(problem_of(foreign).code, ProblemCode::incompatible);
  run_sql(foreign, "INSERT INTO mine VALUES (1)");
  EXPECT_FALSE(std::filesystem::exists(foreign + "-wal")) << "it was turned into a WAL database";

  const auto text = folder.file("text.db");
  std::ofstream(text) << std::string(10'000, 'x');
  const Problem problem = problem_of(text);
  EXPECT_EQ(problem.code, ProblemCode::incompatible);
  EXPECT_NE(problem.detail.find("not a SQLite database"), std::string::npos) << problem.detail;

  ASSERT_TRUE(open_sqlite_log_store(folder.file("logs.db")));
  EXPECT_EQ(problem_of(folder.file("logs.db")).code, ProblemCode::incompatible);
}

TEST(SqliteStore, NamesAFolderThatIsNotThereOrCannotBeWritten) {
  const TemporaryFolder folder;
  Problem problem = problem_of(folder.file("nowhere/jobflow.db"));
  EXPECT_EQ(problem.code, ProblemCode::unavailable);
  EXPECT_NE(problem.detail.find("nowhere"), std::string::npos) << problem.detail;
  problem = problem_of(folder.path().string());
  EXPECT_EQ(problem.code, ProblemCode::unavailable);
}

TEST(SqliteStore, AReadOnlyFolderIsAClearProblem) {
  const TemporaryFolder folder;
  const auto path = folder.file("jobflow.db");
  open_at(path);
  const int status = in_child([&] {
    // Root may write everywhere: look with the eyes of somebody else.
    chmod(path.c_str(), 0644);
    chmod(folder.path().c_str(), 0555);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
      return 77;
    }
    const auto store = open_sqlite_store(path);
    const bool clear = !store && store.problem().code == ProblemCode::unavailable &&
                       store.problem().detail.find("must be able to write") != std::string::npos;
    return clear ? 0 : 1;
  });
  chmod(folder.path().c_str(), 0755);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) {
    GTEST_SKIP() << "cannot become another user";
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(SqliteStore, AFullDiskIsUnavailableAndTheSameBatchLandsLater) {
  const TemporaryFolder folder;
  const auto store = open_at(folder.file("jobflow.db"));
  Writer writer(*store);
  ASSERT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
  RunRow big = job_run(writer.new_id(3), kJob);
  big.params = std::string(2'000'000, 'p');
  const auto batch = writer.batch({InsertRun{big}});

  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const rlimit small{.rlim_cur = 1'000'000, .rlim_max = old_limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const CommitAnswer full = writer.send(batch);
  const CommitAnswer again = writer.send(batch);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);

  EXPECT_EQ(full.result, CommitResult::unavailable) << full.detail;
  EXPECT_EQ(again.result, CommitResult::unavailable) << again.detail;
  EXPECT_EQ(Desk(*store).list_runs({}).size(), 1U);
  const CommitAnswer landed = writer.send(batch);
  EXPECT_EQ(landed.result, CommitResult::landed) << landed.detail;
  EXPECT_EQ(Desk(*store).list_runs({}).size(), 2U);
}

TEST(SqliteStore, AnotherProcessTakesOverAndTheOlderOneIsFenced) {
  const TemporaryFolder folder;
  const auto path = folder.file("jobflow.db");
  // Forked while this process has no threads; the pipes say whose turn it is.
  int to_child[2], to_parent[2];
  ASSERT_EQ(pipe(to_child), 0);
  ASSERT_EQ(pipe(to_parent), 0);
  char byte = 0;
  const pid_t child = fork();
  if (child == 0) {
    bool good = read(to_child[0], &byte, 1) == 1;
    {
      const auto store = open_at(path);
      Writer writer(*store);
      writer.load(3);
      good = good && writer.ticket().term == 2 &&
             writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result ==
                 CommitResult::landed;
      good = good && write(to_parent[1], "x", 1) == 1 && read(to_child[0], &byte, 1) == 1;
      good = good && writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result ==
                         CommitResult::landed;
    }
    _exit(good ? 0 : 1);
  }
  const auto store = open_at(path);
  Writer writer(*store);
  ASSERT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
  ASSERT_EQ(write(to_child[1], "x", 1), 1);
  ASSERT_EQ(read(to_parent[0], &byte, 1), 1);
  EXPECT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::fenced);
  ASSERT_EQ(write(to_child[1], "x", 1), 1);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Desk(*store).list_runs({}).size(), 3U);
  for (const int end : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) {
    close(end);
  }
}

TEST(SqliteStore, ALockedFileIsWaitedFor) {
  const TemporaryFolder folder;
  const auto path = folder.file("jobflow.db");
  const auto store = open_at(path);
  Writer writer(*store);
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  std::promise<CommitAnswer> answered;
  auto answer = answered.get_future();
  store->commit(writer.batch({InsertRun{job_run(writer.new_id(3), kJob)}}),
                [&](CommitAnswer each) { answered.set_value(std::move(each)); });
  // Longer than SQLite's own patience with one statement.
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(700)), std::future_status::timeout);
  EXPECT_TRUE(Desk(*store).list_runs({}).empty()) << "reads do not wait for writers";
  ASSERT_EQ(sqlite3_exec(other, "COMMIT", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_EQ(answer.get().result, CommitResult::landed);
}

TEST(SqliteStore, DestructionEndsWhatIsUnderWay) {
  const TemporaryFolder folder;
  auto store = open_at(folder.file("jobflow.db"));
  Writer writer(*store);
  std::vector<CommitResult> results;
  for (int i = 0; i < 1; ++i) {
    store->commit(writer.batch({InsertRun{job_run(writer.new_id(3), kJob)}}),
                  [&](const CommitAnswer& answer) { results.push_back(answer.result); });
  }
  store.reset();
  EXPECT_EQ(results, std::vector{CommitResult::landed});
}

// kill -9 at each named point: the batch is wholly there or not at all (S1.5, I1b).
class CrashPoint : public ::testing::TestWithParam<std::pair<const char*, bool>> {};

TEST_P(CrashPoint, LeavesAWholeBatchOrNone) {
  const auto& [point, lands] = GetParam();
  const TemporaryFolder folder;
  const auto path = folder.file("jobflow.db");
  const std::string armed = std::string(point) + ":2";
  const int status = in_child([&] {
    crash_points::armed = armed.c_str();
    const auto store = open_at(path);
    Writer writer(*store);
    for (int i = 0; i < 3; ++i) {
      writer.commit(
          {InsertRun{job_run(writer.new_id(3), kJob)}, InsertRun{job_run(writer.new_id(4), kJob)}});
    }
    return 0;
  });
  ASSERT_TRUE(was_killed(status));
  const auto store = open_at(path);
  const auto batch = Desk(*store).join({"solo"}).batch;
  EXPECT_EQ(batch, lands ? 2 : 1);
  EXPECT_EQ(static_cast<std::int64_t>(Desk(*store).list_runs({}).size()), 2 * batch);
  EXPECT_EQ(Desk(*store).load_shard(1, 3).next_event, batch + 1);
}
INSTANTIATE_TEST_SUITE_P(Points,
                         CrashPoint,
                         ::testing::Values(std::pair("mid_batch", false),
                                           std::pair("before_commit", false),
                                           std::pair("after_commit", true)),
                         [](const auto& point) { return std::string(point.param.first); });

TEST(SqliteStore, AMigrationKilledHalfWayIsDoneAgain) {
  const TemporaryFolder folder;
  const auto path = folder.file("jobflow.db");
  const int status = in_child([&] {
    crash_points::armed = "mid_migration";
    open_at(path);
    return 0;
  });
  ASSERT_TRUE(was_killed(status));
  const auto store = open_at(path);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(store->facts().shard_count, 8);
  Writer writer(*store);
  EXPECT_EQ(writer.commit({InsertRun{job_run(writer.new_id(3), kJob)}}).result,
            CommitResult::landed);
}

// The triggers of before there were other kinds go on as they were (house 8).
TEST(SqliteStore, CronTriggersOfTheOldSchemaGoOn) {
  const TemporaryFolder folder;
  const auto path = folder.file("jobflow.db");
  const auto migrations = sqlite::migrations_in(sqlite::kStateSchema.migrations);
  std::string old;
  for (std::size_t i = 0; i < 4; ++i) {
    old += migrations.at(i).text;
  }
  run_sql(path, old +
                    "PRAGMA user_version = 4; PRAGMA application_id = 0x4a4f4246;"
                    "INSERT INTO settings VALUES ('cluster_id', 'c'), ('shard_count', '8');"
                    "INSERT INTO triggers VALUES"
                    " (13, 7, 0, 60000, 'a', '*/5 * * * *', '{}', ''),"
                    " (14, 7, 3, 0, 'b', '@daily', '{\"x\":1}', 'refused');");
  const auto store = open_at(path);
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(Desk(*store).list_triggers({7}),
            (std::vector<TriggerRow>{
                {.id = {13},
                 .definition = {7},
                 .name = "a",
                 .schedule = to_json(Schedule{.cron = "*/5 * * * *"}),
                 .params = "{}",
                 .progress = {.next_due = {60'000}}},
                {.id = {14},
                 .definition = {7},
                 .name = "b",
                 .schedule = to_json(Schedule{.cron = "@daily"}),
                 .params = R"({"x":1})",
                 .progress = {.state = TriggerState::set_aside, .note = "refused"}}}));
}

TEST(SqliteLogStore, KillsAroundTheCommitLoseOnlyWhatWasNotAnswered) {
  for (const bool lands : {false, true}) {
    const TemporaryFolder folder;
    const auto path = folder.file("logs.db");
    const int status = in_child([&] {
      crash_points::armed = lands ? "log_after_commit" : "log_before_commit";
      const auto logs = open_sqlite_log_store(path);
      const LogChunk chunk{.run = {5}, .lines = {{.text = "line"}}};
      await<Outcome<Done>>([&](auto done) { (*logs)->append({chunk}, done); }).ok();
      return 0;
    });
    ASSERT_TRUE(was_killed(status));
    const auto logs = open_sqlite_log_store(path);
    ASSERT_TRUE(logs);
    const auto lines = await<Outcome<std::vector<StoredLine>>>(
        [&](auto done) { (*logs)->read({.run = {5}}, done); });
    EXPECT_EQ(lines->size(), lands ? 1U : 0U);
  }
}

}  // namespace

namespace testing {

INSTANTIATE_TEST_SUITE_P(
    Sqlite,
    StoreConformance,
    ::testing::Values(StoreKind{
        "sqlite", [](int shard_count) { return std::make_unique<FileHandles>(shard_count); }}),
    kind_name);
INSTANTIATE_TEST_SUITE_P(Sqlite,
                         LogStoreConformance,
                         ::testing::Values(LogStoreKind{
                             "sqlite",
                             [] {
                               auto folder = std::make_shared<TemporaryFolder>();
                               auto logs = open_sqlite_log_store(folder->file("logs.db"));
                               return std::pair(std::shared_ptr<void>(folder), std::move(*logs));
                             }}),
                         log_kind_name);

}  // namespace testing
}  // namespace jobflow::store
