// The transition tables: one for the run, the workflow run, the attempt, the trigger and the
// backfill (house 5).
// Every state x event pair is answered: move, ignore (a duplicate), or refuse (impossible here).
// docs/state-machines.md is printed from them.
#pragma once

#include "model/states.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace jobflow::engine {

enum class Verdict : std::uint8_t { move, ignore, refuse };

template <class State>
struct Transition {
  Verdict verdict = Verdict::refuse;
  State to{};
};

// What can happen to a run of a job or a step.
enum class RunEvent : std::uint8_t {
  come_due,        // its start or retry instant is here
  assign,          // a worker was chosen for it
  return_unsent,   // the assignment was refused or never left: no attempt (S6.7)
  succeed,         // the body ended well
  fail_finally,    // the attempt failed, timed out or was lost; no attempt is left
  retry_later,     // the same, and another attempt is due later
  time_out,        // the last attempt ran out of time
  ask_cancel,      // somebody wants it stopped
  confirm_cancel,  // the worker stopped it, is gone, or never answered within the grace
  expire,          // not started within its queue wait, or waited too long
  retry_by_hand,   // a person wants another attempt of a finished run
  set_aside,       // the store refused its report (3b)
  go_on,           // what it waited for is here
  wait_in_vain,    // what it waits for does not exist
};
inline constexpr int kRunEvents = 14;

// What can happen to a workflow run.
enum class WorkflowEvent : std::uint8_t {
  begin,            // its start instant, or what it waited for, is here
  complete,         // all steps ended, none failed
  complete_failed,  // all steps ended, one failed or the run was set aside
  ask_cancel,       // with steps still live
  all_cancelled,    // asked, and the last live step ended
  retry_by_hand,    // a new version begins
  set_aside,        // the store refused how it goes on (3b): its live steps are cancelled
  wait_in_vain,     // what it waits for does not exist
  expire,           // what it waits for did not come in time
  time_out,         // its total timeout is over, with steps still live
  all_timed_out,    // so it was, and the last live step ended
};
inline constexpr int kWorkflowEvents = 11;

enum class AttemptEvent : std::uint8_t { succeed, fail, time_out, lose, cancel, return_unsent };
inline constexpr int kAttemptEvents = 6;

enum class TriggerEvent : std::uint8_t {
  fire,     // due, and another instant follows
  run_out,  // fired or planned, and none follows
  pause,    // by a person, or its definition was disabled
  resume,
  set_aside,  // the store refused its firing, or its schedule means nothing any more
  await_end,  // the next instant hangs on an end: of the run it fired, or of another job's
  end_came,   // of the run it fired: the next instant is planned
};
inline constexpr int kTriggerEvents = 7;

enum class BackfillEvent : std::uint8_t {
  pause,       // by a person, or because of a run of it
  resume,      // by a person
  ask_cancel,  // by a person, or its trigger is gone
  end,         // nothing of it is live, and no more is to come
};
inline constexpr int kBackfillEvents = 4;

// Looking up also marks the pair as taken, for the coverage test (a relaxed counter, no order).
Transition<RunState> run_transition(RunState state, RunEvent event);
Transition<RunState> workflow_transition(RunState state, WorkflowEvent event);
Transition<AttemptState> attempt_transition(AttemptState state, AttemptEvent event);
Transition<TriggerState> trigger_transition(TriggerState state, TriggerEvent event);
Transition<BackfillState> backfill_transition(BackfillState state, BackfillEvent event);

std::string_view to_string(RunEvent event);
std::string_view to_string(WorkflowEvent event);
std::string_view to_string(AttemptEvent event);
std::string_view to_string(TriggerEvent event);
std::string_view to_string(BackfillEvent event);

// The page docs/state-machines.md, in Markdown with one Mermaid diagram and one table a machine.
std::string state_machines_page();

// The moves no lookup has taken in this process, as "run: queued --assign--> running".
std::string untaken_moves();

}  // namespace jobflow::engine
