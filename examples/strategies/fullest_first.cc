// An own dispatch strategy: the worker that is busiest and still has room, so that the others run
// empty and can be stopped.
//
//   cmake --preset release -DJOBFLOW_STRATEGIES=examples/strategies/fullest_first.cc
//
// builds a `jobflow` in which a job or a step may say `strategy: fullest_first`.
#include <jobflow/strategy.h>

namespace {

std::optional<std::size_t> fullest(const jobflow::RunToPlace& /*run*/,
                                   std::span<const jobflow::CandidateWorker> workers) {
  return jobflow::index_of_most(workers, [](const jobflow::CandidateWorker& worker) {
    return static_cast<double>(worker.busy) / worker.slots;
  });
}

const jobflow::CustomStrategy registered("fullest_first", fullest);

}  // namespace
