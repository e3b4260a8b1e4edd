#include "schedule/zone_file.h"

#include "model/civil.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace jobflow::schedule {
namespace {

constexpr std::int64_t kDaySeconds = 86'400;
constexpr std::int64_t kUntil = 4'102'444'800 + 2 * kDaySeconds;  // 2100, in every zone

Problem broken(const char* what) {
  return {ProblemCode::invalid, std::string("the zone's file is broken: ") + what};
}

// --- the footer's rule

struct YearlyDay {
  enum class Kind : char { julian, zero_based, weekday } kind = Kind::julian;
  int day = 1;                     // of the year; of the week (0 = Sunday)
  int month = 1, week = 1;         // weekday: the week-th (5 = last) of the month
  std::int64_t second = 2 * 3600;  // of that day, by the clock before the change

  std::int64_t in(std::int64_t year) const {
    const std::int64_t first = days_from_civil({year, 1, 1});
    std::int64_t days = 0;
    if (kind == Kind::julian) {  // 29 February is never counted
      const bool is_past_leap_day = days_in_month(year, 2) == 29 && day >= 60;
      days = first + day - 1 + (is_past_leap_day ? 1 : 0);
    } else if (kind == Kind::zero_based) {
      days = first + day;
    } else {
      const std::int64_t begin = days_from_civil({year, month, 1});
      const int ahead = (day - weekday_of(begin) + 7) % 7;
      int in_month = 1 + ahead + (week - 1) * 7;
      while (in_month > days_in_month(year, month)) {
        in_month -= 7;
      }
      days = begin + in_month - 1;
    }
    return days * kDaySeconds + second;
  }
};

class RuleText {
 public:
  explicit RuleText(std::string_view text) : left_(text) {}

  bool is_over() const { return left_.empty(); }
  bool take(char c) {
    if (!left_.starts_with(c)) {
      return false;
    }
    left_.remove_prefix(1);
    return true;
  }
  bool name() {
    const bool is_quoted = take('<');
    const auto end = std::ranges::find_if(left_, [&](char c) {
      const bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      return is_quoted ? c == '>' : !is_letter;
    });
    const auto length = static_cast<std::size_t>(end - left_.begin());
    left_.remove_prefix(length);
    return length > 0 && (!is_quoted || take('>'));
  }
  std::optional<int> number(int most) {
    int value = 0;
    std::size_t digits = 0;
    for (; digits < left_.size() && left_[digits] >= '0' && left_[digits] <= '9'; ++digits) {
      value = value * 10 + (left_[digits] - '0');
      if (value > most) {
        return std::nullopt;
      }
    }
    left_.remove_prefix(digits);
    return digits > 0 ? std::optional(value) : std::nullopt;
  }
  // [+-]hh[:mm[:ss]]
  std::optional<std::int64_t> time() {
    const bool is_negative = take('-');
    if (!is_negative) {
      take('+');
    }
    const auto hours = number(167);
    const auto minutes = hours && take(':') ? number(59) : std::optional(0);
    const auto seconds = minutes && take(':') ? number(59) : std::optional(0);
    if (!hours || !minutes || !seconds) {
      return std::nullopt;
    }
    const std::int64_t time = *hours * 3600LL + *minutes * 60LL + *seconds;
    return is_negative ? -time : time;
  }
  std::optional<YearlyDay> day() {
    YearlyDay day;
    if (take('M')) {
      const auto month = number(12);
      const auto week = month && take('.') ? number(5) : std::nullopt;
      const auto weekday = week && take('.') ? number(6) : std::nullopt;
      if (!month || !week || !weekday || *month == 0 || *week == 0) {
        return std::nullopt;
      }
      day = {.kind = YearlyDay::Kind::weekday, .day = *weekday, .month = *month, .week = *week};
    } else {
      day.kind = take('J') ? YearlyDay::Kind::julian : YearlyDay::Kind::zero_based;
      const auto number_of_day = number(365);
      if (!number_of_day) {
        return std::nullopt;
      }
      day.day = *number_of_day;
    }
    if (take('/')) {
      const auto second = time();
      if (!second) {
        return std::nullopt;
      }
      day.second = *second;
    }
    return day;
  }

