#include "schedule/icalendar.h"

#include "model/civil.h"
#include "model/limits.h"
#include "schedule/ical_line.h"
#include "schedule/recurrence.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kEndDay = days_from_civil({2100, 1, 2});  // 2100 has begun in every zone
constexpr int kFirstYear = 1900;
constexpr const char* kMixed = "is a date where DTSTART is a time, or the reverse";

// The properties of an event that say when it takes place.
constexpr std::array<std::string_view, 6> kOnce{"DTSTART", "DTEND",  "DURATION",
                                                "RRULE",   "STATUS", "RECURRENCE-ID"};
constexpr std::array<std::string_view, 2> kOften{"EXDATE", "RDATE"};

struct Event {
  int number = 0;  // its line
  std::string uid;
  std::map<std::string, IcalLine> once;
  std::vector<IcalLine> often;

  const IcalLine* find(const std::string& name) const {
    const auto found = once.find(name);
    return found == once.end() ? nullptr : &found->second;
  }
};

// A date, or a time of some zone's clock.
struct When {
  bool is_date = false;
  Reading reading = 0;
  std::shared_ptr<const Zone> zone;
};

struct Length {
  std::int64_t days = 0;  // as the clock counts them
  std::int64_t seconds = 0;
};

// Occurrences that an event does not have.
struct Exceptions {
  std::set<std::int64_t> days;
  std::set<std::int64_t> instants;
};

struct Series {
  const Event& event;
  When start;
  Length length;
  Exceptions without;
  const Exceptions& changed;  // have events of their own
};

// As RFC 5545, 3.3.5 has it: a skipped reading by the offset before the gap, a repeated one at its
// first pass. In ms.
std::int64_t instant_of(const Zone& zone, Reading reading) {
  const auto& stretches = zone.stretches();
  std::size_t i = zone.at(reading - 2 * kDaySeconds);  // no clock is further from UTC
  while (i + 1 < stretches.size() && reading >= stretches[i].after_last()) {
    ++i;
  }
  if (i > 0 && reading < stretches[i].first()) {
    --i;
  }
  return (reading - stretches[i].offset) * 1000;
}

std::optional<int> digits(std::string_view text) {
  int number = 0;
  const bool all = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return all && error == std::errc{} ? std::optional(number) : std::nullopt;
}

// YYYYMMDD
std::optional<std::int64_t> day_of(std::string_view text) {
  if (text.size() != 8) {
    return std::nullopt;
  }
  const auto year = digits(text.substr(0, 4));
  const auto month = digits(text.substr(4, 2));
  const auto day = digits(text.substr(6, 2));
  if (!year || !month || !day || *year < kFirstYear || *month < 1 || *month > 12 || *day < 1 ||
      *day > days_in_month(*year, *month)) {
    return std::nullopt;
  }
  return days_from_civil({*year, *month, *day});
}

// HHMMSS; a leap second is the one before.
std::optional<std::int64_t> second_of(std::string_view text) {
  const auto hour = digits(text.substr(0, 2));
  const auto minute = digits(text.substr(std::min<std::size_t>(2, text.size()), 2));
  const auto second = digits(text.substr(std::min<std::size_t>(4, text.size()), 2));
  if (text.size() != 6 || !hour || !minute || !second || *hour > 23 || *minute > 59 ||
      *second > 60) {
    return std::nullopt;
  }
  return *hour * 3600 + *minute * 60 + std::min(*second, 59);
}

class Importer {
 public:
  explicit Importer(std::shared_ptr<const Zone> zone) : floating_(std::move(zone)) {}

  Outcome<EventTimes> read(std::string_view text) {
    if (text.size() > limits::kICalendarBytes) {
      return Problem{ProblemCode::too_large,
                     "is longer than " + std::to_string(limits::kICalendarBytes) + " bytes"};
    }
    read_components(unfold(text));
    for (const Event& event : events_) {
      note_change(event);
    }
    for (const Event& event : events_) {
      if (is_right()) {
        expand(event);
      }
    }
    if (!is_right()) {
      return Problem{ProblemCode::invalid, wrong_};
    }
    return std::move(times_);
  }

 private:
  bool is_right() const { return wrong_.empty(); }
  void wrong(int number, const std::string& what) {
    if (is_right()) {
      wrong_ = "line " + std::to_string(number) + ": " + what;
    }
  }
  void wrong(const IcalLine& line, const std::string& what) {
    wrong(line.number, line.name + ": " + what);
  }

