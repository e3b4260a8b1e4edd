// What the writer does besides batches: terms, trimming, tokens, calendars. Owned by the writer
// thread; each call is a transaction of its own. Throws SqliteError with nothing committed.
#pragma once

#include "store/sqlite/connection.h"

#include <string>

namespace jobflow::store::sqlite {

class Upkeep {
 public:
  explicit Upkeep(Connection& connection);

  Ticket join(const JoinRequest& request);
  int trim(const TrimLimits& limits);
  void save_token(const TokenRow& token);
  Outcome<Done> save_calendar(const CalendarRow& row);

 private:
  class Transaction;

  int trim_journal(Instant before, int rows);
  int trim_keys(Instant expired_at, int rows);

  Statement begin_, commit_, rollback_;
  Statement join_, claim_shards_, save_token_, newest_of_calendar_, insert_calendar_;
  Statement next_journal_source_, oldest_journal_, newest_journal_, trim_journal_;
  Statement oldest_keys_, delete_key_, trim_commands_;
};

}  // namespace jobflow::store::sqlite
