#include "api/run_steps.h"

#include "api/json_text.h"
#include "model/definition.h"
#include "store/store.h"

#include <algorithm>

namespace jobflow::api {
namespace {

// Rows of one page of step runs; a run of the largest workflow takes a handful of pages.
constexpr int kPageRows = 10'000;

// One reading under way.
struct Reading {
  std::shared_ptr<const Doors> doors;
  RunSteps steps;
  std::function<void(Outcome<RunSteps>)> done;
};
using ReadingPtr = std::shared_ptr<Reading>;

void take_rows(RunSteps& steps, std::vector<RunRow> rows) {
  for (RunRow& row : rows) {
    const auto at = steps.runs.find(row.step);
    if (at == steps.runs.end()) {
      std::string step = row.step;
      steps.runs.emplace(std::move(step), std::move(row));
      continue;
    }
    const auto age = [](const RunRow& run) { return std::pair(run.progress.version, run.id); };
    if (age(at->second) < age(row)) {
      at->second = std::move(row);
    }
  }
}

void read_rows(const ReadingPtr& reading, Id before) {
  store::RunFilter filter{.parent = reading->steps.run.id, .before = before, .limit = kPageRows};
  reading->doors->store.list_runs(filter, [reading](Outcome<std::vector<RunRow>> rows) {
    if (!rows) {
      return reading->done(rows.problem());
    }
    const bool more = rows->size() == static_cast<std::size_t>(kPageRows);
    const Id last = rows->empty() ? Id{} : rows->back().id;
    take_rows(reading->steps, std::move(rows).value());
    if (more) {
      return read_rows(reading, last);
    }
    reading->done(std::move(reading->steps));
  });
}

}  // namespace

std::vector<StepShape> step_shapes(std::string_view document) {
  std::vector<StepShape> shapes;
  const Decoded decoded = decode_definition(DefinitionKind::workflow, document);
  const auto* workflow = std::get_if<WorkflowSpec>(&decoded.definition.spec);
  if (workflow == nullptr) {
    return shapes;
  }
  for (const StepSpec& step : workflow->steps) {
    StepShape& shape = shapes.emplace_back();
    shape.id = step.id;
    shape.handler = step.task.handler;
    for (const int need : step.needs) {
      shape.needs.push_back(workflow->steps[static_cast<std::size_t>(need)].id);
    }
  }
  return shapes;
}

void read_steps(const std::shared_ptr<const Doors>& doors,
                RunRow run,
                std::function<void(Outcome<RunSteps>)> done) {
  auto reading = std::make_shared<Reading>();
  reading->doors = doors;
  reading->steps.run = std::move(run);
  reading->done = std::move(done);
  store::DefinitionFilter filter{.id = reading->steps.run.definition,
                                 .revision = reading->steps.run.revision,
                                 .with_deleted = true,
                                 .limit = 1};
  doors->store.list_definitions(filter, [reading](Outcome<std::vector<DefinitionRow>> rows) {
    if (!rows) {
      return reading->done(rows.problem());
    }
    if (!rows->empty()) {
      reading->steps.shapes = step_shapes(rows->front().document);
    }
    read_rows(reading, Id{});
  });
}

void append_steps(std::string& out, const RunSteps& steps) {
  JsonArray items(out);
  for (const StepShape& shape : steps.shapes) {
    const auto at = steps.runs.find(shape.id);
    append_step(items.next(), shape, at == steps.runs.end() ? nullptr : &at->second);
  }
}

}  // namespace jobflow::api
