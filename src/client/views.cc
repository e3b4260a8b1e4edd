#include "client/views.h"

#include "model/builtin_handlers.h"
#include "model/states.h"

#include <boost/json.hpp>

namespace jobflow::client {
namespace {

namespace json = boost::json;

// The member, unless it is missing or null.
const json::value* find(const json::object& from, std::string_view name) {
  const json::value* found = from.if_contains(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

const json::object& inner(const json::object& from, std::string_view name) {
  static const json::object nothing;
  const json::value* found = find(from, name);
  return found != nullptr && found->is_object() ? found->get_object() : nothing;
}

std::string text(const json::object& from, std::string_view name) {
  const json::value* found = find(from, name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

// A member that stays JSON.
std::string raw(const json::object& from, std::string_view name) {
  const json::value* found = find(from, name);
  return found == nullptr ? std::string() : json::serialize(*found);
}

double number(const json::object& from, std::string_view name, double otherwise = 0) {
  const json::value* found = find(from, name);
  if (found == nullptr || !found->is_number()) {
    return otherwise;
  }
  return found->to_number<double>();
}

int whole(const json::object& from, std::string_view name, int otherwise = 0) {
  return static_cast<int>(number(from, name, otherwise));
}

int count(const json::object& from, std::string_view name) {
  const json::value* found = find(from, name);
  return found != nullptr && found->is_array() ? static_cast<int>(found->get_array().size()) : 0;
}

bool flag(const json::object& from, std::string_view name, bool otherwise) {
  const json::value* found = find(from, name);
  return found != nullptr && found->is_bool() ? found->get_bool() : otherwise;
}

Instant instant(const json::object& from, std::string_view name) {
  const auto read = parse_rfc3339(text(from, name));
  return read.ok() ? read.value() : Instant{};
}

std::vector<std::string> texts(const json::object& from, std::string_view name) {
  std::vector<std::string> out;
  const json::value* found = find(from, name);
  if (found != nullptr && found->is_array()) {
    for (const json::value& item : found->get_array()) {
      if (item.is_string()) {
        out.emplace_back(item.get_string());
      }
    }
  }
  return out;
}

// What runs, steps and attempts share, named alike in all of them.
template <class View>
void take_shared(const json::object& from, View& view) {
  view.state = text(from, "state");
  view.worker = text(from, "worker");
  view.started = instant(from, "started_at");
  view.ended = instant(from, "ended_at");
  view.error_kind = text(inner(from, "error"), "kind");
  view.error = text(inner(from, "error"), "message");
}

RunView run_of(const json::object& from) {
  RunView run;
  take_shared(from, run);
  run.id = text(from, "id");
  run.kind = text(from, "kind");
  run.name = text(inner(from, "definition"), "name");
  run.name_space = text(inner(from, "definition"), "namespace");
  run.parent_id = text(from, "parent_id");
  run.step = text(from, "step");
  run.handler = text(from, "handler");
  run.version = whole(from, "version", 1);
  run.attempt = whole(from, "attempt");
  run.progress = number(from, "progress");
  run.created = instant(from, "created_at");
  run.due = instant(from, "due_at");
  run.params = raw(from, "params");
  run.result = raw(from, "result");
  run.principal = text(from, "principal");
  return run;
}

StepView step_of(const json::object& from) {
  StepView step;
  take_shared(from, step);
  step.step = text(from, "step");
  step.run_id = text(from, "run_id");
  step.handler = text(from, "handler");
  step.needs = texts(from, "needs");
  step.version = whole(from, "version", 1);
  step.attempt = whole(from, "attempt");
  step.progress = number(from, "progress");
  step.due = instant(from, "due_at");
  return step;
}

AttemptView attempt_of(const json::object& from) {
  AttemptView attempt;
  take_shared(from, attempt);
  attempt.number = whole(from, "number");
  attempt.retry_at = instant(from, "retry_at");
  return attempt;
}

ExplanationView explanation_of(const json::object& from) {
  ExplanationView view;
  view.run_id = text(from, "run_id");
  view.state = text(from, "state");
  if (const json::value* reasons = from.if_contains("reasons");
      reasons != nullptr && reasons->is_array()) {
    for (const json::value& reason : reasons->get_array()) {
      if (const json::object* one = reason.if_object()) {
        view.reasons.push_back({text(*one, "code"), text(*one, "text")});
      }
    }
  }
  view.earliest = instant(from, "earliest_at");
  view.bound = instant(from, "bound_at");
  return view;
}

DefinitionView definition_of(const json::object& from) {
  const json::object& document = inner(from, "document");
  const json::object& spec = inner(document, "spec");
  DefinitionView view;
  view.id = text(from, "id");
  view.kind = text(from, "kind");
  view.name_space = text(from, "namespace");
  view.name = text(from, "name");
  const std::string title =
      text(from, "title");  // of calendars, which are listed without documents
  view.title = title.empty() ? text(inner(document, "metadata"), "title") : title;
  view.handler = text(spec, "handler");
  for (const std::string_view shorthand : builtin_handlers()) {
    if (view.handler.empty() && spec.contains(shorthand)) {
      view.handler = shorthand;
    }
  }
  view.updated_by = text(from, "updated_by");
  view.revision = whole(from, "revision");
  view.steps = count(spec, "steps");
  view.triggers = count(spec, "triggers");
  view.permits = whole(spec, "permits");
  view.enabled = flag(from, "enabled", true);
  view.created = instant(from, "created_at");
  view.updated = instant(from, "updated_at");
  view.document = raw(from, "document");
  return view;
}

SavedView saved_of(const json::object& from) {
  return {.kind = text(from, "kind"),
          .name_space = text(from, "namespace"),
          .name = text(from, "name"),
          .outcome = text(from, "outcome"),
          .revision = whole(from, "revision"),
          .problem = text(inner(from, "problem"), "detail"),
          .warnings = texts(from, "warnings")};
}

TriggeredView triggered_of(const json::object& from) {
  return {.id = text(from, "id"),
          .created = flag(from, "created", true),
          .problem = text(inner(from, "problem"), "detail")};
}

WorkerView worker_of(const json::object& from) {
  return {.name = text(from, "name"),
          .name_space = text(from, "namespace"),
          .state = text(from, "state"),
          .version = text(from, "version"),
          .tags = texts(from, "tags"),
          .handlers = texts(from, "handlers"),
          .slots = whole(from, "slots"),
          .busy = whole(from, "busy"),
          .connected = instant(from, "connected_at"),
          .last_heard = instant(from, "last_heard_at")};
}

HandlerView handler_of(const json::object& from) {
  return {.name = text(from, "name"),
          .version = text(from, "version"),
          .description = text(from, "description"),
          .workers = texts(from, "workers")};
}

LogLineView log_line_of(const json::object& from) {
  return {.attempt = whole(from, "attempt"),
          .number = static_cast<std::int64_t>(number(from, "number")),
          .time = instant(from, "time"),
          .level = text(from, "level"),
          .text = text(from, "text"),
          .fields = raw(from, "fields"),
          .json = json::serialize(from)};
}

template <class View>
std::vector<View> all(const json::object& from,
                      std::string_view name,
                      View (*of)(const json::object&)) {
  std::vector<View> out;
  const json::value* items = find(from, name);
  if (items != nullptr && items->is_array()) {
    for (const json::value& item : items->get_array()) {
      if (item.is_object()) {
        out.push_back(of(item.get_object()));
      }
    }
  }
  return out;
}

EventView event_of(const json::object& from) {
  EventView event;
  const json::object& data = inner(from, "data");
  event.type = text(from, "type");
  event.time = instant(from, "time");
  if (event.type == "snapshot") {
    event.run = run_of(inner(data, "run"));
    event.steps = all(data, "steps", step_of);
    return event;
  }
  event.run.id = text(data, "run_id");
  event.run.parent_id = text(data, "parent_id");
  event.run.step = text(data, "step");
  event.run.state = text(data, "state");
  event.run.attempt = whole(data, "attempt");
  event.run.version = whole(data, "version", 1);
  event.run.error = text(data, "detail");
  return event;
}

std::int64_t amount(const json::object& from, std::string_view name) {
  return static_cast<std::int64_t>(number(from, name));
}

AuditFinding finding_of(const json::object& from) {
  return {.trigger = {},
          .flaw = text(from, "flaw"),
          .from = instant(from, "from"),
          .to = instant(from, "to"),
          .count = amount(from, "count")};
}

std::vector<AuditFinding> findings_of(const json::object& from) {
  std::vector<AuditFinding> findings = all(from, "findings", finding_of);
  for (AuditFinding& finding : findings) {
    finding.trigger = text(from, "name") + "/" + text(from, "trigger");
  }
  return findings;
}

AuditView audit_of(const json::object& from) {
  AuditView audit{.clean = flag(from, "clean", false),
                  .from = instant(from, "from"),
                  .to = instant(from, "to"),
                  .triggers = amount(from, "triggers"),
                  .due = amount(from, "due"),
                  .ran = amount(from, "ran"),
                  .skipped = amount(from, "skipped"),
                  .wrong = amount(from, "wrong"),
                  .findings = {}};
  for (auto& some : all(from, "items", findings_of)) {
    audit.findings.insert(audit.findings.end(), some.begin(), some.end());
  }
  return audit;
}

TriggerView trigger_of(const json::object& from) {
  return {.id = text(from, "id"),
          .name = text(from, "name"),
          .state = text(from, "state"),
          .note = text(from, "note"),
          .paused_by = text(from, "paused_by"),
          .next_due = instant(from, "next_due_at")};
}

DueView due_of(const json::object& from) {
  return {.at = instant(from, "at"), .local = text(from, "local")};
}

PreviewView preview_of(const json::object& from) {
  PreviewView preview{.kind = text(from, "kind"),
                      .timezone = text(from, "timezone"),
                      .english = {},
                      .chinese = {},
                      .warnings = texts(from, "warnings"),
                      .notes = {},
                      .notes_chinese = {},
                      .items = all(from, "items", due_of)};
  if (const json::value* sentence = from.if_contains("sentence");
      sentence != nullptr && sentence->is_object()) {
    preview.english = text(sentence->get_object(), "en");
    preview.chinese = text(sentence->get_object(), "zh");
  }
  if (const json::value* notes = from.if_contains("notes");
      notes != nullptr && notes->is_object()) {
    preview.notes = texts(notes->get_object(), "en");
    preview.notes_chinese = texts(notes->get_object(), "zh");
  }
  return preview;
}

FiringView firing_of(const json::object& from) {
  return {.from = instant(from, "from"),
          .to = instant(from, "to"),
          .count = amount(from, "count"),
          .outcome = text(from, "outcome"),
          .run = text(from, "run_id"),
          .state = text(from, "state"),
          .reason = text(from, "reason")};
}

BackfillView backfill_of(const json::object& from) {
  return {.id = text(from, "id"),
          .name = text(inner(from, "definition"), "name"),
          .state = text(from, "state"),
          .note = text(from, "note"),
          .order = text(from, "order"),
          .from = instant(from, "from"),
          .to = instant(from, "to"),
          .max_parallel = whole(from, "max_parallel", 1),
          .total = amount(from, "total"),
          .runs = amount(from, "runs"),
          .kept_off = amount(from, "kept_off"),
          .succeeded = amount(from, "succeeded"),
          .failed = amount(from, "failed")};
}

PermitView permit_of(const json::object& from) {
  return {.run = text(from, "run"),
          .state = text(from, "state"),
          .priority = whole(from, "priority"),
          .queued = instant(from, "queued_at"),
          .granted = instant(from, "granted_at")};
}

PermitsView permits_of(const json::object& from) {
  return {.permits = amount(from, "permits"),
          .held = amount(from, "held"),
          .waiting = amount(from, "waiting"),
          .items = all(from, "items", permit_of)};
}

ForecastMinuteView forecast_minute_of(const json::object& from) {
  return {.at = instant(from, "at"),
          .firings = amount(from, "firings"),
          .skipped = amount(from, "skipped"),
          .waiting = amount(from, "waiting")};
}

ForecastHandlerView forecast_handler_of(const json::object& from) {
  return {.name_space = text(from, "namespace"),
          .handler = text(from, "handler"),
          .has_worker = flag(from, "has_worker", false),
          .tasks = amount(from, "tasks"),
          .waited = amount(from, "waited"),
          .longest_wait_ms = amount(from, "longest_wait_ms")};
}

ForecastTriggerView forecast_trigger_of(const json::object& from) {
  return {.name_space = text(from, "namespace"),
          .name = text(from, "name"),
          .trigger = text(from, "trigger"),
          .firings = amount(from, "firings")};
}

ForecastView forecast_of(const json::object& from) {
  return {.from = instant(from, "from"),
          .until = instant(from, "to"),
          .reached = instant(from, "reached"),
          .complete = flag(from, "complete", true),
          .triggers = amount(from, "triggers"),
          .firings = amount(from, "firings"),
          .skipped = amount(from, "skipped"),
          .workers = amount(from, "workers"),
          .slots = amount(from, "slots"),
          .assumed = amount(from, "assumed_durations"),
          .peaks = all(from, "peaks", forecast_minute_of),
          .minutes = all(from, "minutes", forecast_minute_of),
          .handlers = all(from, "handlers", forecast_handler_of),
          .busiest = all(from, "busiest", forecast_trigger_of)};
}

Problem not_understood() {
  return {.code = ProblemCode::incompatible,
          .detail =
              "the server's answer is not what this program expects: is it a jobflow server "
              "of the same major version?"};
}

template <class View>
Outcome<View> one(std::string_view body, View (*of)(const json::object&)) {
  boost::system::error_code failed;
  const json::value document = json::parse(body, failed);
  if (failed || !document.is_object()) {
    return not_understood();
  }
  return of(document.get_object());
}

template <class View>
Outcome<Page<View>> page(std::string_view body, View (*of)(const json::object&)) {
  boost::system::error_code failed;
  const json::value document = json::parse(body, failed);
  if (failed || !document.is_object() || !document.get_object().contains("items")) {
    return not_understood();
  }
  const json::object& object = document.get_object();
  return Page<View>{
      .items = all(object, "items", of),
      .next_cursor = text(object, "next_cursor"),
      .next_from = static_cast<std::int64_t>(number(object, "next_from", -1)),
  };
}

}  // namespace

bool RunView::is_final() const {
  const auto known = parse_run_state(state);
  return known && jobflow::is_final(*known);
}

Outcome<RunView> read_run(std::string_view body) {
  return one(body, run_of);
}
Outcome<Page<RunView>> read_runs(std::string_view body) {
  return page(body, run_of);
}
Outcome<Page<StepView>> read_steps(std::string_view body) {
  return page(body, step_of);
}
Outcome<ExplanationView> read_explanation(std::string_view body) {
  return one(body, explanation_of);
}
Outcome<Page<AttemptView>> read_attempts(std::string_view body) {
  return page(body, attempt_of);
}
Outcome<DefinitionView> read_definition(std::string_view body) {
  return one(body, definition_of);
}
Outcome<Page<DefinitionView>> read_definitions(std::string_view body) {
  return page(body, definition_of);
}
Outcome<SavedView> read_saved(std::string_view body) {
  return one(body, saved_of);
}
Outcome<Page<SavedView>> read_applied(std::string_view body) {
  return page(body, saved_of);
}
Outcome<TriggeredView> read_triggered(std::string_view body) {
  return one(body, triggered_of);
}
Outcome<Page<TriggeredView>> read_batch_answer(std::string_view body) {
  return page(body, triggered_of);
}
Outcome<Page<WorkerView>> read_workers(std::string_view body) {
  return page(body, worker_of);
}
Outcome<Page<HandlerView>> read_handlers(std::string_view body) {
  return page(body, handler_of);
}
Outcome<LogLineView> read_log_line(std::string_view body) {
  return one(body, log_line_of);
}
Outcome<Page<LogLineView>> read_log_lines(std::string_view body) {
  return page(body, log_line_of);
}
Outcome<EventView> read_event(std::string_view body) {
  return one(body, event_of);
}

Outcome<Page<TriggerView>> read_triggers(std::string_view body) {
  return page(body, trigger_of);
}
Outcome<PreviewView> read_preview(std::string_view body) {
  return one(body, preview_of);
}
Outcome<Page<FiringView>> read_firings(std::string_view body) {
  return page(body, firing_of);
}
Outcome<Page<BackfillView>> read_backfills(std::string_view body) {
  return page(body, backfill_of);
}
Outcome<BackfillView> read_backfill(std::string_view body) {
  return one(body, backfill_of);
}
Outcome<PermitsView> read_permits(std::string_view body) {
  return one(body, permits_of);
}
Outcome<ForecastView> read_forecast(std::string_view body) {
  return one(body, forecast_of);
}

Outcome<AuditView> read_audit(std::string_view body) {
  return one(body, audit_of);
}

}  // namespace jobflow::client
