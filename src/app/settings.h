// The configuration: which settings there are, where each may be said, and what holds in the end.
// Defaults < file (YAML) < environment < flags (interfaces 4). A value once read; every wrong word
// is a Problem that says where it stood and what was probably meant.
#pragma once

#include "model/outcome.h"
#include "model/time.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::app {

enum class SettingType : unsigned char { text, folder, address, whole, count, size, span, words };

// One setting. In a file `http.listen` is listen below http; in the environment JOBFLOW_HTTP_LISTEN
// (or JOBFLOW_HTTP_LISTEN_FILE, a file that holds the value); as a flag --http-listen.
struct SettingSpec {
  std::string_view key;
  SettingType type;
  std::string_view default_value;
  std::string_view about;
  bool secret = false;
};
std::span<const SettingSpec> setting_specs();
const SettingSpec* find_setting(std::string_view key);
std::string environment_name(std::string_view key);

struct Flag {
  std::string written;  // as it stood on the command line: "--slots"
  std::string text;
};

// What the world says; tests say it themselves.
struct SettingSources {
  std::string file;                   // "" = none
  std::map<std::string, Flag> flags;  // by key
  std::map<std::string, std::string> environment;
  std::function<Outcome<std::string>(const std::string&)> read_file;
};

class Settings {
 public:
  static Outcome<Settings> read(const SettingSources& sources);

  const std::string& text(std::string_view key) const;
  int whole(std::string_view key) const;
  std::int64_t size(std::string_view key) const;  // in bytes
  Span span(std::string_view key) const;
  std::vector<std::string> words(std::string_view key) const;
  // "default", "file a.yaml line 3", "JOBFLOW_HTTP_LISTEN", "--http-listen".
  const std::string& origin(std::string_view key) const;
  const std::vector<std::string>& warnings() const { return warnings_; }

  // The effective configuration as a file of it would be written; secrets masked.
  std::string print() const;

 private:
  struct Value {
    std::string text;
    std::string origin;
  };
  std::optional<Problem> take_file(const std::string& path, const std::string& text);
  std::optional<Problem> take_environment(const SettingSources& sources);
  std::optional<Problem> check() const;

  std::map<std::string, Value, std::less<>> values_;
  std::vector<std::string> warnings_;
};

// Loopback only until TLS and users are set up (S13.1).
bool is_loopback(std::string_view address);

}  // namespace jobflow::app