  // --- the text

  void read_components(const std::vector<IcalText>& lines) {
    if (lines.empty() || upper_case(lines.front().text) != "BEGIN:VCALENDAR") {
      wrong(lines.empty() ? 1 : lines.front().number,
            "an iCalendar text begins with BEGIN:VCALENDAR");
    }
    std::vector<std::string> open;  // components, the inmost last
    for (const IcalText& text : lines) {
      const std::string upper = upper_case(text.text.substr(0, limits::kNameBytes));
      if (upper.starts_with("BEGIN:")) {
        begin(open, text, upper.substr(6));
      } else if (upper.starts_with("END:")) {
        end(open, text, upper.substr(4));
      } else if (open.size() == 2 && open.back() == "VEVENT") {
        read_property(text);
      } else if (open.empty()) {
        wrong(text.number, "stands outside of BEGIN:VCALENDAR and END:VCALENDAR");
      }
      if (!is_right()) {
        return;
      }
    }
    if (!open.empty()) {
      wrong(lines.back().number, "END:" + open.back() + " is missing: the text was cut");
    }
  }

  void begin(std::vector<std::string>& open, const IcalText& text, const std::string& name) {
    if (open.empty() != (name == "VCALENDAR") || (name == "VEVENT" && open.size() != 1)) {
      wrong(text.number, "BEGIN:" + name + " does not belong here");
    } else if (name == "VEVENT") {
      events_.push_back({.number = text.number, .uid = {}, .once = {}, .often = {}});
    }
    open.push_back(name);
  }

  void end(std::vector<std::string>& open, const IcalText& text, const std::string& name) {
    if (open.empty() || open.back() != name) {
      wrong(text.number, "END:" + name + " ends nothing that began" +
                             (open.empty() ? "" : ": END:" + open.back() + " is to come first"));
      return;
    }
    if (name == "VEVENT" && open.size() == 2 && events_.back().find("DTSTART") == nullptr) {
      wrong(events_.back().number, "the event has no DTSTART");
    }
    open.pop_back();
  }

  void read_property(const IcalText& text) {
    auto read = split_line(text);
    if (!read) {
      wrong(text.number, read.problem().detail);
      return;
    }
    IcalLine& line = *read;
    Event& event = events_.back();
    if (line.name == "UID") {
      event.uid = line.value;
    } else if (line.name == "EXRULE") {
      wrong(line, "is not understood: write the exceptions as EXDATE");
    } else if (std::ranges::find(kOften, line.name) != kOften.end()) {
      event.often.push_back(std::move(line));
    } else if (std::ranges::find(kOnce, line.name) != kOnce.end()) {
      if (event.find(line.name) != nullptr) {
        wrong(line, "stands twice in one event");
      }
      const std::string name = line.name;
      event.once.emplace(name, std::move(line));
    }
  }

  // --- its values

  std::shared_ptr<const Zone> zone_of(const IcalLine& line) {
    const std::string_view name = line.parameter("TZID");
    if (name.empty()) {
      return floating_;
    }
    auto& zone = zones_[std::string(name)];
    if (zone == nullptr) {
      if (auto found = find_zone(name)) {
        zone = *found;
      } else {
        wrong(line, "TZID: " + found.problem().detail);
        return floating_;
      }
    }
    return zone;
  }

  // What stands for a value that is wrong is never used.
  When read_when(const IcalLine& line, std::string_view text) {
    When when{.is_date = false, .reading = 0, .zone = floating_};
    const std::string value_kind = upper_case(line.parameter("VALUE"));
    const auto day = day_of(text.substr(0, 8));
    when.is_date = text.size() == 8;
    const bool is_utc = text.ends_with('Z');
    const auto second = when.is_date || text.size() < 9 || text[8] != 'T'
                            ? std::optional<std::int64_t>(0)
                            : second_of(text.substr(9, text.size() - 9 - (is_utc ? 1 : 0)));
    const bool is_time = text.size() > 8 && text[8] == 'T';
    if (!day || !second || !(when.is_date || is_time)) {
      wrong(line, "'" + std::string(text.substr(0, 32)) +
                      "' is not a date or time such as 20261224 or 20261224T180000Z");
      return when;
    }
    if (!value_kind.empty() && value_kind != "PERIOD" &&
        value_kind != (when.is_date ? "DATE" : "DATE-TIME")) {
      wrong(line, "'" + std::string(text) + "' is not what VALUE=" + value_kind.substr(0, 32) +
                      " says: a date is VALUE=DATE, a time DATE-TIME");
    }
    when.reading = *day * kDaySeconds + *second;
    when.zone = is_utc ? utc_ : when.is_date ? floating_ : zone_of(line);
    return when;
  }

