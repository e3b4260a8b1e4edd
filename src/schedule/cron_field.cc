#include "schedule/cron_field.h"

#include "model/id.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"JAN", "FEB", "MAR", "APR", "MAY", "JUN",
                                                   "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"};
constexpr std::array<std::string_view, 7> kWeekdays{"SUN", "MON", "TUE", "WED",
                                                    "THU", "FRI", "SAT"};

struct Kind {
  std::string_view name;
  int least;
  int most;  // of `*`, and of a/n
  std::span<const std::string_view> names;
  int hashed_to;  // H picks from least to there: a date that every month has
};
constexpr std::array<Kind, 7> kKinds{{{"second", 0, 59, {}, 59},
                                      {"minute", 0, 59, {}, 59},
                                      {"hour", 0, 23, {}, 23},
                                      {"day", 1, 31, {}, 28},
                                      {"month", 1, 12, kMonths, 12},
                                      {"weekday", 0, 6, kWeekdays, 6},
                                      {"year", kFirstYear, kLastYear, {}, kLastYear}}};
constexpr int kWeek = 7;

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper;
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<int> number_of(std::string_view digits) {
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_number = all_digits(digits) && error == std::errc{};
  return is_number ? std::optional(number) : std::nullopt;
}

std::string shown(std::string_view text) {
  return "'" + std::string(text.substr(0, 32)) + "'";
}

class FieldReader {
 public:
  FieldReader(CronUnit unit, CronReading& reading)
      : unit_(unit), kind_(kKinds[static_cast<std::size_t>(unit)]), reading_(reading) {}

  CronField read(CronText field) {
    field_.is_question = field.text == "?";
    field_.is_open = field_.is_question || field.text == "*";
    if (field_.is_question) {
      if (!is_day_field()) {
        wrong(field, "'?' stands only for the day or the weekday: write '*'");
      }
      add(kind_.least, kind_.most, 1);
      return field_;
    }
    for (std::size_t start = 0; start <= field.text.size() && is_right();) {
      const std::size_t end = std::min(field.text.find(',', start), field.text.size());
      const std::string item = upper_case(field.text.substr(start, end - start));
      read_item({item, field.column + static_cast<int>(start)});
      start = end + 1;
    }
    return field_;
  }

 private:
  bool is_right() const { return reading_.wrong.empty(); }
  bool is_quartz() const { return reading_.dialect == CronDialect::quartz; }
  bool is_day_field() const { return unit_ == CronUnit::day || unit_ == CronUnit::weekday; }
  // Weekdays as numbers: 0-7 in Unix, 1-7 in Quartz; unknown in six fields of no stated dialect.
  bool are_digits_unclear() const {
    return unit_ == CronUnit::weekday && reading_.has_seconds && !is_quartz();
  }

  // a, a-b, *, each with or without /n; H; the words of days.
  void read_item(CronText item) {
    if (item.text.empty()) {
      wrong(item, "an item of the list is empty: drop the extra comma");
      return;
    }
    if (is_day_field() && read_word(item)) {
      return;
    }
    if (item.text.front() == 'H' &&
        (item.text.size() == 1 || item.text[1] == '/' || item.text[1] == '(')) {
      read_hashed(item);
      return;
    }
    const std::size_t slash = item.text.find('/');
    const bool has_step = slash != std::string_view::npos;
    const CronText base{item.text.substr(0, slash), item.column};
    const std::size_t dash = base.text.find('-');
    const bool is_range = dash != std::string_view::npos;
    field_.is_plain = field_.is_plain && !has_step && !is_range && base.text != "*";
    int from = kind_.least;
    int to = kind_.most;
    if (base.text.starts_with('*')) {
      if (base.text != "*") {
        wrong(item, "'*' already means every value: drop what follows it");
        return;
      }
    } else {
      from = read_value({base.text.substr(0, dash), base.column});
      to = has_step ? std::max(from, kind_.most) : from;
      if (is_range) {
        to = read_end(base, dash, from);
      }
    }
    if (!is_right()) {
      return;
    }
    const int step = has_step ? read_step(item, slash, to - from + 1) : 1;
    if (is_right() && from == kind_.least && to == kind_.most) {
      warn_of_step(item, step);
    }
    add(from, to, step);
  }

