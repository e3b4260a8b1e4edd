// The system's tz database, a zone read at its first use and kept: what it says does not change
// while the process lives.
#include "model/spelling.h"
#include "schedule/zone.h"
#include "schedule/zone_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr const char* kFolder = "/usr/share/zoneinfo/";
constexpr std::size_t kLongestName = 64;

// Empty when it is no file: "Europe" is a folder.
std::string read_file(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return {};
  }
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Words and slashes: nothing that leads out of the folder, and none of its files that are no names
// of the database: they say something else on every machine, or count leap seconds.
bool is_name(std::string_view name) {
  return name != "localtime" && name != "posixrules" && !name.starts_with("posix/") &&
         !name.empty() && name.size() <= kLongestName && name.front() != '/' &&
         name.find("..") == std::string_view::npos && !name.starts_with("right/") &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '/' || c == '_' || c == '-' || c == '+';
         });
}

// "Z Europe/Berlin …" and "L Europe/Berlin Arctic/Longyearbyen" name the zones.
std::vector<std::string> known_names() {
  std::vector<std::string> names;
  const std::string text = read_file(std::string(kFolder) + "tzdata.zi");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    const std::size_t second = line.find(' ', 2);
    if (line.starts_with("Z ")) {
      names.emplace_back(line.substr(2, second - 2));
    } else if (line.starts_with("L ") && second != std::string_view::npos) {
      names.emplace_back(line.substr(second + 1));
    }
  }
  return names;
}

Problem unknown_zone(std::string_view name) {
  const std::vector<std::string> names = known_names();
  if (names.empty()) {
    return {ProblemCode::invalid,
            "this machine has no tz database: install tzdata, or use the zone UTC"};
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  return {ProblemCode::invalid, "there is no time zone '" + std::string(name.substr(0, 64)) + "'" +
                                    did_you_mean(name, candidates)};
}

}  // namespace

Outcome<std::shared_ptr<const Zone>> find_zone(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, std::shared_ptr<const Zone>, std::less<>> zones{
      {"UTC", std::make_shared<const Zone>("UTC", std::vector<Zone::Change>{})}};
  const std::scoped_lock lock(mutex);
  if (const auto known = zones.find(name); known != zones.end()) {
    return known->second;
  }
  const std::string bytes = is_name(name) ? read_file(kFolder + std::string(name)) : std::string();
  if (!bytes.starts_with("TZif")) {
    return unknown_zone(name);
  }
  const auto changes = read_zone_file(bytes);
  if (!changes) {
    return changes.problem();
  }
  auto zone = std::make_shared<const Zone>(std::string(name), *changes);
  zones.emplace(std::string(name), zone);
  return std::shared_ptr<const Zone>(std::move(zone));
}

std::string zone_database_version() {
  std::ifstream in(std::string(kFolder) + "tzdata.zi");
  std::string line;
  constexpr std::string_view kBefore = "# version ";
  return std::getline(in, line) && line.starts_with(kBefore) ? line.substr(kBefore.size())
                                                             : "unknown";
}

}  // namespace jobflow::schedule
