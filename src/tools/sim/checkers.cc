// The table of the checkers.
#include "tools/sim/checkers/checkers.h"

#include "tools/sim/checker.h"

#include <utility>

namespace jobflow::sim {

void Checker::change(const Change&, const store::Batch&, const Durable&) {}
void Checker::record(const Record&, const Durable&) {}
void Checker::rest(const Rest&, const Durable&) {}

void Checker::violated(std::string what, std::vector<Id> about, Breach breach) {
  if (!found) {
    found = Violation{
        .breach = breach, .checker = {}, .what = std::move(what), .about = std::move(about)};
  }
}

const std::vector<CheckerKind>& checker_kinds() {
  static const std::vector<CheckerKind> kinds = {
      {"fence", "I1, house 3.7, S9.1: terms, epochs, batches, ids and journals only grow",
       make_fence_checker},
      {"effects", "I4, S7.3: what a worker is told is durable", make_effects_checker},
      {"answers", "I4, S1.5: what is answered is durable", make_answers_checker},
      {"attempts", "S1.2, S1.3, S6.6, S6.7, I3: bodies, tokens and outcomes agree",
       make_attempts_checker},
      {"firings", "S1.1, S4.6-S4.8, S6.4, I2: each due instant once, or skipped with a reason",
       make_firings_checker},
      {"overlap", "S3.4: no firing begins beside a live run where it must not",
       make_overlap_checker},
      {"limits", "S3.5, S6.1: no more of a job than may, and where it says", make_limits_checker},
      {"permits", "S3.5: no more hold a permit of a semaphore than it has", make_permits_checker},
      {"held", "S3.5, I5: no permit outlives its holder", make_permits_at_rest_checker, true},
      {"follows", "S4.1, I2, I10: an end that a trigger follows fires it once",
       make_follows_checker},
      {"backfills", "I2, house 3.8: what a backfill runs, in which order, and how many at a time",
       make_backfills_checker},
      {"ledger", "S4.8: the audit of what the store holds finds nothing", make_ledger_checker,
       true},
      {"steps", "S8.1, S8.5: a step begins after all it needs", make_steps_checker},
      {"keys", "S5.2: one key, one run", make_keys_checker},
      {"commands", "S12.4: one command, carried out once", make_commands_checker},
      {"events", "S9.1, S9.2: no gap, no repeat, nothing that is not durable", make_events_checker},
      {"leases", "house 4: what a member lets out, it lets out within its own lease",
       make_leases_checker},
      {"letters", "I10: each letter is applied once, in order, and none is lost",
       make_letters_checker},
      {"rest", "I5, S1.5, S7.3: everything ends, nothing is lost, nothing is held in vain",
       make_rest_checker, true},
      {"identity", "house 3.7, 8: no id is given out twice, though the store forgets",
       make_identity_checker, true, true},
  };
  return kinds;
}

}  // namespace jobflow::sim
