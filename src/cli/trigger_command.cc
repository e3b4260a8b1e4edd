#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/text_width.h"
#include "client/views.h"
#include "model/limits.h"
#include "model/spelling.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <array>
#include <vector>

namespace jobflow::cli {
namespace {

namespace json = boost::json;

Problem invalid(std::string detail) {
  return {.code = ProblemCode::invalid, .detail = std::move(detail)};
}

// -p k=v: a value that is JSON is taken as such, all else is a string.
Outcome<json::object> read_params(Session& session, const TriggerOptions& options) {
  json::object params;
  boost::system::error_code failed;
  if (!options.params_json.empty()) {
    std::string text = options.params_json;
    if (text.starts_with('@')) {
      auto file = read_input(session, text.substr(1));
      if (!file.ok()) {
        return file.problem();
      }
      text = std::move(*file);
    }
    const json::value value = json::parse(text, failed);
    if (failed || !value.is_object()) {
      return invalid("--params takes a JSON object like '{\"day\": \"2026-11-22\"}', or @FILE");
    }
    params = value.get_object();
  }
  for (const std::string& pair : options.params) {
    const auto equals = pair.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return invalid("-p takes name=value, not '" + pair + "'");
    }
    const std::string text = pair.substr(equals + 1);
    const json::value value = json::parse(text, failed);
    params[pair.substr(0, equals)] = failed ? json::value(text) : value;
  }
  return params;
}

std::string path_of(const std::string& kind, const std::string& name) {
  return "/api/v1/" + kind + "s/" + percent_encoded(name);
}

std::string in_namespace(Session& session) {
  return "?namespace=" + percent_encoded(session.name_space());
}

// A name that sounds like it, for the message.
std::string nearest_definition(Session& session, const std::string& name) {
  std::vector<std::string> names;
  for (const char* kind : {"jobs", "workflows"}) {
    const auto answer =
        session.get(std::string("/api/v1/") + kind + in_namespace(session) + "&limit=500");
    if (!answer.ok()) {
      continue;
    }
    if (const auto page = client::read_definitions(answer->body); page.ok()) {
      for (const client::DefinitionView& item : page->items) {
        names.push_back(item.name);
      }
    }
  }
  const std::vector<std::string_view> candidates(names.begin(), names.end());
  return did_you_mean(name, candidates);
}

// "job" or "workflow".
Outcome<std::string> find_kind(Session& session, const TriggerOptions& options) {
  if (options.job != options.workflow) {
    return std::string(options.job ? "job" : "workflow");
  }
  std::vector<std::string> found;
  for (const char* kind : {"job", "workflow"}) {
    const auto answer = session.get(path_of(kind, options.name) + in_namespace(session));
    if (answer.ok()) {
      found.emplace_back(kind);
    } else if (answer.problem().code != ProblemCode::not_found) {
      return answer.problem();
    }
  }
  if (found.size() == 1) {
    return found.front();
  }
  if (found.size() == 2) {
    return invalid("'" + options.name + "' is a job and a workflow: say --job or --workflow");
  }
  const std::string hint = nearest_definition(session, options.name);
  return Problem{.code = ProblemCode::not_found,
                 .detail = fmt::format("there is no job or workflow '{}' in namespace {}{}",
                                       options.name, session.name_space(), hint)};
}

ExitCode trigger_one(Session& session, const TriggerOptions& options, Span limit) {
  const auto params = read_params(session, options);
  if (!params.ok()) {
    return session.fail(kUsage, params.problem().detail);
  }
  const auto kind = find_kind(session, options);
  if (!kind.ok()) {
    const bool unclear = kind.problem().code == ProblemCode::invalid;
    return unclear ? session.fail(kUsage, kind.problem().detail) : session.fail(kind.problem());
  }
  json::object body;
  body["params"] = *params;
  if (!options.delay.empty()) {
    body["delay"] = options.delay;
  }
  if (!options.after_run.empty()) {
    body["after_run"] = options.after_run;
  }
  if (options.priority) {
    body["priority"] = *options.priority;
  }
  if (!options.key.empty()) {
    body["idempotency_key"] = options.key;
  }
  const auto answer = session.post(
      path_of(*kind, options.name) + "/trigger" + in_namespace(session), json::serialize(body));
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  const auto triggered = client::read_triggered(answer->body);
  if (!triggered.ok()) {
    return session.fail(triggered.problem());
  }
  if (!triggered->created) {
    session.say("this key was used before; its run is " + triggered->id);
  }
  if (options.wait || options.follow) {
    return follow_run(session, triggered->id,
                      {.show = options.follow, .logs = options.logs, .limit = limit});
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  session.print(triggered->id + "\n");
  session.say("  watch it: " + session.command("run watch " + triggered->id));
  return kOk;
}

// A JSON array of items, {"items": [...]}, or an item a line.
Outcome<json::array> read_items(Session& session, const TriggerOptions& options) {
  const auto text = read_input(session, options.from_file);
  if (!text.ok()) {
    return text.problem();
  }
  boost::system::error_code failed;
  json::value whole = json::parse(*text, failed);
  json::array items;
  if (!failed && whole.is_array()) {
    items = std::move(whole.get_array());
  } else if (!failed && whole.is_object() && whole.get_object().contains("items") &&
             whole.get_object().at("items").is_array()) {
    items = std::move(whole.get_object().at("items").get_array());
  } else {
    std::size_t number = 0;
    for (std::size_t at = 0; at < text->size();) {
      const std::size_t end = std::min(text->find('\n', at), text->size());
      const std::string line = text->substr(at, end - at);
      at = end + 1;
      ++number;
      if (line.find_first_not_of(" \t\r") == std::string::npos) {
        continue;
      }
      json::value item = json::parse(line, failed);
      if (failed) {
        return invalid(fmt::format("{} line {}: not JSON; write one item a line, or an array",
                                   shown_file(options.from_file), number));
      }
      items.push_back(std::move(item));
    }
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is_object()) {
      return invalid(fmt::format(
          "{}: item {} is no object; items look like {{\"job\": \"a\", \"params\": {{}}}}",
          shown_file(options.from_file), i + 1));
    }
    json::object& item = items[i].get_object();
    if (!options.name.empty() && !item.contains("job") && !item.contains("workflow")) {
      item[options.workflow ? "workflow" : "job"] = options.name;
    }
    if (!item.contains("namespace")) {
      item["namespace"] = session.name_space();
    }
  }
  return items;
}

ExitCode trigger_many(Session& session, const TriggerOptions& options) {
  const auto items = read_items(session, options);
  if (!items.ok()) {
    return session.fail(items.problem());
  }
  json::array answers;
  std::size_t refused = 0;
  for (std::size_t at = 0; at < items->size(); at += limits::kBatchItems) {
    const std::size_t end = std::min<std::size_t>(items->size(), at + limits::kBatchItems);
    json::array slice(items->begin() + static_cast<std::ptrdiff_t>(at),
                      items->begin() + static_cast<std::ptrdiff_t>(end));
    json::object body;
    body["items"] = std::move(slice);
    const auto answer = session.post("/api/v1/runs/batch", json::serialize(body));
    if (!answer.ok()) {
      session.say(fmt::format("{} were taken before this:", counted(at, "item")));
      return session.fail(answer.problem());
    }
    const auto page = client::read_batch_answer(answer->body);
    if (!page.ok()) {
      return session.fail(page.problem());
    }
    for (std::size_t i = 0; i < page->items.size(); ++i) {
      const client::TriggeredView& item = page->items[i];
      if (item.id.empty()) {
        ++refused;
        session.fail(kError, fmt::format("item {}: {}", at + i + 1, printable(item.problem)));
      } else if (!session.json()) {
        session.print(item.id + "\n");
      }
    }
    if (session.json()) {
      const json::value whole = json::parse(answer->body);
      const json::array& part = whole.at("items").as_array();
      answers.insert(answers.end(), part.begin(), part.end());
    }
  }
  if (session.json()) {
    json::object out;
    out["items"] = std::move(answers);
    session.print_json(json::serialize(out));
  }
  session.say(fmt::format("{} triggered, {} refused", items->size() - refused, refused));
  return refused == 0 ? kOk : kError;
}

}  // namespace

