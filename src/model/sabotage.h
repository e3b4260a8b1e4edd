// Protections that one build of the simulator turns off by name, to see that its checkers notice.
//
// Where a protection stands, the code asks sabotaged(): always false, and no code at all, unless
// JOBFLOW_SABOTAGE is defined. It is defined for the rooms as tests/sim builds them once more, and
// nowhere else.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace jobflow {

enum class Sabotage : std::uint8_t {
  none,
  no_fence,              // a batch lands whatever term it was made under (I1)
  receipt_by_read,       // after a lost answer the member believes what a read says (I1b)
  effects_first,         // effects leave before their batch has landed (I4)
  no_rollback,           // what a refused batch had written before the refusal stays (I1a)
  no_worker_epoch,       // a worker takes assignments of old owners (S6.5)
  no_own_lease,          // a member releases effects after its lease ran out (house 4)
  unnumbered_letters,    // a letter is applied as often as it comes (I10)
  ids_from_clock,        // a new owner begins its ids at its clock (house 3.7)
  lease_not_restarted,   // a new owner judges workers by silence it was not there to hear (S6.6)
  handed_without_epoch,  // a shard changes hands and keeps its epoch (I1e)
  edit_fires_again,      // an edit plans a trigger from before what has fired (S4.7)
  commands_forgotten,    // a command that comes again is carried out again (S12.4)
  place_kept,            // a run that has ended keeps its place in its job's limit (S3.5)
  place_not_taken,       // a run begins without a place (S3.5)
  permit_kept,           // a run that has ended keeps its permit of a semaphore (S3.5)
  permit_not_asked,      // a run begins without its permit (S3.5)
  no_token_check,        // an end is taken for the run's attempt, whichever it was (I3, S1.3)
};

inline constexpr std::array<std::string_view, 18> kSabotageNames = {
    "none",
    "no_fence",
    "receipt_by_read",
    "effects_first",
    "no_rollback",
    "no_worker_epoch",
    "no_own_lease",
    "unnumbered_letters",
    "ids_from_clock",
    "lease_not_restarted",
    "handed_without_epoch",
    "edit_fires_again",
    "commands_forgotten",
    "place_kept",
    "place_not_taken",
    "permit_kept",
    "permit_not_asked",
    "no_token_check",
};

#ifdef JOBFLOW_SABOTAGE
// What is turned off at the moment; the simulator's one thread alone.
inline Sabotage sabotage = Sabotage::none;
inline bool sabotaged(Sabotage what) {
  return sabotage == what;
}
#else
constexpr bool sabotaged(Sabotage) {
  return false;
}
#endif

}  // namespace jobflow
