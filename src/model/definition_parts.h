// The parts of a definition's decoder: each reads its piece of the document and notes what is
// wrong.
#pragma once

#include "model/definition.h"
#include "model/definition_fields.h"

#include <string>
#include <vector>

namespace jobflow {

// retry, timeout, queue_timeout, total_timeout, priority, strategy with what goes with it, tags,
// semaphores: what a job, a step and a workflow's defaults share. What is not there keeps what
// `task` holds.
void read_policies(Fields& fields, Task& task, ProblemList& problems);
// Of a job.
Concurrency read_concurrency(Fields& fields, ProblemList& problems);

SemaphoreSpec read_semaphore(Fields& fields);

// The handler (or the shorthand of a built-in one) with its params, member `params_name`.
void read_handler(Fields& fields, std::string_view params_name, Task& task);

// The triggers, of the definition at `fields`; and what they share when they do not say otherwise.
// `owner` is what they are triggers of: none waits for itself.
std::vector<TriggerSpec> read_triggers(Fields& fields,
                                       const Definition& owner,
                                       ProblemList& problems);

JobSpec read_job(Fields& fields, const Definition& owner, ProblemList& problems);
WorkflowSpec read_workflow(Fields& fields, const Definition& owner, ProblemList& problems);

// Derives dependants and steps_by_id, and notes the circles among the needs.
// `need_pointers` are parallel to each step's needs.
void link_steps(WorkflowSpec& workflow,
                const std::vector<std::vector<std::string>>& need_pointers,
                ProblemList& problems);

}  // namespace jobflow