 private:
  std::string_view left_;
};

struct Rule {
  std::int32_t standard = 0;
  std::int32_t summer = 0;
  std::optional<YearlyDay> begins, ends;  // of summer time
};

std::optional<Rule> read_rule(std::string_view text) {
  RuleText in(text);
  Rule rule;
  const auto standard = in.name() ? in.time() : std::nullopt;  // written west of Greenwich
  if (!standard) {
    return std::nullopt;
  }
  rule.standard = static_cast<std::int32_t>(-*standard);
  if (in.is_over()) {
    return rule;
  }
  if (!in.name()) {
    return std::nullopt;
  }
  rule.summer = rule.standard + 3600;
  if (!in.take(',')) {
    const auto summer = in.time();
    if (!summer || !in.take(',')) {
      return std::nullopt;
    }
    rule.summer = static_cast<std::int32_t>(-*summer);
  }
  rule.begins = in.day();
  rule.ends = rule.begins && in.take(',') ? in.day() : std::nullopt;
  return rule.ends && in.is_over() ? std::optional(rule) : std::nullopt;
}

// --- the file's blocks

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : left_(bytes) {}
  bool has(std::size_t count) const { return left_.size() >= count; }
  std::string_view take(std::size_t count) {
    const std::string_view taken = left_.substr(0, count);
    left_.remove_prefix(taken.size());
    return taken;
  }
  // Big-endian, of `size` bytes.
  std::int64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const char c : take(size)) {
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return size == 4 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(value))
                     : std::bit_cast<std::int64_t>(value);
  }
  std::string_view rest() const { return left_; }

 private:
  std::string_view left_;
};

struct Head {
  char version = 0;
  std::size_t utc_flags = 0, standard_flags = 0, leaps = 0, times = 0, types = 0, letters = 0;
  std::size_t size(std::size_t time) const {
    return times * (time + 1) + types * 6 + letters + leaps * (time + 4) + standard_flags +
           utc_flags;
  }
};

std::optional<Head> read_head(Bytes& in) {
  if (!in.has(44) || in.take(4) != "TZif") {
    return std::nullopt;
  }
  Head head{.version = in.take(1).front()};
  in.take(15);
  for (std::size_t* count : {&head.utc_flags, &head.standard_flags, &head.leaps, &head.times,
                             &head.types, &head.letters}) {
    const std::int64_t number = in.number(4);
    if (number < 0 || number > 100'000) {
      return std::nullopt;
    }
    *count = static_cast<std::size_t>(number);
  }
  return head;
}

}  // namespace

Outcome<std::vector<Zone::Change>> expand_zone_rule(std::string_view text,
                                                    std::int64_t from,
                                                    std::int64_t until) {
  const auto rule = read_rule(text);
  if (!rule) {
    return broken("its rule cannot be read");
  }
  std::vector<Zone::Change> changes{{from, rule->standard}};
  if (!rule->begins || !rule->ends) {
    return changes;
  }
  std::vector<Zone::Change> all;
  const std::int64_t first = civil_from_days(from / kDaySeconds).year - 1;
  for (std::int64_t year = first; year <= civil_from_days(until / kDaySeconds).year; ++year) {
    all.push_back({rule->begins->in(year)-rule->standard, rule->summer});
    all.push_back({rule->ends->in(year)-rule->summer, rule->standard});
  }
  std::ranges::stable_sort(all, {}, &Zone::Change::at);
  for (const Zone::Change& change : all) {
    if (change.at <= from) {
      changes.front().offset = change.offset;
    } else if (change.at < until) {
      changes.push_back(change);
    }
  }
  return changes;
}

Outcome<std::vector<Zone::Change>> read_zone_file(std::string_view bytes) {
  Bytes in(bytes);
  const auto old = read_head(in);
  if (!old) {
    return broken("it is no TZif file");
  }
  if (old->version < '2' || !in.has(old->size(4))) {
    return broken("it is of the first version, or cut short");
  }
  in.take(old->size(4));  // the same once more, in 32 bits
  const auto head = read_head(in);
  if (!head || head->types == 0 || !in.has(head->size(8))) {
    return broken("it is cut short");
  }
  if (head->leaps != 0) {
    return broken("it counts leap seconds, which no schedule does");
  }
  std::vector<std::int64_t> times(head->times);
  std::ranges::generate(times, [&] { return in.number(8); });
  const std::string_view kinds = in.take(head->times);
  std::vector<std::int32_t> offsets(head->types);
  std::ranges::generate(offsets, [&] {
    const auto offset = static_cast<std::int32_t>(in.number(4));
    in.take(2);
    return offset;
  });
  in.take(head->letters + head->standard_flags + head->utc_flags);

  std::vector<Zone::Change> changes{{INT64_MIN, offsets.front()}};
  for (std::size_t i = 0; i < times.size(); ++i) {
    const auto kind = static_cast<unsigned char>(kinds[i]);
    if (kind >= offsets.size() || times[i] < changes.back().at) {
      return broken("its changes are out of order");
    }
    changes.push_back({times[i], offsets[kind]});
  }
  std::string_view footer = in.rest();
  if (!footer.starts_with('\n') || !footer.ends_with('\n') || footer.size() < 2) {
    return broken("its footer is missing");
  }
  footer = footer.substr(1, footer.size() - 2);
  if (!footer.empty()) {
    auto later = expand_zone_rule(footer, times.empty() ? 0 : times.back(), kUntil);
    if (!later) {
      return later.problem();
    }
    // Its first one repeats what the last change said.
    changes.insert(changes.end(), later->begin() + (times.empty() ? 0 : 1), later->end());
  }
  return changes;
}

}  // namespace jobflow::schedule
