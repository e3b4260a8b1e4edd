// What a request to make a run says, as the engine's command: shared by trigger and runs/batch.
#pragma once

#include "api/json_fields.h"
#include "engine/command.h"
#include "model/time.h"

#include <string>
#include <string_view>

namespace jobflow::api {

// Reads params, start_at or delay or after_run, priority and idempotency_key into `run`. Answers
// the code of what `fields` then says is wrong: too_large, when the params are.
ProblemCode read_trigger(JsonFields& fields, Instant now, engine::TriggerRun& run);

// Names what to run: an id (digits) or a name of `name_space`. A problem says what is wrong with
// it.
Outcome<Done> name_definition(engine::TriggerRun& run,
                              DefinitionKind kind,
                              std::string_view id_or_name,
                              std::string_view name_space);

// A header's or field's idempotency key: 1-256 bytes of printable text.
Outcome<std::string> checked_key(std::string_view key);

// Digits only: an id, not a name (names start with a letter).
bool looks_like_id(std::string_view text);

}  // namespace jobflow::api
