#include "api/event_stream.h"
#include "api/json_text.h"

namespace jobflow::api {
namespace {

void append_data(std::string& out, const Event& event) {
  JsonObject data(out);
  switch (event.type) {
    case EventType::run_changed:
    case EventType::stale_report_refused:
      data.id("run_id", event.subject).id("definition_id", event.definition);
      if (event.parent.is_set()) {
        data.id("parent_id", event.parent);
      }
      if (!event.text.empty()) {
        data.text("step", event.text);
      }
      data.text("state", to_string(static_cast<RunState>(event.state)));
      data.number("attempt", event.attempt).number("version", event.version);
      break;
    case EventType::definition_saved:
    case EventType::definition_deleted:
      data.id("definition_id", event.subject);
      data.text("kind", to_string(static_cast<DefinitionKind>(event.state)));
      data.text("name", event.text).number("revision", event.version);
      break;
    case EventType::trigger_changed:
      data.id("trigger_id", event.subject).id("definition_id", event.definition);
      data.text("name", event.text);
      data.text("state", to_string(static_cast<TriggerState>(event.state)));
      break;
    case EventType::backfill_changed:
      data.id("backfill_id", event.subject).id("definition_id", event.definition);
      data.text("trigger", event.text);
      data.text("state", to_string(static_cast<BackfillState>(event.state)));
      break;
    case EventType::worker_changed:
    case EventType::member_changed:
      data.id("incarnation", event.subject).text("name", event.text);
      break;
  }
  if (!event.detail.empty()) {
    data.text("detail", event.detail);
  }
}

}  // namespace

void append_event(std::string& out,
                  const runtime::NumberedEvent& numbered,
                  std::string_view cursor) {
  const Event& event = numbered.event;
  JsonObject envelope(out);
  envelope.text("specversion", "1.0");
  envelope.text("id", std::to_string(numbered.source) + ":" + std::to_string(numbered.number));
  envelope.text("source", numbered.source >= kMemberSource
                              ? "/members/" + std::to_string(numbered.source - kMemberSource + 1)
                              : "/shards/" + std::to_string(numbered.source));
  envelope.text("type", to_string(event.type)).id("subject", event.subject);
  envelope.time("time", event.time);
  append_data(envelope.open("data"), event);
  envelope.text("cursor", cursor);
}

}  // namespace jobflow::api
