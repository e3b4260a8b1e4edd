#include "tools/sim/shut.h"

#include "model/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

namespace jobflow::sim {
namespace {

constexpr std::string_view kPrefix = "shut-";
constexpr int kTimes = 40;

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

}  // namespace

std::string shut_name(Instant epoch, int stretch) {
  return fmt::format("{}{}-{}", kPrefix, epoch.ms / 1000, stretch);
}

CalendarRow shut_calendar(const std::string& name) {
  const std::string_view numbers = std::string_view(name).substr(kPrefix.size());
  const Instant epoch{number_at(numbers) * 1000};
  const std::int64_t stretch = number_at(numbers.substr(numbers.find('-') + 1));
  std::string events;
  for (int i = 0; i < kTimes; ++i) {
    const Instant from = epoch + seconds((5 + 13L * i) * stretch);
    events +=
        fmt::format("BEGIN:VEVENT\\r\\nUID:{}\\r\\nDTSTART:{}\\r\\nDTEND:{}\\r\\nEND:VEVENT\\r\\n",
                    i, moment(from), moment(from + seconds(6 * stretch)));
  }
  return {.name_space = "default",
          .name = name,
          .document =
              R"({"spec":{"icalendar":"BEGIN:VCALENDAR\r\n)" + events + R"(END:VCALENDAR\r\n"}})",
          .updated = epoch};
}

const schedule::CalendarBook& shut_book(std::string_view text) {
  static thread_local std::map<std::string, schedule::CalendarBook, std::less<>> books;
  const std::size_t begin = std::min(text.find(kPrefix), text.size());
  const std::string name(text.substr(begin, text.find('"', begin) - begin));
  const auto [place, is_new] = books.try_emplace(name);
  if (is_new && !name.empty()) {
    CalendarRow row = shut_calendar(name);
    row.number = 1;
    place->second.take(row);
    check(place->second.find("default", name)->broken.empty(), "the world's calendar can be read");
  }
  return place->second;
}

}  // namespace jobflow::sim
