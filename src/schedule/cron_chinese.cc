// A cron expression in Chinese. Between Chinese and Western characters stands a blank.
#include "schedule/cron_shape.h"

#include <array>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr std::array<const char*, 7> kWeekdays{"周一", "周二", "周三", "周四",
                                               "周五", "周六", "周日"};
constexpr std::array<const char*, 6> kNth{"", "第一个", "第二个", "第三个", "第四个", "第五个"};

// "1 日", "3 月"
std::string counted(int number, const char* unit) {
  return std::to_string(number) + " " + unit;
}

std::string range(const std::string& from, const std::string& to) {
  return from + "至" + (to.front() >= '0' && to.front() <= '9' ? " " : "") + to;
}

// With a blank between them where one is due.
std::string after(std::string text, const std::string& next) {
  const auto is_western = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!text.empty() && !next.empty() && is_western(text.back()) != is_western(next.front())) {
    text += " ";
  }
  return text + next;
}

// Items of a list, each with its unit: "1 日、15 日至 17 日和 20 日".
std::string each(const Series& series, const char* unit) {
  std::string text;
  const std::vector<std::string> items = items_of(
      series.values, [&](int one) { return counted(one, unit); },
      [&](int from, int to) { return range(counted(from, unit), counted(to, unit)); });
  for (std::size_t i = 0; i < items.size(); ++i) {
    text += i == 0 ? "" : i + 1 == items.size() ? "和 " : "、";
    text += items[i];
  }
  return text;
}

// "5、10 至 12 和 40", of numbers that share one unit.
std::string numbers(const Series& series) {
  return joined(
      items_of(
          series.values, [](int one) { return std::to_string(one); },
          [](int from, int to) { return std::to_string(from) + " 至 " + std::to_string(to); }),
      "、", " 和 ");
}

std::string pause(int seconds) {
  const auto every = [](int number, const char* unit) {
    return number == 1 ? std::string("每") + unit : "每 " + counted(number, unit);
  };
  return seconds % 3600 == 0 ? every(seconds / 3600, "小时")
         : seconds % 60 == 0 ? every(seconds / 60, "分钟")
                             : every(seconds, "秒");
}

// "每 20 分钟", "第 0 至 56 分每 7 分钟", "第 5 和 9 分"
std::string when_in(const Series& series, int unit_seconds, const char* unit) {
  if (series.is_round(60)) {
    return pause(series.step * unit_seconds);
  }
  if (series.is_long()) {
    return "第 " + std::to_string(series.values.front()) + " 至 " +
           std::to_string(series.values.back()) + " " + unit + pause(series.step * unit_seconds);
  }
  return "第 " + numbers(series) + " " + unit;
}

std::string hours_text(const Series& hours) {
  if (hours.is_full) {
    return "每小时";
  }
  return each(hours, "时");
}

std::string parts(const Times& times) {
  const std::string minutes = when_in(times.minutes, 60, "分");
  if (times.seconds.values.size() == 1) {
    const int second = times.seconds.values.front();
    return hours_text(times.hours) + "的" + minutes +
           (second == 0 ? "" : "的第 " + counted(second, "秒"));
  }
  const std::string seconds = when_in(times.seconds, 1, "秒");
  if (times.minutes.is_full) {
    return times.hours.is_full ? "每分钟的" + seconds
                               : hours_text(times.hours) + "的每分钟的" + seconds;
  }
  return hours_text(times.hours) + "的" + minutes + "的" + seconds;
}

std::string times_text(const Times& times) {
  const bool with_seconds = times.seconds.values != std::vector<int>{0};
  std::vector<std::string> moments;
  for (const int moment : times.moments) {
    moments.push_back(time_of_day(moment, with_seconds));
  }
  switch (times.kind) {
    case Times::Kind::moments:
      return joined(moments, "、", " 和 ");
    case Times::Kind::span:
      return moments.front() + " 至 " + moments.back() + " " + pause(times.step) + "一次";
    case Times::Kind::parts:
      return parts(times);
    case Times::Kind::all_day:
      break;
  }
  const int first = times.moments.front();
  std::string text = pause(times.step);
  if (first != 0) {
    text += "的第 ";
    text += times.step == 3600 ? counted(first / 60, "分") : "";
    text += times.step == 3600 && first % 60 != 0 ? " " : "";
    text += times.step == 60 || first % 60 != 0 ? counted(first % 60, "秒") : "";
  }
  return text;
}

