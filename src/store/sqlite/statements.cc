#include "store/sqlite/statements.h"

#include "model/check.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>

namespace jobflow::store::sqlite {
namespace {

using Statements = std::map<std::string, std::string, std::less<>>;

Statements split(std::string_view text) {
  constexpr std::string_view kMark = "-- name: ";
  Statements found;
  auto at = text.find(kMark);
  while (at != std::string_view::npos) {
    const auto name_begin = at + kMark.size();
    const auto name_end = text.find('\n', name_begin);
    const auto next = text.find(kMark, name_end);
    const std::string_view body = text.substr(name_end + 1, next - name_end - 1);
    check(body.starts_with("-- "), "a statement without a description");
    found.emplace(text.substr(name_begin, name_end - name_begin), body);
    at = next;
  }
  return found;
}

}  // namespace

const char* find_statement(std::string_view file, std::string_view name) {
  static const auto files = [] {
    std::map<std::string, Statements, std::less<>> all;
    for (const SqlFile& each : sql_files()) {
      all.emplace(each.path, split(each.text));
    }
    return all;
  }();
  const auto in_file = files.find(file);
  check(in_file != files.end(), "no such SQL file in the binary");
  const auto statement = in_file->second.find(name);
  check(statement != in_file->second.end(), "no such SQL statement in the binary");
  return statement->second.c_str();
}

std::vector<Migration> migrations_in(std::string_view folder) {
  std::vector<Migration> found;
  for (const SqlFile& each : sql_files()) {
    if (!each.path.starts_with(folder) || each.path.size() <= folder.size() ||
        each.path[folder.size()] != '/') {
      continue;
    }
    const char* begin = each.path.data() + folder.size() + 1;
    int version = 0;
    std::from_chars(begin, each.path.data() + each.path.size(), version);
    found.push_back({version, each.path, each.text});
  }
  std::ranges::sort(found, {}, &Migration::version);
  for (std::size_t i = 0; i < found.size(); ++i) {
    check(found[i].version == static_cast<int>(i) + 1, "migrations must be numbered 1, 2, 3 ...");
  }
  return found;
}

}  // namespace jobflow::store::sqlite
