// Where a workflow run's steps stand: which may start, which must be skipped, whether it is over.
// Pure bookkeeping over the definition's steps; every fact in it can be derived from the step runs'
// rows. Not thread-safe.
#pragma once

#include "model/definition.h"
#include "model/rows.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace jobflow::engine {

enum class StepStanding : std::uint8_t { open, live, succeeded, not_succeeded };

class Graph {
 public:
  // All steps open; those without needs can be decided.
  explicit Graph(const WorkflowSpec& spec);
  // From the rows of the step runs, in the order of their ids. `versions` is the workflow run's
  // record of retries: a row older than its step's last replacement counts for nothing (S8.6).
  Graph(const WorkflowSpec& spec,
        const std::vector<RunRow>& step_rows,
        const std::string& versions);

  StepStanding standing(int step) const { return steps_[index(step)].standing; }
  Id run_of(int step) const { return steps_[index(step)].run; }
  const std::string* output(int step) const;  // of a succeeded step, or nullptr

  // The first open step, in the definition's order, that can be decided: all its needs succeeded
  // (start it), or one did not (skip it, S8.5). -1 when there is none now. Deciding it is start()
  // or fail().
  int next_decidable() const { return decidable_.empty() ? -1 : *decidable_.begin(); }
  bool must_skip(int step) const { return steps_[index(step)].failed_needs > 0; }

  void start(int step, Id run);
  void succeed(int step, Id run, std::string output);
  // As the step's final row says; a skipped one is no failure of its own.
  void fail(int step, const RunRow& row);

  int live() const { return live_; }
  bool over() const { return open_ == 0 && live_ == 0; }
  bool failed() const { return not_succeeded_ > 0; }
  // Which step failed first, and why.
  std::string first_failure() const;

  // The steps a retry replaces: `from` and everything downstream, or when empty every step that did
  // not succeed (and downstream); -1 is answered through `live_step` when one of them still runs.
  std::vector<int> replaced_by_retry(const std::vector<int>& from, int& live_step) const;
  void reopen(const std::vector<int>& steps);

 private:
  struct Step {
    StepStanding standing = StepStanding::open;
    int open_needs = 0;    // needs that have not succeeded
    int failed_needs = 0;  // needs that ended otherwise
    Id run;
    std::string output;   // of one that succeeded
    std::string failure;  // of one that did not
    Instant ended;
  };
  std::size_t index(int step) const;
  void recount();
  void list_if_decidable(int step);
  Step& end(int step, StepStanding standing, Id run);

  const WorkflowSpec* spec_;
  std::vector<Step> steps_;
  std::set<int> decidable_;
  int open_ = 0, live_ = 0, not_succeeded_ = 0;
};

// The record of retries in a workflow run's row: [{"version":2,"steps":["a","b"]}, ...].
std::string add_version(const std::string& versions,
                        int version,
                        const std::vector<std::string>& steps);

}  // namespace jobflow::engine
