// The ids of commands: given to every request that changes something, and what became of it
// (S12.4).
#include "api/json_text.h"
#include "api/problem_json.h"
#include "api/routes.h"
#include "model/limits.h"
#include "runtime/clock.h"
#include "store/store.h"

#include <optional>

namespace jobflow::api {
namespace {

// Clocks of members differ; an id further ahead is none of theirs.
constexpr Span kAhead = minutes(1);

void answer_done(const ExchangePtr& exchange, const CommandRow& row) {
  Response response;
  {
    JsonObject object(response.body);
    object.id("id", row.id).text("state", "done").time("done_at", row.at);
    JsonObject answer(object.open("answer"));
    answer.id("id", row.subject).truth("created", row.created).truth("changed", row.changed);
    if (row.revision != 0) {
      answer.number("revision", row.revision).text("name", row.name);
    }
  }
  exchange->answer(std::move(response));
}

void refuse_unknown(const ExchangePtr& exchange, Id command) {
  exchange->refuse({ProblemCode::not_found,
                    "nothing is known of command " + to_string(command) +
                        ": it was not carried out so far, or more than ten minutes ago; a server "
                        "that is alone on its store forgets sooner, and when it ends"});
}

// Fresh in this member's memory, or in the store.
void get_command(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  if (!id) {
    return exchange->refuse(id.problem());
  }
  exchange->doors->hall.find_command(
      *id, hop<std::optional<CommandRow>>(
               exchange, [exchange, id = *id](const std::optional<CommandRow>& fresh) {
                 if (fresh) {
                   return answer_done(exchange, *fresh);
                 }
                 exchange->doors->store.read_for_command(
                     0, {.commands = {id}},
                     hop_ok<CommandRows>(exchange, [exchange, id](const CommandRows& rows) {
                       rows.commands.empty() ? refuse_unknown(exchange, id)
                                             : answer_done(exchange, rows.commands.front());
                     }));
               }));
}

}  // namespace

std::optional<Problem> name_command(Exchange& exchange, int commands) {
  Request& request = exchange.request;
  if (request.sent_command.empty()) {
    request.command = exchange.doors->hall.make_command_ids(commands);
    return std::nullopt;
  }
  const auto sent = parse_id(request.sent_command);
  if (!sent) {
    return Problem{ProblemCode::invalid, "the header Jobflow-Command: " + sent.problem().detail};
  }
  const Instant now = exchange.doors->clock.now();
  if (sent->time() + limits::kCommandsKept < now || sent->time() > now + kAhead) {
    return Problem{ProblemCode::invalid,
                   "the header Jobflow-Command names no command of the last ten minutes: nobody "
                   "knows any more what became of it; look, and ask anew, without the header, if "
                   "it was not done"};
  }
  request.command = *sent;
  request.is_repeat = true;
  return std::nullopt;
}

engine::Command command_of(const Request& request, engine::Request asked, std::size_t item) {
  engine::Command command{.request = std::move(asked), .principal = request.principal.name};
  if (request.command.is_set() && item < static_cast<std::size_t>(limits::kBatchItems)) {
    command.id = {request.command.value + static_cast<std::int64_t>(item)};
    command.is_repeat = request.is_repeat;
  }
  return command;
}

std::vector<Route> command_routes() {
  return {
      {.pattern = "/api/v1/commands/{id}", .permission = Permission::view, .handler = get_command}};
}

}  // namespace jobflow::api
