#include "cli/log_tail.h"

#include "cli/text_width.h"
#include "cli/time_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace jobflow::cli {
namespace {

constexpr int kLinesPerPage = 1000;

Colour colour_of_level(std::string_view level) {
  if (level == "error") {
    return Colour::red;
  }
  if (level == "warn") {
    return Colour::yellow;
  }
  return level == "debug" ? Colour::dim : Colour::none;
}

}  // namespace

Outcome<std::vector<client::LogLineView>> LogTail::read_on(Session& session) {
  std::string target =
      fmt::format("/api/v1/runs/{}/logs?limit={}&from={}", run_, kLinesPerPage, next_);
  if (attempt_ > 0) {
    target += fmt::format("&attempt={}", attempt_);
  }
  if (!level_.empty()) {
    target += "&level=" + percent_encoded(level_);
  }
  if (!text_.empty()) {
    target += "&text=" + percent_encoded(text_);
  }
  const auto answer = session.get(target);
  if (!answer.ok()) {
    return answer.problem();
  }
  auto page = client::read_log_lines(answer->body);
  if (!page.ok()) {
    return page.problem();
  }
  if (attempt_ > 0 && !page->items.empty()) {
    next_ = page->items.back().number + 1;
  } else {
    next_ += static_cast<std::int64_t>(page->items.size());
  }
  return std::move(page->items);
}

std::string shown_log_line(const client::LogLineView& line, const Style& style, bool bare) {
  const std::string text = printable(line.text, true);
  if (bare) {
    return text;
  }
  std::string level = line.level;
  std::transform(level.begin(), level.end(), level.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  std::string shown = style.paint(Colour::dim, local_clock_text(line.time)) + " " +
                      style.paint(colour_of_level(line.level), fmt::format("{:<5}", level)) + " " +
                      text;
  if (!line.fields.empty() && line.fields != "{}") {
    shown += "  " + style.paint(Colour::dim, printable(line.fields));
  }
  return shown;
}

}  // namespace jobflow::cli
