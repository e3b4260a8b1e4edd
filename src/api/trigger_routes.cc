// POST /jobs/{id}/trigger, /workflows/{id}/trigger and /runs/batch. The batch is the hot path of
// the whole door: one parse into one arena, one submission for all items, one answer text by hand.
#include "api/json_places.h"
#include "api/json_text.h"
#include "api/problem_json.h"
#include "api/routes.h"
#include "api/trigger_fields.h"
#include "model/definition.h"
#include "runtime/clock.h"

#include <boost/json/array.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/object.hpp>

#include <array>
#include <atomic>

namespace jobflow::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kDefaultNamespace = "default";

// --- one run

void answer_triggered(const ExchangePtr& exchange, const engine::Reply& reply) {
  Response response{.status = reply.created ? 201 : 200};
  response.headers.emplace_back("Location", "/api/v1/runs/" + to_string(reply.id));
  JsonObject(response.body).id("id", reply.id).truth("created", reply.created);
  exchange->answer(std::move(response));
}

void trigger(const ExchangePtr& exchange, DefinitionKind kind) {
  const Request& request = exchange->request;
  engine::TriggerRun run;
  const std::string* name_space = request.asked("namespace");
  const auto named = name_definition(run, kind, request.place("id"),
                                     name_space == nullptr ? kDefaultNamespace : *name_space);
  if (!named) {
    return exchange->refuse(named.problem());
  }
  const auto body = read_object(request.body);
  if (!body) {
    return exchange->refuse(body.problem());
  }
  Problem problem{ProblemCode::invalid, "the request is wrong"};
  JsonFields fields(body->get_object(), "", problem.fields);
  problem.code = read_trigger(fields, exchange->doors->clock.now(), run);
  fields.done();
  if (!request.idempotency_key.empty()) {
    auto key = checked_key(request.idempotency_key);
    if (!key) {
      return exchange->refuse(
          {ProblemCode::invalid, "the header Idempotency-Key " + key.problem().detail});
    }
    if (!run.idempotency_key.empty() && run.idempotency_key != *key) {
      fields.wrong("idempotency_key", "differs from the header Idempotency-Key");
    }
    run.idempotency_key = std::move(key).value();
  }
  if (!problem.fields.empty()) {
    problem.detail = problem.fields.front().message;
    return exchange->refuse(problem);
  }
  std::vector<runtime::Submission> submissions(1);
  submissions[0].command = command_of(request, std::move(run));
  submissions[0].answer = [exchange](Outcome<engine::Reply> reply) {
    if (reply) {
      answer_triggered(exchange, *reply);
    } else {
      exchange->refuse(reply.problem());
    }
  };
  exchange->doors->hall.submit(std::move(submissions));
}

void trigger_job(const ExchangePtr& exchange) {
  trigger(exchange, DefinitionKind::job);
}
void trigger_workflow(const ExchangePtr& exchange) {
  trigger(exchange, DefinitionKind::workflow);
}

// --- a batch of runs

// Gathers the answers of one batch. Each answer writes its own slot; the one that makes `open` zero
// sends the response and ends the object: an answer needs no more than a pointer and a number,
// which std::function keeps without an allocation.
class BatchAnswers {
 public:
  BatchAnswers(ExchangePtr exchange, std::size_t items)
      : exchange_(std::move(exchange)), slots_(items), open_(items + 1) {}

  void problem(std::size_t item, Problem problem) {
    slots_[item].problem = std::make_unique<Problem>(std::move(problem));
    const Id first = exchange_->request.command;
    slots_[item].id = first.is_set() ? Id{first.value + static_cast<std::int64_t>(item)} : first;
    close();
  }

  void reply(std::size_t item, const engine::Reply& reply) {
    slots_[item].id = reply.id;
    slots_[item].created = reply.created;
    close();
  }

  // One of open_ is the submitter's own, so that the object outlives the submission.
  void close() {
    if (open_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
      return;
    }
    exchange_->loop->post([self = std::shared_ptr<BatchAnswers>(this)] { self->respond(); });
  }

 private:
  struct Slot {
    Id id;  // of the run; of the command, where there is a problem
    bool created = false;
    std::unique_ptr<Problem> problem;
  };

  void respond() {
    Response response;
    response.body.reserve(48 * slots_.size() + 16);
    {
      JsonObject answer(response.body);
      JsonArray items(answer.open("items"));
      for (const Slot& slot : slots_) {
        JsonObject item(items.next());
        if (slot.problem) {
          append_problem(item.open("problem"), *slot.problem, "", slot.id);
        } else {
          item.id("id", slot.id).truth("created", slot.created);
        }
      }
    }
    exchange_->answer(std::move(response));
  }

  ExchangePtr exchange_;
  std::vector<Slot> slots_;
  std::atomic<std::size_t> open_;
};

