#include "model/schedule.h"

#include "model/check.h"
#include "model/json.h"

#include <array>

namespace jobflow {
namespace {

template <class Names, class Word>
std::string_view name_in(const Names& names, Word word) {
  const auto index = static_cast<std::size_t>(word);
  check(index < names.size(), "a word out of range");
  return names[index];
}

boost::json::array texts(const std::vector<std::string>& names) {
  boost::json::array array;
  for (const std::string& name : names) {
    array.emplace_back(name);
  }
  return array;
}

boost::json::object upstream(const Upstream& after) {
  boost::json::object object;
  object[to_string(after.kind)] = after.name;
  if (!after.name_space.empty()) {
    object["namespace"] = after.name_space;
  }
  boost::json::array states;
  for (const RunState state : after.states) {
    states.emplace_back(to_string(state));
  }
  object["states"] = std::move(states);
  return object;
}

void add_cron(boost::json::object& object, const Schedule& schedule) {
  static constexpr std::array<std::string_view, 3> kDialects{"", "unix", "quartz"};
  static constexpr std::array<std::string_view, 3> kRepeats{"first", "second", "both"};
  object["cron"] = schedule.cron;
  object["timezone"] = schedule.timezone;
  if (schedule.dialect != CronDialect::by_fields) {
    object["dialect"] = name_in(kDialects, schedule.dialect);
  }
  if (schedule.gap != GapRule::run_after) {
    object["gap"] = "skip";
  }
  if (schedule.repeat != RepeatRule::first) {
    object["repeat"] = name_in(kRepeats, schedule.repeat);
  }
}

void add_kind(boost::json::object& object, const Schedule& schedule) {
  switch (schedule.kind) {
    case ScheduleKind::cron:
      add_cron(object, schedule);
      return;
    case ScheduleKind::fixed_rate:
      object["every"] = to_text(schedule.every);
      return;
    case ScheduleKind::fixed_delay:
      object["delay_after"] = to_text(schedule.every);
      return;
    case ScheduleKind::once:
      if (schedule.at.is_set()) {
        object["at"] = to_rfc3339(schedule.at);
      } else {
        object["in"] = to_text(schedule.delay);
      }
      return;
    case ScheduleKind::after_run:
      object["after"] = upstream(schedule.after);
      return;
  }
}

}  // namespace

std::string_view to_string(ScheduleKind kind) {
  static constexpr std::array<std::string_view, 5> kNames{"cron", "every", "delay", "once",
                                                          "after"};
  return name_in(kNames, kind);
}

std::string to_json(const Schedule& schedule) {
  boost::json::object object;
  add_kind(object, schedule);
  if (schedule.start.is_set()) {
    object["start"] = to_rfc3339(schedule.start);
  }
  if (schedule.end.is_set()) {
    object["end"] = to_rfc3339(schedule.end);
  }
  if (schedule.jitter.ms > 0) {
    object["jitter"] = to_text(schedule.jitter);
  }
  if (!schedule.include.empty()) {
    object["include"] = texts(schedule.include);
  }
  if (!schedule.exclude.empty()) {
    object["exclude"] = texts(schedule.exclude);
  }
  return to_text(object);
}

}  // namespace jobflow
