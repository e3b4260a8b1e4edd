// The words for where a run, an attempt and a trigger stand (S5.1). Stored by number: never
// renumber.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace jobflow {

enum class RunState : std::uint8_t {
  pending = 0,     // a step whose needs are open
  scheduled = 1,   // its start or retry lies in the future
  queued = 2,      // waits for a worker or a limit
  running = 3,     // assigned to a worker; a workflow run: in progress
  waiting = 4,     // approval, wait, event, sub-workflow
  cancelling = 5,  // asked to stop, not yet confirmed
  paused = 6,
  succeeded = 7,
  failed = 8,
  cancelled = 9,
  timed_out = 10,
  expired = 11,  // not started in time
  skipped = 12,
};
inline constexpr int kRunStates = 13;

constexpr bool is_final(RunState state) {
  return state >= RunState::succeeded;
}
std::string_view to_string(RunState state);
std::optional<RunState> parse_run_state(std::string_view text);

enum class AttemptState : std::uint8_t {
  assigned = 0,  // on its way to, or at, a worker
  succeeded = 1,
  failed = 2,
  timed_out = 3,
  lost = 4,  // its worker's incarnation is gone; it may have run (S6.7)
  cancelled = 5,
  not_sent = 6,  // known not to have left the server, or refused: no attempt (S6.7)
};
inline constexpr int kAttemptStates = 7;

constexpr bool is_final(AttemptState state) {
  return state != AttemptState::assigned;
}
std::string_view to_string(AttemptState state);

enum class TriggerState : std::uint8_t {
  active = 0,     // its next instant is planned
  paused = 1,     // by a person, or with its disabled job: nothing is due (S4.6)
  finished = 2,   // no instant is left
  set_aside = 3,  // the store refused its firing, or it cannot fire; a person must look (I8)
  waiting = 4,    // for an end, before it is due: of its own last run, or of another job's
};
inline constexpr int kTriggerStates = 5;

std::string_view to_string(TriggerState state);

enum class BackfillState : std::uint8_t {
  running = 0,
  paused = 1,      // by a person, or since a run of it failed or could not be made
  cancelling = 2,  // asked to stop; runs of it are still live
  finished = 3,    // every instant is settled, and every run has ended
  cancelled = 4,
};
inline constexpr int kBackfillStates = 5;

constexpr bool is_final(BackfillState state) {
  return state >= BackfillState::finished;
}
std::string_view to_string(BackfillState state);

enum class RunKind : std::uint8_t {
  job = 0,       // a standalone run of a job
  workflow = 1,  // a run of a workflow; its steps are child runs
  step = 2,      // a step of a workflow run
};
std::string_view to_string(RunKind kind);

enum class DefinitionKind : std::uint8_t {
  job = 0,
  workflow = 1,
  semaphore = 2,  // so many permits, shared by the jobs and steps that name it (S3.5)
};
inline constexpr int kDefinitionKinds = 3;
std::string_view to_string(DefinitionKind kind);

}  // namespace jobflow
