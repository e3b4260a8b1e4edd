// A run's log: pages of lines, and the live tail.
#include "api/json_text.h"
#include "api/json_views.h"
#include "api/log_tail.h"
#include "api/lookup.h"
#include "api/routes.h"
#include "store/log_store.h"

namespace jobflow::api {
namespace {

constexpr int kLinesMax = 10'000;
constexpr std::size_t kSoughtBytesMax = 1'000;

Outcome<LogLevel> read_level(const Request& request) {
  const std::string* text = request.asked("level");
  for (const LogLevel level : {LogLevel::debug, LogLevel::info, LogLevel::warn, LogLevel::error}) {
    if (text == nullptr || *text == to_string(level)) {
      return level;
    }
  }
  return Problem{ProblemCode::invalid,
                 "the query parameter 'level' must be debug, info, warn or error"};
}

Outcome<store::LogQuery> read_query(const Request& request, int limit_by_default) {
  const auto attempt = read_number(request, "attempt", 1, limits::kAttemptsMax, 0);
  const auto from = read_number(request, "from", 0, INT64_MAX, 0);
  const auto limit = read_number(request, "limit", 1, kLinesMax, limit_by_default);
  const auto level = read_level(request);
  for (const auto* number : {&attempt, &from, &limit}) {
    if (!*number) {
      return number->problem();
    }
  }
  if (!level) {
    return level.problem();
  }
  const std::string* text = request.asked("text");
  if (text != nullptr && text->size() > kSoughtBytesMax) {
    return Problem{ProblemCode::invalid, "the query parameter 'text' is longer than 1000 bytes"};
  }
  return store::LogQuery{.attempt = static_cast<int>(*attempt),
                         .from = *from,
                         .limit = static_cast<int>(*limit),
                         .min_level = *level,
                         .text = text == nullptr ? "" : *text};
}

void answer_lines(const ExchangePtr& exchange,
                  const store::LogQuery& query,
                  const std::vector<store::StoredLine>& lines) {
  const bool full = lines.size() == static_cast<std::size_t>(query.limit);
  const std::int64_t next =
      query.attempt != 0 && full ? lines.back().number + 1 : query.from + query.limit;
  Response response;
  {
    JsonObject answer(response.body);
    {
      JsonArray items(answer.open("items"));
      for (const store::StoredLine& line : lines) {
        append_log_line(items.next(), line);
      }
    }
    full ? answer.number("next_from", next) : answer.raw("next_from", "null");
  }
  exchange->answer(std::move(response));
}

void read(const ExchangePtr& exchange) {
  auto query = read_query(exchange->request, 1000);
  if (!query) {
    return exchange->refuse(query.problem());
  }
  find_run(exchange, [exchange, query = *query](const store::RunAt& run) mutable {
    query.run = run.row.id;
    read_taken_lines(
        exchange, query, [exchange, query](const Outcome<std::vector<store::StoredLine>>& lines) {
          lines ? answer_lines(exchange, query, *lines) : exchange->refuse(lines.problem());
        });
  });
}

// "attempt:number" of the last line the client has.
Outcome<Done> read_last_event(const Request& request, store::LogQuery& query) {
  const std::string& text = request.last_event_id;
  if (text.empty()) {
    return Done{};
  }
  const std::size_t colon = text.find(':');
  const Request parts{
      .query = {{"attempt", text.substr(0, colon)},
                {"from", colon == std::string::npos ? "" : text.substr(colon + 1)}}};
  const auto attempt = read_number(parts, "attempt", 1, limits::kAttemptsMax, 1);
  const auto number = read_number(parts, "from", 0, INT64_MAX - 1, 0);
  if (!attempt || !number) {
    return Problem{ProblemCode::invalid, "Last-Event-ID is not one of this stream"};
  }
  query.attempt = static_cast<int>(*attempt);
  query.from = *number + 1;
  return Done{};
}

void stream(const ExchangePtr& exchange) {
  auto query = read_query(exchange->request, 1000);
  if (!query) {
    return exchange->refuse(query.problem());
  }
  if (const auto done = read_last_event(exchange->request, *query); !done) {
    return exchange->refuse(done.problem());
  }
  query->attempt = std::max(query->attempt, 1);
  find_run(exchange, [exchange, query = *query](const store::RunAt& run) mutable {
    query.run = run.row.id;
    exchange->stream([exchange, query](std::shared_ptr<Sink> sink) {
      tail_log(exchange, std::move(sink), query);
    });
  });
}

}  // namespace

std::vector<Route> log_routes() {
  return {{.pattern = "/api/v1/runs/{id}/logs",
           .permission = Permission::view,
           .handler = read,
           .query = {"attempt", "from", "limit", "level", "text"}},
          {.pattern = "/api/v1/runs/{id}/logs/stream",
           .permission = Permission::view,
           .handler = stream,
           .query = {"attempt", "from", "level"}}};
}

}  // namespace jobflow::api
