// Backfills: begin one, see how far it is, pause, resume and cancel it (I2, house 3.8).
#include "api/json_fields.h"
#include "api/json_text.h"
#include "api/json_views.h"
#include "api/lookup.h"
#include "api/routes.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace jobflow::api {
namespace {

// The two words of each choice; the former is the default.
constexpr std::array<std::string_view, 2> kOrders{"oldest_first", "newest_first"};
constexpr std::array<std::string_view, 2> kOverlaps{"allow", "wait"};
constexpr std::array<std::string_view, 2> kFailures{"go_on", "pause"};

std::string_view word_of(const std::array<std::string_view, 2>& words, bool is_latter) {
  return words[is_latter ? 1 : 0];
}

void append_backfill(std::string& out, const BackfillRow& row, const Names& names) {
  JsonObject object(out);
  object.id("id", row.id).id("trigger_id", row.trigger);
  {
    JsonObject definition(object.open("definition"));
    definition.id("id", row.definition);
    if (const auto at = names.find(row.definition); at != names.end()) {
      definition.text("kind", jobflow::to_string(at->second.kind));
      definition.text("namespace", at->second.name_space).text("name", at->second.name);
    }
  }
  object.time("from", row.from).time("to", row.until).raw("schedule", row.schedule);
  object.text("order", word_of(kOrders, row.newest_first)).number("max_parallel", row.max_parallel);
  object.text("overlap", word_of(kOverlaps, row.waits));
  object.text("on_failure", word_of(kFailures, row.pauses_on_failure));
  object.raw("params", row.params);
  const BackfillProgress& at = row.progress;
  object.text("state", jobflow::to_string(at.state)).text_or_null("note", at.note);
  object.number("total", row.total).number("runs", at.made).number("kept_off", at.kept_off);
  object.number("succeeded", at.succeeded).number("failed", at.failed);
  object.time("settled", at.cursor).time("created_at", row.created).time("ended_at", at.ended);
  object.text("created_by", row.principal);
}

// --- lists and one

using Rows = std::shared_ptr<std::vector<BackfillRow>>;

void with_names(const ExchangePtr& exchange, const Rows& rows, std::function<void(Names)> next) {
  std::vector<Id> definitions;
  for (const BackfillRow& row : *rows) {
    definitions.push_back(row.definition);
  }
  exchange->doors->names.look_up(std::move(definitions), hop<Names>(exchange, std::move(next)));
}

void list(const ExchangePtr& exchange) {
  const Request& request = exchange->request;
  const auto limit = read_number(request, "limit", 1, 1'000, 50);
  const auto going_on = read_flag(request, "going_on");
  if (!limit || !going_on) {
    return exchange->refuse(limit ? going_on.problem() : limit.problem());
  }
  store::BackfillFilter filter{.going_on = *going_on, .limit = static_cast<int>(*limit) + 1};
  if (const std::string* trigger = request.asked("trigger")) {
    const auto id = parse_id(*trigger);
    if (!id) {
      return exchange->refuse({ProblemCode::invalid, "?trigger=: " + id.problem().detail});
    }
    filter.trigger = *id;
  }
  if (const std::string* cursor = request.asked("cursor")) {
    const auto before = parse_id(*cursor);
    if (!before) {
      return exchange->refuse({ProblemCode::invalid, "?cursor= is none of this list"});
    }
    filter.before = *before;
  }
  exchange->doors->store.list_backfills(
      filter, hop_ok<std::vector<BackfillRow>>(exchange, [exchange, limit = *limit](auto found) {
        const bool more = std::cmp_greater(found.size(), limit);
        found.resize(std::min<std::size_t>(found.size(), static_cast<std::size_t>(limit)));
        const auto rows = std::make_shared<std::vector<BackfillRow>>(std::move(found));
        with_names(exchange, rows, [exchange, rows, more](const Names& names) {
          Response response;
          {
            JsonObject answer(response.body);
            {
              JsonArray items(answer.open("items"));
              for (const BackfillRow& row : *rows) {
                append_backfill(items.next(), row, names);
              }
            }
            answer.text_or_null("next_cursor", more ? to_string(rows->back().id) : "");
          }
          exchange->answer(std::move(response));
        });
      }));
}

// `next` gets none, when there is none.
void find_backfill(const ExchangePtr& exchange, Id id, std::function<void(Rows)> next) {
  exchange->doors->store.list_backfills(
      {.id = id, .limit = 1},
      hop_ok<std::vector<BackfillRow>>(exchange, [next = std::move(next)](auto rows) {
        next(std::make_shared<std::vector<BackfillRow>>(std::move(rows)));
      }));
}

Problem not_found(Id id) {
  return {ProblemCode::not_found, "there is no backfill " + to_string(id)};
}

void answer_one(const ExchangePtr& exchange, Id id, int status) {
  find_backfill(exchange, id, [exchange, id, status](const Rows& rows) {
    if (rows->empty()) {
      return exchange->refuse(not_found(id));
    }
    with_names(exchange, rows, [exchange, rows, status](const Names& names) {
      Response response{.status = status};
      if (status == 201) {
        response.headers.emplace_back("Location",
                                      "/api/v1/backfills/" + to_string(rows->front().id));
      }
      append_backfill(response.body, rows->front(), names);
      exchange->answer(std::move(response));
    });
  });
}

void get(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  id ? answer_one(exchange, *id, 200) : exchange->refuse(id.problem());
}

// --- begin

void read_instant(JsonFields& fields, std::string_view name, Instant& into) {
  const boost::json::value* value = fields.any(name);
  if (value == nullptr || !value->is_string()) {
    fields.wrong(name, std::string(value == nullptr ? "is missing: " : "must be ") +
                           "a time such as 2026-11-01T00:00:00Z");
    return;
  }
  const auto instant = parse_rfc3339(std::string_view(value->get_string()));
  if (instant) {
    into = *instant;
  } else {
    fields.wrong(name, instant.problem().detail);
  }
}

bool read_choice(JsonFields& fields,
                 std::string_view name,
                 const std::array<std::string_view, 2>& words) {
  const auto word = fields.text(name);
  if (word && *word != words[0] && *word != words[1]) {
    fields.wrong(name, "must be " + std::string(words[0]) + " or " + std::string(words[1]));
  }
  return word && *word == words[1];
}

void ask(const ExchangePtr& exchange,
         engine::Request request,
         std::function<void(const Outcome<engine::Reply>&)> answer) {
  std::vector<runtime::Submission> submissions(1);
  submissions[0].command = command_of(exchange->request, std::move(request));
  submissions[0].answer = std::move(answer);
  exchange->doors->hall.submit(std::move(submissions));
}

void start(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  const auto body = read_object(exchange->request.body);
  if (!id || !body) {
    return exchange->refuse(id ? body.problem() : id.problem());
  }
  Problem problem{ProblemCode::invalid, ""};
  JsonFields fields(body->get_object(), "", problem.fields);
  engine::StartBackfill wanted{.trigger = *id};
  read_instant(fields, "from", wanted.from);
  read_instant(fields, "to", wanted.until);
  wanted.newest_first = read_choice(fields, "order", kOrders);
  wanted.waits = read_choice(fields, "overlap", kOverlaps);
  wanted.pauses_on_failure = read_choice(fields, "on_failure", kFailures);
  wanted.max_parallel =
      static_cast<int>(fields.integer("max_parallel", 1, limits::kBackfillParallel).value_or(1));
  if (const boost::json::object* params = fields.object("params")) {
    wanted.params = boost::json::serialize(*params);
    if (wanted.params.size() > limits::kParamsBytes) {
      problem.code = ProblemCode::too_large;
      fields.wrong("params",
                   "are over the limit of " + std::to_string(limits::kParamsBytes) + " bytes");
    }
  }
  fields.done();
  if (!problem.fields.empty()) {
    problem.detail = problem.fields.front().message;
    return exchange->refuse(problem);
  }
  ask(exchange, std::move(wanted), [exchange](const Outcome<engine::Reply>& reply) {
    reply ? answer_one(exchange, reply->id, 201) : exchange->refuse(reply.problem());
  });
}

// --- pause, resume, cancel

// The shard knows only those that go on: of others the store says what became of them.
void change(const ExchangePtr& exchange, Id id, engine::Request request) {
  ask(exchange, std::move(request), [exchange, id](const Outcome<engine::Reply>& reply) {
    if (reply) {
      Response response;
      JsonObject(response.body).id("id", reply->id).truth("changed", reply->changed);
      return exchange->answer(std::move(response));
    }
    if (reply.problem().code != ProblemCode::not_found) {
      return exchange->refuse(reply.problem());
    }
    find_backfill(exchange, id, [exchange, id](const Rows& rows) {
      exchange->refuse(rows->empty()
                           ? not_found(id)
                           : Problem{ProblemCode::wrong_state,
                                     "backfill " + to_string(id) + " is over: it is " +
                                         std::string(to_string(rows->front().progress.state))});
    });
  });
}

void pause(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  const auto body = read_object(exchange->request.body);
  if (!id || !body) {
    return exchange->refuse(id ? body.problem() : id.problem());
  }
  Problem problem{ProblemCode::invalid, ""};
  JsonFields fields(body->get_object(), "", problem.fields);
  const auto note = fields.text("note");
  fields.done();
  if (!problem.fields.empty()) {
    problem.detail = problem.fields.front().message;
    return exchange->refuse(problem);
  }
  change(exchange, *id,
         engine::PauseBackfill{.backfill = *id, .note = std::string(note.value_or(""))});
}

template <class Asked>
void change_plainly(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  id ? change(exchange, *id, Asked{*id}) : exchange->refuse(id.problem());
}

}  // namespace

std::vector<Route> backfill_routes() {
  return {{.method = Method::post,
           .pattern = "/api/v1/triggers/{id}/backfill",
           .permission = Permission::operate,
           .handler = start,
           .body = Body::json,
           .body_bytes_max = kSmallBodyBytes},
          {.pattern = "/api/v1/backfills",
           .permission = Permission::view,
           .handler = list,
           .query = {"trigger", "going_on", "limit", "cursor"}},
          {.pattern = "/api/v1/backfills/{id}", .permission = Permission::view, .handler = get},
          {.method = Method::post,
           .pattern = "/api/v1/backfills/{id}/pause",
           .permission = Permission::operate,
           .handler = pause,
           .body = Body::json,
           .body_bytes_max = kSmallBodyBytes},
          {.method = Method::post,
           .pattern = "/api/v1/backfills/{id}/resume",
           .permission = Permission::operate,
           .handler = change_plainly<engine::ResumeBackfill>},
          {.method = Method::post,
           .pattern = "/api/v1/backfills/{id}/cancel",
           .permission = Permission::operate,
           .handler = change_plainly<engine::CancelBackfill>}};
}

}  // namespace jobflow::api
