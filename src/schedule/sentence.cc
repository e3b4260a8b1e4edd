#include "schedule/sentence.h"

#include "schedule/cron_shape.h"
#include "schedule/timetable.h"

#include <algorithm>
#include <array>
#include <utility>

namespace jobflow::schedule {
namespace {

struct Unit {
  std::int64_t ms;
  std::int64_t least;  // of them; fewer are told in the next unit
  const char* english;
  const char* chinese;
};
// A day of the clock may have 23 hours: one day is told as 24.
constexpr std::array<Unit, 5> kUnits{{{86'400'000, 2, "day", "天"},
                                      {3'600'000, 1, "hour", "小时"},
                                      {60'000, 1, "minute", "分钟"},
                                      {1000, 1, "second", "秒"},
                                      {1, 0, "millisecond", "毫秒"}}};

struct StateWords {
  RunState state;
  const char* english;
  const char* chinese;
};
constexpr std::array<StateWords, 6> kStates{{{RunState::succeeded, "succeeded", "成功"},
                                             {RunState::failed, "failed", "失败"},
                                             {RunState::cancelled, "been cancelled", "被取消"},
                                             {RunState::timed_out, "timed out", "超时"},
                                             {RunState::expired, "expired", "过期"},
                                             {RunState::skipped, "been skipped", "被跳过"}}};

class Writer {
 public:
  Writer(const Schedule& schedule, Language language)
      : schedule_(schedule), is_english_(language == Language::english) {}

  std::string write(std::uint64_t hash) {
    if (!check_schedule(schedule_).empty() || !read_zone()) {
      return "";
    }
    std::string text = head(hash);
    if (says_clock_) {
      text += zone_text();
    }
    text += validity();
    if (!says_clock_ && (schedule_.start.is_set() || schedule_.end.is_set())) {
      text += zone_text();
    }
    if (schedule_.jitter.ms > 0) {
      text += pick(", up to " + span(schedule_.jitter) + " later",
                   "，最多推迟 " + span(schedule_.jitter));
    }
    return text + calendars();
  }

 private:
  std::string pick(std::string english_text, std::string chinese_text) const {
    return is_english_ ? std::move(english_text) : std::move(chinese_text);
  }

  // Whatever the kind: instants are told on its clock.
  bool read_zone() {
    std::string name = schedule_.timezone;
    if (schedule_.kind == ScheduleKind::cron) {
      if (const auto parts = split_cron(schedule_.cron); parts && !parts->zone.empty()) {
        name = parts->zone;
      }
    }
    if (const auto found = find_zone(name)) {
      zone_ = *found;
    }
    return zone_ != nullptr;
  }

  std::string head(std::uint64_t hash) {
    switch (schedule_.kind) {
      case ScheduleKind::cron:
        return of_cron(hash);
      case ScheduleKind::fixed_rate:
        return every(schedule_.every);
      case ScheduleKind::fixed_delay:
        return pick(span(schedule_.every) + " after each run ends",
                    "每次运行结束后 " + span(schedule_.every));
      case ScheduleKind::once:
        return once();
      case ScheduleKind::after_run:
        break;
    }
    return after_run();
  }

  std::string of_cron(std::uint64_t hash) {
    const auto parts = split_cron(schedule_.cron);
    if (parts && !parts->every.empty()) {
      const auto span = parse_span(parts->every);
      return span ? every(*span) : "";
    }
    const auto cron = parts
                          ? Cron::parse(parts->fields, dialect_of(*parts, schedule_.dialect), hash)
                          : Outcome<Cron>(parts.problem());
    if (!cron) {
      return "";
    }
    says_clock_ = !is_same_everywhere(*cron);
    return pick(english(*cron), chinese(*cron));
  }

  // "Every 5 minutes": the clocks of all zones are whole quarters of an hour apart.
  static bool is_same_everywhere(const Cron& cron) {
    const Times times = times_of(cron);
    return times.kind == Times::Kind::all_day && times.step <= 900 &&
           day_kind_of(cron) == DayKind::every_day && series_of(cron, CronUnit::month).is_full &&
           series_of(cron, CronUnit::year).is_full;
  }

  std::string once() {
    if (!schedule_.at.is_set()) {
      return pick("Once, " + span(schedule_.delay) + " after it is saved",
                  "保存后 " + span(schedule_.delay) + "执行一次");
    }
    says_clock_ = true;
    const auto [day, time] = shown(schedule_.at);
    return pick("Once at " + time + " on " + day, "于 " + day + " " + time + " 执行一次");
  }

  std::string after_run() const {
    const Upstream& from = schedule_.after;
    const bool is_job = from.kind == DefinitionKind::job;
    const std::string name = (from.name_space.empty() ? "" : from.name_space + "/") + from.name;
    std::vector<std::string> ends;
    for (const auto& [state, english_words, chinese_words] : kStates) {
      if (std::ranges::find(from.states, state) != from.states.end() ||
          (from.states.empty() && state == RunState::succeeded)) {
        ends.push_back(pick(english_words, chinese_words));
      }
    }
    const bool is_any = ends.size() == kStates.size();
    return pick((is_job ? "After job " : "After workflow ") + name + " has " +
                    (is_any ? "ended" : joined(ends, ", ", " or ")),
                (is_job ? "任务 " : "工作流 ") + name + " " +
                    (is_any ? "结束" : joined(ends, "、", "或")) + "后");
  }

  // --- its parts

  std::pair<std::int64_t, const Unit*> measured(Span span) const {
    const auto* unit = std::ranges::find_if(kUnits, [&](const Unit& one) {
      return span.ms % one.ms == 0 && span.ms / one.ms >= one.least;
    });
    return {span.ms / unit->ms, unit};
  }

  std::string span(Span span) const {
    const auto [count, unit] = measured(span);
    return std::to_string(count) + " " +
           pick(unit->english + std::string(count == 1 ? "" : "s"), unit->chinese);
  }

  std::string every(Span every) const {
    const auto [count, unit] = measured(every);
    return count == 1
               ? pick(std::string("Every ") + unit->english, std::string("每") + unit->chinese)
               : pick("Every " + span(every), "每 " + span(every));
  }

  // The day and the time of day the clock shows.
  std::pair<std::string, std::string> shown(Instant instant) const {
    const std::string text =
        to_rfc3339({zone_->reading(instant) * 1000 + ((instant.ms % 1000) + 1000) % 1000});
    const bool has_ms = instant.ms % 1000 != 0;
    const std::size_t size = has_ms ? 12 : text.substr(17, 2) != "00" ? 8 : 5;
    return {text.substr(0, 10), text.substr(11, size)};
  }

  std::string zone_text() const {
    const bool is_utc = zone_->name() == "UTC";
    return pick(", " + zone_->name() + (is_utc ? "" : " time"),
                "（" + zone_->name() + (is_utc ? "" : " 时间") + "）");
  }

  std::string validity() const {
    const auto text = [&](Instant instant) {
      const auto [day, time] = shown(instant);
      return day + " " + time;
    };
    const bool has_start = schedule_.start.is_set();
    const bool has_end = schedule_.end.is_set();
    std::string said;
    if (has_start) {
      said += pick(", from " + text(schedule_.start), "，自 " + text(schedule_.start) + " 起");
    }
    if (has_end) {
      said += pick((has_start ? " until " : ", until ") + text(schedule_.end),
                   (has_start ? "至 " : "，至 ") + text(schedule_.end) + " 止");
    }
    return said;
  }

  std::string calendars() const {
    const auto names = [&](const std::vector<std::string>& all) {
      return is_english_ ? joined(all, ", ", " or ") : joined(all, "、", " 或 ");
    };
    std::string said;
    if (!schedule_.include.empty()) {
      said += pick(", only within calendar " + names(schedule_.include),
                   "，仅限日历 " + names(schedule_.include) + " 之内");
    }
    if (!schedule_.exclude.empty()) {
      said += pick(", except within calendar " + names(schedule_.exclude),
                   "，日历 " + names(schedule_.exclude) + " 之内除外");
    }
    return said;
  }

  const Schedule& schedule_;
  bool is_english_;
  bool says_clock_ = false;
  std::shared_ptr<const Zone> zone_;
};

}  // namespace

std::string sentence(const Schedule& schedule, std::uint64_t hash, Language language) {
  return Writer(schedule, language).write(hash);
}

std::string sentence(const Cron& cron, Language language) {
  return language == Language::english ? english(cron) : chinese(cron);
}

}  // namespace jobflow::schedule
