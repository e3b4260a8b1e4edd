#include "cli/world.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace jobflow::cli {
namespace {

std::atomic<bool> interrupted{false};

void on_interrupt(int /*signal*/) {
  interrupted.store(true);
}

// From the first question on, Ctrl-C is an answer instead of the end; a second one ends at once.
bool was_interrupted() {
  static const bool listening = [] {
    struct sigaction action{};
    action.sa_handler = on_interrupt;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    return ::sigaction(SIGINT, &action, nullptr) == 0;
  }();
  return listening && interrupted.load();
}

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Outcome<std::string> read_file(const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown)) {
    return Problem{.code = ProblemCode::invalid, .detail = "cannot read " + path + ": a folder"};
  }
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) {
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  if (!file.is_open() || file.bad()) {
    const int why = errno;
    return Problem{.code = ProblemCode::invalid,
                   .detail = "cannot read " + path + ": " + std::strerror(why)};
  }
  return text;
}

std::pair<int, int> terminal_size() {
  winsize size{};
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::ioctl(stream, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
      return {size.ws_col, size.ws_row};
    }
  }
  return {0, 0};
}

bool speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (auto value = environment(name); value && !value->empty()) {
      std::transform(value->begin(), value->end(), value->begin(),
                     [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
      return value->find("utf-8") != std::string::npos || value->find("utf8") != std::string::npos;
    }
  }
  return true;  // nothing said: what terminals speak today
}

bool is_terminal(int stream) {
  return ::isatty(stream) == 1 && environment("TERM").value_or("dumb") != "dumb";
}

int edit(const std::string& path) {
  std::string editor = environment("VISUAL").value_or(environment("EDITOR").value_or("vi"));
  const std::string script = editor + " \"$1\"";
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl("/bin/sh", "sh", "-c", script.c_str(), "sh", path.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

Instant now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since).count()};
}

}  // namespace

World real_world() {
  return World{
      .in = std::cin,
      .out = std::cout,
      .err = std::cerr,
      .terminal = {.out_is_one = is_terminal(STDOUT_FILENO),
                   .err_is_one = is_terminal(STDERR_FILENO),
                   .utf8 = speaks_utf8()},
      .terminal_size = terminal_size,
      .environment = environment,
      .read_file = read_file,
      .now = now,
      .pause = [](Span span) { std::this_thread::sleep_for(std::chrono::milliseconds(span.ms)); },
      .interrupted = was_interrupted,
      .edit = edit,
      .connect =
          [](client::HttpSettings settings) {
            return std::make_unique<client::HttpTransport>(std::move(settings));
          }};
}

}  // namespace jobflow::cli
