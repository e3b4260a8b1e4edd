// What somebody asked of one shard: the engine's input. A value, kept until its decision is
// durable.
#pragma once

#include "engine/timer_wheel.h"
#include "model/definition.h"
#include "model/image.h"
#include "model/work.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace jobflow::engine {

// --- from people and programs

struct SaveDefinition {
  std::shared_ptr<const Definition> definition;
  bool must_be_new = false;
  int expected_revision = 0;  // 0 = any (If-Match)
};
struct DeleteDefinition {
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space, name;
  int expected_revision = 0;
  bool force = false;  // a semaphore: also while runs hold it or wait for it
};
struct TriggerRun {
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space, name;
  Id definition;       // instead of a name
  std::string params;  // JSON object, merged over the definition's; "" = none
  Instant start_at;    // unset = now; in the past = now
  std::optional<int> priority;
  std::string idempotency_key;
  Id after_run;  // it waits until that run, of whatever shard, has ended; not with start_at
};
struct CancelRun {
  Id run;
};
// Changes nothing (S5.6).
struct ExplainRun {
  Id run;
};
// A job's or step's run: its next attempt. A workflow run: a new version, from `from_steps` and
// everything downstream of them, or from all steps that did not succeed when empty (S8.6).
struct RetryRun {
  Id run;
  std::vector<std::string> from_steps;
};

// Nothing is due from now on, until it is resumed (S4.7).
struct PauseTrigger {
  Id trigger;
  std::string note;  // why
};
struct ResumeTrigger {
  Id trigger;
};

// Past instants of a trigger are run, as many at a time as may be live, beside its own firings.
struct StartBackfill {
  Id trigger;
  Instant from, until;  // planned instants from here on, and before that; not after now
  bool newest_first = false;
  int max_parallel = 1;
  bool waits = false;  // BackfillRow
  bool pauses_on_failure = false;
  std::string params;  // JSON object, merged over the trigger's; "" = none
};
struct PauseBackfill {  // what is live of it goes on
  Id backfill;
  std::string note;  // why
};
struct ResumeBackfill {
  Id backfill;
};
struct CancelBackfill {  // and what is live of it
  Id backfill;
};

// --- from workers and links

struct AttemptEnded {
  FinishedReport report;
  Id incarnation;
};
struct ProgressMade {
  ProgressReport report;
};
// The incarnation is gone, or was silent for a whole lease (S6.6).
struct AttemptLost {
  Id run, token;
  std::string reason;
};
// The same incarnation is connected again and says that it holds this token, or does not: then it
// is sent again, which is harmless (S6.5). What it holds in vain is told to stop.
struct AttemptReclaimed {
  Id run, token;
  Id incarnation;
  bool held = false;
};
// The assignment did not leave the server (S6.7), this time.
struct AssignmentUnsent {
  Id run;
  Id token;
  bool sent_before = false;  // perhaps: by whoever had the shard, or its memory, before
};

// --- from other shards (I10)

struct LetterCame {
  LetterRow letter;
  bool only_mark = false;  // the store refuses what it asks for: only that it came is written
};
// All of the pair up to this number are applied, durably.
struct LetterAcked {
  ShardNumber from = 0, to = 0;  // of the letters
  Id up_to;
};

// --- from the hall itself

// One timer of the shard's wheel fired.
struct TimerDue {
  Timer timer;
};
// Triggers that are due by then are read, as far as they are not in memory: of a shard just loaded
// none is, of another one those up to its horizon are (S4.10).
struct LookAhead {
  ShardNumber shard = 0;
  Instant until;
};
// The next queued run that some worker can take is given to it.
struct DispatchNext {};
// A workflow run whose work is wider than one decision goes on (house 3.8).
struct ContinueRun {
  Id run;
};
// Live runs of a deleted definition are cancelled, a slice at a time: those above `after`.
struct ContinueDelete {
  Id definition;
  Id after = {};
};
// The next of the firings that wait for their job's runs to end (S3.4) begins, when none is live.
struct NextInLine {
  Id definition;
};
// A firing cancels what is live of its job (S3.4): those above `after` and below `before`, itself.
struct CancelOthers {
  Id definition;
  Id after = {};
  Id before;
};
// Whoever waits for this run, which has ended, is told so by letters, a slice at a time.
struct TellWatchers {
  Id run;
};
// This run waits for another one and asks once more to be told: what it asked may be forgotten.
struct WatchAgain {
  Id run;
};
// This trigger asks once more to be told of its upstream's ends: what it asked may be forgotten.
struct FollowAgain {
  Id trigger;
};
// Permits are asked for, returned and granted, as far as one decision could not (S3.5).
struct ContinuePermits {
  ShardNumber shard = 0;
};
// Permits of this semaphore are granted, which may sleep in the store, or not exist.
struct GrantPermits {
  ShardNumber shard = 0;
  std::string name_space, semaphore;
};
// A run asks once more for the permit it asked for as `ask`: that may be forgotten.
struct AskPermitAgain {
  Id run, ask;
};
// The next instants of a backfill are run, as many as may be; or, when it is to stop, its runs.
struct ContinueBackfill {
  Id backfill;
};
// The store refuses what this run's report, or this trigger's or backfill's firing, wants written
// (3b). Decided by writing that row alone; what its workflow or its steps must do then comes as
// `more`.
struct SetAside {
  enum class What : std::uint8_t { run, trigger, backfill };
  Id subject;
  What what = What::run;
  std::string incident;
};

using Request = std::variant<SaveDefinition,
                             DeleteDefinition,
                             TriggerRun,
                             CancelRun,
                             ExplainRun,
                             RetryRun,
                             PauseTrigger,
                             ResumeTrigger,
                             StartBackfill,
                             PauseBackfill,
                             ResumeBackfill,
                             CancelBackfill,
                             AttemptEnded,
                             ProgressMade,
                             AttemptLost,
                             AttemptReclaimed,
                             AssignmentUnsent,
                             LetterCame,
                             LetterAcked,
                             TimerDue,
                             LookAhead,
                             DispatchNext,
                             ContinueRun,
                             ContinueDelete,
                             NextInLine,
                             CancelOthers,
                             TellWatchers,
                             WatchAgain,
                             FollowAgain,
                             ContinuePermits,
                             GrantPermits,
                             AskPermitAgain,
                             ContinueBackfill,
                             SetAside>;

struct Command {
  Request request;
  std::string principal;  // who asks: "token:admin", "worker:<name>", "system"
  Instant now = {};       // when the hall took it; a re-run of the command keeps it (3b)
  std::shared_ptr<const CommandRows> rows = {};  // what was read for it (3c)
  Id id = {};  // given at the door when somebody asks: carried out once, however often it comes
  bool is_repeat = false;  // it was sent before, and may have been carried out then (S12.4)
};

}  // namespace jobflow::engine
