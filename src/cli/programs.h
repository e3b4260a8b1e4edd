// The subcommands that are programs of their own: app provides them, so that the command line knows
// nothing of the server.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace jobflow::cli {

// Arguments after the subcommand's name; answers the exit code.
using Program = std::function<int(const std::vector<std::string>&)>;

struct Programs {
  Program server, worker, dev, config, sim;
  std::string version;
  std::string time_zones;  // the version of this machine's tz database
};

}  // namespace jobflow::cli
