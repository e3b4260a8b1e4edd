// The program's command line: which command, with which options, and the exit code it ends with.
#pragma once

#include "cli/programs.h"
#include "cli/world.h"

#include <string>
#include <vector>

namespace jobflow::cli {

// `arguments` without the program's name. Answers an exit code of exit_code.h.
int run(World& world, const Programs& programs, const std::vector<std::string>& arguments);

}  // namespace jobflow::cli
