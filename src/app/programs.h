// The programs that app adds to the command line: server, worker, dev, config.
#pragma once

#include "cli/programs.h"

namespace jobflow::app {

cli::Programs programs();

// Each takes the arguments after its name and answers the exit code.
int run_server(const std::vector<std::string>& arguments);
int run_worker(const std::vector<std::string>& arguments);
int run_dev(const std::vector<std::string>& arguments);
int run_config(const std::vector<std::string>& arguments);

}  // namespace jobflow::app
