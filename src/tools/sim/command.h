// `jobflow sim`: runs seeds, says what they met, and shows the first one that is wrong.
#pragma once

#include <string>
#include <vector>

namespace jobflow::sim {

// What a run of the simulator ends with.
inline constexpr int kClean = 0;
inline constexpr int kUsageError = 2;
inline constexpr int kPoor = 5;       // nothing was wrong, but too little was tried
inline constexpr int kSafety = 10;    // something happened that must not
inline constexpr int kLiveness = 11;  // something did not happen that must
inline constexpr int kCrash = 12;     // the program itself broke
inline constexpr int kUnlike = 13;    // one seed, two histories

// Arguments after the command's name.
int run_command(const std::vector<std::string>& arguments);

}  // namespace jobflow::sim
