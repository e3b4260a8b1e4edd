#include "api/json_views.h"

#include "api/json_text.h"

namespace jobflow::api {
namespace {

void append_error(std::string& out, std::string_view kind, std::string_view message) {
  if (kind.empty() && message.empty()) {
    out.append("null");
    return;
  }
  JsonObject(out).text("kind", kind).text("message", message);
}

// Where it stands: what runs and steps share.
void add_progress(JsonObject& object, const RunRow& row) {
  const RunProgress& at = row.progress;
  object.text("state", jobflow::to_string(at.state)).number("version", at.version);
  object.number("attempt", at.attempt).time("created_at", row.created).time("due_at", at.due);
  object.time("started_at", at.started).time("ended_at", at.ended);
  object.time("deadline_at", at.deadline);
  object.real("progress", at.progress).text_or_null("worker", at.worker);
  object.raw("result", at.result);
  append_error(object.open("error"), at.error_kind, at.error);
}

}  // namespace

void append_definition(std::string& out, const DefinitionRow& row) {
  JsonObject object(out);
  object.id("id", row.id).text("kind", jobflow::to_string(row.kind));
  object.text("namespace", row.name_space).text("name", row.name);
  object.number("revision", row.revision).truth("enabled", row.enabled);
  object.truth("deleted", row.deleted).time("created_at", row.created);
  object.time("updated_at", row.updated).text("updated_by", row.principal);
  object.raw("document", row.document);
}

std::string_view outcome_of(const engine::Reply& reply) {
  return reply.created ? "created" : reply.changed ? "updated" : "unchanged";
}

void append_trigger(std::string& out, const TriggerRow& row) {
  JsonObject object(out);
  const TriggerProgress& at = row.progress;
  object.id("id", row.id).text("name", row.name).raw("schedule", row.schedule);
  object.raw("params", row.params).text("state", jobflow::to_string(at.state));
  object.time("next_due_at", at.next_due).text_or_null("paused_by", at.paused_by);
  object.time("paused_at", at.paused_by.empty() ? Instant{} : at.since);
  object.text_or_null("note", at.note);
}

void append_run(std::string& out, const RunRow& row, const Names& names) {
  JsonObject object(out);
  object.id("id", row.id).text("kind", jobflow::to_string(row.kind));
  {
    JsonObject definition(object.open("definition"));
    definition.id("id", row.definition);
    if (const auto at = names.find(row.definition); at != names.end()) {
      definition.text("kind", jobflow::to_string(at->second.kind));
      definition.text("namespace", at->second.name_space).text("name", at->second.name);
    }
  }
  object.number("revision", row.revision);
  if (row.parent.is_set()) {
    object.id("parent_id", row.parent).text("step", row.step);
  }
  object.text_or_null("handler", row.handler).number("priority", row.priority);
  object.raw("params", row.params);
  add_progress(object, row);
  if (!row.progress.versions.empty()) {
    object.raw("versions", row.progress.versions);
  }
  if (row.trigger.is_set()) {
    object.id("trigger_id", row.trigger).time("planned_at", row.planned);
  }
  if (row.occasion.is_set()) {
    object.id(row.backfilled ? "backfill" : "upstream_run", row.occasion);
  }
  if (row.after_run.is_set()) {
    object.id("after_run", row.after_run);
  }
  if (!row.idempotency_key.empty()) {
    object.text("idempotency_key", row.idempotency_key);
  }
  object.text("principal", row.principal);
}

void append_step(std::string& out, const StepShape& step, const RunRow* row) {
  static const RunRow kUnreached{.progress = {.state = RunState::pending}};
  JsonObject object(out);
  object.text("step", step.id);
  append_texts(object.open("needs"), step.needs);
  object.text_or_null("handler", step.handler);
  if (row == nullptr) {
    object.raw("run_id", "null");
  } else {
    object.id("run_id", row->id);
  }
  add_progress(object, row == nullptr ? kUnreached : *row);
}

void append_explanation(std::string& out, Id run, const engine::Explanation& why) {
  JsonObject object(out);
  object.id("run_id", run).text("state", jobflow::to_string(why.state));
  {
    JsonArray reasons(object.open("reasons"));
    for (const auto& reason : why.reasons) {
      JsonObject one(reasons.next());
      one.text("code", reason.code).text("text", reason.text);
    }
  }
  object.time("earliest_at", why.earliest).time("bound_at", why.bound);
}

void append_attempt(std::string& out, const AttemptRow& row) {
  JsonObject object(out);
  object.number("number", row.number).id("token", row.token);
  object.text("state", jobflow::to_string(row.state)).text_or_null("worker", row.worker);
  object.time("started_at", row.started).time("ended_at", row.ended);
  append_error(object.open("error"), row.error_kind, row.error);
  object.time("retry_at", row.retry_at);
}

AttemptRow current_attempt(const RunRow& row) {
  const RunProgress& at = row.progress;
  AttemptRow attempt{.run = row.id,
                     .number = at.attempt,
                     .token = at.token,
                     .worker = at.worker,
                     .incarnation = at.incarnation,
                     .started = at.started,
                     .ended = at.ended,
                     .error_kind = at.error_kind,
                     .error = at.error};
  if (at.state == RunState::succeeded) {
    attempt.state = AttemptState::succeeded;
  } else if (at.state == RunState::cancelled) {
    attempt.state = AttemptState::cancelled;
  } else if (at.state == RunState::running || at.state == RunState::cancelling) {
    attempt.state = AttemptState::assigned;
  } else if (at.state == RunState::timed_out || at.error_kind == "timeout") {
    attempt.state = AttemptState::timed_out;
  } else {
    attempt.state = at.error_kind == "lost" ? AttemptState::lost : AttemptState::failed;
  }
  if (at.state == RunState::scheduled) {
    attempt.retry_at = at.due;
  }
  return attempt;
}

void append_worker(std::string& out, const runtime::WorkerView& worker) {
  const WorkerHello& hello = worker.hello;
  JsonObject object(out);
  object.text("name", hello.name).id("incarnation", hello.incarnation);
  object.text("namespace", hello.name_space);
  append_texts(object.open("tags"), hello.tags);
  object.number("slots", hello.slots).number("busy", worker.busy).real("load", worker.load);
  object.text("state", worker.state).text("version", hello.version);
  {
    JsonArray handlers(object.open("handlers"));
    for (const WorkerHello::Handler& handler : hello.handlers) {
      append_json_string(handlers.next(), handler.name);
    }
  }
  object.time("connected_at", worker.connected).time("last_heard_at", worker.last_heard);
}

std::string_view to_string(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warn:
      return "warn";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

void append_log_line(std::string& out, const store::StoredLine& line) {
  JsonObject object(out);
  object.number("attempt", line.attempt).number("number", line.number);
  object.time("time", line.line.time).text("level", to_string(line.line.level));
  object.text("text", line.line.text).raw("fields", line.line.fields);
}

}  // namespace jobflow::api
