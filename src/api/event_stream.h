// One subscriber's stream (S9.2): first a snapshot with the cursor it is true at, then the deltas
// in order; after `lagged` a fresh snapshot. Runs on its exchange's loop; ends with its sink.
#pragma once

#include "api/exchange.h"
#include "model/event.h"
#include "runtime/feed.h"

#include <memory>
#include <optional>

namespace jobflow::api {

// What a subscriber wants to hear of; both unset: everything.
struct EventFilter {
  Id run;         // this run and its steps
  Id definition;  // this job or workflow and its runs
};

void stream_events(const ExchangePtr& exchange,
                   std::shared_ptr<Sink> sink,
                   EventFilter filter,
                   std::optional<runtime::Cursor> cursor);

// An event in its envelope (CloudEvents 1.0). Pure.
void append_event(std::string& out, const runtime::NumberedEvent& event, std::string_view cursor);

}  // namespace jobflow::api
