// The flags of one program (server, worker, dev): which settings it takes and under which names.
#pragma once

#include "app/settings.h"
#include "model/outcome.h"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::app {

struct ProgramFlag {
  std::string_view key;    // of the setting
  std::string_view names;  // "--allow,--handlers"
};

struct ProgramArguments {
  std::string config;                 // --config FILE, else JOBFLOW_CONFIG
  std::map<std::string, Flag> flags;  // by the setting's key
  std::string help;                   // not empty: asked for; print it and end
};

// `usage`: what follows "jobflow NAME"; `about`: sentences for --help. A Problem is a usage error.
Outcome<ProgramArguments> read_arguments(std::string_view name,
                                         std::string_view about,
                                         const std::vector<ProgramFlag>& known,
                                         const std::vector<std::string>& arguments);

// The settings of this process: its arguments, its environment, its files.
Outcome<Settings> read_settings(const ProgramArguments& arguments);

}  // namespace jobflow::app
