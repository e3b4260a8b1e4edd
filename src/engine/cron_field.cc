#include "engine/cron_field.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>

namespace jobflow::engine {
namespace {

constexpr std::array<std::string_view, 12> kMonths{"jan", "feb", "mar", "apr", "may", "jun",
                                                   "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> kWeekdays{"sun", "mon", "tue", "wed",
                                                    "thu", "fri", "sat"};

struct Kind {
  std::string_view name;
  int least;
  int most;  // of `*`, and of a/n
  std::span<const std::string_view> names;
  int first_name;
};
constexpr std::array<Kind, 6> kKinds{{{"second", 0, 59, {}, 0},
                                      {"minute", 0, 59, {}, 0},
                                      {"hour", 0, 23, {}, 0},
                                      {"day", 1, 31, {}, 0},
                                      {"month", 1, 12, kMonths, 1},
                                      {"weekday", 0, 6, kWeekdays, 0}}};

// In Unix, 7 is another name of Sunday.
constexpr int kSundayAgain = 7;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// L, L-3, LW, 15W, 5L, FRIL, MON#2, H, H(0-29), H/5: words of other dialects we shall learn.
bool is_later_operator(std::string_view word) {
  const std::string text = lower_case(word);
  if (text.empty()) {
    return false;
  }
  const std::string_view stem = std::string_view(text).substr(0, text.size() - 1);
  const bool ends_special = text.back() == 'l' || text.back() == 'w';
  const bool special_stem = stem.empty() || stem == "l" || all_digits(stem) ||
                            std::find(kWeekdays.begin(), kWeekdays.end(), stem) != kWeekdays.end();
  return text.find('#') != std::string::npos || text == "h" || text.starts_with("h(") ||
         (ends_special && special_stem);
}

class FieldReader {
 public:
  FieldReader(CronUnit unit, bool has_seconds, Problem& problem)
      : unit_(unit),
        kind_(kKinds[static_cast<std::size_t>(unit)]),
        has_seconds_(has_seconds),
        problem_(problem) {}

  std::uint64_t read(CronText field) {
    if (field.text == "?") {
      if (unit_ == CronUnit::day || unit_ == CronUnit::weekday) {
        return range(kind_.least, kind_.most, 1);
      }
      return wrong(field, "'?' stands only for the day or the weekday: write '*'");
    }
    if (unit_ == CronUnit::weekday && has_seconds_ &&
        std::any_of(field.text.begin(), field.text.end(), is_digit) &&
        field.text.find('#') == std::string_view::npos) {
      return wrong(field,
                   "with 6 fields a digit means Sunday = 0 in one dialect and Sunday = 1 in "
                   "another, and the dialect cannot be stated yet: write names such as MON-FRI");
    }
    std::uint64_t bits = 0;
    for (std::size_t start = 0; start <= field.text.size();) {
      const std::size_t end = std::min(field.text.find(',', start), field.text.size());
      const std::uint64_t item = read_item(
          {field.text.substr(start, end - start), field.column + static_cast<int>(start)});
      if (item == 0) {
        return 0;
      }
      bits |= item;
      start = end + 1;
    }
    return bits;
  }

 private:
  // a, a-b, *, each with or without /n.
  std::uint64_t read_item(CronText item) {
    if (item.text.empty()) {
      return wrong(item, "an item of the list is empty: drop the extra comma");
    }
    const std::size_t slash = item.text.find('/');
    const CronText base{item.text.substr(0, slash), item.column};
    const std::size_t dash = base.text.find('-');
    const CronText from_text{base.text.substr(0, dash), base.column};
    int from = kind_.least;
    int to = kind_.most;
    if (from_text.text != "*") {
      const auto value = read_value(from_text);
      if (!value) {
        return 0;
      }
      from = *value;
      to = slash == std::string_view::npos ? from : std::max(from, kind_.most);
    } else if (dash != std::string_view::npos) {
      return wrong(item, "'*' already means every value: drop what follows it");
    }
    if (dash != std::string_view::npos) {
      const auto value =
          read_value({base.text.substr(dash + 1), base.column + static_cast<int>(dash) + 1});
      if (!value) {
        return 0;
      }
      to = *value;
      if (unit_ == CronUnit::weekday && to == 0 && from > 0 &&
          !is_digit(base.text.substr(dash + 1).front())) {
        to = kSundayAgain;  // FRI-SUN is 5-7
      }
      if (from > to) {
        return wrong(base, "the range '" + std::string(base.text) +
                               "' starts after it ends: write '" + two_ranges(from, to) + "'");
      }
    }
    int step = 1;
    if (slash != std::string_view::npos) {
      const auto value = read_step(
          {item.text.substr(slash + 1), item.column + static_cast<int>(slash) + 1}, to - from + 1);
      if (!value) {
        return 0;
      }
      step = *value;
    }
    return range(from, to, step);
  }

