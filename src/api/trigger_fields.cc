#include "api/trigger_fields.h"

#include "model/definition.h"
#include "model/json.h"
#include "model/limits.h"

#include <boost/json/value.hpp>

#include <algorithm>

namespace jobflow::api {
namespace {

// The problem's code, should there be one.
ProblemCode read_params(JsonFields& fields, engine::TriggerRun& run) {
  const boost::json::value* params = fields.any("params");
  if (params == nullptr) {
    return ProblemCode::invalid;
  }
  if (!params->is_object()) {
    fields.wrong("params", "must be an object");
    return ProblemCode::invalid;
  }
  run.params = to_text(*params);
  if (run.params.size() > limits::kParamsBytes) {
    fields.wrong("params", "is over the limit of " + std::to_string(limits::kParamsBytes) +
                               " bytes: store it elsewhere and send where it lies");
    return ProblemCode::too_large;
  }
  return ProblemCode::invalid;
}

void read_start(JsonFields& fields, Instant now, engine::TriggerRun& run) {
  const auto start_at = fields.text("start_at");
  const boost::json::value* delay = fields.any("delay");
  if (start_at && delay != nullptr) {
    fields.wrong("delay", "and 'start_at' exclude each other");
    return;
  }
  if (start_at) {
    const auto instant = parse_rfc3339(*start_at);
    if (!instant) {
      fields.wrong("start_at",
                   "must be a time such as 2026-11-22T17:00:00Z: " + instant.problem().detail);
      return;
    }
    run.start_at = *instant;
  }
  if (delay == nullptr) {
    return;
  }
  if (delay->is_int64() && delay->get_int64() >= 0 && delay->get_int64() <= limits::kSpanMax.ms) {
    run.start_at = now + milliseconds(delay->get_int64());
    return;
  }
  const auto span = delay->is_string() ? parse_span(std::string_view(delay->get_string()))
                                       : Outcome<Span>(Problem{});
  if (!span || span->ms < 0 || *span > limits::kSpanMax) {
    fields.wrong("delay", "must be a duration such as \"90s\", \"PT90S\", or milliseconds");
    return;
  }
  run.start_at = now + *span;
}

void read_after_run(JsonFields& fields, engine::TriggerRun& run) {
  const auto after = fields.text("after_run");
  if (!after) {
    return;
  }
  const auto id = parse_id(*after);
  if (!id || !id->is_set()) {
    fields.wrong("after_run", "must be the id of a run");
  } else if (run.start_at.is_set()) {
    fields.wrong("after_run", "and 'start_at' or 'delay' exclude each other");
  } else {
    run.after_run = *id;
  }
}

}  // namespace

ProblemCode read_trigger(JsonFields& fields, Instant now, engine::TriggerRun& run) {
  const ProblemCode code = read_params(fields, run);
  read_start(fields, now, run);
  read_after_run(fields, run);
  if (const auto priority = fields.integer("priority", -100, 100)) {
    run.priority = static_cast<int>(*priority);
  }
  if (const auto key = fields.text("idempotency_key")) {
    auto checked = checked_key(*key);
    if (checked) {
      run.idempotency_key = std::move(checked).value();
    } else {
      fields.wrong("idempotency_key", checked.problem().detail);
    }
  }
  return code;
}

Outcome<std::string> checked_key(std::string_view key) {
  const bool printable = std::all_of(key.begin(), key.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
  });
  if (key.empty() || key.size() > limits::kIdempotencyKeyBytes || !printable) {
    return Problem{ProblemCode::invalid, "must be 1 to " +
                                             std::to_string(limits::kIdempotencyKeyBytes) +
                                             " bytes of printable text"};
  }
  return std::string(key);
}

bool looks_like_id(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Outcome<Done> name_definition(engine::TriggerRun& run,
                              DefinitionKind kind,
                              std::string_view id_or_name,
                              std::string_view name_space) {
  run.kind = kind;
  if (looks_like_id(id_or_name)) {
    const auto id = parse_id(id_or_name);
    if (!id) {
      return id.problem();
    }
    run.definition = *id;
    return Done{};
  }
  if (!is_valid_name(id_or_name) || !is_valid_name(name_space)) {
    const std::string_view wrong = is_valid_name(id_or_name) ? name_space : id_or_name;
    return Problem{
        ProblemCode::invalid,
        "'" + std::string(wrong.substr(0, 64)) +
            "' is neither an id nor a name (a letter, then letters, digits, '.', '_', '-')"};
  }
  run.name_space = name_space;
  run.name = id_or_name;
  return Done{};
}

}  // namespace jobflow::api
