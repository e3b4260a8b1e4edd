#include "store/sqlite/upkeep.h"

#include "store/sqlite/commit.h"
#include "store/sqlite/statements.h"

#include <vector>

namespace jobflow::store::sqlite {
namespace {

const char* statement(std::string_view name) {
  return find_statement("statements.sql", name);
}

}  // namespace

// Rolls back unless committed.
class Upkeep::Transaction {
 public:
  explicit Transaction(Upkeep& upkeep) : upkeep_(upkeep) { upkeep_.begin_.run(); }
  ~Transaction() {
    if (!committed_) {
      try {
        upkeep_.rollback_.run();
      } catch (const SqliteError&) {
        // The error that brought us here has ended the transaction.
      }
    }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit() {
    upkeep_.commit_.run();
    committed_ = true;
  }

 private:
  Upkeep& upkeep_;
  bool committed_ = false;
};

Upkeep::Upkeep(Connection& connection)
    : begin_(connection, statement("begin")),
      commit_(connection, statement("commit")),
      rollback_(connection, statement("rollback")),
      join_(connection, statement("join")),
      claim_shards_(connection, statement("claim_shards")),
      save_token_(connection, statement("save_token")),
      newest_of_calendar_(connection, statement("newest_revision_of_calendar")),
      insert_calendar_(connection, statement("insert_calendar")),
      next_journal_source_(connection, statement("next_journal_source")),
      oldest_journal_(connection, statement("oldest_journal")),
      newest_journal_(connection, statement("newest_journal")),
      trim_journal_(connection, statement("trim_journal")),
      oldest_keys_(connection, statement("oldest_idempotency_keys")),
      delete_key_(connection, statement("delete_idempotency_key")),
      trim_commands_(connection, statement("trim_commands")) {}

Ticket Upkeep::join(const JoinRequest& request) {
  Transaction transaction(*this);
  Ticket ticket;
  {
    auto row = join_.with(request.name, request.address);
    row.step();
    ticket = {row.number(0), row.number(1), row.number(2)};
  }
  if (request.alone) {
    claim_shards_.run(ticket.member);
  }
  transaction.commit();
  return ticket;
}

int Upkeep::trim(const TrimLimits& limits) {
  Transaction transaction(*this);
  const int gone = trim_journal(limits.journal_before, limits.rows) +
                   trim_keys(limits.keys_expired_at, limits.rows) +
                   trim_commands_.run(commands_kept_from(limits).value, limits.rows);
  transaction.commit();
  return gone;
}

// From the oldest rows of every source on; its newest row stays, for it holds the last id.
int Upkeep::trim_journal(Instant before, int rows) {
  int gone = 0;
  std::int64_t from = 0;
  while (gone < rows) {
    {
      auto row = next_journal_source_.with(from);
      if (!row.step()) {
        break;
      }
      from = row.number(0) & ~kJournalLastNumber;
    }
    const std::int64_t to = from | kJournalLastNumber;
    std::int64_t newest = 0;
    if (auto row = newest_journal_.with(from, to); row.step()) {
      newest = row.number(0);
    }
    std::int64_t last = -1;
    for (auto row = oldest_journal_.with(from, newest - 1, rows - gone); row.step();) {
      if (row.number(1) >= before.ms) {
        break;
      }
      last = row.number(0);
    }
    if (last >= 0) {
      gone += trim_journal_.run(from, last);
    }
    from = to + 1;
  }
  return gone;
}

int Upkeep::trim_keys(Instant expired_at, int rows) {
  std::vector<std::int64_t> expired;
  for (auto row = oldest_keys_.with(rows); row.step();) {
    if (row.number(1) <= expired_at.ms) {
      expired.push_back(row.number(0));
    }
  }
  for (const std::int64_t number : expired) {
    delete_key_.run(number);
  }
  return static_cast<int>(expired.size());
}

void Upkeep::save_token(const TokenRow& token) {
  Transaction transaction(*this);
  save_token_.run(token.id.value, token.name, token.role, token.sha256_hex, token.created.ms,
                  token.expires.ms);
  transaction.commit();
}

Outcome<Done> Upkeep::save_calendar(const CalendarRow& row) {
  Transaction transaction(*this);
  {
    auto newest = newest_of_calendar_.with(row.name_space, row.name);
    if (!newest.step() || newest.number(0) + 1 != row.revision) {
      return calendar_mismatch();
    }
  }
  insert_calendar_.run(row.name_space, row.name, row.revision, row.deleted, row.updated.ms,
                       row.principal, row.title, row.document);
  transaction.commit();
  return Done{};
}

}  // namespace jobflow::store::sqlite
