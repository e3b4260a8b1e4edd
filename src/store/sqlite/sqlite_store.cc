#include "store/sqlite/sqlite_store.h"

#include "store/sqlite/commit.h"
#include "store/sqlite/patience.h"
#include "store/sqlite/reader.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/statements.h"
#include "store/sqlite/upkeep.h"
#include "store/work_queue.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <optional>
#include <random>
#include <utility>

namespace jobflow::store {
namespace {

using sqlite::Connection;
using sqlite::SqliteError;
using sqlite::Statement;

// With nothing to do for that long, the writer moves the WAL into the file.
constexpr std::chrono::milliseconds kIdleAfter{250};

std::string random_name() {
  std::random_device device;
  std::string name;
  for (int i = 0; i < 4; ++i) {
    std::array<char, 9> part{};
    std::snprintf(part.data(), part.size(), "%08x", device());
    name += part.data();
  }
  return name;
}

void fill_new_store(Connection& connection, int shard_count) {
  const auto text = [](const char* name) { return sqlite::find_statement("statements.sql", name); };
  Statement setting(connection, text("insert_setting"));
  setting.run("cluster_id", random_name());
  setting.run("shard_count", std::to_string(shard_count));
  Statement shard(connection, text("insert_shard"));
  for (int i = 0; i < shard_count; ++i) {
    shard.run(i);
  }
}

std::string read_setting(Connection& connection, const char* name) {
  Statement setting(connection, sqlite::find_statement("statements.sql", "setting"));
  auto row = setting.with(name);
  return row.step() ? row.text(0) : std::string();
}

StoreFacts read_facts(Connection& connection, Durability durability) {
  StoreFacts facts{.kind = "sqlite",
                   .cluster_id = read_setting(connection, "cluster_id"),
                   .shard_count = std::stoi(read_setting(connection, "shard_count")),
                   .schema_version = sqlite::newest_schema_version(sqlite::kStateSchema)};
  if (durability == Durability::os) {
    facts.voided_promises.emplace_back(
        "S1.5: without fsync, what was acknowledged survives the death of processes, not power "
        "loss");
  }
  return facts;
}

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<Connection> connection, StoreFacts facts, SqliteOptions options)
      : options_(options),
        facts_(std::move(facts)),
        connection_(std::move(connection)),
        committer_(*connection_),
        upkeep_(*connection_),
        readers_(static_cast<std::size_t>(options.read_threads)),
        reads_(options.read_threads),
        writes_(1, [this](std::size_t) { checkpoint(); }, kIdleAfter) {}

  const StoreFacts& facts() const override { return facts_; }
  std::int64_t rows_written() const override { return rows_written_; }

  void join(JoinRequest request, Callback<Outcome<Ticket>> done) override {
    write<Ticket>(std::move(done),
                  [this, request = std::move(request)] { return upkeep_.join(request); });
  }
  void read_cluster(Callback<Outcome<ClusterImage>> done) override {
    read<ClusterImage>(std::move(done), [](sqlite::Reader& reader) { return reader.cluster(); });
  }
  void commit(std::shared_ptr<const Batch> batch, Callback<CommitAnswer> done) override {
    writes_.post([this, batch = std::move(batch), done = std::move(done)](std::size_t) {
      done(commit_patiently(*batch));
    });
  }
  void trim(TrimLimits limits, Callback<Outcome<int>> done) override {
    write<int>(std::move(done), [this, limits] {
      TrimLimits now = limits;
      now.journal_before =
          committer_.journal_volume().trim_before(limits.journal_before, limits.journal_bytes);
      return upkeep_.trim(now);
    });
  }
  void save_token(TokenRow token, Callback<Outcome<Done>> done) override {
    write<Done>(std::move(done), [this, token = std::move(token)] {
      upkeep_.save_token(token);
      return Done{};
    });
  }
  void save_calendar(CalendarRow row, Callback<Outcome<Done>> done) override {
    write<Done>(std::move(done),
                [this, row = std::move(row)] { return upkeep_.save_calendar(row); });
  }

