// Ends what bodies' processes have left behind when the worker itself was killed and nobody else
// can: a process of its own, of this program, that does nothing until its worker has gone. One for
// a worker's process, made at the first call and never ended by anything but KILL and that end.
#pragma once

#include <string>

namespace jobflow::worker {

// The variable that all processes of this worker's bodies have to carry: by it the guard knows
// them, in whatever session they are. What has shed its environment, too, it does not find; a
// control group holds that.
struct GuardedMark {
  std::string name;
  std::string value;
};

const GuardedMark& guarded_mark();

}  // namespace jobflow::worker
