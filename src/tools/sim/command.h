// `jobflow sim`: runs seeds, says what they met, and shows the first one that is wrong.
#pragma once

#include <string>
#include <vector>

namespace jobflow::sim {

// What a run of the simulator ends with.
enum Verdict : int {
  kClean = 0,
  kUsageError = 2,
  kPoor = 5,       // nothing was wrong, but too little was tried
  kSafety = 10,    // something happened that must not
  kLiveness = 11,  // something did not happen that must
  kCrash = 12,     // the program itself broke
  kUnlike = 13,    // one seed, two histories
};

// Arguments after the command's name.
int run_command(const std::vector<std::string>& arguments);

}  // namespace jobflow::sim
