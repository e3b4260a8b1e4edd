#include "app/settings.h"

#include "model/handler_rules.h"
#include "model/limits.h"
#include "model/size.h"
#include "model/spelling.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace jobflow::app {
namespace {

constexpr std::array kSpecs = std::to_array<SettingSpec>({
    {"data", SettingType::folder, "./jobflow-data",
     "Folder of the store, the tokens and server.json"},
    {"http.listen", SettingType::address, "127.0.0.1:7700", "Where people and programs come in"},
    {"grpc.listen", SettingType::address, "127.0.0.1:7701", "Where workers come in"},
    {"member.name", SettingType::text, "solo", "This server's name in the store"},
    {"lease", SettingType::span, "10s", "A worker silent for that long is lost"},
    {"retention.logs", SettingType::span, "14d", "Log lines go after it; 0 = never"},
    {"forbid_handlers", SettingType::words, "",
     "NAMESPACE/HANDLER that no job may use and no worker gets, e.g. prod/shell,*/sql"},
    {"worker.server", SettingType::text, "", "host:port of the server's worker door"},
    {"worker.name", SettingType::text, "", "Unique among live workers; host and pid when empty"},
    {"worker.namespace", SettingType::text, "default", "Whose runs it takes"},
    {"worker.slots", SettingType::whole, "16", "Bodies it runs at a time"},
    {"worker.tags", SettingType::words, "", "What jobs may ask for, e.g. eu,gpu"},
    {"worker.allow", SettingType::words, "", "shell, python, sql: off unless named here"},
    {"worker.forbid", SettingType::words, "", "Built-in handlers it does not offer, e.g. http"},
    {"worker.limits.cpu", SettingType::span, "0s", "CPU time of each process; 0 = no limit"},
    {"worker.limits.memory", SettingType::size, "0B",
     "Memory of a body's processes (of each one, without control groups); 0 = no limit"},
    {"worker.limits.files", SettingType::count, "0", "Open files of each process; 0 = 1024"},
    {"worker.limits.processes", SettingType::count, "0", "Processes of a body; 0 = no limit"},
    {"worker.process.users", SettingType::words, "",
     "Users that processes may run as, the first by default; a worker of root only"},
    {"worker.process.cgroup", SettingType::text, "",
     "Folder of cgroup v2 for processes; empty = the worker's own group, off = none"},
    {"worker.http.hosts", SettingType::words, "",
     "Hosts that http may call, e.g. *.example.com,10.0.0.1:8080; empty = all"},
    {"worker.http.refuse", SettingType::words, "link-local",
     "Addresses that http does not call: loopback, private, link-local, none"},
    {"worker.http.ca_file", SettingType::text, "", "Authorities http trusts; empty = the system's"},
    {"worker.sql", SettingType::words, "",
     "Databases of sql, e.g. main=sqlite:/var/lib/app/app.db?mode=ro", true},
    {"worker.token", SettingType::text, "", "Its access token", true},
    {"worker.token_file", SettingType::text, "", "File with its token, read at every connect"},
    {"worker.drain_grace", SettingType::span, "0s",
     "Draining bodies are cancelled after it; 0 = never"},
});

Problem invalid(std::string detail) {
  return {.code = ProblemCode::invalid, .detail = std::move(detail)};
}

std::string unknown_key(std::string_view key, const std::string& where) {
  std::vector<std::string_view> keys;
  for (const SettingSpec& spec : kSpecs) {
    keys.push_back(spec.key);
  }
  return fmt::format("{}: unknown setting '{}'{}", where, key, did_you_mean(key, keys));
}

std::string trimmed(std::string text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  text.erase(last == std::string::npos ? 0 : last + 1);
  return text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    std::string_view word = text.substr(at, comma - at);
    const auto first = word.find_first_not_of(" \t");
    if (first != std::string_view::npos) {
      words.push_back(trimmed(std::string(word.substr(first))));
    }
    at = comma + 1;
  }
  return words;
}

std::optional<int> to_whole(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool all = error == std::errc{} && end == text.data() + text.size();
  return all ? std::optional<int>(value) : std::nullopt;
}

// The host without brackets, and the port.
std::optional<std::pair<std::string_view, int>> split_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view host = text.substr(0, colon);
  const auto port = to_whole(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65535 || host.empty()) {
    return std::nullopt;
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  }
  return std::pair{host, *port};
}

// A mapping's leaves, by dotted key.
struct Leaf {
  std::string key, text;
  int line = 0;
};