// What a month's days are called after "每月" or "3 月".
std::vector<std::string> month_days(const Cron& cron) {
  const CronField& field = cron.field(CronUnit::day);
  const Series series = series_of(cron, CronUnit::day);
  std::vector<std::string> items;
  if (series.is_long()) {
    items.push_back(
        range(counted(series.values.front(), "日"), counted(series.values.back(), "日")) + "每 " +
        counted(series.step, "天"));
  } else {
    items = items_of(
        series.values, [](int one) { return counted(one, "日"); },
        [](int from, int to) { return range(counted(from, "日"), counted(to, "日")); });
  }
  for (int before = 30; before >= 0; --before) {
    if ((field.before_last >> before & 1) != 0) {
      items.push_back(before == 0 ? "最后一天" : "倒数第 " + counted(before + 1, "天"));
    }
  }
  for (int day = 1; day <= 31; ++day) {
    if ((field.near >> day & 1) != 0) {
      items.push_back("离 " + counted(day, "日") + "最近的工作日");
    }
  }
  for (int before = 30; before >= 0; --before) {
    if ((field.near_last >> before & 1) != 0) {
      items.push_back(before == 0 ? "最后一个工作日"
                                  : "离倒数第 " + counted(before + 1, "天") + "最近的工作日");
    }
  }
  return items;
}

struct Weekdays {
  std::vector<std::string> plain;     // "周一"
  std::vector<std::string> of_month;  // "第二个周一"
};
Weekdays weekdays(const Cron& cron) {
  const CronField& field = cron.field(CronUnit::weekday);
  const auto name = [](int day) {
    return std::string(kWeekdays.at(static_cast<std::size_t>(day)));
  };
  const std::vector<int> values = series_of(cron, CronUnit::weekday).values;
  Weekdays which;
  if (values == std::vector<int>{0, 1, 2, 3, 4}) {
    which.plain = {"个工作日"};
  } else {
    which.plain =
        items_of(values, name, [&](int from, int to) { return range(name(from), name(to)); });
  }
  for (int day = 0; day < 7; ++day) {
    const int bit = (day + 1) % 7;
    for (std::size_t nth = 1; nth < kNth.size(); ++nth) {
      if ((field.nth.at(nth) >> bit & 1) != 0) {
        which.of_month.push_back(kNth.at(nth) + name(day));
      }
    }
    if ((field.last >> bit & 1) != 0) {
      which.of_month.push_back("最后一个" + name(day));
    }
  }
  return which;
}

std::string years(const Cron& cron) {
  const Series series = series_of(cron, CronUnit::year);
  if (series.is_full) {
    return "";
  }
  if (series.is_long()) {
    return range(counted(series.values.front(), "年"), counted(series.values.back(), "年")) +
           "每 " + counted(series.step, "年");
  }
  return each(series, "年");
}

std::string joined_days(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    text = i == 0 ? items[i] : after(text + (i + 1 == items.size() ? "和" : "、"), items[i]);
  }
  return text;
}

// "每年 3 月", "2027 年 3 月", "2027 年", or nothing: all months of all years.
std::string period_of(const Cron& cron, const Series& months) {
  const std::string its_years = years(cron);
  if (months.is_full) {
    return its_years;
  }
  const bool is_leap_day = months.values == std::vector<int>{2} &&
                           day_kind_of(cron) == DayKind::by_day &&
                           month_days(cron) == std::vector<std::string>{counted(29, "日")};
  const std::string any_year = is_leap_day ? "每个闰年" : "每年";
  return (its_years.empty() ? any_year : its_years) + " " + each(months, "月");
}

// Without `says_every_day` nothing stands for days that are all meant.
std::string days_text(const Cron& cron, bool says_every_day) {
  const Series months = series_of(cron, CronUnit::month);
  const std::string period = period_of(cron, months);
  const std::string of_period = period + (months.is_full ? "" : "的");
  const std::string of_month = period + (months.is_full ? "每月" : "的");
  const DayKind kind = day_kind_of(cron);
  if (kind == DayKind::every_day) {
    return says_every_day ? of_period + "每天" : period;
  }
  std::vector<std::string> said;
  if (kind == DayKind::by_day || kind == DayKind::by_either) {
    const std::string days = joined_days(month_days(cron));
    const bool is_date = kind == DayKind::by_day && months.values.size() == 1 &&
                         days.front() >= '0' && days.front() <= '9';
    said.push_back(after(is_date ? period : of_month, days));
  }
  if (kind == DayKind::by_weekday || kind == DayKind::by_either) {
    const Weekdays which = weekdays(cron);
    if (!which.plain.empty()) {
      said.push_back((said.empty() ? of_period : "") + "每" + joined_days(which.plain));
    }
    if (!which.of_month.empty()) {
      const std::string again = months.is_full ? "每月" : "";
      said.push_back((said.empty() ? of_month : again) + joined_days(which.of_month));
    }
  }
  return joined(said, "以及", "以及");
}

}  // namespace

std::string chinese(const Cron& cron) {
  const Times times = times_of(cron);
  const bool is_round_the_day = times.kind == Times::Kind::all_day ||
                                (times.kind == Times::Kind::parts && times.hours.is_full);
  return after(days_text(cron, !is_round_the_day), times_text(times));
}

}  // namespace jobflow::schedule
