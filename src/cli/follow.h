// Watches a run until it has ended: live in a terminal, line by line elsewhere, or silently.
#pragma once

#include "cli/exit_code.h"
#include "cli/session.h"
#include "model/time.h"

#include <string>

namespace jobflow::cli {

struct FollowOptions {
  bool show = true;       // false: only wait (a terminal still sees one line of progress)
  bool logs = false;      // the steps' log lines too
  std::string log_level;  // "" = all
  Span limit;             // give up waiting after this long; zero = never
};

// Prints how the run ended and its result. Answers 0 for succeeded, 3 for failed, 4 for timed out
// (the run or the wait), 1 when the server went away for good or Ctrl-C came: then the run goes on.
ExitCode follow_run(Session& session, const std::string& run, const FollowOptions& options);

}  // namespace jobflow::cli
