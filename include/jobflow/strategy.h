// A dispatch strategy of one's own, compiled in by name: which of the workers that could take a run
// takes it (S6.1). Write it in a file of its own,
//
//   #include <jobflow/strategy.h>
//
//   static const jobflow::CustomStrategy warmest("warmest", [](const jobflow::RunToPlace&,
//       std::span<const jobflow::CandidateWorker> workers) -> std::optional<std::size_t> {
//     return jobflow::index_of_most(workers, [](const auto& one) { return one.busy; });
//   });
//
// build with -DJOBFLOW_STRATEGIES=path/to/that.cc, and say `strategy: warmest` in a job or a step.
// All servers of a cluster are to be built with the same ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace jobflow {

// Offers the handler, carries the tags, and has room.
struct CandidateWorker {
  std::string_view name;
  std::span<const std::string> tags;  // sorted
  int slots = 1;                      // it registered with
  int busy = 0;                       // of them
};

struct RunToPlace {
  std::string_view name_space;
  std::string_view job;     // its name; of a step: workflow/step
  std::string_view params;  // a JSON object
  int priority = 0;
  int attempt = 1;         // that begins now
  std::uint32_t turn = 0;  // one more each time that a run of this job or step was given out
  std::uint64_t dice = 0;  // use it instead of a random number: it depends on run and attempt only
};

// The position of the worker that takes it, or none: it waits, with all that wait behind it, until
// workers come, go or have room again. `workers` is not empty and in the order of the names.
// Must be pure (the same answer to the same question) and take no longer than microseconds: it runs
// where all decisions of a server are made. One that throws, or names nobody, has said none.
using StrategyFunction = std::optional<std::size_t> (*)(const RunToPlace& run,
                                                        std::span<const CandidateWorker> workers);

// Makes a strategy known for as long as the program runs. `name`: a letter, then letters, digits,
// `_`, `-` or `.`, 128 bytes at most. One that is invalid or taken ends the program at its start.
class CustomStrategy {
 public:
  CustomStrategy(std::string_view name, StrategyFunction choose);
};

// The first of those for which `value` is greatest; none when there are none.
template <class Value>
std::optional<std::size_t> index_of_most(std::span<const CandidateWorker> workers, Value value) {
  std::optional<std::size_t> most;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    if (!most || value(workers[i]) > value(workers[*most])) {
      most = i;
    }
  }
  return most;
}

}  // namespace jobflow
