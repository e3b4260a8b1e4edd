// Random triggers of every kind (S4.1-S4.6, S3.4), as the text people would write: some due all the
// time, some in a minute, some in hours; in zones whose clocks jump while the world lives.
#pragma once

#include "model/time.h"
#include "tools/sim/random.h"

#include <string>
#include <vector>

namespace jobflow::sim {

// A trigger of a definition file, in the pieces that people edit.
struct TriggerText {
  std::string when;   // its kind, its validity, its jitter: what an edit of it plans anew
  std::string rules;  // misfire and overlap
  bool enabled = true;
};

// A zone's clock at a moment at which it jumps.
struct Jump {
  const char* zone;
  Instant at;
  const char* hours;  // of the readings around it, as hour fields with plain numbers
};
const std::vector<Jump>& jumps();

struct Season {
  Instant now;                 // as a clock that stands right shows it
  const Jump* jump = nullptr;  // that this world lives to see
  int stretch = 1;             // of the world: how much rarer everything is
  std::string self;            // the definition the trigger belongs to, "job" or "workflow" apart
  // What it may follow: members of `after`, in an order in which each follows those before it.
  std::vector<std::string> before, others;
  std::string calendar = {};  // that it may name
};

std::string random_rules(Random& random);
// Of a minute to hours.
TriggerText far_trigger(Random& random, Instant now);
TriggerText random_trigger(Random& random, const Season& season);
// The list of a definition's triggers, named by their places.
std::string to_json(const std::vector<TriggerText>& triggers, const std::string& params);

}  // namespace jobflow::sim
