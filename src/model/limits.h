// Every limit of the product, in one table (I7). Each is refused at the door with a clear error.
#pragma once

#include "model/time.h"

#include <cstddef>
#include <cstdint>

namespace jobflow::limits {

// Names and texts.
inline constexpr std::size_t kNameBytes = 128;
inline constexpr std::size_t kTitleBytes = 512;
inline constexpr std::size_t kDescriptionBytes = 16 * 1024;
inline constexpr std::size_t kLabelBytes = 256;
inline constexpr std::size_t kCronBytes = 256;
inline constexpr std::size_t kTriggerNoteBytes = 1024;
inline constexpr std::size_t kIdempotencyKeyBytes = 256;
inline constexpr std::size_t kErrorMessageBytes = 4096;  // longer messages are cut with a marker

// Payloads.
inline constexpr std::size_t kParamsBytes = 256 * 1024;
inline constexpr std::size_t kResultBytes = 256 * 1024;  // S5.4
inline constexpr std::size_t kDefinitionBytes = 8 * 1024 * 1024;
inline constexpr std::size_t kHttpBodyBytes = 16 * 1024 * 1024;
inline constexpr int kJsonDepth = 32;
inline constexpr int kHttpRedirectsMax = 20;  // that one body of `http` may follow
inline constexpr int kSqlRowsMax = 10'000;    // that one body of `sql` may answer

// Shapes.
inline constexpr int kStepsMax = 10'000;
inline constexpr int kNeedsMax = 10'000;
inline constexpr int kTriggersMax = 64;
inline constexpr int kTriggerCalendars = 16;       // that one trigger includes, or excludes
inline constexpr int kCatchUpMax = 10'000;         // misfire `all`: runs of one outage
inline constexpr int kInLineMax = 10'000;          // overlap `queue`: firings that wait
inline constexpr int kBackfillInstants = 100'000;  // of one backfill
inline constexpr int kBackfillParallel = 100;      // runs of one backfill that are live
inline constexpr std::size_t kBackfillsMax = 16;   // of one job or workflow, that go on
inline constexpr std::size_t kFollowersMax = 100;  // triggers that follow one job or workflow
// Ends of runs that took no time and led to each other: a loop, when there are so many in a row.
inline constexpr int kHopsMax = 100;
inline constexpr int kTagsMax = 32;  // of a worker or a task; designated workers of a task, too
inline constexpr int kLabelsMax = 64;
inline constexpr int kInputsMax = 256;
inline constexpr int kProblemsMax = 200;  // problems told of one document; more are counted
inline constexpr int kBatchItems = 1000;  // items of one runs/batch
inline constexpr int kAttemptsMax = 1000;
inline constexpr int kConcurrencyMax = 1'000'000;  // that a limit of a job may say
inline constexpr int kPermitsMax = 1'000'000;      // of a semaphore
inline constexpr std::size_t kSemaphoresMax = 4;   // that a job or step may name
inline constexpr int kDecisionRows = 1000;         // rows one decision writes at most (house 3.8)

// A calendar (S4.5): what is written, the stretches it comes to by 2100, and what reading it costs.
inline constexpr int kCalendarDates = 10'000;
inline constexpr int kCalendarYearly = 400;
inline constexpr std::size_t kCalendarBytes = 2 * 1024 * 1024;  // of its document
inline constexpr std::size_t kCalendarsMax = 1000;              // in a store
inline constexpr int kCalendarRevisions = 16;  // of each, the newest, that members keep in memory
// A member heeds a change of a calendar that another one saved that much later at the most.
inline constexpr Span kCalendarLag = seconds(10);
// What its calendars keep a trigger from is in the ledger after that long at the latest.
inline constexpr Span kCalendarLook = hours(24);
inline constexpr int kCalendarSteps = 2000;  // stretches of time that one look goes through
inline constexpr std::size_t kICalendarBytes = 1024 * 1024;
inline constexpr std::size_t kCalendarStretches = 300'000;
inline constexpr std::int64_t kRecurrenceDays = 5'000'000;  // its rules look at

// Dispatch: keys of strategy `hash` are told apart this far (S6.1); a run that waits so long counts
// as of the next higher priority (S3.6).
inline constexpr int kHashBuckets = 1024;
inline constexpr Span kPriorityAgeing = seconds(15);

// Waiting work.
inline constexpr std::size_t kInboxCommands = 200'000;       // commands not yet decided
inline constexpr std::size_t kUnsentDecisions = 200'000;     // decisions not yet durable
inline constexpr std::size_t kLiveRunsPerShard = 1'000'000;  // unfinished runs of one shard
inline constexpr std::size_t kLettersUnderWay = 100;  // of a pair of shards; more wait their turn
inline constexpr std::size_t kHandlersPerWorker = 10'000;
inline constexpr std::size_t kWorkerSlots = 100'000;

// Logs (S10.2).
inline constexpr std::size_t kLogLineBytes = 16 * 1024;
inline constexpr std::size_t kLogRunBytes = 64 * 1024 * 1024;

// Bounds in time (I5).
inline constexpr Span kSpanMax = days(36'500);       // the longest duration anyone may write
inline constexpr Span kRateMin = milliseconds(100);  // S4.1
inline constexpr Span kJitterMax = hours(24);
inline constexpr Span kOnTime = seconds(5);  // a firing that is no later has not been missed (S4.6)
inline constexpr Span kQueuedMax = days(7);
inline constexpr Span kWaitingMax = days(30);
inline constexpr Span kCancelGrace = seconds(30);   // cancelling ends at the latest then
inline constexpr Span kTimeoutGrace = seconds(10);  // the worker's own timeout goes first
inline constexpr Span kLettersAgain = seconds(1);   // unacknowledged ones are sent again
inline constexpr Span kPermitsAgain =
    seconds(30);  // granted ones are said again: is it still there?
inline constexpr Span kIdempotencyWindow = hours(24);
inline constexpr Span kCommandsKept = minutes(10);  // what became of them, by their ids (S12.4)
inline constexpr Span kWorkerHeartbeat = seconds(1);
inline constexpr Span kWorkerLease = seconds(10);
// One of several members: silent for a lease, it is dead (house 4).
inline constexpr Span kMemberLease = seconds(2);
inline constexpr Span kMemberBeat = milliseconds(500);
inline constexpr Span kMemberLook = milliseconds(250);
// Triggers that are due so far ahead are in memory; a definition that nothing asks for stays there
// so long (S4.10).
inline constexpr Span kLookAhead = seconds(60);
inline constexpr Span kKeptAwake = seconds(30);
inline constexpr int kLookAheadTriggers = 1000;  // read at a time
inline constexpr Span kDefaultExecutionTimeout = hours(24);

// The journal (S9.1).
inline constexpr Span kJournalKept = minutes(10);
inline constexpr std::size_t kJournalBytes = 256 * 1024 * 1024;

}  // namespace jobflow::limits
