#include "schedule/calendar.h"

#include "model/civil.h"
#include "model/limits.h"
#include "schedule/cron_field.h"
#include "schedule/ical_line.h"
#include "schedule/icalendar.h"
#include "schedule/zone.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr int kWeek = 7;
constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kWeekSeconds = kWeek * kDaySeconds;
constexpr std::int64_t kFirstSunday = -4 * kDaySeconds;  // 1969-12-28
constexpr Reading kLastReading = (days_from_civil({kLastYear + 1, 1, 1}) + 2) * kDaySeconds;
constexpr Instant kEndOfTime{days_from_civil({kLastYear + 1, 1, 1}) * kDayMs};
constexpr std::size_t kTextBytes = 64;
constexpr std::array<std::string_view, 7> kDays{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"};

// A stretch of readings or of instants.
struct Stretch {
  std::int64_t from;
  std::int64_t end;
  bool operator<(const Stretch& other) const { return from < other.from; }
};
using Stretches = std::vector<Stretch>;

// In order, without overlaps and empty ones.
Stretches merged(Stretches stretches) {
  std::ranges::sort(stretches, {}, &Stretch::from);
  Stretches whole;
  for (const Stretch& one : stretches) {
    if (one.end <= one.from) {
      continue;
    }
    if (!whole.empty() && one.from <= whole.back().end) {
      whole.back().end = std::max(whole.back().end, one.end);
    } else {
      whole.push_back(one);
    }
  }
  return whole;
}

// When a zone's clock shows them, in ms.
void add_shown(const Zone& zone, const Stretches& readings, Stretches& instants) {
  for (const Zone::Stretch& stretch : zone.stretches()) {
    auto one = std::ranges::upper_bound(readings, stretch.first(), {}, &Stretch::end);
    for (; one != readings.end() && one->from < stretch.after_last(); ++one) {
      instants.push_back({(std::max(one->from, stretch.first()) - stretch.offset) * 1000,
                          (std::min(one->end, stretch.after_last()) - stretch.offset) * 1000});
    }
  }
}

std::optional<int> two_digits(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = text.size() == 2 && text.front() != '-' && error == std::errc{} &&
                        end == text.data() + text.size();
  return is_whole ? std::optional(number) : std::nullopt;
}

// 12-24; the 29th of February is one.
std::optional<CivilDate> month_day(std::string_view text) {
  const auto month = two_digits(text.substr(0, 2));
  const auto day = two_digits(text.substr(std::min<std::size_t>(3, text.size())));
  if (text.size() != 5 || text[2] != '-' || !month || !day || *month < 1 || *month > 12 ||
      *day < 1 || *day > days_in_month(2000, *month)) {
    return std::nullopt;
  }
  return CivilDate{2000, *month, *day};
}

// 2026-12-24, as a day since 1970.
std::optional<std::int64_t> date(std::string_view text) {
  const auto century = two_digits(text.substr(0, 2));
  const auto year = two_digits(text.substr(std::min<std::size_t>(2, text.size()), 2));
  const auto rest = month_day(text.substr(std::min<std::size_t>(5, text.size())));
  if (text.size() != 10 || text[4] != '-' || !century || !year || !rest) {
    return std::nullopt;
  }
  const int whole_year = *century * 100 + *year;
  if (whole_year < kFirstYear || whole_year > kLastYear ||
      rest->day > days_in_month(whole_year, rest->month)) {
    return std::nullopt;
  }
  return days_from_civil({whole_year, rest->month, rest->day});
}

// 09:30, 09:30:15, up to 24:00; as a second of the day.
std::optional<int> second_of_day(std::string_view text) {
  const auto hour = two_digits(text.substr(0, 2));
  const auto minute = two_digits(text.substr(std::min<std::size_t>(3, text.size()), 2));
  const auto second = text.size() == 5
                          ? std::optional(0)
                          : two_digits(text.substr(std::min<std::size_t>(6, text.size())));
  const bool has_form =
      (text.size() == 5 || (text.size() == 8 && text[5] == ':')) && text[2] == ':';
  if (!has_form || !hour || !minute || !second || *minute > 59 || *second > 59) {
    return std::nullopt;
  }
  const int seconds = *hour * 3600 + *minute * 60 + *second;
  return seconds <= kDaySeconds ? std::optional(seconds) : std::nullopt;
}

class Reader {
 public:
  Reader(const JsonValue& document, std::string pointer, ProblemList& problems)
      : problems_(problems), fields_(problems, document, std::move(pointer)) {}

  // In instants (ms).
  Stretches read() {
    read_zone();
    read_dates();
    read_yearly();
    read_weekly();
    Stretches instants;
    read_icalendar_text(instants);
    fields_.refuse_others();
    readings_ = merged(std::move(readings_));
    if (zone_ != nullptr) {
      add_shown(*zone_, readings_, instants);
    }
    instants = merged(std::move(instants));
    if (instants.size() > limits::kCalendarStretches) {
      problems_.add(fields_.pointer(), "covers more than " +
                                           std::to_string(limits::kCalendarStretches) +
                                           " stretches of time by 2100");
    }
    return instants;
  }

 private:
  void read_zone() {
    std::string name = "UTC";
    fields_.text("timezone", limits::kNameBytes, name);
    if (auto found = find_zone(name)) {
      zone_ = *found;
    } else {
      fields_.wrong("timezone", found.problem().detail);
    }
  }

  // Each text of a list, with its pointer.
  template <class Visit>
  void for_texts(const std::string& pointer, const boost::json::array* list, Visit visit) {
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
      const std::string at = pointer_to(pointer, std::to_string(i));
      const auto* text = (*list)[i].if_string();
      if (text == nullptr || text->size() > kTextBytes) {
        problems_.add(at, "must be a string, not " + std::string(kind_in_words((*list)[i])));
      } else {
        visit(at, std::string_view(text->data(), text->size()));
      }
    }
  }

  void read_dates() {
    for_texts(fields_.at("dates"), fields_.list("dates", limits::kCalendarDates),
              [&](const std::string& at, std::string_view text) {
                const std::size_t slash = std::min(text.find('/'), text.size());
                const auto first = date(text.substr(0, slash));
                const auto last = slash == text.size() ? first : date(text.substr(slash + 1));
                if (!first || !last) {
                  problems_.add(at, "'" + std::string(text) +
                                        "' is not a date of 1970-2099: write 2026-12-24, or "
                                        "2026-12-24/2027-01-02 for all days from the first to the "
                                        "last");
                } else if (*last < *first) {
                  problems_.add(at, "'" + std::string(text) + "' ends before it begins");
                } else {
                  add_days(*first, *last);
                }
              });
  }

  void read_yearly() {
    for_texts(fields_.at("yearly"), fields_.list("yearly", limits::kCalendarYearly),
              [&](const std::string& at, std::string_view text) {
                const std::size_t slash = std::min(text.find('/'), text.size());
                const auto first = month_day(text.substr(0, slash));
                const auto last = slash == text.size() ? first : month_day(text.substr(slash + 1));
                if (!first || !last) {
                  problems_.add(at, "'" + std::string(text) +
                                        "' is not a day of the year: write 12-25, or 12-24/01-02 "
                                        "for all days from the first to the last");
                } else {
                  add_yearly(*first, *last);
                }
              });
  }

  // A range that goes over New Year begins in the year before.
  void add_yearly(const CivilDate& first, const CivilDate& last) {
    const bool wraps = days_from_civil(last) < days_from_civil(first);
    for (int year = kFirstYear - 1; year <= kLastYear; ++year) {
      const int last_year = wraps ? year + 1 : year;
      // In other years the 29th of February begins on 1 March and ends on the 28th: a lone one is
      // no day at all.
      const std::int64_t from = days_from_civil({year, first.month, first.day});
      const std::int64_t to = days_from_civil(
          {last_year, last.month, std::min(last.day, days_in_month(last_year, last.month))});
      add_days(from, to);
    }
  }

  void add_days(std::int64_t first, std::int64_t last) {
    readings_.push_back({first * kDaySeconds, (last + 1) * kDaySeconds});
  }

  void read_weekly() {
    const auto* items = fields_.list("weekly", limits::kCalendarDates);
    Stretches week;  // in seconds since the Sunday it begins with
    for (std::size_t i = 0; items != nullptr && i < items->size(); ++i) {
      read_pattern((*items)[i], pointer_to(fields_.at("weekly"), std::to_string(i)), week);
    }
    week = merged(std::move(week));
    constexpr auto kWeeks = static_cast<std::size_t>((kLastReading - kFirstSunday) / kWeekSeconds);
    if (week.size() > limits::kCalendarStretches / kWeeks) {
      fields_.wrong("weekly",
                    "has " + std::to_string(week.size()) + " stretches in a week; at most " +
                        std::to_string(limits::kCalendarStretches / kWeeks) + " are allowed");
      return;
    }
    for (Reading begin = kFirstSunday - kWeekSeconds; !week.empty() && begin < kLastReading;
         begin += kWeekSeconds) {
      for (const Stretch& one : week) {
        readings_.push_back({begin + one.from, begin + one.end});
      }
    }
  }

  void read_pattern(const JsonValue& value, const std::string& pointer, Stretches& week) {
    Fields pattern(problems_, value, pointer);
    std::array<bool, kWeek> on{};
    const auto* days = pattern.list("days", kWeek);
    on.fill(value.is_object() && days == nullptr);
    for_texts(pattern.at("days"), days,
              [&](const std::string& at, std::string_view text) { read_weekdays(at, text, on); });
    const int from = read_time(pattern, "from", 0);
    const int to = read_time(pattern, "to", kDaySeconds);
    pattern.refuse_others();
    if (from == to) {
      pattern.wrong("to", "is the same as 'from': drop both for the whole day");
    }
    for (int day = 0; day < kWeek; ++day) {
      if (on.at(static_cast<std::size_t>(day))) {
        const std::int64_t begin = day * kDaySeconds;
        week.push_back({begin + from, begin + to + (to < from ? kDaySeconds : 0)});
      }
    }
  }

  void read_weekdays(const std::string& at, std::string_view text, std::array<bool, kWeek>& on) {
    const std::string upper = upper_case(text);
    const auto day_of = [&](std::string_view name) {
      return static_cast<std::size_t>(std::ranges::find(kDays, name) - kDays.begin());
    };
    const std::size_t dash = std::min(upper.find('-'), upper.size());
    const std::size_t first = day_of(std::string_view(upper).substr(0, dash));
    const std::size_t last =
        dash == upper.size() ? first : day_of(std::string_view(upper).substr(dash + 1));
    if (first == kDays.size() || last == kDays.size()) {
      problems_.add(at, "'" + std::string(text) +
                            "' is not a weekday: write SUN, MON, TUE, WED, THU, FRI, SAT, or a "
                            "range such as MON-FRI");
      return;
    }
    for (std::size_t day = first;; day = (day + 1) % kDays.size()) {
      on.at(day) = true;
      if (day == last) {
        return;
      }
    }
  }

  static int read_time(Fields& pattern, std::string_view name, int otherwise) {
    std::string text;
    if (!pattern.text(name, kTextBytes, text)) {
      return otherwise;
    }
    const auto read = second_of_day(text);
    if (!read) {
      pattern.wrong(name, "'" + text + "' is not a time of day: write 00:00 to 24:00");
    }
    return read.value_or(otherwise);
  }

  void read_icalendar_text(Stretches& instants) {
    std::string text;
    if (!fields_.text("icalendar", limits::kICalendarBytes, text) || zone_ == nullptr) {
      return;
    }
    const auto times = read_icalendar(text, zone_);
    if (!times) {
      fields_.wrong("icalendar", times.problem().detail);
      return;
    }
    for (const auto& [from, end] : times->days) {
      readings_.push_back({from, end});
    }
    for (const auto& [from, end] : times->moments) {
      instants.push_back({from.ms, end.ms});
    }
  }

  ProblemList& problems_;
  Fields fields_;
  std::shared_ptr<const Zone> zone_;
  Stretches readings_;  // on its clock
};

}  // namespace

