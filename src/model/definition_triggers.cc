// When a job or workflow runs, as a definition says it (S4.1, S4.5, S4.6, S3.4).
#include "model/definition.h"
#include "model/definition_parts.h"

#include <algorithm>
#include <array>

namespace jobflow {
namespace {

// A trigger has exactly one of these, which says its kind.
struct KindWord {
  std::string_view member;
  ScheduleKind kind;
};
constexpr std::array kKindWords = std::to_array<KindWord>({
    {"cron", ScheduleKind::cron},
    {"every", ScheduleKind::fixed_rate},
    {"delay_after", ScheduleKind::fixed_delay},
    {"at", ScheduleKind::once},
    {"in", ScheduleKind::once},
    {"after", ScheduleKind::after_run},
});

constexpr std::array<std::string_view, 3> kDialects{"", "unix", "quartz"};  // by CronDialect
constexpr std::array<std::string_view, 2> kGaps{"run_after", "skip"};
constexpr std::array<std::string_view, 3> kRepeats{"first", "second", "both"};
constexpr std::array<std::string_view, 3> kMisfires{"skip", "last", "all"};
constexpr std::array<std::string_view, 4> kOverlaps{"allow", "skip", "queue", "cancel_running"};

constexpr std::array kTriggerHints = std::to_array<FieldHint>({
    {"with", "unknown field: a trigger's parameters are called 'params'"},
    {"inputs", "unknown field: a trigger gives a workflow's inputs as 'params'"},
    {"calendar", "unknown field: calendars are named by 'include' and 'exclude'"},
    {"rate", "unknown field: did you mean 'every'?"},
    {"interval", "unknown field: did you mean 'every'?"},
    {"delay",
     "unknown field: 'in' starts once after a delay, 'delay_after' so long after each end of a "
     "run"},
});

template <class Word, std::size_t count>
void read_word(Fields& fields,
               std::string_view name,
               const std::array<std::string_view, count>& words,
               Word& into) {
  if (const int word = fields.word(name, words); word >= 0) {
    into = static_cast<Word>(word);
  }
}

bool read_instant(Fields& fields, std::string_view name, Instant& into) {
  std::string text;
  if (!fields.text(name, limits::kNameBytes, text)) {
    return false;
  }
  const auto instant = parse_rfc3339(text);
  if (!instant) {
    fields.wrong(name, instant.problem().detail);
    return false;
  }
  into = *instant;
  return true;
}

std::vector<std::string> read_calendars(Fields& fields, std::string_view name) {
  std::vector<std::string> calendars;
  const auto* list = fields.list(name, limits::kTriggerCalendars);
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const JsonValue& item = (*list)[i];
    if (!item.is_string() || !is_valid_name(item.get_string())) {
      fields.wrong(name, "item " + std::to_string(i) + " must be the name of a calendar");
    } else {
      calendars.emplace_back(item.get_string().data(), item.get_string().size());
    }
  }
  std::sort(calendars.begin(), calendars.end());
  calendars.erase(std::unique(calendars.begin(), calendars.end()), calendars.end());
  return calendars;
}

void read_upstream_states(Fields& fields, Upstream& after) {
  const auto* list = fields.list("states", kRunStates);
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const JsonValue& item = (*list)[i];
    const auto state = parse_run_state(item.is_string() ? std::string_view(item.get_string())
                                                        : std::string_view());
    if (!state || !is_final(*state) || *state == RunState::skipped) {
      fields.wrong(
          "states",
          "item " + std::to_string(i) +
              " must be how a run ends: succeeded, failed, cancelled, timed_out or expired");
    } else {
      after.states.push_back(*state);
    }
  }
  if (after.states.empty()) {
    after.states.push_back(RunState::succeeded);
  }
  std::sort(after.states.begin(), after.states.end());
  after.states.erase(std::unique(after.states.begin(), after.states.end()), after.states.end());
}