std::optional<std::string> take_leaves(const YAML::Node& node,
                                       const std::string& above,
                                       std::vector<Leaf>& leaves) {
  for (const auto& member : node) {
    const std::string key = above + member.first.as<std::string>();
    const YAML::Node& value = member.second;
    const int line = member.first.Mark().line + 1;
    if (value.IsMap()) {
      if (auto wrong = take_leaves(value, key + ".", leaves)) {
        return wrong;
      }
    } else if (value.IsSequence()) {
      std::string words;
      for (const YAML::Node& word : value) {
        if (!word.IsScalar()) {
          return fmt::format("line {}: {} holds words only", line, key);
        }
        words += (words.empty() ? "" : ",") + word.Scalar();
      }
      leaves.push_back({key, words, line});
    } else {
      leaves.push_back({key, value.IsNull() ? "" : value.Scalar(), line});
    }
  }
  return std::nullopt;
}

std::string wrong_value(const SettingSpec& spec, const std::string& text) {
  switch (spec.type) {
    case SettingType::address: {
      if (!split_address(text)) {
        return "takes host:port, e.g. 127.0.0.1:7700 (port 0 = any that is free)";
      }
      if (!is_loopback(text)) {
        const std::string port = text.substr(text.rfind(':'));
        return fmt::format(
            "only loopback addresses are served until TLS and users are set up: say "
            "127.0.0.1{} and let others in through a TLS proxy on this machine, or through a "
            "tunnel: ssh -L {}:127.0.0.1{} THIS-MACHINE",
            port, port.substr(1), port);
      }
      return "";
    }
    case SettingType::whole: {
      const auto value = to_whole(text);
      const bool fits = value && *value >= 1 && *value <= static_cast<int>(limits::kWorkerSlots);
      return fits ? "" : fmt::format("takes a number from 1 to {}", limits::kWorkerSlots);
    }
    case SettingType::count: {
      const auto value = to_whole(text);
      return value && *value >= 0 ? "" : "takes a number, 0 or more";
    }
    case SettingType::size:
      return parse_size(text).ok() ? "" : "takes a size, e.g. 512MiB";
    case SettingType::span:
      if (!parse_span(text).ok()) {
        return "takes a duration, e.g. 10s or 250ms";
      }
      // Workers speak up every second.
      return spec.key != "lease" || *parse_span(text) >= seconds(2) ? "" : "takes 2s or more";
    case SettingType::folder:
      return text.empty() ? "must name a folder" : "";
    case SettingType::words:
      if (spec.key == "forbid_handlers") {
        const auto rules = HandlerRules::parse(split(text));
        return rules.ok() ? "" : "takes NAMESPACE/HANDLER: " + rules.problem().detail;
      }
      return "";
    case SettingType::text:
      return "";
  }
  return "";
}

// As YAML reads it back as the same text.
std::string plain_or_quoted(const std::string& text) {
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyz"
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789._/:") == std::string::npos;
  if (plain && !text.ends_with(':')) {
    return text;
  }
  std::string quoted = "\"";
  for (const char letter : text) {
    quoted += letter == '"' || letter == '\\' ? "\\" : "";
    quoted += letter;
  }
  return quoted + "\"";
}

}  // namespace

std::span<const SettingSpec> setting_specs() {
  return kSpecs;
}

const SettingSpec* find_setting(std::string_view key) {
  const auto* found = std::find_if(kSpecs.begin(), kSpecs.end(),
                                   [&](const SettingSpec& spec) { return spec.key == key; });
  return found == kSpecs.end() ? nullptr : found;
}

std::string environment_name(std::string_view key) {
  std::string name = "JOBFLOW_";
  for (const char letter : key) {
    name += letter == '.' ? '_' : static_cast<char>(letter >= 'a' ? letter - 'a' + 'A' : letter);
  }
  return name;
}

bool is_loopback(std::string_view address) {
  const auto parts = split_address(address);
  if (!parts) {
    return false;
  }
  const std::string_view host = parts->first;
  if (host == "localhost" || host == "::1") {
    return true;
  }
  // 127.0.0.0/8, written as numbers: a name like 127.example.org is none.
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Outcome<Settings> Settings::read(const SettingSources& sources) {
  Settings settings;
  for (const SettingSpec& spec : kSpecs) {
    settings.values_[std::string(spec.key)] = {std::string(spec.default_value), "default"};
  }
  if (!sources.file.empty()) {
    const auto text = sources.read_file(sources.file);
    if (!text.ok()) {
      return invalid("--config: " + text.problem().detail);
    }
    if (auto problem = settings.take_file(sources.file, *text)) {
      return *problem;
    }
  }
  if (auto problem = settings.take_environment(sources)) {
    return *problem;
  }
  for (const auto& [key, flag] : sources.flags) {
    jobflow::check(find_setting(key) != nullptr, "a flag of a setting that is in the table");
    settings.values_[key] = {flag.text, flag.written};
  }
  if (auto problem = settings.check()) {
    return *problem;
  }
  return settings;
}

std::optional<Problem> Settings::take_file(const std::string& path, const std::string& text) {
  std::vector<Leaf> leaves;
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsNull() && !root.IsMap()) {
      return invalid(path + ": a configuration is a list of `name: value` lines");
    }
    if (auto wrong = take_leaves(root, "", leaves)) {
      return invalid(path + " " + *wrong);
    }
  } catch (const YAML::Exception& wrong) {
    return invalid(fmt::format("{} line {}: {}", path, wrong.mark.line + 1, wrong.msg));
  }
  for (const Leaf& leaf : leaves) {
    const std::string where = fmt::format("file {} line {}", path, leaf.line);
    if (find_setting(leaf.key) == nullptr) {
      return invalid(unknown_key(leaf.key, where));
    }
    values_[leaf.key] = {leaf.text, where};
  }
  return std::nullopt;
}

