#include "tools/sim/shut.h"

#include "model/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

namespace jobflow::sim {
namespace {

constexpr std::string_view kPrefix = "shut-";
constexpr std::string_view kMoving = "moving-";
constexpr int kTimes = 40;
constexpr int kRound = 13;  // seconds from one time to the next

std::int64_t number_at(std::string_view text) {
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// As iCalendar writes it.
std::string moment(Instant instant) {
  std::string text = to_rfc3339(instant).substr(0, 19);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

// Every name of the prefix that stands in the text.
void add_names(std::string_view text, std::string_view prefix, std::set<std::string>& names) {
  for (std::size_t at = text.find(prefix); at != std::string_view::npos;
       at = text.find(prefix, at + 1)) {
    names.emplace(text.substr(at, text.find('"', at) - at));
  }
}

}  // namespace

bool names_moving(std::string_view text) {
  return text.find(kMoving) != std::string_view::npos;
}
std::string moving_name(Instant epoch, int stretch) {
  return fmt::format("{}{}-{}", kMoving, epoch.ms / 1000, stretch);
}
std::string shut_name(Instant epoch, int stretch) {
  return fmt::format("{}{}-{}", kPrefix, epoch.ms / 1000, stretch);
}

// Of its revisions some cover nothing, some everything, the others each their own seconds.
CalendarRow shut_calendar(const std::string& name, int revision) {
  const std::string_view numbers = std::string_view(name).substr(name.find('-') + 1);
  const Instant epoch{number_at(numbers) * 1000};
  const std::int64_t stretch = number_at(numbers.substr(numbers.find('-') + 1));
  constexpr int kNothing = 4;
  constexpr int kAll = 5;
  const int what = revision % (kAll + 1);
  const int times = what == kNothing ? 0 : kTimes;
  std::string events;
  for (int i = 0; i < times; ++i) {
    const Instant from =
        epoch + seconds((5 * revision % kRound + std::int64_t{kRound} * i) * stretch);
    events +=
        fmt::format("BEGIN:VEVENT\\r\\nUID:{}\\r\\nDTSTART:{}\\r\\nDTEND:{}\\r\\nEND:VEVENT\\r\\n",
                    i, moment(from), moment(from + seconds(6 * stretch)));
  }
  return {.name_space = "default",
          .name = name,
          .revision = revision,
          .document = what == kAll ? R"({"spec":{"weekly":[{}]}})"
                                   : R"({"spec":{"icalendar":"BEGIN:VCALENDAR\r\n)" + events +
                                         R"(END:VCALENDAR\r\n"}})",
          .updated = epoch};
}

const schedule::CalendarBook& shut_book(std::string_view text) {
  static thread_local std::map<std::set<std::string>, schedule::CalendarBook> books;
  std::set<std::string> names;
  add_names(text, kPrefix, names);
  add_names(text, kMoving, names);
  const auto [place, is_new] = books.try_emplace(names);
  for (const std::string& name : names) {
    if (is_new) {
      CalendarRow row = shut_calendar(name);
      row.number = place->second.number() + 1;
      place->second.take(row);
      check(place->second.find("default", name)->broken.empty(),
            "the world's calendar can be read");
    }
  }
  return place->second;
}

}  // namespace jobflow::sim
