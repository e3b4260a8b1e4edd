// SIGTERM and SIGINT as something to wait for. The first one asks to stop; a second one then ends
// the process at once. One per process, made before any other thread so that all of them inherit
// the blocked signals.
#pragma once

#include "model/time.h"

namespace jobflow::app {

// SIGPIPE is ignored: a peer that went away is an error of its own write.
void ignore_sigpipe();

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Until a signal came or raise() was called. Answers the signal's number; 0 for raise().
  int wait();
  // Ends wait(); any thread.
  void raise();
  // From now on a further signal ends the process at once.
  void deadly_from_now_on();

 private:
  int signals_ = -1;  // signalfd
  int raised_ = -1;   // eventfd
};

}  // namespace jobflow::app