  // The value after the dash. What begins after its end goes round in Quartz only.
  int read_end(CronText base, std::size_t dash, int from) {
    const std::string_view text = base.text.substr(dash + 1);
    int to = read_value({text, base.column + static_cast<int>(dash) + 1});
    if (!is_right() || from <= to) {
      return to;
    }
    if (unit_ == CronUnit::weekday && to == 0 && text == "SUN") {
      return kWeek;  // FRI-SUN is 5-7
    }
    if (is_quartz() && unit_ != CronUnit::year) {
      return to + kind_.most - kind_.least + 1;
    }
    wrong(base, "the range " + shown(base.text) + " starts after it ends: write '" +
                    two_ranges(from, to) + "'" +
                    (reading_.has_seconds && !is_quartz() ? ", or state dialect: quartz" : ""));
    return to;
  }

  int read_value(CronText value) {
    if (value.text.empty()) {
      wrong(value, "a value is missing here");
      return kind_.least;
    }
    const auto named = std::find(kind_.names.begin(), kind_.names.end(), value.text);
    if (named != kind_.names.end()) {
      const auto position = static_cast<int>(named - kind_.names.begin());
      return position + (unit_ == CronUnit::month ? 1 : 0);
    }
    if (!all_digits(value.text)) {
      wrong(value,
            shown(value.text) + " is not a " + std::string(kind_.name) + ": write " + allowed());
      return kind_.least;
    }
    if (are_digits_unclear()) {
      wrong(value,
            "with " + std::string("seconds in front, a digit means Sunday = 0 in one dialect and "
                                  "Sunday = 1 in another: write names such as MON-FRI, or state "
                                  "dialect: quartz"));
      return kind_.least;
    }
    const int shift = unit_ == CronUnit::weekday && is_quartz() ? 1 : 0;
    const int most = unit_ == CronUnit::weekday ? kWeek : kind_.most + shift;
    const auto number = number_of(value.text);
    if (!number || *number < kind_.least + shift || *number > most) {
      wrong(value, std::string(value.text.substr(0, 32)) + " is out of range: write " + allowed());
      return kind_.least;
    }
    return *number - shift;
  }

  int read_step(CronText item, std::size_t slash, int values) {
    const CronText step{item.text.substr(slash + 1), item.column + static_cast<int>(slash) + 1};
    if (!all_digits(step.text)) {
      wrong(step, "a step is a number, e.g. */5");
      return 1;
    }
    const auto number = number_of(step.text);
    if (!number || *number < 1 || *number > values) {
      wrong(step, "the step " + std::string(step.text.substr(0, 32)) + " must be from 1 to " +
                      std::to_string(values) + ", the number of values it steps over");
      return 1;
    }
    return *number;
  }

  // A step that the field's values are no multiple of seems to be a pace, and is none.
  void warn_of_step(CronText item, int step) {
    const int values = kind_.most - kind_.least + 1;
    const int last = kind_.least + (values - 1) / step * step;
    if (unit_ == CronUnit::day && step > 1) {
      warn(item, shown(item.text) + " begins anew at day 1 of each month, whichever day was last");
    } else if (unit_ != CronUnit::day && unit_ != CronUnit::year && values % step != 0) {
      warn(item, shown(item.text) + " does not divide " + std::to_string(values) +
                     ": it begins anew at " + word(kind_.least) + ", so the pause after " +
                     word(last) + " is shorter (" + std::to_string(kind_.most + 1 - last) + ")");
    }
  }

  // H, H/n, H(a-b), H(a-b)/n: where in the range, or in the step, the job's hash says.
  void read_hashed(CronText item) {
    const std::size_t slash = item.text.find('/');
    const std::string_view base = item.text.substr(0, slash);
    int from = kind_.least;
    int to = kind_.hashed_to;
    if (unit_ == CronUnit::year) {
      wrong(item, "H does not spread years: write the years");
      return;
    }
    if (base.size() > 1) {
      const std::size_t dash = base.find('-');
      if (base.back() != ')' || dash == std::string_view::npos) {
        wrong(item, "write H, H/n, or H(a-b)");
        return;
      }
      from = read_value({base.substr(2, dash - 2), item.column + 2});
      to = read_value({base.substr(dash + 1, base.size() - dash - 2),
                       item.column + static_cast<int>(dash) + 1});
      if (is_right() && from > to) {
        wrong(item, "the range of H starts after it ends");
      }
    }
    field_.is_plain = field_.is_plain && base.size() == 1 && slash == std::string_view::npos;
    if (!is_right()) {
      return;
    }
    const std::uint64_t hash = stable_hash(kind_.name, reading_.hash);
    if (slash == std::string_view::npos) {
      const auto values = static_cast<std::uint64_t>(to - from + 1);
      const int value = from + static_cast<int>(hash % values);
      add(value, value, 1);
      return;
    }
    const int step = read_step(item, slash, to - from + 1);
    if (is_right()) {
      add(from + static_cast<int>(hash % static_cast<std::uint64_t>(step)), to, step);
    }
  }

