// The program: a command line over the public API, and the programs that need more than that.
#include "app/programs.h"
#include "app/signals.h"
#include "cli/command_line.h"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  jobflow::app::ignore_sigpipe();
  try {
    jobflow::cli::World world = jobflow::cli::real_world();
    return jobflow::cli::run(world, jobflow::app::programs(), {argv + 1, argv + argc});
  } catch (const std::exception& broken) {
    std::fprintf(stderr, "error: %s\n", broken.what());
    return 1;
  }
}
