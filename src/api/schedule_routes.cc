// Triggers as things of their own: one, its next instants saved or not, its ledger, pause and
// resume (S4.7-S4.9).
#include "api/json_fields.h"
#include "api/json_text.h"
#include "api/json_views.h"
#include "api/lookup.h"
#include "api/routes.h"
#include "model/definition.h"
#include "runtime/clock.h"
#include "schedule/openings.h"
#include "schedule/sentence.h"
#include "schedule/timetable.h"
#include "schedule/warnings.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <functional>
#include <utility>

namespace jobflow::api {
namespace {

constexpr int kShown = 10;
constexpr int kShownMost = 1'000;
constexpr int kFruitlessLooks = 8;

// A trigger with what it belongs to.
struct Found {
  TriggerRow row;
  DefinitionRow owner;
  Definition definition;
};

// The trigger of the path's {id}; `not_found` when there is none.
void find_trigger(const ExchangePtr& exchange, std::function<void(Found)> next) {
  const auto id = parse_id(exchange->request.place("id"));
  if (!id) {
    return exchange->refuse(id.problem());
  }
  exchange->doors->store.read_for_command(
      0, {.definitions = {{.id = *id}}},
      hop_ok<CommandRows>(exchange, [exchange, id = *id, next = std::move(next)](CommandRows rows) {
        for (TriggerRow& row : rows.triggers) {
          if (row.id == id) {
            DefinitionRow& owner = rows.definitions.front();
            auto decoded = decode_definition(owner.kind, owner.document);
            return next({std::move(row), std::move(owner), std::move(decoded.definition)});
          }
        }
        exchange->refuse({ProblemCode::not_found, "there is no trigger " + to_string(id)});
      }));
}

void append_owner(std::string& out, const DefinitionRow& owner) {
  JsonObject object(out);
  object.id("id", owner.id).text("kind", to_string(owner.kind));
  object.text("namespace", owner.name_space).text("name", owner.name);
}

void show(const ExchangePtr& exchange) {
  find_trigger(exchange, [exchange](const Found& found) {
    Response response;
    {
      JsonObject answer(response.body);
      append_owner(answer.open("definition"), found.owner);
      append_trigger(answer.open("trigger"), found.row);
    }
    exchange->answer(std::move(response));
  });
}

// --- what it will do

struct Wanted {
  Instant from;
  int count = kShown;
};

// "2026-11-23T09:00:00.000+01:00": what the zone's clock shows.
std::string local_text(const schedule::Zone& zone, Instant instant) {
  const std::int64_t ms = ((instant.ms % 1000) + 1000) % 1000;
  const std::int64_t second = (instant.ms - ms) / 1000;
  const std::int64_t ahead = (zone.reading(instant) - second) / 60;
  std::string text = to_rfc3339({(second + ahead * 60) * 1000 + ms});
  text.pop_back();  // the Z
  const std::int64_t minutes = std::abs(ahead);
  const auto two = [](std::int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return text + (ahead < 0 ? "-" : "+") + two(minutes / 60) + ":" + two(minutes % 60);
}

void append_instants(std::string& out,
                     const std::vector<Instant>& due,
                     const schedule::Zone* zone) {
  JsonArray items(out);
  for (const Instant instant : due) {
    JsonObject item(items.next());
    item.time("at", instant);
    if (zone != nullptr) {
      item.text("local", local_text(*zone, instant));
    }
  }
}

// Calendars may close for long: how far that is looked through is bounded.
std::vector<Instant> open_instants(const schedule::Timetable& times,
                                   const schedule::Openings& open,
                                   const Wanted& wanted) {
  std::vector<Instant> due;
  int looks = 0;
  for (Instant from = times.next_after(wanted.from);
       from != kNever && std::cmp_less(due.size(), wanted.count) &&
       looks < wanted.count + kFruitlessLooks;
       ++looks) {
    const schedule::OpenLook look = schedule::next_open(times, open, from, kNever);
    if (look.is_open) {
      due.push_back(look.at);
      from = times.next_after(look.at);
    } else {
      from = look.at > from ? look.at : kNever;
    }
  }
  return due;
}

void answer_preview(const ExchangePtr& exchange,
                    const Definition& definition,
                    const TriggerSpec& spec,
                    Instant anchor,
                    const Wanted& wanted) {
  using schedule::Language;
  const Schedule& asked = spec.schedule;
  const std::uint64_t hash = schedule_hash(definition, spec.name);
  std::vector<Instant> due;
  std::vector<std::string> warnings, english, chinese;
  std::optional<schedule::Timetable> times;
  if (schedule::has_timetable(asked.kind)) {
    auto made = schedule::Timetable::make(asked, anchor, hash);
    if (!made) {
      return exchange->refuse(made.problem());
    }
    times = std::move(made).value();
    const auto calendars = exchange->doors->hall.calendars();
    const auto open = schedule::Openings::make(asked, definition.name_space, *calendars);
    if (!open) {
      return exchange->refuse(open.problem());
    }
    due = open_instants(*times, *open, wanted);
    if (times->cron() != nullptr && times->zone() != nullptr) {
      const auto notes = [&](Language language) {
        return schedule::clock_notes(*times->cron(), *times->zone(), asked.gap, asked.repeat,
                                     wanted.from, due, language);
      };
      english = notes(Language::english);
      chinese = notes(Language::chinese);
    }
    warnings =
        schedule::trigger_warnings(asked, *times, definition.name_space, *calendars, wanted.from);
    std::erase_if(warnings, [&](const std::string& warning) {  // the notes say it already
      return std::ranges::any_of(english, [&](const std::string& note) {
        return warning.find(note) != std::string::npos;
      });
    });
  }
  Response response;
  {
    JsonObject answer(response.body);
    answer.text("kind", to_string(asked.kind)).text("timezone", asked.timezone);
    {
      JsonObject sentence(answer.open("sentence"));
      sentence.text("en", schedule::sentence(asked, hash, Language::english));
      sentence.text("zh", schedule::sentence(asked, hash, Language::chinese));
    }
    append_texts(answer.open("warnings"), warnings);
    {
      JsonObject notes(answer.open("notes"));
      append_texts(notes.open("en"), english);
      append_texts(notes.open("zh"), chinese);
    }
    append_instants(answer.open("items"), due, times ? times->zone() : nullptr);
  }
  exchange->answer(std::move(response));
}

void preview_saved(const ExchangePtr& exchange) {
  const auto count = read_number(exchange->request, "count", 1, kShownMost, kShown);
  if (!count) {
    return exchange->refuse(count.problem());
  }
  Wanted wanted{exchange->doors->clock.now(), static_cast<int>(*count)};
  if (const std::string* from = exchange->request.asked("from")) {
    const auto instant = parse_rfc3339(*from);
    if (!instant) {
      return exchange->refuse({ProblemCode::invalid, "?from=: " + instant.problem().detail});
    }
    wanted.from = *instant;
  }
  find_trigger(exchange, [exchange, wanted](const Found& found) {
    const TriggerSpec* spec = found.definition.find_trigger(found.row.name);
    if (spec == nullptr) {
      return exchange->refuse({ProblemCode::internal, "the trigger is not in its definition"});
    }
    answer_preview(exchange, found.definition, *spec, found.row.progress.anchor, wanted);
  });
}

// The trigger is read as a job's would be; problems point below "/trigger".
std::optional<Definition> read_unsaved(const boost::json::object& trigger,
                                       std::string_view name,
                                       std::string_view name_space,
                                       std::vector<FieldProblem>& problems) {
  constexpr std::string_view kBelow = "/spec/triggers/0";
  const boost::json::object document{
      {"metadata", {{"name", name}, {"namespace", name_space}}},
      {"spec", {{"handler", "noop"}, {"triggers", boost::json::array{trigger}}}}};
  auto decoded = decode_definition(DefinitionKind::job, boost::json::serialize(document));
  for (FieldProblem& problem : decoded.problems) {
    problem.pointer = problem.pointer.starts_with(kBelow)
                          ? "/trigger" + problem.pointer.substr(kBelow.size())
                          : problem.pointer;
    problems.push_back(std::move(problem));
  }
  if (!decoded.problems.empty()) {
    return std::nullopt;
  }
  for (FieldProblem& problem :
       schedule::check_schedule(decoded.definition.triggers().front().schedule)) {
    problem.pointer = "/trigger" + problem.pointer;
    problems.push_back(std::move(problem));
  }
  return std::move(decoded.definition);
}

void preview(const ExchangePtr& exchange) {
  const auto body = read_object(exchange->request.body);
  if (!body) {
    return exchange->refuse(body.problem());
  }
  Problem problem{ProblemCode::invalid, "the request is wrong"};
  JsonFields fields(body->get_object(), "", problem.fields);
  Wanted wanted{.from = exchange->doors->clock.now()};
  const auto name = fields.text("name");
  const auto name_space = fields.text("namespace");
  wanted.count = static_cast<int>(fields.integer("count", 1, kShownMost).value_or(kShown));
  if (const auto from = fields.text("from")) {
    const auto instant = parse_rfc3339(*from);
    if (instant) {
      wanted.from = *instant;
    } else {
      fields.wrong("from", instant.problem().detail);
    }
  }
  std::optional<Definition> definition;
  if (const boost::json::object* trigger = fields.object("trigger")) {
    definition = read_unsaved(*trigger, name.value_or("preview"), name_space.value_or("default"),
                              problem.fields);
  } else if (fields.ok()) {
    fields.wrong("trigger", "is missing: a trigger as a definition file has it");
  }
  fields.done();
  if (!problem.fields.empty() || !definition) {
    problem.detail = problem.fields.empty() ? problem.detail : problem.fields.front().message;
    return exchange->refuse(problem);
  }
  answer_preview(exchange, *definition, definition->triggers().front(), wanted.from, wanted);
}

// --- what it did

// Where a page of the ledger ended, in both of its halves.
struct LedgerPlace {
  Id run{INT64_MAX};
  Instant skipped = kNever;
};

std::string to_text(const LedgerPlace& place) {
  return to_string(place.run) + "-" + std::to_string(place.skipped.ms);
}

std::optional<LedgerPlace> read_place(const std::string& text) {
  const auto dash = text.find('-');
  if (dash == std::string::npos) {
    return std::nullopt;
  }
  const auto run = parse_id(text.substr(0, dash));
  const auto skipped = parse_id(text.substr(dash + 1));  // as strict a number
  if (!run || !skipped) {
    return std::nullopt;
  }
  return LedgerPlace{*run, {skipped->value}};
}

// Runs and skipped instants by time, newest first, as many as asked for.
void answer_firings(const ExchangePtr& exchange,
                    const store::Firings& found,
                    std::size_t limit,
                    LedgerPlace place) {
  std::size_t ran = 0, skipped = 0;
  Response response;
  {
    JsonObject answer(response.body);
    {
      JsonArray items(answer.open("items"));
      while (ran + skipped < limit && (ran < found.ran.size() || skipped < found.skipped.size())) {
        JsonObject item(items.next());
        const bool is_run =
            skipped == found.skipped.size() ||
            (ran < found.ran.size() && found.ran[ran].planned >= found.skipped[skipped].to);
        if (is_run) {
          const store::FiredRow& run = found.ran[ran++];
          place.run = run.run;
          item.time("from", run.planned).time("to", run.planned).number("count", 1);
          item.text("outcome", "ran").id("run_id", run.run).text("state", to_string(run.state));
          if (run.occasion.is_set()) {
            item.id("occasion_id", run.occasion);
          }
        } else {
          const SkippedFiringRow& row = found.skipped[skipped++];
          place.skipped = row.from;
          item.time("from", row.from).time("to", row.to).number("count", row.count);
          item.text("outcome", "skipped").text("reason", row.reason);
        }
      }
    }
    const bool more = ran < found.ran.size() || skipped < found.skipped.size();
    answer.text_or_null("next_cursor", more ? to_text(place) : "");
  }
  exchange->answer(std::move(response));
}

void list_firings(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  const auto limit = read_number(exchange->request, "limit", 1, 1'000, 50);
  if (!id || !limit) {
    return exchange->refuse(id ? limit.problem() : id.problem());
  }
  LedgerPlace place;
  if (const std::string* cursor = exchange->request.asked("cursor")) {
    const auto read = read_place(*cursor);
    if (!read) {
      return exchange->refuse({ProblemCode::invalid, "?cursor= is none of this list"});
    }
    place = *read;
  }
  find_trigger(exchange, [exchange, place, limit = *limit](const Found& found) {
    exchange->doors->store.list_firings(
        {.trigger = found.row.id,
         .runs_before = place.run,
         .skipped_before = place.skipped,
         .limit = static_cast<int>(limit) + 1},
        hop_ok<store::Firings>(exchange, [exchange, place, limit](const store::Firings& firings) {
          answer_firings(exchange, firings, static_cast<std::size_t>(limit), place);
        }));
  });
}

// --- pause and resume

void ask(const ExchangePtr& exchange, engine::Request request) {
  std::vector<runtime::Submission> submissions(1);
  submissions[0].command = command_of(exchange->request, std::move(request));
  submissions[0].answer = [exchange](const Outcome<engine::Reply>& reply) {
    if (!reply) {
      return exchange->refuse(reply.problem());
    }
    Response response;
    JsonObject(response.body).id("id", reply->id).truth("changed", reply->changed);
    exchange->answer(std::move(response));
  };
  exchange->doors->hall.submit(std::move(submissions));
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
  ask(exchange, engine::PauseTrigger{.trigger = *id, .note = std::string(note.value_or(""))});
}

void resume(const ExchangePtr& exchange) {
  const auto id = parse_id(exchange->request.place("id"));
  if (!id) {
    return exchange->refuse(id.problem());
  }
  ask(exchange, engine::ResumeTrigger{.trigger = *id});
}

}  // namespace

std::vector<Route> schedule_routes() {
  return {{.pattern = "/api/v1/triggers/{id}", .permission = Permission::view, .handler = show},
          {.pattern = "/api/v1/triggers/{id}/preview",
           .permission = Permission::view,
           .handler = preview_saved,
           .query = {"count", "from"}},
          {.method = Method::post,
           .pattern = "/api/v1/triggers/preview",
           .permission = Permission::view,
           .handler = preview,
           .body = Body::json,
           .body_bytes_max = kSmallBodyBytes},
          {.pattern = "/api/v1/triggers/{id}/firings",
           .permission = Permission::view,
           .handler = list_firings,
           .query = {"limit", "cursor"}},
          {.method = Method::post,
           .pattern = "/api/v1/triggers/{id}/pause",
           .permission = Permission::operate,
           .handler = pause,
           .body = Body::json,
           .body_bytes_max = kSmallBodyBytes},
          {.method = Method::post,
           .pattern = "/api/v1/triggers/{id}/resume",
           .permission = Permission::operate,
           .handler = resume}};
}

}  // namespace jobflow::api