// Which definition an item means. A pass over the fields that only batches have.
std::optional<Problem> read_target_of_item(JsonFields& fields, engine::TriggerRun& run) {
  const auto job = fields.text("job");
  const auto workflow = fields.text("workflow");
  const auto name_space = fields.text("namespace");
  if (job.has_value() == workflow.has_value()) {
    return Problem{ProblemCode::invalid, "an item names either a 'job' or a 'workflow'"};
  }
  const auto named =
      name_definition(run, job ? DefinitionKind::job : DefinitionKind::workflow,
                      job ? *job : *workflow, name_space.value_or(kDefaultNamespace));
  return named ? std::nullopt : std::optional(named.problem());
}

Outcome<engine::TriggerRun> read_item(const json::value& value, std::size_t index, Instant now) {
  const auto pointer = [&] { return "/items/" + std::to_string(index); };
  if (!value.is_object()) {
    return invalid(pointer(), "an item must be an object");
  }
  engine::TriggerRun run;
  std::vector<FieldProblem> problems;
  JsonFields fields(value.get_object(), "", problems);
  auto unnamed = read_target_of_item(fields, run);
  const ProblemCode code = read_trigger(fields, now, run);
  fields.done();
  if (unnamed) {
    return std::move(*unnamed);
  }
  if (!problems.empty()) {
    for (FieldProblem& problem : problems) {
      problem.pointer.insert(0, pointer());
    }
    std::string detail = problems.front().message;
    return Problem{code, std::move(detail), std::move(problems)};
  }
  return run;
}

// The items of the body, or what is wrong with it as a whole.
Outcome<const json::array*> items_of(const json::value& body) {
  std::vector<FieldProblem> problems;
  JsonFields fields(body.get_object(), "", problems);
  const json::array* items = fields.array("items");
  fields.done();
  if (!problems.empty()) {
    std::string detail = problems.front().message;
    return Problem{ProblemCode::invalid, std::move(detail), std::move(problems)};
  }
  if (items == nullptr || items->empty()) {
    return invalid("/items", "'items' must be an array of 1 to " +
                                 std::to_string(limits::kBatchItems) + " items");
  }
  if (items->size() > static_cast<std::size_t>(limits::kBatchItems)) {
    return Problem{ProblemCode::too_large, "a batch holds at most " +
                                               std::to_string(limits::kBatchItems) +
                                               " items: send the rest in another one"};
  }
  return items;
}

// Those of `twins` that are item `index`'s own: one bad item harms no other.
std::vector<FieldProblem> twins_of_item(const std::vector<FieldProblem>& twins, std::size_t index) {
  std::vector<FieldProblem> own;
  for (const FieldProblem& twin : twins) {
    if (twin.pointer.starts_with("/items/" + std::to_string(index) + "/")) {
      own.push_back(twin);
    }
  }
  return own;
}

void trigger_batch(const ExchangePtr& exchange) {
  std::array<unsigned char, 16 * 1024> first_block;
  json::monotonic_resource arena(first_block.data(), first_block.size());
  std::vector<FieldProblem> twins;
  const auto body = read_object(exchange->request.body, &arena, &twins);
  if (!body) {
    return exchange->refuse(body.problem());
  }
  for (const FieldProblem& twin : twins) {
    if (!twin.pointer.starts_with("/items/")) {
      return exchange->refuse(twin_keys(std::move(twins)));
    }
  }
  const auto items = items_of(*body);
  if (!items) {
    return exchange->refuse(items.problem());
  }
  const Instant now = exchange->doors->clock.now();
  const std::size_t count = (*items)->size();
  auto* answers = new BatchAnswers(exchange, count);  // ends itself with its last answer
  std::vector<runtime::Submission> submissions;
  submissions.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (auto own = twins_of_item(twins, i); !own.empty()) {
      answers->problem(i, twin_keys(std::move(own)));
      continue;
    }
    auto run = read_item((**items)[i], i, now);
    if (!run) {
      answers->problem(i, run.problem());
      continue;
    }
    runtime::Submission& submission = submissions.emplace_back();
    submission.command = command_of(exchange->request, std::move(run).value(), i);
    submission.answer = [answers,
                         item = static_cast<std::uint32_t>(i)](Outcome<engine::Reply> reply) {
      if (reply) {
        answers->reply(item, *reply);
      } else {
        answers->problem(item, reply.problem());
      }
    };
  }
  if (!submissions.empty()) {
    exchange->doors->hall.submit(std::move(submissions));
  }
  answers->close();
}

}  // namespace

std::vector<Route> trigger_routes() {
  return {
      {.method = Method::post,
       .pattern = "/api/v1/jobs/{id}/trigger",
       .permission = Permission::operate,
       .handler = trigger_job,
       .query = {"namespace"},
       .body = Body::json,
       .body_bytes_max = kSmallBodyBytes},
      {.method = Method::post,
       .pattern = "/api/v1/workflows/{id}/trigger",
       .permission = Permission::operate,
       .handler = trigger_workflow,
       .query = {"namespace"},
       .body = Body::json,
       .body_bytes_max = kSmallBodyBytes},
      {.method = Method::post,
       .pattern = "/api/v1/runs/batch",
       .permission = Permission::operate,
       .handler = trigger_batch,
       .body = Body::json,
       .body_bytes_max = limits::kHttpBodyBytes,
       .commands = limits::kBatchItems},
  };
}

}  // namespace jobflow::api