  void load_shard(std::int64_t member,
                  ShardNumber shard,
                  Callback<Outcome<ShardImage>> done) override {
    read<ShardImage>(std::move(done),
                     [=](sqlite::Reader& reader) { return reader.load_shard(member, shard); });
  }
  void read_for_command(std::int64_t member,
                        CommandReads reads,
                        Callback<Outcome<CommandRows>> done) override {
    read<CommandRows>(std::move(done), [member, reads = std::move(reads)](sqlite::Reader& reader) {
      return reader.read_for_command(member, reads);
    });
  }
  void read_run(Id run, Callback<Outcome<std::optional<RunAt>>> done) override {
    read<std::optional<RunAt>>(std::move(done),
                               [=](sqlite::Reader& reader) { return reader.read_run(run); });
  }
  void list_runs(RunFilter filter, Callback<Outcome<std::vector<RunRow>>> done) override {
    read<std::vector<RunRow>>(
        std::move(done),
        [filter = std::move(filter)](sqlite::Reader& reader) { return reader.list_runs(filter); });
  }
  void list_attempts(Id run, Callback<Outcome<std::vector<AttemptRow>>> done) override {
    read<std::vector<AttemptRow>>(
        std::move(done), [=](sqlite::Reader& reader) { return reader.list_attempts(run); });
  }
  void list_definitions(DefinitionFilter filter,
                        Callback<Outcome<std::vector<DefinitionRow>>> done) override {
    read<std::vector<DefinitionRow>>(std::move(done),
                                     [filter = std::move(filter)](sqlite::Reader& reader) {
                                       return reader.list_definitions(filter);
                                     });
  }
  void list_triggers(Id definition, Callback<Outcome<std::vector<TriggerRow>>> done) override {
    read<std::vector<TriggerRow>>(
        std::move(done), [=](sqlite::Reader& reader) { return reader.list_triggers(definition); });
  }
  void list_firings(FiringFilter filter, Callback<Outcome<Firings>> done) override {
    read<Firings>(std::move(done),
                  [=](sqlite::Reader& reader) { return reader.list_firings(filter); });
  }
  void list_backfills(BackfillFilter filter,
                      Callback<Outcome<std::vector<BackfillRow>>> done) override {
    read<std::vector<BackfillRow>>(
        std::move(done), [=](sqlite::Reader& reader) { return reader.list_backfills(filter); });
  }
  void read_journal(ShardNumber source,
                    std::int64_t from,
                    int rows,
                    Callback<Outcome<std::vector<JournalPart>>> done) override {
    read<std::vector<JournalPart>>(std::move(done), [=](sqlite::Reader& reader) {
      return reader.read_journal(source, from, rows);
    });
  }
  void list_tokens(Callback<Outcome<std::vector<TokenRow>>> done) override {
    read<std::vector<TokenRow>>(std::move(done),
                                [](sqlite::Reader& reader) { return reader.list_tokens(); });
  }
  void list_permits(PermitFilter filter, Callback<Outcome<PermitUse>> done) override {
    read<PermitUse>(std::move(done),
                    [=](sqlite::Reader& reader) { return reader.list_permits(filter); });
  }
  void list_calendars(CalendarFilter filter,
                      Callback<Outcome<std::vector<CalendarRow>>> done) override {
    read<std::vector<CalendarRow>>(std::move(done),
                                   [filter = std::move(filter)](sqlite::Reader& reader) {
                                     return reader.list_calendars(filter);
                                   });
  }

 private:
  CommitAnswer commit_patiently(const Batch& batch) {
    const sqlite::Patience patience(writes_);
    std::int64_t before = connection_->rows_written();
    CommitAnswer answer = committer_.commit(batch);
    while (answer.result == CommitResult::retry && patience.left()) {
      before = connection_->rows_written();
      answer = committer_.commit(batch);
    }
    if (answer.result == CommitResult::landed) {
      rows_written_ += connection_->rows_written() - before;
    }
    return answer;
  }

  template <class T, class Work>
  void write(Callback<Outcome<T>> done, Work work) {
    writes_.post([this, done = std::move(done), work = std::move(work)](std::size_t) {
      const std::int64_t before = connection_->rows_written();
      auto outcome = sqlite::patiently<T>(writes_, work);
      if (outcome) {
        rows_written_ += connection_->rows_written() - before;
      }
      done(std::move(outcome));
    });
  }

  template <class T, class Work>
  void read(Callback<Outcome<T>> done, Work work) {
    reads_.post([this, done = std::move(done), work = std::move(work)](std::size_t thread) {
      done(sqlite::patiently<T>(reads_, [&]() -> Outcome<T> {
        auto& reader = readers_[thread];
        if (!reader) {
          reader = std::make_unique<sqlite::Reader>(connection_->path(), options_.reader_cache_kib,
                                                    facts_.shard_count);
        }
        return work(*reader);
      }));
    });
  }

  void checkpoint() {
    sqlite3_wal_checkpoint_v2(connection_->raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                              nullptr);
  }

  const SqliteOptions options_;
  const StoreFacts facts_;
  // The writer thread's own.
  const std::unique_ptr<Connection> connection_;
  sqlite::Committer committer_;
  sqlite::Upkeep upkeep_;
  std::atomic<std::int64_t> rows_written_{0};
  // Each read thread's own, made at its first read.
  std::vector<std::unique_ptr<sqlite::Reader>> readers_;
  // Last, so that they are joined before what their tasks use goes.
  WorkQueue reads_;
  WorkQueue writes_;
};

}  // namespace

Outcome<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, SqliteOptions options) {
  if (options.shard_count < 1 || options.shard_count > kShardsMax) {
    return Problem{ProblemCode::invalid,
                   "a store has 1 to " + std::to_string(kShardsMax) + " shards"};
  }
  try {
    auto connection = std::make_unique<Connection>(path, true);
    if (auto version = sqlite::recognise(*connection, sqlite::kStateSchema); !version) {
      return version.problem();
    }
    sqlite::set_writer_pragmas(*connection, options.durability == Durability::fsync,
                               options.writer_cache_kib);
    auto migrated = sqlite::migrate(*connection, sqlite::kStateSchema,
                                    [&] { fill_new_store(*connection, options.shard_count); });
    if (!migrated) {
      return migrated.problem();
    }
    StoreFacts facts = read_facts(*connection, options.durability);
    return std::unique_ptr<Store>(
        std::make_unique<SqliteStore>(std::move(connection), std::move(facts), options));
  } catch (const SqliteError& error) {
    return sqlite::cannot_open(error, path);
  }
}

}  // namespace jobflow::store