  std::optional<int> read_value(CronText value) {
    if (value.text.empty()) {
      return refuse(value, "a value is missing here");
    }
    if (is_later_operator(value.text)) {
      return refuse(value, "'" + std::string(value.text) +
                               "': the operators L, W, # and H are not supported yet");
    }
    const int most = unit_ == CronUnit::weekday ? kSundayAgain : kind_.most;
    if (!all_digits(value.text)) {
      const std::string name = lower_case(value.text);
      const auto found = std::find(kind_.names.begin(), kind_.names.end(), name);
      if (found == kind_.names.end()) {
        return refuse(value, "'" + std::string(value.text.substr(0, 32)) + "' is not a " +
                                 std::string(kind_.name) + ": write " + allowed());
      }
      return static_cast<int>(found - kind_.names.begin()) + kind_.first_name;
    }
    const auto number = read_number(value.text);
    if (!number || *number < kind_.least || *number > most) {
      return refuse(value,
                    std::string(value.text.substr(0, 32)) + " is out of range: write " + allowed());
    }
    return number;
  }

  std::optional<int> read_step(CronText step, int values) {
    const auto number = all_digits(step.text) ? read_number(step.text) : std::nullopt;
    if (!number && !all_digits(step.text)) {
      return refuse(step, "a step is a number, e.g. */5");
    }
    if (!number || *number < 1 || *number > values) {
      return refuse(step, "the step " + std::string(step.text.substr(0, 32)) +
                              " must be from 1 to " + std::to_string(values) +
                              ", the number of values it steps over");
    }
    return number;
  }

  static std::optional<int> read_number(std::string_view digits) {
    int number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc{} ? std::optional(number) : std::nullopt;
  }

  std::string allowed() const {
    const int most = unit_ == CronUnit::weekday ? kSundayAgain : kind_.most;
    std::string text = std::to_string(kind_.least) + "-" + std::to_string(most);
    if (unit_ == CronUnit::weekday && has_seconds_) {
      text = "SUN-SAT";
    } else if (!kind_.names.empty()) {
      text += unit_ == CronUnit::month ? " or JAN-DEC" : " or SUN-SAT";
    }
    return text;
  }

  std::string two_ranges(int from, int to) const {
    const auto shown = [&](int a, int b) { return a == b ? word(a) : word(a) + "-" + word(b); };
    if (from > kind_.most) {  // Sunday, written 7
      return shown(kind_.least, to);
    }
    return shown(from, kind_.most) + "," + shown(kind_.least, to);
  }

  std::string word(int value) const {
    if (unit_ == CronUnit::weekday && has_seconds_) {
      std::string name(kWeekdays[static_cast<std::size_t>(value)]);
      std::transform(name.begin(), name.end(), name.begin(),
                     [](char c) { return static_cast<char>(c - 'a' + 'A'); });
      return name;
    }
    return std::to_string(value);
  }

  std::uint64_t range(int from, int to, int step) const {
    std::uint64_t bits = 0;
    for (int value = from; value <= to; value += step) {
      const bool sunday = unit_ == CronUnit::weekday && value == kSundayAgain;
      bits |= std::uint64_t{1} << (sunday ? 0 : value);
    }
    return bits;
  }

  std::uint64_t wrong(CronText where, const std::string& what) {
    if (problem_.detail.empty()) {
      problem_.detail = "cron field " + std::string(kind_.name) + " (column " +
                        std::to_string(where.column) + "): " + what;
    }
    return 0;
  }

  std::nullopt_t refuse(CronText where, const std::string& what) {
    wrong(where, what);
    return std::nullopt;
  }

  CronUnit unit_;
  const Kind& kind_;
  bool has_seconds_;
  Problem& problem_;
};

}  // namespace

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

std::uint64_t read_cron_field(CronUnit unit, CronText field, bool has_seconds, Problem& problem) {
  return FieldReader(unit, has_seconds, problem).read(field);
}

}  // namespace jobflow::engine
