#include "app/program_arguments.h"

#include "model/spelling.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <unistd.h>

extern char** environ;

namespace jobflow::app {
namespace {

std::string_view first_name(std::string_view names) {
  return names.substr(0, names.find(','));
}

std::string_view type_name(SettingType type) {
  switch (type) {
    case SettingType::folder:
      return "FOLDER";
    case SettingType::address:
      return "HOST:PORT";
    case SettingType::whole:
    case SettingType::count:
      return "N";
    case SettingType::size:
      return "SIZE";
    case SettingType::span:
      return "SPAN";
    case SettingType::words:
      return "A,B";
    case SettingType::text:
      return "TEXT";
  }
  return "";
}

std::string flag_suggestion(const std::vector<ProgramFlag>& known,
                            const std::vector<std::string>& arguments) {
  std::vector<std::string_view> names = {"--config", "--help"};
  for (const ProgramFlag& flag : known) {
    names.push_back(first_name(flag.names));
  }
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    const bool is_known = std::any_of(known.begin(), known.end(), [&](const ProgramFlag& flag) {
      return ("," + std::string(flag.names) + ",").find("," + name + ",") != std::string::npos;
    });
    if (name.starts_with("--") && name != "--config" && !is_known) {
      return did_you_mean(name, names);
    }
  }
  return "";
}

Outcome<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Problem{.code = ProblemCode::invalid,
                   .detail = "cannot read " + path + ": " + std::strerror(errno)};
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

Outcome<ProgramArguments> read_arguments(std::string_view name,
                                         std::string_view about,
                                         const std::vector<ProgramFlag>& known,
                                         const std::vector<std::string>& arguments) {
  ProgramArguments out;
  CLI::App app{std::string(about), "jobflow " + std::string(name)};
  std::map<std::string, std::string> texts;
  app.add_option("--config", out.config, "File of settings (YAML); JOBFLOW_CONFIG")
      ->type_name("FILE");
  for (const ProgramFlag& flag : known) {
    const SettingSpec* spec = find_setting(flag.key);
    jobflow::check(spec != nullptr, "a flag of a setting that is in the table");
    std::string about_it(spec->about);
    if (!spec->default_value.empty()) {
      about_it += " (" + std::string(spec->default_value) + ")";
    }
    app.add_option(std::string(flag.names), texts[std::string(flag.key)], about_it)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
        ->type_name(std::string(type_name(spec->type)));
  }
  app.footer(
      "\nEvery setting may also stand in the file or in the environment (--http-listen is "
      "JOBFLOW_HTTP_LISTEN);\nflags win over the environment, it over the file. `jobflow "
      "config print` shows what holds.");
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    out.help = app.help();
    return out;
  } catch (const CLI::ParseError& wrong) {
    return Problem{.code = ProblemCode::invalid,
                   .detail = wrong.what() + flag_suggestion(known, arguments) + "\n  `jobflow " +
                             std::string(name) + " --help` explains"};
  }
  for (const ProgramFlag& flag : known) {
    const std::string written(first_name(flag.names));
    if (app.count(written) > 0) {
      out.flags[std::string(flag.key)] = {written, texts[std::string(flag.key)]};
    }
  }
  return out;
}

Outcome<Settings> read_settings(const ProgramArguments& arguments) {
  SettingSources sources;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (text.starts_with("JOBFLOW_") && equals != std::string_view::npos) {
      sources.environment[std::string(text.substr(0, equals))] = text.substr(equals + 1);
    }
  }
  sources.file = arguments.config;
  if (const auto named = sources.environment.find("JOBFLOW_CONFIG");
      sources.file.empty() && named != sources.environment.end()) {
    sources.file = named->second;
  }
  sources.flags = arguments.flags;
  sources.read_file = read_file;
  return Settings::read(sources);
}

}  // namespace jobflow::app
