#include "worker/builtin/process_list.h"

#include "worker/builtin/spawn.h"

#include <array>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <string>
#include <unistd.h>

namespace jobflow::worker {
namespace {

constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;

// "" when there is no such process, or it is not ours to look at.
std::string read_file(pid_t pid, std::string_view name) {
  std::string path = "/proc/" + std::to_string(pid) + "/";
  path += name;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  std::array<char, 4096> part{};
  while (file.is_open() && content.size() < kFileBytesMax) {
    const ssize_t got = ::read(file.get(), part.data(), part.size());
    if (got <= 0) {
      break;
    }
    content.append(part.data(), static_cast<std::size_t>(got));
  }
  return content;
}

template <class Number>
Number number(std::string_view text) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::optional<ProcessEntry> look_at_process(pid_t pid) {
  const std::string text = read_file(pid, "stat");
  const std::size_t name_end = text.rfind(')');  // the name may hold blanks and parentheses
  if (name_end == std::string::npos) {
    return std::nullopt;
  }
  // From the third field (state) on.
  enum Field : std::uint8_t { state, parent, group, session, started = 19, fields };
  std::array<std::string_view, fields> words;
  std::string_view rest = std::string_view(text).substr(name_end + 1);
  for (std::string_view& word : words) {
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
  }
  return ProcessEntry{.pid = pid,
                      .parent = number<pid_t>(words[parent]),
                      .session = number<pid_t>(words[session]),
                      .state = words[state].empty() ? '?' : words[state].front(),
                      .started = number<std::uint64_t>(words[started])};
}

std::vector<ProcessEntry> list_processes() {
  std::vector<ProcessEntry> all;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc"), &::closedir);
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    const pid_t pid = number<pid_t>(static_cast<const char*>(entry->d_name));
    if (pid > 0) {
      if (const auto process = look_at_process(pid)) {
        all.push_back(*process);
      }
    }
  }
  return all;
}

bool has_variable(pid_t pid, std::string_view variable) {
  const std::string environment = '\0' + read_file(pid, "environ") + '\0';
  const std::string wanted = '\0' + std::string(variable) + '\0';
  return environment.find(wanted) != std::string::npos;
}

}  // namespace jobflow::worker