std::optional<Problem> Settings::take_environment(const SettingSources& sources) {
  const auto& environment = sources.environment;
  std::vector<std::string> names;
  for (const SettingSpec& spec : kSpecs) {
    const std::string name = environment_name(spec.key);
    names.push_back(name);
    if (const auto direct = environment.find(name); direct != environment.end()) {
      values_[std::string(spec.key)] = {direct->second, name};
      continue;
    }
    const std::string in_file = name + "_FILE";
    const bool is_a_setting_itself = find_setting(std::string(spec.key) + "_file") != nullptr;
    if (const auto found = environment.find(in_file);
        found != environment.end() && !is_a_setting_itself) {
      const auto text = sources.read_file(found->second);
      if (!text.ok()) {
        return invalid(in_file + ": " + text.problem().detail);
      }
      values_[std::string(spec.key)] = {trimmed(*text), in_file};
    }
  }
  // The environment is not ours alone (JOBFLOW_TOKEN, a body's own): a near miss is only told.
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (const auto& [name, text] : environment) {
    const bool ours = std::find_if(names.begin(), names.end(), [&](const std::string& exact) {
                        return name == exact || name == exact + "_FILE";
                      }) != names.end();
    if (!ours && name.starts_with("JOBFLOW_") && name.size() > 12 &&
        !nearest_word(name, known).empty()) {
      warnings_.push_back(name + " is no setting" + did_you_mean(name, known));
    }
  }
  return std::nullopt;
}

std::optional<Problem> Settings::check() const {
  std::string wrong;
  for (const SettingSpec& spec : kSpecs) {
    const Value& value = values_.find(spec.key)->second;
    const std::string why = wrong_value(spec, value.text);
    if (!why.empty()) {
      wrong += fmt::format("{}{} '{}' ({}): {}", wrong.empty() ? "" : "\n  ", spec.key,
                           spec.secret ? "***" : value.text, value.origin, why);
    }
  }
  return wrong.empty() ? std::nullopt : std::optional<Problem>(invalid(wrong));
}

const std::string& Settings::text(std::string_view key) const {
  const auto found = values_.find(key);
  jobflow::check(found != values_.end(), "a setting that is in the table");
  return found->second.text;
}

const std::string& Settings::origin(std::string_view key) const {
  return values_.find(key)->second.origin;
}

int Settings::whole(std::string_view key) const {
  return to_whole(text(key)).value_or(0);
}

std::int64_t Settings::size(std::string_view key) const {
  return parse_size(text(key)).value();
}

Span Settings::span(std::string_view key) const {
  const auto read = parse_span(text(key));
  return read.ok() ? *read : Span{};
}

std::vector<std::string> Settings::words(std::string_view key) const {
  return split(text(key));
}

std::string Settings::print() const {
  std::string out;
  std::string section;
  for (const SettingSpec& spec : kSpecs) {
    const Value& value = values_.find(spec.key)->second;
    const auto dot = spec.key.find('.');
    const std::string above(dot == std::string_view::npos ? "" : spec.key.substr(0, dot));
    if (above != section && !above.empty()) {
      out += above + ":\n";
    }
    section = above;
    std::string shown = spec.secret && !value.text.empty() ? "***" : value.text;
    if (spec.type == SettingType::words) {
      std::vector<std::string> items = split(shown);
      std::ranges::transform(items, items.begin(), plain_or_quoted);
      shown = fmt::format("[{}]", fmt::join(items, ", "));
    } else {
      shown = plain_or_quoted(shown);
    }
    const std::string name(above.empty() ? spec.key : spec.key.substr(dot + 1));
    const std::string line = (above.empty() ? "" : "  ") + name + ": " + shown;
    out += fmt::format("{:<40} # {}\n", line, value.origin);
  }
  return out;
}

}  // namespace jobflow::app
