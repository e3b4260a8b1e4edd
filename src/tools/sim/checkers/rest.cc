// I5, S1.5 and S7.3 at the end: every run has ended, every row that landed is there and no other,
// nobody holds anything in vain.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <set>

namespace jobflow::sim {
namespace {

class AtRest final : public Checker {
 public:
  void rest(const Rest& rest, const Durable& now) override {
    look_at_rows(rest, now);
    for (const auto& [id, run] : now.runs) {
      if (!is_final(run.progress.state)) {
        violated(fmt::format("run {} is still {} long after the last fault (I5)", to_string(id),
                             to_string(run.progress.state)),
                 {id, run.progress.token}, Breach::liveness);
      }
    }
    for (const auto& [worker, count] : rest.unacknowledged) {
      if (count > 0) {
        violated(fmt::format("{} still holds {} attempts or their ends (S7.3)", worker, count), {},
                 Breach::liveness);
      }
    }
    if (rest.open_asks > 0) {
      violated(fmt::format("{} commands are still without an answer (S12.4)", rest.open_asks), {},
               Breach::liveness);
    }
    for (const auto& [worker, busy] : rest.busy) {
      if (busy != 0) {
        violated(
            fmt::format("{} slots of {} are taken, and nothing runs there (S6.2)", busy, worker),
            {}, Breach::liveness);
      }
    }
  }

 private:
  void look_at_rows(const Rest& rest, const Durable& now) {
    for (const RunRow& row : rest.runs) {
      const RunRow* landed = now.run(row.id);
      if (landed == nullptr || *landed != row) {
        violated(fmt::format("the store's row of run {} is not what landed", to_string(row.id)),
                 {row.id});
      }
    }
    std::set<Id> stored;
    for (const RunRow& row : rest.runs) {
      stored.insert(row.id);
    }
    for (const auto& [id, run] : now.runs) {
      if (!stored.contains(id)) {
        violated(fmt::format("run {} landed and is not in the store (S1.5)", to_string(id)), {id});
      }
    }
  }
};

}  // namespace

std::unique_ptr<Checker> make_rest_checker() {
  return std::make_unique<AtRest>();
}

}  // namespace jobflow::sim