void read_upstream(Fields& trigger,
                   const JsonValue& value,
                   const Definition& owner,
                   ProblemList& problems,
                   Upstream& after) {
  Fields fields(problems, value, trigger.at("after"));
  const bool is_job = fields.name("job", after.name);
  if (fields.name("workflow", after.name)) {
    after.kind = DefinitionKind::workflow;
    if (is_job) {
      fields.wrong("workflow", "a trigger waits for a job or for a workflow: write two triggers");
    }
  }
  fields.name("namespace", after.name_space);
  read_upstream_states(fields, after);
  if (value.is_object() && fields.find("job") == nullptr && fields.find("workflow") == nullptr) {
    fields.wrong("job", "is missing: name the job, or the workflow, to run after");
  }
  fields.refuse_others();
  if (after.kind == owner.kind && after.name == owner.name &&
      (after.name_space.empty() || after.name_space == owner.name_space)) {
    trigger.wrong("after",
                  "it would wait for itself for ever: 'delay_after' runs it again after "
                  "each of its own ends");
  }
}

// What the member that says the kind holds.
void read_kind(Fields& fields,
               const KindWord& word,
               const Definition& owner,
               ProblemList& problems,
               Schedule& schedule) {
  schedule.kind = word.kind;
  switch (word.kind) {
    case ScheduleKind::cron:
      if (fields.text("cron", limits::kCronBytes, schedule.cron) && schedule.cron.empty()) {
        fields.wrong("cron", "is empty: write an expression such as \"30 2 * * *\"");
      }
      fields.text("timezone", limits::kNameBytes, schedule.timezone);
      read_word(fields, "dialect", kDialects, schedule.dialect);
      read_word(fields, "gap", kGaps, schedule.gap);
      read_word(fields, "repeat", kRepeats, schedule.repeat);
      return;
    case ScheduleKind::fixed_rate:
    case ScheduleKind::fixed_delay:
      fields.span(word.member, limits::kRateMin, schedule.every);
      return;
    case ScheduleKind::once:
      if (word.member == "at") {
        read_instant(fields, "at", schedule.at);
      } else {
        fields.span("in", milliseconds(1), schedule.delay);
      }
      return;
    case ScheduleKind::after_run:
      read_upstream(fields, *fields.find("after"), owner, problems, schedule.after);
      return;
  }
}

// Members that mean nothing for this kind are not passed over in silence.
void refuse_strangers(Fields& fields, const KindWord& word) {
  const auto refuse = [&](std::string_view name, const std::string& why) {
    if (fields.find(name) != nullptr) {
      fields.wrong(name, why);
    }
  };
  if (word.kind != ScheduleKind::cron) {
    for (const auto* name : {"timezone", "dialect", "gap", "repeat"}) {
      refuse(name, "goes with 'cron' only: drop it");
    }
  }
  if (word.kind == ScheduleKind::once) {
    for (const auto* name : {"start", "end"}) {
      refuse(name, "'" + std::string(word.member) + "' names one instant: drop it");
    }
  }
  if (word.kind == ScheduleKind::after_run) {
    refuse("misfire", "an end that is waited for is never missed: drop it");
  }
}

Schedule read_schedule(Fields& fields,
                       const JsonValue& value,
                       const Definition& owner,
                       ProblemList& problems) {
  Schedule schedule;
  const KindWord* kind = nullptr;
  for (const KindWord& word : kKindWords) {
    if (fields.find(word.member) == nullptr) {
      continue;
    }
    if (kind != nullptr) {
      fields.wrong(word.member, "a trigger has one kind, and this one has '" +
                                    std::string(kind->member) + "': write two triggers");
      continue;
    }
    kind = &word;
  }
  if (kind == nullptr) {
    if (value.is_object()) {
      fields.wrong("cron",
                   "is missing: write an expression such as \"30 2 * * *\", or instead one of "
                   "every, delay_after, at, in, after");
    }
    kind = &kKindWords.front();
  }
  read_kind(fields, *kind, owner, problems, schedule);
  refuse_strangers(fields, *kind);
  const bool starts = read_instant(fields, "start", schedule.start);
  if (read_instant(fields, "end", schedule.end) && starts && schedule.end <= schedule.start) {
    fields.wrong("end", "is not after 'start': the trigger would never fire");
  }
  if (fields.span("jitter", Span{}, schedule.jitter) && schedule.jitter > limits::kJitterMax) {
    fields.wrong("jitter", "must be at most " + to_text(limits::kJitterMax));
  }
  schedule.include = read_calendars(fields, "include");
  schedule.exclude = read_calendars(fields, "exclude");
  return schedule;
}