  // P1W, P2D, PT1H30M, P1DT2H.
  Length read_length(const IcalLine& line, std::string_view text) {
    Length length;
    const std::string_view whole = text;
    if (text.starts_with('+')) {
      text.remove_prefix(1);
    }
    const std::size_t time_at = std::min(text.find('T'), text.size());
    const std::string_view by_days = text.substr(0, time_at);
    const std::string by_seconds = "P" + std::string(text.substr(time_at));
    const auto days_part = by_days == "P" ? Outcome<Span>(Span{}) : parse_span(by_days);
    const auto seconds_part = by_seconds == "P" ? Outcome<Span>(Span{}) : parse_span(by_seconds);
    if (!text.starts_with('P') || text == "P" || !days_part || !seconds_part ||
        days_part->ms % kDayMs != 0) {
      wrong(line,
            "'" + std::string(whole.substr(0, 32)) + "' is not a duration such as P1D or PT1H30M");
      return length;
    }
    return {days_part->ms / kDayMs, seconds_part->ms / 1000};
  }

  // Of every occurrence: whole days of an all-day event; DTEND says exact seconds, DURATION days
  // of the clock and seconds (RFC 5545, 3.8.5.3).
  Length length_of(const Event& event, const When& start) {
    const IcalLine* end = event.find("DTEND");
    const IcalLine* duration = event.find("DURATION");
    Length length{start.is_date ? 1 : 0, 0};
    if (duration != nullptr) {
      length = read_length(*duration, duration->value);
      if (end != nullptr) {
        wrong(*duration, "stands beside DTEND: drop one of them");
      } else if (start.is_date && (length.seconds != 0 || length.days == 0)) {
        wrong(*duration, "an all-day event lasts whole days");
      }
    } else if (end != nullptr) {
      const When last = read_when(*end, end->value);
      const std::int64_t seconds =
          start.is_date
              ? last.reading - start.reading
              : (instant_of(*last.zone, last.reading) - instant_of(*start.zone, start.reading)) /
                    1000;
      if (last.is_date != start.is_date) {
        wrong(*end, kMixed);
      } else if (seconds < 0) {
        wrong(*end, "is before DTSTART");
      } else if (!start.is_date) {
        length.seconds = seconds;
      } else if (seconds > 0) {  // some write the day itself as the end of a day
        length.days = seconds / kDaySeconds;
      }
    }
    return length;
  }

  // --- the events

  // An occurrence that has an event of its own is none of its series'.
  void note_change(const Event& event) {
    const IcalLine* line = event.find("RECURRENCE-ID");
    if (line == nullptr) {
      return;
    }
    if (!line->parameter("RANGE").empty()) {
      wrong(*line, "RANGE is not understood: end the series with UNTIL and begin another");
    }
    except(read_when(*line, line->value), changed_[event.uid]);
  }

  static void except(const When& when, Exceptions& exceptions) {
    if (when.is_date) {
      exceptions.days.insert(when.reading / kDaySeconds);
    } else {
      exceptions.instants.insert(instant_of(*when.zone, when.reading));
    }
  }

  void expand(const Event& event) {
    const IcalLine* status = event.find("STATUS");
    if (status != nullptr && upper_case(status->value) == "CANCELLED") {
      return;
    }
    const IcalLine& line = *event.find("DTSTART");
    const When start = read_when(line, line.value);
    const bool is_change = event.find("RECURRENCE-ID") != nullptr;
    Series series{
        event, start, length_of(event, start), {}, is_change ? none_ : changed_[event.uid]};
    for_dates(event, "EXDATE", [&](const IcalLine& exceptions, std::string_view piece) {
      except(read_when(exceptions, piece), series.without);
    });
    const IcalLine* rule = event.find("RRULE");
    if (rule != nullptr && !is_change && is_right()) {
      recur(series, *rule);
    } else if (is_right()) {
      add(series, start, series.length);
    }
    for_dates(event, "RDATE", [&](const IcalLine& dates, std::string_view piece) {
      add_date(series, dates, piece);
    });
  }

  template <class Visit>
  void for_dates(const Event& event, std::string_view name, Visit visit) {
    for (const IcalLine& line : event.often) {
      if (line.name == name) {
        for (const std::string_view piece : pieces_of(line.value)) {
          visit(line, piece);
        }
      }
    }
  }

