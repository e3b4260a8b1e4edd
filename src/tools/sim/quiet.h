// What the server says to stderr while it is simulated is kept back: there is a lot of it. Its end
// is shown when the process crashes, with the command that replays the seed.
#pragma once

#include <string>

namespace jobflow::sim {

class Quiet {
 public:
  Quiet();
  ~Quiet();
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

// What to say should the process crash from now on.
void crash_note(const std::string& replay);

}  // namespace jobflow::sim
