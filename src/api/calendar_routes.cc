// Calendars: list, create, read, save by name, delete; as documents, or as iCalendar files (S4.5).
#include "api/calendar_desk.h"
#include "api/calendar_text.h"
#include "api/definition_text.h"
#include "api/json_text.h"
#include "api/json_views.h"
#include "api/lookup.h"
#include "api/routes.h"
#include "model/definition.h"
#include "runtime/clock.h"

#include <algorithm>
#include <optional>

namespace jobflow::api {
namespace {

void add_calendar(JsonObject& object, const CalendarRow& row) {
  object.text("kind", "calendar").text("namespace", row.name_space).text("name", row.name);
  object.text_or_null("title", row.title).number("revision", row.revision);
  object.truth("deleted", row.deleted).time("updated_at", row.updated);
  object.text("updated_by", row.principal);
}

Problem not_found(const std::string& name_space, const std::string& name) {
  return {ProblemCode::not_found, "there is no calendar '" + name.substr(0, limits::kNameBytes) +
                                      "' in namespace '" + name_space + "'"};
}

void save(const ExchangePtr& exchange, DefinitionText wanted, const Condition& condition) {
  wanted.now = exchange->doors->clock.now();
  auto calendar = read_calendar(exchange->request, wanted);
  if (!calendar) {
    return exchange->refuse(calendar.problem());
  }
  save_calendar(
      exchange, calendar->calendar, condition, false,
      [exchange, read = *calendar](const Outcome<engine::Reply>& saved) {
        const CalendarRow& row = read.calendar;
        if (!saved) {
          return exchange->refuse(saved.problem());
        }
        Response response{.status = saved->created ? 201 : 200};
        response.headers.emplace_back(
            "Location", "/api/v1/calendars/" + row.name +
                            (row.name_space == "default" ? "" : "?namespace=" + row.name_space));
        response.headers.emplace_back("ETag", etag(saved->revision));
        {
          JsonObject object(response.body);
          object.text("kind", "calendar").text("namespace", row.name_space).text("name", row.name);
          object.number("revision", saved->revision).text("outcome", outcome_of(*saved));
          append_texts(object.open("warnings"), read.warnings);
        }
        exchange->answer(std::move(response));
      });
}

void create(const ExchangePtr& exchange) {
  const auto name_space = read_namespace(exchange->request);
  if (!name_space) {
    return exchange->refuse(name_space.problem());
  }
  save(exchange, {.name_space = *name_space}, {.must_be_new = true});
}

void put(const ExchangePtr& exchange) {
  const Request& request = exchange->request;
  const auto name_space = read_namespace(request);
  const auto condition = read_condition(request);
  if (!name_space || !condition) {
    return exchange->refuse(name_space ? condition.problem() : name_space.problem());
  }
  save(exchange, {.name_space = *name_space, .name = request.place("name")}, *condition);
}

void answer_calendar(const ExchangePtr& exchange, const CalendarRow& row) {
  Response response;
  response.headers.emplace_back("ETag", etag(row.revision));
  {
    JsonObject object(response.body);
    add_calendar(object, row);
    object.raw("document", row.document);
  }
  exchange->answer(std::move(response));
}

// The current revision of the one the path names, unless it is deleted.
void with_current(const ExchangePtr& exchange, std::function<void(const CalendarRow&)> next) {
  const auto name_space = read_namespace(exchange->request);
  if (!name_space) {
    return exchange->refuse(name_space.problem());
  }
  const std::string& name = exchange->request.place("name");
  find_calendar(exchange, *name_space, name,
                [exchange, name_space = *name_space, name,
                 next = std::move(next)](const std::optional<CalendarRow>& row) {
                  if (!row || row->deleted) {
                    return exchange->refuse(not_found(name_space, name));
                  }
                  next(*row);
                });
}

void get(const ExchangePtr& exchange) {
  with_current(exchange, [exchange](const CalendarRow& row) { answer_calendar(exchange, row); });
}

// Those of before a deletion, too: the ledger goes by them.
void get_revision(const ExchangePtr& exchange) {
  const Request& request = exchange->request;
  const auto name_space = read_namespace(request);
  const auto revision = read_place_number(request, "revision");
  if (!name_space || !revision) {
    return exchange->refuse(name_space ? revision.problem() : name_space.problem());
  }
  exchange->doors->store.list_calendars(
      {.name_space = *name_space, .name = request.place("name"), .revision = *revision},
      hop_ok<std::vector<CalendarRow>>(
          exchange, [exchange, revision = *revision](const std::vector<CalendarRow>& rows) {
            if (rows.empty()) {
              return exchange->refuse(
                  {ProblemCode::not_found, "it has no revision " + std::to_string(revision)});
            }
            answer_calendar(exchange, rows.front());
          }));
}

// All of them: there are no more than limits::kCalendarsMax.
void list(const ExchangePtr& exchange) {
  store::CalendarFilter filter{.with_document = false, .limit = INT32_MAX};
  if (exchange->request.asked("namespace") != nullptr) {
    const auto name_space = read_namespace(exchange->request);
    if (!name_space) {
      return exchange->refuse(name_space.problem());
    }
    filter.name_space = *name_space;
  }
  exchange->doors->store.list_calendars(
      filter, hop_ok<std::vector<CalendarRow>>(exchange, [exchange](std::vector<CalendarRow> rows) {
        std::erase_if(rows, [](const CalendarRow& row) { return row.deleted; });
        std::ranges::sort(
            rows, {}, [](const CalendarRow& row) { return std::tie(row.name_space, row.name); });
        Response response;
        {
          JsonObject answer(response.body);
          JsonArray items(answer.open("items"));
          for (const CalendarRow& row : rows) {
            JsonObject item(items.next());
            add_calendar(item, row);
          }
        }
        exchange->answer(std::move(response));
      }));
}

void remove(const ExchangePtr& exchange) {
  const auto condition = read_condition(exchange->request);
  const auto force = read_flag(exchange->request, "force");
  if (!condition || !force) {
    return exchange->refuse(condition ? force.problem() : condition.problem());
  }
  with_current(exchange,
               [exchange, condition = *condition, force = *force](const CalendarRow& row) {
                 delete_calendar(exchange, row, condition, force,
                                 [exchange](const Outcome<engine::Reply>& saved) {
                                   if (saved) {
                                     exchange->answer({.status = 204, .content_type = ""});
                                   } else {
                                     exchange->refuse(saved.problem());
                                   }
                                 });
               });
}

}  // namespace

std::vector<Route> calendar_routes() {
  const auto takes = [](Method method, std::string_view pattern, Handler handler,
                        std::vector<std::string_view> query) {
    return Route{.method = method,
                 .pattern = pattern,
                 .permission = Permission::edit,
                 .handler = handler,
                 .query = std::move(query),
                 .body = Body::calendar,
                 .body_bytes_max = limits::kCalendarBytes};
  };
  return {
      {.pattern = "/api/v1/calendars",
       .permission = Permission::view,
       .handler = list,
       .query = {"namespace"}},
      takes(Method::post, "/api/v1/calendars", create, {"namespace", "name", "title", "timezone"}),
      {.pattern = "/api/v1/calendars/{name}",
       .permission = Permission::view,
       .handler = get,
       .query = {"namespace"}},
      takes(Method::put, "/api/v1/calendars/{name}", put, {"namespace", "title", "timezone"}),
      {.method = Method::del,
       .pattern = "/api/v1/calendars/{name}",
       .permission = Permission::edit,
       .handler = remove,
       .query = {"namespace", "force"}},
      {.pattern = "/api/v1/calendars/{name}/revisions/{revision}",
       .permission = Permission::view,
       .handler = get_revision,
       .query = {"namespace"}}};
}

}  // namespace jobflow::api