  void recur(const Series& series, const IcalLine& line) {
    const When& start = series.start;
    const auto rule = parse_recurrence(line.value);
    if (!rule) {
      wrong(line, rule.problem().detail);
      return;
    }
    When until{.is_date = true, .reading = kEndDay * kDaySeconds, .zone = start.zone};
    if (!rule->until.empty()) {
      // Whatever DTSTART's parameters say; without a zone it is meant in DTSTART's.
      const IcalLine bare{line.number, "UNTIL", {}, {}};
      const bool is_utc = rule->until.ends_with('Z');
      until = read_when(bare, rule->until);
      until.zone = is_utc ? until.zone : start.zone;
      until.is_date = until.is_date || start.is_date;
    }
    const std::int64_t time_of_day = start.reading - floor_day(start.reading) * kDaySeconds;
    const bool is_whole =
        walk(*rule, floor_day(start.reading), kEndDay, budget_, [&](std::int64_t day) {
          const When when{start.is_date, day * kDaySeconds + time_of_day, start.zone};
          if (until.is_date
                  ? day > floor_day(until.reading)
                  : instant_of(*when.zone, when.reading) > instant_of(*until.zone, until.reading)) {
            return false;
          }
          add(series, when, series.length);
          return is_right();
        });
    if (!is_whole) {
      wrong(line, "the rules up to here take too long to follow: give them an end (UNTIL, COUNT)");
    }
  }

  static std::int64_t floor_day(Reading reading) {
    return reading / kDaySeconds - (reading % kDaySeconds < 0 ? 1 : 0);
  }

  // Of RDATE: a date, a time, or a period (start/end, start/duration).
  void add_date(const Series& series, const IcalLine& line, std::string_view piece) {
    Length length = series.length;
    const std::size_t slash = piece.find('/');
    const When when = read_when(line, piece.substr(0, slash));
    if (when.is_date != series.start.is_date) {
      wrong(line, kMixed);
    }
    if (slash != std::string_view::npos) {
      const std::string_view rest = piece.substr(slash + 1);
      if (rest.starts_with('P') || rest.starts_with('+')) {
        length = read_length(line, rest);
      } else {
        const When end = read_when(line, rest);
        length = {
            0, (instant_of(*end.zone, end.reading) - instant_of(*when.zone, when.reading)) / 1000};
      }
      if (when.is_date || length.seconds < 0) {
        wrong(line, "'" + std::string(piece.substr(0, 64)) + "' is not a period of time");
      }
    }
    if (is_right()) {
      add(series, when, length);
    }
  }

  void add(const Series& series, const When& when, const Length& length) {
    const std::int64_t from = when.is_date ? 0 : instant_of(*when.zone, when.reading);
    const auto is_among = [&](const Exceptions& those) {
      return those.days.contains(floor_day(when.reading)) ||
             (!when.is_date && those.instants.contains(from));
    };
    if (is_among(series.without) || is_among(series.changed)) {
      return;
    }
    if (times_.days.size() + times_.moments.size() >= limits::kCalendarStretches) {
      wrong(series.event.number, "with this event there are more than " +
                                     std::to_string(limits::kCalendarStretches) +
                                     " occurrences by 2100: give the rules an end (UNTIL, COUNT)");
      return;
    }
    if (when.is_date) {
      times_.days.push_back({when.reading, when.reading + length.days * kDaySeconds});
      return;
    }
    const std::int64_t last_day =
        length.days == 0 ? from : instant_of(*when.zone, when.reading + length.days * kDaySeconds);
    times_.moments.push_back({{from}, {last_day + length.seconds * 1000}});
  }

  std::shared_ptr<const Zone> floating_;
  std::shared_ptr<const Zone> utc_ =
      std::make_shared<const Zone>("UTC", std::vector<Zone::Change>{});
  std::map<std::string, std::shared_ptr<const Zone>> zones_;  // by TZID
  std::vector<Event> events_;
  std::map<std::string, Exceptions> changed_;  // by UID
  Exceptions none_;
  std::int64_t budget_ = limits::kRecurrenceDays;
  EventTimes times_;
  std::string wrong_;
};

}  // namespace

Outcome<EventTimes> read_icalendar(std::string_view text, std::shared_ptr<const Zone> zone) {
  return Importer(std::move(zone)).read(text);
}

}  // namespace jobflow::schedule
