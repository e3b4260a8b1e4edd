// What a zone's changes of its clock do to fixed times (S4.4, S4.9).
#include "schedule/cron_shape.h"
#include "schedule/sentence.h"

#include <algorithm>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr Reading kDaySeconds = 86'400;
constexpr std::int64_t kReadingsTold = 3;  // one by one; of more the first and the last

std::string day_of(Reading reading) {
  return to_rfc3339({reading * 1000}).substr(0, 10);
}

class NoteWriter {
 public:
  NoteWriter(const Cron& cron, Language language)
      : cron_(cron), is_english_(language == Language::english) {}

  // Readings of the cron that the clock does not show, and when they are due instead.
  std::string skipped(Reading from, Reading end, GapRule rule) const {
    const bool is_one = cron_.count(from, end) == 1;
    const Reading first = cron_.next(from, end);
    const std::string day = day_of(first);
    const std::string then = (day_of(end) == day ? "" : day_of(end) + " ") + time(end);
    const bool runs = rule == GapRule::run_after;
    return is_english_ ? readings(from, end) + (is_one ? " does" : " do") + " not exist on " + day +
                             (runs ? ": runs at " + then : ": does not run")
                       : day + " 没有 " + readings(from, end) +
                             (runs ? "：改在 " + then + " 执行" : "：不执行");
  }

  // Readings of the cron that it shows twice.
  std::string repeated(Reading from, Reading end, RepeatRule rule) const {
    const bool is_one = cron_.count(from, end) == 1;
    const std::string day = day_of(cron_.next(from, end));
    const char* english_end = rule == RepeatRule::first    ? "the first"
                              : rule == RepeatRule::second ? "the second"
                                                           : "both";
    const char* chinese_end = rule == RepeatRule::first    ? "仅第一次执行"
                              : rule == RepeatRule::second ? "仅第二次执行"
                                                           : "两次都执行";
    return is_english_ ? readings(from, end) + (is_one ? " comes" : " come") + " twice on " + day +
                             ": runs at " + english_end
                       : day + " 会出现两次 " + readings(from, end) + "：" + chinese_end;
  }

 private:
  std::string time(Reading reading) const {
    const bool with_seconds = series_of(cron_, CronUnit::second).values != std::vector<int>{0};
    return time_of_day(static_cast<int>(reading % kDaySeconds), with_seconds);
  }

  // "02:00 and 02:30"; "02:00 to 02:55".
  std::string readings(Reading from, Reading end) const {
    std::vector<std::string> times;
    Reading one = cron_.next(from, end);
    if (const auto count = cron_.count(from, end); count > kReadingsTold) {
      const std::string first = time(one);
      return first + (is_english_ ? " to " : " 至 ") + time(last(one, end));
    }
    for (; one != Cron::kNone; one = cron_.next(one + 1, end)) {
      times.push_back(time(one));
    }
    return is_english_ ? joined(times, ", ", " and ") : joined(times, "、", " 和 ");
  }

  // By halves: there is none from `end` on.
  Reading last(Reading known, Reading end) const {
    while (end - known > 1) {
      const Reading middle = known + (end - known) / 2;
      const Reading found = cron_.next(middle, end);
      if (found == Cron::kNone) {
        end = middle;
      } else {
        known = found;
      }
    }
    return known;
  }

  const Cron& cron_;
  bool is_english_;
};

}  // namespace

std::vector<std::string> clock_notes(const Cron& cron,
                                     const Zone& zone,
                                     GapRule gap,
                                     RepeatRule repeat,
                                     Instant after,
                                     std::span<const Instant> due,
                                     Language language) {
  std::vector<std::string> notes;
  if (!cron.is_fixed_time() || due.empty()) {
    return notes;
  }
  const NoteWriter writer(cron, language);
  const auto& stretches = zone.stretches();
  // A repeated reading may be due before the clock goes back.
  const std::int64_t end = due.back().ms / 1000 + 2 * kDaySeconds;
  for (std::size_t i = zone.at(after.ms / 1000); i < stretches.size(); ++i) {
    const Zone::Stretch& stretch = stretches[i];
    if (stretch.begin > end) {
      break;
    }
    const Reading first = stretch.first();
    const Instant change{stretch.begin * 1000};
    if (i == 0) {
      continue;
    }
    if (change > after && change <= due.back() && cron.count(stretch.shown, first) > 0) {
      notes.push_back(writer.skipped(stretch.shown, first, gap));
    }
    const bool befalls = std::ranges::any_of(due, [&](Instant instant) {
      const Span repeated = seconds(stretch.shown - first);
      const Reading reading = zone.reading(instant);
      return instant >= change - repeated && instant < change + repeated && reading >= first &&
             reading < stretch.shown;
    });
    if (befalls) {
      notes.push_back(writer.repeated(first, stretch.shown, repeat));
    }
  }
  return notes;
}

ClockNotes first_clock_notes(const Cron& cron,
                             const Zone& zone,
                             GapRule gap,
                             RepeatRule repeat,
                             Instant after,
                             Instant before) {
  ClockNotes notes;
  if (!cron.is_fixed_time()) {
    return notes;
  }
  const NoteWriter writer(cron, Language::english);
  const auto& stretches = zone.stretches();
  for (std::size_t i = zone.at(after.ms / 1000) + 1; i < stretches.size(); ++i) {
    const auto& [begin, end, offset, shown] = stretches[i];
    if (begin * 1000 >= before.ms) {
      break;
    }
    const Reading first = stretches[i].first();
    if (notes.skipped.empty() && cron.count(shown, first) > 0) {
      notes.skipped = writer.skipped(shown, first, gap);
    }
    if (notes.repeated.empty() && cron.count(first, shown) > 0) {
      notes.repeated = writer.repeated(first, shown, repeat);
    }
  }
  return notes;
}

}  // namespace jobflow::schedule