ExitCode trigger(Session& session, const TriggerOptions& options) {
  if (!options.from_file.empty()) {
    const bool alone = !options.wait && !options.follow && options.params.empty() &&
                       options.params_json.empty() && options.key.empty() &&
                       options.delay.empty() && options.after_run.empty() && !options.priority;
    return alone ? trigger_many(session, options)
                 : session.fail(
                       kUsage,
                       "--from takes params, delay, after_run, key and priority from its items, "
                       "and does not wait");
  }
  if (options.name.empty()) {
    return session.fail(kUsage, "trigger needs the name of a job or workflow, or --from FILE");
  }
  if ((!options.limit.empty() && !options.wait && !options.follow) ||
      (options.logs && !options.follow)) {
    return session.fail(kUsage, options.logs ? "--logs goes with --follow"
                                             : "--timeout goes with --wait or --follow");
  }
  if (const auto delay = parse_span(options.delay); !options.delay.empty() && !delay.ok()) {
    return session.fail(kUsage, "--delay: " + delay.problem().detail);
  }
  Span limit;
  if (!options.limit.empty()) {
    const auto read = parse_span(options.limit);
    if (!read.ok()) {
      return session.fail(kUsage, "--timeout: " + read.problem().detail);
    }
    limit = *read;
  }
  return trigger_one(session, options, limit);
}

}  // namespace jobflow::cli