void read_misfire(Fields& owner, ProblemList& problems, Misfire& misfire) {
  const JsonValue* value = owner.find("misfire");
  if (value == nullptr || !value->is_object()) {
    read_word(owner, "misfire", kMisfires, misfire.policy);
    return;
  }
  Fields fields(problems, *value, owner.at("misfire"));
  read_word(fields, "policy", kMisfires, misfire.policy);
  if (fields.whole("limit", 1, limits::kCatchUpMax, misfire.limit) &&
      misfire.policy != Misfire::Policy::all) {
    fields.wrong("limit", "goes with the policy 'all' only: drop it");
  }
  fields.span("window", milliseconds(1), misfire.window);
  fields.refuse_others();
}

void read_overlap(Fields& owner, ProblemList& problems, Overlap& overlap) {
  const JsonValue* value = owner.find("overlap");
  if (value == nullptr || !value->is_object()) {
    read_word(owner, "overlap", kOverlaps, overlap.policy);
    return;
  }
  Fields fields(problems, *value, owner.at("overlap"));
  read_word(fields, "policy", kOverlaps, overlap.policy);
  if (fields.whole("limit", 1, limits::kInLineMax, overlap.limit) &&
      overlap.policy != Overlap::Policy::queue) {
    fields.wrong("limit", "goes with the policy 'queue' only: drop it");
  }
  fields.refuse_others();
}

TriggerSpec read_trigger(const JsonValue& value,
                         const std::string& pointer,
                         TriggerSpec trigger,
                         const Definition& owner,
                         ProblemList& problems) {
  const std::string position = std::exchange(trigger.name, {});
  Fields fields(problems, value, pointer);
  trigger.schedule = read_schedule(fields, value, owner, problems);
  trigger.name = std::string(to_string(trigger.schedule.kind)) + "-" + position;
  fields.name("name", trigger.name);
  read_misfire(fields, problems, trigger.misfire);
  read_overlap(fields, problems, trigger.overlap);
  fields.flag("enabled", trigger.enabled);
  fields.object_text("params", limits::kParamsBytes, trigger.params);
  fields.refuse_others(kTriggerHints);
  return trigger;
}

}  // namespace

Outcome<Schedule> parse_schedule(const std::string& json) {
  const auto value = parse_json(json);
  if (!value) {
    return value.problem();
  }
  ProblemList problems;
  Fields fields(problems, *value, "");
  Schedule schedule = read_schedule(fields, *value, Definition{}, problems);
  if (auto wrong = problems.take(); !wrong.empty()) {
    return Problem{ProblemCode::invalid, wrong.front().message, std::move(wrong)};
  }
  return schedule;
}

std::vector<TriggerSpec> read_triggers(Fields& fields,
                                       const Definition& owner,
                                       ProblemList& problems) {
  TriggerSpec shared;
  read_misfire(fields, problems, shared.misfire);
  read_overlap(fields, problems, shared.overlap);
  std::vector<TriggerSpec> triggers;
  const auto* list = fields.list("triggers", limits::kTriggersMax);
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const std::string pointer = pointer_to(fields.at("triggers"), std::to_string(i));
    shared.name = std::to_string(i + 1);
    TriggerSpec trigger = read_trigger((*list)[i], pointer, shared, owner, problems);
    const auto twin = std::find_if(triggers.begin(), triggers.end(), [&](const TriggerSpec& other) {
      return other.name == trigger.name;
    });
    if (twin != triggers.end()) {
      problems.add(pointer_to(pointer, "name"),
                   "the trigger before it at position " + std::to_string(twin - triggers.begin()) +
                       " is named '" + trigger.name + "' too: give one of them another name");
    }
    triggers.push_back(std::move(trigger));
  }
  return triggers;
}

}  // namespace jobflow
