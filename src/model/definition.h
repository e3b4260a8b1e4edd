// What people write down: jobs, workflows, their triggers and policies, semaphores, as read from a
// document. The document is the definition file of interfaces 7 as JSON: {metadata: {...}, spec:
// {...}}.
#pragma once

#include "model/id.h"
#include "model/limits.h"
#include "model/schedule.h"
#include "model/states.h"
#include "model/time.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace jobflow {

// When a failed attempt is tried again (S3.2). The n-th retry waits
// min(max, initial * factor^(n-1)), then up to `jitter` of that is taken off, derived from run +
// attempt.
struct RetryPolicy {
  int max_attempts = 1;  // 1 = none
  Span initial = seconds(1);
  double factor = 2.0;
  Span max = minutes(5);
  double jitter = 0.2;  // 0 to 1
  // Not tried again, whatever is left: failures of these kinds, processes that exit so. Sorted.
  std::vector<std::string> not_on_kinds;
  std::vector<int> not_on_exit_codes;
  bool operator==(const RetryPolicy&) const = default;
};

// Zero means: the product's default bound.
struct Timeouts {
  Span execution;   // of one attempt
  Span queue_wait;  // expire when not started
  Span total;       // from the first time in a queue to the end, all attempts together; 0 = none
  bool operator==(const Timeouts&) const = default;
};

// Which of the workers that could take a run takes it (S6.1).
enum class Strategy : std::uint8_t {
  round_robin,   // each in turn
  random,        // any
  least_loaded,  // the one with the least of its slots taken
  hash,          // the same worker for the same key, as long as it is there
  designated,    // of the named ones, each in turn
  custom         // compiled in, by name (jobflow/strategy.h)
};
std::string_view to_string(Strategy strategy);
// None for `custom`, and for what is none of these words.
std::optional<Strategy> builtin_strategy(std::string_view name);

// How many runs of a job run at once: in all, and for each value of a field of their params (S3.5).
struct Concurrency {
  int max_runs = 0;          // 0 = any number
  std::string key;           // path of the field, `customer.id`; those without it share one value
  int max_runs_per_key = 0;  // 0 = any number
  bool is_set() const { return max_runs > 0 || max_runs_per_key > 0; }
  bool operator==(const Concurrency&) const = default;
};

// So many permits, which the attempts of jobs and steps that name it hold while they are out
// (S3.5).
struct SemaphoreSpec {
  int permits = 1;
};

// What to run and how: shared by a job and a step.
struct Task {
  std::string handler;
  std::string params = "{}";  // JSON object; in a step its strings may hold {{ ... }} templates
  int priority = 0;           // -100..100, higher first
  RetryPolicy retry;
  Timeouts timeouts;
  Strategy strategy = Strategy::round_robin;
  std::string custom_strategy;       // its name
  std::string hash_key;              // path of a field of the params; "" = the job, or step, itself
  std::vector<std::string> workers;  // the designated ones; sorted
  std::vector<std::string> tags;     // a worker must carry all of them; sorted
  // A permit of each of these semaphores of its namespace, while an attempt is out; sorted, which
  // is the order in which they are asked for: so no two wait for each other.
  std::vector<std::string> semaphores;
  bool operator==(const Task&) const = default;
};

// When to run. `name` is its identity inside the definition, for life.
struct TriggerSpec {
  std::string name;
  Schedule schedule;
  Misfire misfire;
  Overlap overlap;
  bool enabled = true;
  std::string params = "{}";  // merged over the job's, or the workflow's inputs
  bool operator==(const TriggerSpec&) const = default;
};

struct JobSpec {
  Task task;
  Concurrency concurrency;
  std::vector<TriggerSpec> triggers;
};

enum class InputType : std::uint8_t { any, string, number, integer, boolean, object, array };
std::string_view to_string(InputType type);

struct InputSpec {
  std::string name;
  InputType type = InputType::any;
  bool required = false;
  std::string default_value = "null";  // JSON
};

struct StepSpec {
  std::string id;
  std::vector<int> needs;       // positions in WorkflowSpec::steps
  std::vector<int> dependants;  // the other direction, derived
  Task task;
};

struct WorkflowSpec {
  std::vector<InputSpec> inputs;
  std::vector<StepSpec> steps;  // in the document's order
  std::string output = "null";  // template for the run's result; null = none
  Span total_timeout;           // of a run, from its begin to its end; 0 = none
  std::vector<TriggerSpec> triggers;
  std::vector<int> steps_by_id;               // positions ordered by the steps' ids, derived
  int step_index(std::string_view id) const;  // -1 when there is none
};

struct Definition {
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space = "default";
  std::string name;
  std::string title;
  std::string description;
  std::map<std::string, std::string> labels;
  bool enabled = true;
  std::string document;  // canonical JSON text of {metadata, spec}
  std::variant<JobSpec, WorkflowSpec, SemaphoreSpec> spec;

  const std::vector<TriggerSpec>& triggers() const;
  const TriggerSpec* find_trigger(std::string_view trigger) const;
  const JobSpec& job() const { return std::get<JobSpec>(spec); }
  const WorkflowSpec& workflow() const { return std::get<WorkflowSpec>(spec); }
  const SemaphoreSpec& semaphore() const { return std::get<SemaphoreSpec>(spec); }
};

// Spreads a trigger's H and jitter: the same in every revision (S4.2, S4.5).
std::uint64_t schedule_hash(const Definition& definition, std::string_view trigger);

// A definition as far as it could be read, and everything that is wrong with its shape.
struct Decoded {
  Definition definition;
  std::vector<FieldProblem> problems;
};

// Reads a document and checks its shape: fields, types, limits, unique ids, needs, cycles; every
// problem at once, each with its JSON pointer (S8.2). `kind` must agree with the document's own
// `kind` when it states one. Expressions are the engine's to check (engine/definition_check.h).
Decoded decode_definition(DefinitionKind kind, std::string_view json_text);

// A name: 1-128 of [A-Za-z0-9._-], starting with a letter (so that it is never taken for an id).
bool is_valid_name(std::string_view name);

}  // namespace jobflow
