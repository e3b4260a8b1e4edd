#include "schedule/ical_line.h"

#include <algorithm>

namespace jobflow::schedule {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

Problem invalid(std::string detail) {
  return {ProblemCode::invalid, std::move(detail)};
}

}  // namespace

std::string upper_case(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper;
}

std::vector<std::string_view> pieces_of(std::string_view list, char between) {
  std::vector<std::string_view> pieces;
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t end = std::min(list.find(between, start), list.size());
    pieces.push_back(list.substr(start, end - start));
    start = end + 1;
  }
  return pieces;
}

std::string_view IcalLine::parameter(std::string_view its_name) const {
  const auto found =
      std::ranges::find(parameters, its_name, &std::pair<std::string, std::string>::first);
  return found == parameters.end() ? std::string_view() : std::string_view(found->second);
}

std::vector<IcalText> unfold(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
  }
  std::vector<IcalText> lines;
  int number = 0;
  for (std::string_view line : pieces_of(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (!lines.empty() && (line.starts_with(' ') || line.starts_with('\t'))) {
      lines.back().text += line.substr(1);
    } else if (!line.empty()) {
      lines.push_back({number, std::string(line)});
    }
  }
  return lines;
}

Outcome<IcalLine> split_line(IcalText line) {
  IcalLine split{.number = line.number, .name = {}, .parameters = {}, .value = {}};
  std::string_view rest = line.text;
  const std::size_t end = rest.find_first_of(";:");
  if (end == 0 || end == std::string_view::npos) {
    return invalid("'" + std::string(rest.substr(0, 32)) +
                   "' is not of the form NAME:value; a line that goes on begins with a blank");
  }
  split.name = upper_case(rest.substr(0, end));
  rest.remove_prefix(end);
  while (rest.front() == ';') {
    const std::size_t equals = rest.find_first_of("=:;", 1);
    if (equals == std::string_view::npos || rest[equals] != '=') {
      return invalid(split.name + ": a parameter has no value");
    }
    std::string name = upper_case(rest.substr(1, equals - 1));
    rest.remove_prefix(equals + 1);
    const bool is_quoted = rest.starts_with('"');
    std::size_t stop = is_quoted ? rest.find('"', 1) : 0;
    stop = stop == std::string_view::npos ? stop : rest.find_first_of(";:", stop);
    if (stop == std::string_view::npos) {
      return invalid(split.name + ": no ':' comes after the parameter " + name);
    }
    const std::string_view value = rest.substr(0, stop);
    split.parameters.emplace_back(std::move(name),
                                  is_quoted ? value.substr(1, value.find('"', 1) - 1) : value);
    rest.remove_prefix(stop);
  }
  split.value = rest.substr(1);
  return split;
}

}  // namespace jobflow::schedule
