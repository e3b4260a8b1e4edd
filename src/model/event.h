// What happened, as subscribers see it (S9.1), and its compact form in the journal.
#pragma once

#include "model/id.h"
#include "model/states.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow {

enum class EventType : std::uint8_t {
  run_changed = 0,       // subject: a run of a job or workflow, or a step (parent set)
  definition_saved = 1,  // subject: a definition
  definition_deleted = 2,
  trigger_changed = 3,       // subject: a trigger; state is a TriggerState
  stale_report_refused = 4,  // subject: a run; a report with an old token changed nothing (I3)
  worker_changed = 5,        // subject: an incarnation; text is the worker's name; source: a member
  member_changed = 6,
  backfill_changed =
      7,  // subject: a backfill; state is a BackfillState; text is its trigger's name
};
std::string_view to_string(EventType type);  // "run.changed" ...

// A delta. Which fields mean something depends on the type; unused ones stay empty.
struct Event {
  EventType type = EventType::run_changed;
  std::uint8_t state = 0;  // RunState, TriggerState, WorkerState or BackfillState by type
  Id subject;
  Id definition;
  Id parent;  // a step's workflow run
  int attempt = 0;
  int version = 1;
  Instant time;
  std::string text;    // a step's id; a worker's name
  std::string detail;  // a short reason or error
  bool operator==(const Event&) const = default;
};

// One row per touched shard and batch: gapless numbers first .. first + events.size() - 1.
struct JournalPart {
  ShardNumber source = 0;
  std::int64_t first = 1;
  std::vector<Event> events;
};

// The source number of a member's own events (workers and members), above all shards.
inline constexpr ShardNumber kMemberSource = kShardsMax;
inline constexpr ShardNumber kLastSource = 65'534;

std::string encode_events(const std::vector<Event>& events);
// A blob that encode_events made; anything else is a Problem.
Outcome<std::vector<Event>> decode_events(std::string_view blob);

}  // namespace jobflow