  // L, L-3, LW, L-3W, 15W of a day; L, 5L, FRIL, MON#2 of a weekday. False: it is none of these.
  bool read_word(CronText item) {
    return unit_ == CronUnit::day ? read_day_word(item) : read_weekday_word(item);
  }

  bool read_day_word(CronText item) {
    const std::string_view text = item.text;
    if (text == "L" || text == "LW") {
      (text == "L" ? field_.before_last : field_.near_last) |= 1;
      return true;
    }
    if (text.starts_with("L-")) {
      const bool is_near = text.ends_with('W');
      const auto before = number_of(text.substr(2, text.size() - (is_near ? 3 : 2)));
      if (!before || *before < 1 || *before > 30) {
        wrong(item, shown(text) + ": write L-1 to L-30, so many days before the month's last, or " +
                        "L-1W to L-30W, the weekday nearest to that");
      } else {
        (is_near ? field_.near_last : field_.before_last) |= std::uint64_t{1} << *before;
      }
      return true;
    }
    if (text.ends_with('W')) {
      const auto day = number_of(text.substr(0, text.size() - 1));
      if (!day || *day < 1 || *day > 31) {
        wrong(item, shown(text) + ": write 1W to 31W or LW, the weekday nearest to that day");
      } else {
        field_.near |= std::uint64_t{1} << *day;
      }
      return true;
    }
    return false;
  }

  bool read_weekday_word(CronText item) {
    const std::string_view text = item.text;
    if (text == "L") {
      if (!is_quartz()) {
        wrong(item, reading_.has_seconds
                        ? "'L' alone is Saturday in Quartz: write SAT, or state dialect: quartz"
                        : "'L' alone as a weekday says nothing: write SAT, or e.g. FRIL for the "
                          "month's last Friday");
      }
      warn(item, "'L' alone as a weekday is every Saturday: the month's last day is L as the day");
      field_.values.set(6);
      return true;
    }
    const std::size_t hash = text.find('#');
    if (hash != std::string_view::npos) {
      const int day = read_value({text.substr(0, hash), item.column}) % kWeek;
      const auto nth = number_of(text.substr(hash + 1));
      if (!nth || *nth < 1 || *nth > 5) {
        wrong(item, shown(text) + ": write #1 to #5, the how manieth of the month it is");
      } else {
        field_.nth[static_cast<std::size_t>(*nth)] |= static_cast<std::uint8_t>(1U << day);
      }
      return true;
    }
    if (text.ends_with('L') && text.size() > 1) {
      const int day = read_value({text.substr(0, text.size() - 1), item.column}) % kWeek;
      field_.last |= static_cast<std::uint8_t>(1U << day);
      return true;
    }
    return false;
  }

  std::string allowed() const {
    if (unit_ == CronUnit::weekday) {
      return are_digits_unclear() ? "SUN-SAT" : is_quartz() ? "1-7 or SUN-SAT" : "0-7 or SUN-SAT";
    }
    return std::to_string(kind_.least) + "-" + std::to_string(kind_.most) +
           (unit_ == CronUnit::month ? " or JAN-DEC" : "");
  }

  std::string word(int value) const {
    return unit_ == CronUnit::weekday ? std::string(kWeekdays[static_cast<std::size_t>(value)])
                                      : std::to_string(value);
  }

  std::string two_ranges(int from, int to) const {
    const auto range = [&](int a, int b) { return a == b ? word(a) : word(a) + "-" + word(b); };
    return from > kind_.most ? range(kind_.least, to)  // Sunday, written 7
                             : range(from, kind_.most) + "," + range(kind_.least, to);
  }

  // Beyond the field's most it goes round.
  void add(int from, int to, int step) {
    const int round = kind_.most - kind_.least + 1;
    for (int value = from; value <= to; value += step) {
      const int kept = value > kind_.most ? value - round : value;
      field_.values.set(
          static_cast<std::size_t>(unit_ == CronUnit::year ? kept - kFirstYear : kept));
    }
  }

  std::string place(CronText where) const {
    return "cron field " + std::string(kind_.name) + " (column " + std::to_string(where.column) +
           "): ";
  }
  void wrong(CronText where, const std::string& what) {
    if (is_right()) {
      reading_.wrong = place(where) + what;
    }
  }
  void warn(CronText where, const std::string& what) {
    reading_.warnings.push_back(place(where) + what);
  }

  CronUnit unit_;
  const Kind& kind_;
  CronReading& reading_;
  CronField field_;
};

}  // namespace

CronField read_cron_field(CronUnit unit, CronText field, CronReading& reading) {
  return FieldReader(unit, reading).read(field);
}

}  // namespace jobflow::schedule
