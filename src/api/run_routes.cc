// Runs: lists, one, its attempts and steps, cancel and retry.
#include "api/forbidden_handlers.h"
#include "api/json_fields.h"
#include "api/json_text.h"
#include "api/json_views.h"
#include "api/lookup.h"
#include "api/routes.h"
#include "api/run_steps.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>
#include <map>

namespace jobflow::api {
namespace {

// --- lists

void answer_page(const ExchangePtr& exchange,
                 const std::vector<RunRow>& rows,
                 bool more,
                 const Names& names) {
  Response response;
  {
    JsonObject answer(response.body);
    {
      JsonArray items(answer.open("items"));
      for (const RunRow& row : rows) {
        append_run(items.next(), row, names);
      }
    }
    answer.text_or_null("next_cursor", more ? to_string(rows.back().id) : "");
  }
  exchange->answer(std::move(response));
}

void list_page(const ExchangePtr& exchange, store::RunFilter filter) {
  const auto limit = static_cast<std::size_t>(filter.limit);
  filter.limit += 1;  // one more tells whether there is a next page
  exchange->doors->store.list_runs(
      filter, hop_ok<std::vector<RunRow>>(exchange, [exchange, limit](std::vector<RunRow> rows) {
        const bool more = rows.size() > limit;
        rows.resize(std::min(rows.size(), limit));
        std::vector<Id> definitions;
        for (const RunRow& row : rows) {
          definitions.push_back(row.definition);
        }
        auto shared = std::make_shared<std::vector<RunRow>>(std::move(rows));
        exchange->doors->names.look_up(
            std::move(definitions),
            hop<Names>(exchange, [exchange, shared, more](const Names& names) {
              answer_page(exchange, *shared, more, names);
            }));
      }));
}

Outcome<std::vector<RunState>> read_states(const Request& request) {
  std::vector<RunState> states;
  for (const auto& [name, value] : request.query) {
    if (name != "state") {
      continue;
    }
    const auto state = parse_run_state(value);
    if (!state) {
      return Problem{ProblemCode::invalid, "'" + value.substr(0, 64) +
                                               "' is no state of a run; states are listed in " +
                                               "/openapi.json under RunState"};
    }
    states.push_back(*state);
  }
  return states;
}

void list(const ExchangePtr& exchange) {
  const Request& request = exchange->request;
  const auto page = read_page(request);
  auto states = read_states(request);
  if (!page || !states) {
    return exchange->refuse(page ? states.problem() : page.problem());
  }
  const std::string* job = request.asked("job");
  const std::string* workflow = request.asked("workflow");
  if (job != nullptr && workflow != nullptr) {
    return exchange->refuse({ProblemCode::invalid, "'job' and 'workflow' exclude each other"});
  }
  store::RunFilter filter{
      .states = std::move(states).value(), .before = page->cursor, .limit = page->limit};
  if (job == nullptr && workflow == nullptr) {
    if (request.asked("namespace") != nullptr) {
      auto name_space = read_namespace(request);
      if (!name_space) {
        return exchange->refuse(name_space.problem());
      }
      filter.name_space = std::move(name_space).value();
    }
    return list_page(exchange, std::move(filter));
  }
  find_definition(exchange, job != nullptr ? DefinitionKind::job : DefinitionKind::workflow,
                  job != nullptr ? *job : *workflow,
                  [exchange, filter](const DefinitionRow& row) mutable {
                    filter.definition = row.id;
                    list_page(exchange, std::move(filter));
                  });
}

// --- one

void get(const ExchangePtr& exchange) {
  find_run(exchange, [exchange](store::RunAt run) {
    auto row = std::make_shared<RunRow>(std::move(run.row));
    exchange->doors->names.look_up({row->definition},
                                   hop<Names>(exchange, [exchange, row](const Names& names) {
                                     Response response;
                                     append_run(response.body, *row, names);
                                     exchange->answer(std::move(response));
                                   }));
  });
}

void list_attempts(const ExchangePtr& exchange) {
  find_run(exchange, [exchange](store::RunAt run) {
    auto row = std::make_shared<RunRow>(std::move(run.row));
    exchange->doors->store.list_attempts(
        row->id,
        hop_ok<std::vector<AttemptRow>>(exchange, [exchange, row](std::vector<AttemptRow> rows) {
          const bool current_is_there = std::any_of(
              rows.begin(), rows.end(),
              [&](const AttemptRow& attempt) { return attempt.number == row->progress.attempt; });
          if (row->progress.attempt > 0 && !current_is_there) {
            rows.push_back(current_attempt(*row));
          }
          std::sort(rows.begin(), rows.end(),
                    [](const AttemptRow& a, const AttemptRow& b) { return a.number < b.number; });
          Response response;
          {
            JsonObject answer(response.body);
            JsonArray items(answer.open("items"));
            for (const AttemptRow& attempt : rows) {
              append_attempt(items.next(), attempt);
            }
          }
          exchange->answer(std::move(response));
        }));
  });
}

void list_steps(const ExchangePtr& exchange) {
  find_run(exchange, [exchange](const store::RunAt& run) {
    if (run.row.kind != RunKind::workflow) {
      return exchange->refuse({ProblemCode::wrong_state, "only a workflow's run has steps"});
    }
    read_steps(exchange->doors, run.row,
               hop_ok<RunSteps>(exchange, [exchange](const RunSteps& steps) {
                 Response response;
                 {
                   JsonObject answer(response.body);
                   answer.id("run_id", steps.run.id);
                   answer.text("state", to_string(steps.run.progress.state));
                   answer.number("version", steps.run.progress.version);
                   append_steps(answer.open("items"), steps);
                 }
                 exchange->answer(std::move(response));
               }));
  });
}

// --- actions

void ask(const ExchangePtr& exchange, engine::Request request) {
  std::vector<runtime::Submission> submissions(1);
  submissions[0].command = command_of(exchange->request, std::move(request));
  submissions[0].answer = [exchange](Outcome<engine::Reply> reply) {
    if (!reply) {
      return exchange->refuse(reply.problem());
    }
    const std::string& id = exchange->request.place("id");
    Response response{.status = 202};
    response.headers.emplace_back("Location", "/api/v1/runs/" + id);
    JsonObject(response.body).text("id", id);
    exchange->answer(std::move(response));
  };
  exchange->doors->hall.submit(std::move(submissions));
}

void cancel(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  if (!id) {
    return exchange->refuse(id.problem());
  }
  ask(exchange, engine::CancelRun{.run = *id});
}

// Its shard knows (S5.6), whoever owns it.
void explain(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  if (!id) {
    return exchange->refuse(id.problem());
  }
  std::vector<runtime::Submission> submissions(1);
  submissions[0].command = {.request = engine::ExplainRun{*id},
                            .principal = exchange->request.principal.name};
  submissions[0].answer = [exchange](const Outcome<engine::Reply>& reply) {
    if (!reply || !reply->explanation) {
      return exchange->refuse(
          reply ? Problem{ProblemCode::unavailable, "the run's server did not explain it"}
                : reply.problem());
    }
    explain_rules(exchange, reply->id, *reply->explanation,
                  [exchange, id = reply->id](const engine::Explanation& why) {
                    Response response;
                    append_explanation(response.body, id, why);
                    exchange->answer(std::move(response));
                  });
  };
  exchange->doors->hall.submit(std::move(submissions));
}

void retry(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  const auto body = read_object(exchange->request.body);
  if (!id || !body) {
    return exchange->refuse(id ? body.problem() : id.problem());
  }
  engine::RetryRun command{.run = *id};
  Problem problem{ProblemCode::invalid, ""};
  JsonFields fields(body->get_object(), "", problem.fields);
  if (const boost::json::array* from = fields.array("from")) {
    for (const boost::json::value& step : *from) {
      if (!step.is_string() || step.get_string().empty()) {
        fields.wrong("from", "must be an array of step ids");
        break;
      }
      command.from_steps.emplace_back(std::string_view(step.get_string()));
    }
  }
  fields.done();
  if (!problem.fields.empty()) {
    problem.detail = problem.fields.front().message;
    return exchange->refuse(problem);
  }
  ask(exchange, std::move(command));
}

}  // namespace

std::vector<Route> run_routes() {
  const auto reads = [](std::string_view pattern, Handler handler) {
    return Route{.pattern = pattern, .permission = Permission::view, .handler = handler};
  };
  std::vector<Route> routes{
      reads("/api/v1/runs/{id}", get),
      reads("/api/v1/runs/{id}/attempts", list_attempts),
      reads("/api/v1/runs/{id}/steps", list_steps),
      reads("/api/v1/runs/{id}/explain", explain),
      {.method = Method::post,
       .pattern = "/api/v1/runs/{id}/cancel",
       .permission = Permission::operate,
       .handler = cancel},
      {.method = Method::post,
       .pattern = "/api/v1/runs/{id}/retry",
       .permission = Permission::operate,
       .handler = retry,
       .body = Body::json,
       .body_bytes_max = kSmallBodyBytes},
  };
  Route all = reads("/api/v1/runs", list);
  all.query = {"job", "workflow", "namespace", "state", "limit", "cursor"};
  routes.push_back(std::move(all));
  return routes;
}

}  // namespace jobflow::api
