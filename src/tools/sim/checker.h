// The judges of a history. Each is written from semantics.md and house.md, never from the code, and
// knows nothing of the others. checkers.cc is the table of them all: a new one is a class and a
// row.
#pragma once

#include "tools/sim/durable.h"
#include "tools/sim/history.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace jobflow::sim {

// What kind of promise was broken; a world's exit code tells them apart.
enum class Breach : std::uint8_t {
  safety,   // something happened that must not
  liveness  // something did not happen that must
};

struct Violation {
  Breach breach = Breach::safety;
  std::string checker;
  std::string what;
  std::vector<Id> about;
};

// What the store and the guests hold when a world has come to rest, or has run out of time.
struct Rest {
  std::size_t open_asks = 0;
  bool came = false;                // else time ran out
  Instant earliest, latest;         // what the members' wall clocks show
  std::vector<RunRow> runs;         // all rows, as the store has them
  std::map<std::string, int> busy;  // slots taken, by worker, as the member sees it
  std::map<std::string, std::size_t> unacknowledged;      // ends, by worker
  std::vector<std::map<ShardNumber, std::int64_t>> next;  // each subscriber's, of each source
  Span lease;
  bool clocks_are_right = true;   // else calendars hold from when some clock says
  store::Store* store = nullptr;  // answers at once
};

class Checker {
 public:
  virtual ~Checker() = default;
  // A change that is about to hold, in a batch that landed just now. `now`: as before it.
  virtual void change(const Change& change, const store::Batch& batch, const Durable& now);
  // `now`: after the record, when it is a batch.
  virtual void record(const Record& record, const Durable& now);
  virtual void rest(const Rest& rest, const Durable& now);

  // The first thing that did not hold.
  std::optional<Violation> found;

 protected:
  void violated(std::string what, std::vector<Id> about = {}, Breach breach = Breach::safety);
};

struct CheckerKind {
  const char* name;
  const char* clauses;  // what it judges
  std::unique_ptr<Checker> (*make)();
  bool outlives_history = false;  // its judgement holds even when the store forgets what it had
  bool trusts_clocks = false;     // and then only while nobody's clock goes wrong
};
const std::vector<CheckerKind>& checker_kinds();

}  // namespace jobflow::sim
