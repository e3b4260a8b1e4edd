// A workflow run's steps: the definition's steps as they were when it started, each with the newest
// of its runs. Shared by GET /runs/{id}/steps and the snapshot of an event stream.
#pragma once

#include "api/exchange.h"
#include "api/json_views.h"
#include "model/rows.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::api {

struct RunSteps {
  RunRow run;
  std::vector<StepShape> shapes;       // in the definition's order
  std::map<std::string, RunRow> runs;  // by step: the newest version's
};

// Calls `done` on any thread.
void read_steps(const std::shared_ptr<const Doors>& doors,
                RunRow run,
                std::function<void(Outcome<RunSteps>)> done);

// The array of steps.
void append_steps(std::string& out, const RunSteps& steps);

// The steps a workflow's document lists. Pure.
std::vector<StepShape> step_shapes(std::string_view document);

}  // namespace jobflow::api
