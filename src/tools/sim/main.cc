// The simulator as a program of its own, without the rest of jobflow: builds in a fraction.
#include "tools/sim/command.h"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  try {
    return jobflow::sim::run_command({argv + 1, argv + argc});
  } catch (const std::exception& broken) {
    std::printf("error: %s\n", broken.what());
    return jobflow::sim::kCrash;
  }
}
