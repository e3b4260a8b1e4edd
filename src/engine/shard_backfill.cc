// Backfills: past instants of a trigger are run because somebody asks for it, in slices and in
// order, beside its own firings (house 3.8, I2).
#include "engine/shard_inside.h"
#include "model/inputs.h"

#include <algorithm>
#include <utility>

namespace jobflow::engine {
namespace {

// Instants that one decision looks at: calendars may keep most of them off.
constexpr int kLooks = 1000;
constexpr Span kTick = milliseconds(1);

// The one after those that are settled; kNever: none is left.
Instant next_of(const BackfillRow& row, const schedule::Timetable& times) {
  const Instant before_all = row.from - kTick;
  const Instant cursor = row.progress.cursor;
  if (row.newest_first) {
    const Instant next = times.last_between(before_all, cursor.is_set() ? cursor : row.until);
    return next == before_all ? kNever : next;
  }
  const Instant next = times.next_after(cursor.is_set() ? cursor : before_all);
  return next < row.until ? next : kNever;
}

Problem not_going_on(Id backfill) {
  return {ProblemCode::not_found, "no backfill " + to_string(backfill) + " goes on"};
}

Problem wrong_state(const BackfillRow& row, const char* asked) {
  return {ProblemCode::wrong_state, "backfill " + to_string(row.id) + " is " +
                                        std::string(to_string(row.progress.state)) +
                                        ": it cannot be " + asked};
}

// The members of the request that are wrong by themselves.
std::string why_wrong(const StartBackfill& ask, Instant now) {
  if (ask.from >= ask.until) {
    return "'from' must be before 'to'";
  }
  if (ask.until > now + kTick) {
    return "'to' lies ahead: what is still to come fires by itself";
  }
  if (ask.max_parallel < 1 || ask.max_parallel > limits::kBackfillParallel) {
    return "'max_parallel' must be 1 to " + std::to_string(limits::kBackfillParallel);
  }
  return {};
}

}  // namespace

Shard::Inside::Backfill* Shard::Inside::find_backfill(Id backfill) {
  const auto found = backfills_.find(backfill);
  return found == backfills_.end() ? nullptr : &found->second;
}

// Its runs, when there are any, are listed as they are loaded.
void Shard::Inside::list_backfill(BackfillRow row) {
  const Id id = row.id;
  backfills_[id] = {.row = std::move(row), .times = {}, .schedule = {}, .live = {}};
}

// Null: this program does not understand its schedule.
const schedule::Timetable* Shard::Inside::times_of(Backfill& backfill) {
  if (!backfill.times) {
    const Found of = find_trigger(backfill.row.trigger);
    auto schedule = parse_schedule(backfill.row.schedule);
    if (of.trigger == nullptr || !schedule) {
      return nullptr;
    }
    auto times =
        schedule::Timetable::make(*schedule, backfill.row.anchor,
                                  schedule_hash(*of.known->plan->definition, of.trigger->row.name));
    if (!times) {
      return nullptr;
    }
    backfill.times = std::make_shared<const schedule::Timetable>(std::move(times).value());
    backfill.schedule = std::move(schedule).value();
  }
  return backfill.times.get();
}

void Shard::Inside::advance_backfill(Turn& turn, const Backfill& backfill) {
  turn.out.changes.emplace_back(AdvanceBackfill{backfill.row.id, backfill.row.progress});
}

void Shard::Inside::note_backfill(Turn& turn, const Backfill& backfill) {
  const auto owner = known_.find(backfill.row.definition);
  std::string name;
  if (owner != known_.end()) {
    for (const Trigger& trigger : owner->second.triggers) {
      name = trigger.row.id == backfill.row.trigger ? trigger.row.name : name;
    }
  }
  turn.out.events.push_back({.type = EventType::backfill_changed,
                             .state = static_cast<std::uint8_t>(backfill.row.progress.state),
                             .subject = backfill.row.id,
                             .definition = backfill.row.definition,
                             .time = turn.now,
                             .text = std::move(name),
                             .detail = backfill.row.progress.note});
}

// --- by people

void Shard::Inside::start_backfill(Turn& turn, const StartBackfill& ask) {
  const Found of = wake_trigger(turn, ask.trigger);
  if (!turn.out.reads.empty()) {
    return;
  }
  if (of.trigger == nullptr) {
    answer(turn, Problem{ProblemCode::not_found, "there is no trigger " + to_string(ask.trigger)});
    return;
  }
  auto row = new_backfill(turn, of, ask);
  if (!row) {
    answer(turn, row.problem());
    return;
  }
  const Id id = row->id = make_id(turn.now);
  turn.out.changes.emplace_back(InsertBackfill{*row});
  list_backfill(std::move(row).value());
  note_backfill(turn, backfills_.at(id));
  turn.backfills.insert(id);
  answer(turn, Reply{.id = id, .created = true});
}

// Its id is still to be given.
Outcome<BackfillRow> Shard::Inside::new_backfill(Turn& turn,
                                                 Found of,
                                                 const StartBackfill& ask) const {
  const Definition& definition = *of.known->plan->definition;
  if (const std::string wrong = why_wrong(ask, latest(turn)); !wrong.empty()) {
    return Problem{ProblemCode::invalid, wrong};
  }
  const schedule::Timetable* times = times_of(*of.known, *of.trigger);
  if (times == nullptr) {
    return Problem{ProblemCode::invalid,
                   "this trigger follows the ends of runs: no instants of its own have passed"};
  }
  const auto total = times->count_between(ask.from - kTick, ask.until);
  if (total == 0) {
    return Problem{ProblemCode::invalid, "nothing of this trigger's schedule lies in that time"};
  }
  if (total > limits::kBackfillInstants) {
    return Problem{ProblemCode::too_large,
                   std::to_string(total) + " instants lie in that time, and one backfill takes " +
                       std::to_string(limits::kBackfillInstants) + ": ask for less at a time"};
  }
  const auto others = std::count_if(backfills_.begin(), backfills_.end(), [&](const auto& one) {
    return one.second.row.definition == of.known->row.id;
  });
  if (std::cmp_greater_equal(others, limits::kBackfillsMax)) {
    return Problem{ProblemCode::queue_full, std::to_string(others) + " backfills of this " +
                                                std::string(to_string(definition.kind)) +
                                                " go on already: wait for one, or cancel it"};
  }
  auto params = merge_objects(of.trigger->row.params, ask.params);
  if (!params) {
    return params.problem();
  }
  if (definition.kind == DefinitionKind::workflow) {
    if (auto inputs = complete_inputs(definition.workflow().inputs, *params); !inputs) {
      return inputs.problem();
    }
  }
  return BackfillRow{.trigger = ask.trigger,
                     .definition = of.known->row.id,
                     .from = ask.from,
                     .until = ask.until,
                     .total = static_cast<int>(total),
                     .newest_first = ask.newest_first,
                     .max_parallel = ask.max_parallel,
                     .waits = ask.waits,
                     .pauses_on_failure = ask.pauses_on_failure,
                     .schedule = of.trigger->row.schedule,
                     .anchor = of.trigger->row.progress.anchor,
                     .params = std::move(params).value(),
                     .created = turn.now,
                     .principal = turn.command.principal};
}

void Shard::Inside::pause_backfill(Turn& turn, const PauseBackfill& ask) {
  Backfill* backfill = find_backfill(ask.backfill);
  if (backfill == nullptr) {
    answer(turn, not_going_on(ask.backfill));
    return;
  }
  if (ask.note.size() > limits::kTriggerNoteBytes) {
    answer(turn, Problem{ProblemCode::too_large, "the note is over the limit of " +
                                                     std::to_string(limits::kTriggerNoteBytes) +
                                                     " bytes"});
    return;
  }
  const BackfillState was = backfill->row.progress.state;
  const auto transition = backfill_transition(was, BackfillEvent::pause);
  if (transition.verdict == Verdict::refuse) {
    answer(turn, wrong_state(backfill->row, "paused"));
    return;
  }
  if (transition.verdict == Verdict::move) {
    hold_backfill(turn, *backfill, ask.note);
  }
  answer(turn, Reply{.id = ask.backfill, .changed = transition.verdict == Verdict::move});
}

// Nothing more of it begins until a person resumes it.
void Shard::Inside::hold_backfill(Turn& turn, Backfill& backfill, const std::string& why) {
  BackfillProgress& at = backfill.row.progress;
  const auto transition = backfill_transition(at.state, BackfillEvent::pause);
  if (transition.verdict != Verdict::move) {
    return;
  }
  at.state = transition.to;
  at.note = why;
  advance_backfill(turn, backfill);
  note_backfill(turn, backfill);
}

void Shard::Inside::resume_backfill(Turn& turn, const ResumeBackfill& ask) {
  Backfill* backfill = find_backfill(ask.backfill);
  if (backfill == nullptr) {
    answer(turn, not_going_on(ask.backfill));
    return;
  }
  BackfillProgress& at = backfill->row.progress;
  const auto transition = backfill_transition(at.state, BackfillEvent::resume);
  if (transition.verdict == Verdict::refuse) {
    answer(turn, wrong_state(backfill->row, "resumed"));
    return;
  }
  if (transition.verdict == Verdict::move) {
    at.state = transition.to;
    at.note.clear();
    advance_backfill(turn, *backfill);
    note_backfill(turn, *backfill);
    turn.backfills.insert(ask.backfill);
  }
  answer(turn, Reply{.id = ask.backfill, .changed = transition.verdict == Verdict::move});
}

void Shard::Inside::cancel_backfill(Turn& turn, const CancelBackfill& ask) {
  Backfill* backfill = find_backfill(ask.backfill);
  if (backfill == nullptr) {
    answer(turn, not_going_on(ask.backfill));
    return;
  }
  BackfillProgress& at = backfill->row.progress;
  const auto transition = backfill_transition(at.state, BackfillEvent::ask_cancel);
  if (transition.verdict == Verdict::move) {
    at.state = transition.to;
    at.note = "cancelled by " + turn.command.principal;
    advance_backfill(turn, *backfill);
    note_backfill(turn, *backfill);
    turn.backfills.insert(ask.backfill);
  }
  answer(turn, Reply{.id = ask.backfill, .changed = transition.verdict == Verdict::move});
}

// Its trigger is gone.
void Shard::Inside::stop_backfills(Turn& turn, Id definition, Id trigger, const std::string& why) {
  for (auto& [id, backfill] : backfills_) {
    BackfillProgress& at = backfill.row.progress;
    const bool is_its = backfill.row.definition == definition && backfill.row.trigger == trigger;
    if (!is_its ||
        backfill_transition(at.state, BackfillEvent::ask_cancel).verdict != Verdict::move) {
      continue;
    }
    at.state = BackfillState::cancelling;
    at.note = why;
    advance_backfill(turn, backfill);
    turn.backfills.insert(id);
  }
}

// --- how it goes on

// Asked for whenever one of its runs has ended, and after loading.
void Shard::Inside::continue_backfill(Turn& turn, Id id) {
  Backfill* backfill = find_backfill(id);
  if (backfill == nullptr) {
    return;
  }
  turn.goes_on_later = true;  // workflows begin by decisions of their own
  switch (backfill->row.progress.state) {
    case BackfillState::running:
      fill(turn, *backfill);
      return;
    case BackfillState::cancelling:
      stop_runs(turn, *backfill);
      return;
    case BackfillState::paused:
    case BackfillState::finished:
    case BackfillState::cancelled:
      return;
  }
}

// As many as may be live begin.
void Shard::Inside::fill(Turn& turn, Backfill& backfill) {
  BackfillProgress& at = backfill.row.progress;
  const auto known = known_.find(backfill.row.definition);
  const schedule::Timetable* times = known == known_.end() ? nullptr : times_of(backfill);
  if (times == nullptr) {
    hold_backfill(turn, backfill, "its schedule is not understood any more");
    return;
  }
  const auto open =
      schedule::Openings::past(backfill.schedule, known->second.row.name_space, *calendars_);
  int looks = 0;
  Instant next = next_of(backfill.row, *times);
  for (; next != kNever && looks < kLooks && may_begin(backfill) && turn.has_row_budget();
       next = next_of(backfill.row, *times)) {
    ++looks;
    if (!open.covers(next)) {
      ++at.kept_off;
    } else if (const auto why = begin_run(turn, known->second, backfill, next); why.empty()) {
      ++at.made;
    } else {
      hold_backfill(turn, backfill, why);
      return;
    }
    at.cursor = next;
  }
  if (next == kNever && backfill.live.empty()) {
    end_backfill(turn, backfill);
    return;
  }
  if (looks > 0) {
    advance_backfill(turn, backfill);
  }
  if (next != kNever && may_begin(backfill)) {
    turn.backfills.insert(backfill.row.id);
  }
}

// As many of its runs as may be are not live yet; and no other run, when it waits for those.
bool Shard::Inside::may_begin(const Backfill& backfill) const {
  if (std::cmp_greater_equal(backfill.live.size(), backfill.row.max_parallel)) {
    return false;
  }
  const auto runs = runs_of_.find(backfill.row.definition);
  return !backfill.row.waits || runs == runs_of_.end() ||
         runs->second.all.size() == runs->second.aside.size() + backfill.live.size();
}

// Why it could not, or "".
std::string Shard::Inside::begin_run(Turn& turn,
                                     Known& known,
                                     const Backfill& backfill,
                                     Instant planned) {
  if (live_.size() >= limits::kLiveRunsPerShard) {
    return "its shard holds its limit of unfinished runs: resume it later";
  }
  const auto run = create_run(turn, known,
                              {.params = backfill.row.params,
                               .trigger = backfill.row.trigger,
                               .planned = planned,
                               .backfill = &backfill.row});
  if (!run) {
    return "no run could be made: " + run.problem().detail;
  }
  if ((*run)->graph) {
    advance(turn, **run);
  }
  return {};
}

void Shard::Inside::stop_runs(Turn& turn, Backfill& backfill) {
  const std::set<Id> runs = backfill.live;
  for (const Id run : runs) {
    if (!turn.has_row_budget()) {
      turn.backfills.insert(backfill.row.id);
      return;
    }
    ask_cancel(turn, *find_live(run), "its backfill was cancelled");
  }
  if (backfill.live.empty()) {
    end_backfill(turn, backfill);
  }
}

// `backfill` is gone when this returns.
void Shard::Inside::end_backfill(Turn& turn, Backfill& backfill) {
  BackfillProgress& at = backfill.row.progress;
  const auto transition = backfill_transition(at.state, BackfillEvent::end);
  check(transition.verdict == Verdict::move, "a backfill ends when nothing of it goes on");
  at.state = transition.to;
  at.ended = turn.now;
  advance_backfill(turn, backfill);
  note_backfill(turn, backfill);
  turn.backfills.erase(backfill.row.id);
  backfills_.erase(Id{backfill.row.id});
}

// Such runs neither stop firings nor are stopped by them (S3.4).
bool Shard::Inside::stands_aside(const RunRow& run) const {
  const auto backfill = run.backfilled ? backfills_.find(run.occasion) : backfills_.end();
  return backfill != backfills_.end() && !backfill->second.row.waits;
}

// A run of this definition has ended, `own` when it was one of that backfill.
void Shard::Inside::tell_backfills(Turn& turn, Id definition, Id own, RunState ended_as) {
  for (auto& [id, backfill] : backfills_) {
    if (backfill.row.definition != definition || (id != own && !backfill.row.waits)) {
      continue;
    }
    turn.backfills.insert(id);
    if (id != own) {
      continue;
    }
    BackfillProgress& at = backfill.row.progress;
    ++(ended_as == RunState::succeeded ? at.succeeded : at.failed);
    if (ended_as != RunState::succeeded && backfill.row.pauses_on_failure &&
        at.state == BackfillState::running) {
      hold_backfill(turn, backfill, "a run of it ended " + std::string(to_string(ended_as)));
    } else {
      advance_backfill(turn, backfill);
    }
  }
}

// A person tries a run of it again: it is live once more, and will end once more.
void Shard::Inside::revived_for_backfill(Turn& turn, const RunRow& run, RunState ended_as) {
  if (Backfill* backfill = run.backfilled ? find_backfill(run.occasion) : nullptr) {
    BackfillProgress& at = backfill->row.progress;
    --(ended_as == RunState::succeeded ? at.succeeded : at.failed);
    advance_backfill(turn, *backfill);
  }
}

}  // namespace jobflow::engine