Calendar Calendar::read(const JsonValue& document, std::string pointer, ProblemList& problems) {
  std::vector<Instant> changes;
  for (const Stretch& one : Reader(document, std::move(pointer), problems).read()) {
    if (one.end > 0 && one.from < kEndOfTime.ms) {
      changes.push_back({std::max<std::int64_t>(one.from, 0)});
      changes.push_back({one.end});
    }
  }
  if (!changes.empty() && changes.back() >= kEndOfTime) {
    changes.pop_back();
  }
  Calendar calendar;
  calendar.changes_ = std::make_shared<const std::vector<Instant>>(std::move(changes));
  return calendar;
}

Outcome<Calendar> Calendar::read(const JsonValue& document) {
  ProblemList problems;
  Calendar calendar = read(document, "", problems);
  std::vector<FieldProblem> fields = problems.take();
  if (!fields.empty()) {
    const FieldProblem& first = fields.front();
    std::string detail =
        first.pointer.empty() ? first.message : first.pointer + ": " + first.message;
    return Problem{ProblemCode::invalid, std::move(detail), std::move(fields)};
  }
  return calendar;
}

bool Calendar::covers(Instant instant) const {
  const auto after = std::ranges::upper_bound(*changes_, instant);
  return (after - changes_->begin()) % 2 != 0;
}

Instant Calendar::changes_after(Instant instant) const {
  const auto after = std::ranges::upper_bound(*changes_, instant);
  return after == changes_->end() ? kNever : *after;
}

}  // namespace jobflow::schedule
