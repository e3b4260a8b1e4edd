// Jobs, workflows and semaphores: list, create, read, save by name, delete, validate, apply; their
// triggers and revisions. The kinds share every line but their paths.
#include "api/calendar_desk.h"
#include "api/condition.h"
#include "api/definition_text.h"
#include "api/json_text.h"
#include "api/json_views.h"
#include "api/lookup.h"
#include "api/problem_json.h"
#include "api/reference_warnings.h"
#include "api/routes.h"
#include "api/trigger_fields.h"
#include "runtime/clock.h"
#include "schedule/openings.h"

#include <atomic>

namespace jobflow::api {
namespace {

std::string path_of(const Definition& definition) {
  return "/api/v1/" + std::string(to_string(definition.kind)) + "s/" + definition.name +
         (definition.name_space == "default" ? "" : "?namespace=" + definition.name_space);
}

void add_name(JsonObject& object, const Definition& definition) {
  object.text("kind", to_string(definition.kind));
  object.text("namespace", definition.name_space).text("name", definition.name);
}

// --- saving one

void answer_saved(const ExchangePtr& exchange, const Document& saved, const engine::Reply& reply) {
  const Definition& definition = *saved.definition;
  Response response{.status = reply.created ? 201 : 200};
  response.headers.emplace_back("Location", path_of(definition));
  response.headers.emplace_back("ETag", etag(reply.revision));
  {
    JsonObject object(response.body);
    object.id("id", reply.id);
    add_name(object, definition);
    object.number("revision", reply.revision).text("outcome", outcome_of(reply));
    append_texts(object.open("warnings"), saved.warnings);
  }
  exchange->answer(std::move(response));
}

void submit_one(const ExchangePtr& exchange, engine::Request request, runtime::Answer answer) {
  std::vector<runtime::Submission> submissions(1);
  submissions[0].command = command_of(exchange->request, std::move(request));
  submissions[0].answer = std::move(answer);
  exchange->doors->hall.submit(std::move(submissions));
}

void save(const ExchangePtr& exchange, const Document& document, const Condition& condition) {
  submit_one(exchange,
             engine::SaveDefinition{.definition = document.definition,
                                    .must_be_new = condition.must_be_new,
                                    .expected_revision = condition.revision},
             [exchange, document](Outcome<engine::Reply> reply) {
               if (reply) {
                 answer_saved(exchange, document, *reply);
               } else {
                 exchange->refuse(reply.problem());
               }
             });
}

// The body's one definition, which may name the calendars that there are.
void with_definition(const ExchangePtr& exchange,
                     DefinitionText wanted,
                     std::function<void(const Document&)> next) {
  wanted.now = exchange->doors->clock.now();
  wanted.forbidden = &exchange->doors->forbidden;
  with_calendars(exchange, [exchange, wanted, next = std::move(next)](const auto& calendars) {
    const auto definition = read_definition(exchange->request, wanted, *calendars);
    if (!definition) {
      return exchange->refuse(definition.problem());
    }
    warn_of_missing(exchange, {*definition},
                    [next](const std::vector<Document>& warned) { next(warned.front()); });
  });
}

template <DefinitionKind kind>
void create(const ExchangePtr& exchange) {
  with_definition(exchange, {.kind = kind}, [exchange](const Document& document) {
    save(exchange, document, {.must_be_new = true});
  });
}

template <DefinitionKind kind>
void put(const ExchangePtr& exchange) {
  const Request& request = exchange->request;
  const auto name_space = read_namespace(request);
  const auto condition = read_condition(request);
  if (!name_space || !condition) {
    return exchange->refuse(name_space ? condition.problem() : name_space.problem());
  }
  if (looks_like_id(request.place("id"))) {
    return exchange->refuse({ProblemCode::invalid, "save by name, not by id"});
  }
  with_definition(exchange, {.kind = kind, .name_space = *name_space, .name = request.place("id")},
                  [exchange, condition = *condition](const Document& document) {
                    if (!condition.must_exist) {
                      return save(exchange, document, condition);
                    }
                    // If-Match: * holds for any revision that is there; the one it finds must then
                    // still be current.
                    find_definition(exchange, kind, document.definition->name,
                                    [exchange, document](const DefinitionRow& row) {
                                      save(exchange, document, {.revision = row.revision});
                                    });
                  });
}

template <DefinitionKind kind>
void remove(const ExchangePtr& exchange) {
  const auto condition = read_condition(exchange->request);
  const auto force = read_flag(exchange->request, "force");
  if (!condition || !force) {
    return exchange->refuse(condition ? force.problem() : condition.problem());
  }
  find_definition(
      exchange, kind, exchange->request.place("id"),
      [exchange, revision = condition->revision, is_forced = *force](const DefinitionRow& row) {
        submit_one(exchange,
                   engine::DeleteDefinition{.kind = row.kind,
                                            .name_space = row.name_space,
                                            .name = row.name,
                                            .expected_revision = revision,
                                            .force = is_forced},
                   [exchange](Outcome<engine::Reply> reply) {
                     if (reply) {
                       exchange->answer({.status = 204, .content_type = ""});
                     } else {
                       exchange->refuse(reply.problem());
                     }
                   });
      });
}

template <DefinitionKind kind>
void validate(const ExchangePtr& exchange) {
  with_definition(exchange, {.kind = kind}, [exchange](const Document& document) {
    Response response;
    {
      JsonObject object(response.body);
      object.truth("valid", true);
      add_name(object, *document.definition);
      append_texts(object.open("warnings"), document.warnings);
    }
    exchange->answer(std::move(response));
  });
}

// --- applying many

// Gathers what became of each document; the last one answers.
class Applied {
 public:
  Applied(ExchangePtr exchange, std::vector<Document> documents, bool dry_run)
      : exchange_(std::move(exchange)),
        documents_(std::move(documents)),
        dry_run_(dry_run),
        replies_(documents_.size(), Outcome<engine::Reply>(Problem{})),
        open_(documents_.size()) {}

  const std::vector<Document>& documents() const { return documents_; }
  bool is_dry_run() const { return dry_run_; }

  void set(std::size_t item, Outcome<engine::Reply> reply) {
    replies_[item] = std::move(reply);
    if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      respond();
    }
  }

 private:
  void respond() {
    Response response;
    {
      JsonObject answer(response.body);
      answer.truth("dry_run", dry_run_);
      JsonArray items(answer.open("items"));
      for (std::size_t i = 0; i < replies_.size(); ++i) {
        JsonObject item(items.next());
        if (documents_[i].definition) {
          add_name(item, *documents_[i].definition);
        } else {
          item.text("kind", "calendar").text("namespace", documents_[i].calendar.name_space);
          item.text("name", documents_[i].calendar.name);
        }
        if (!replies_[i]) {
          item.text("outcome", "failed");
          append_problem(item.open("problem"), replies_[i].problem(), "");
          continue;
        }
        const engine::Reply& reply = *replies_[i];
        item.text("outcome", outcome_of(reply)).number("revision", reply.revision);
        append_texts(item.open("warnings"), documents_[i].warnings);
        if (reply.id.is_set()) {
          item.id("id", reply.id);
        }
      }
    }
    exchange_->answer(std::move(response));
  }

  ExchangePtr exchange_;
  std::vector<Document> documents_;
  bool dry_run_;
  std::vector<Outcome<engine::Reply>> replies_;
  std::atomic<std::size_t> open_;
};

void apply_really(const ExchangePtr& exchange, const std::shared_ptr<Applied>& applied) {
  std::vector<runtime::Submission> submissions;
  for (std::size_t i = 0; i < applied->documents().size(); ++i) {
    if (!applied->documents()[i].definition) {
      continue;
    }
    runtime::Submission& submission = submissions.emplace_back();
    submission.command =
        command_of(exchange->request,
                   engine::SaveDefinition{.definition = applied->documents()[i].definition}, i);
    submission.answer = [applied, i](Outcome<engine::Reply> reply) {
      applied->set(i, std::move(reply));
    };
  }
  if (!submissions.empty()) {
    exchange->doors->hall.submit(std::move(submissions));
  }
}

// What the engine would say (engine, Shard::save), from the rows as they are now.
engine::Reply foreseen(const Definition& wanted, const std::vector<DefinitionRow>& rows) {
  if (rows.empty()) {
    return {.revision = 1, .created = true};
  }
  const DefinitionRow& row = rows.front();
  const bool same = row.document == wanted.document && row.enabled == wanted.enabled;
  return {.id = row.id, .revision = row.revision + (same ? 0 : 1), .changed = !same};
}

void apply_dry(const ExchangePtr& exchange, const std::shared_ptr<Applied>& applied) {
  for (std::size_t i = 0; i < applied->documents().size(); ++i) {
    if (!applied->documents()[i].definition) {
      continue;
    }
    const Definition& wanted = *applied->documents()[i].definition;
    store::DefinitionFilter filter{
        .kind = wanted.kind, .name_space = wanted.name_space, .name = wanted.name, .limit = 1};
    exchange->doors->store.list_definitions(filter, [applied,
                                                     i](Outcome<std::vector<DefinitionRow>> rows) {
      const Definition& definition = *applied->documents()[i].definition;
      applied->set(i, rows ? Outcome<engine::Reply>(foreseen(definition, *rows)) : rows.problem());
    });
  }
}

// Calendars first, one after the other: jobs and workflows may name them, and are not saved where
// one of them is not there.
void apply_from(const ExchangePtr& exchange,
                const std::shared_ptr<Applied>& applied,
                std::size_t item,
                const std::string& failed) {
  const auto& documents = applied->documents();
  while (item < documents.size() && documents[item].definition) {
    ++item;
  }
  if (item < documents.size()) {
    return save_calendar(exchange, documents[item].calendar, {}, applied->is_dry_run(),
                         [=](Outcome<engine::Reply> reply) {
                           const std::string& name = documents[item].calendar.name;
                           const std::string first = reply || !failed.empty() ? failed : name;
                           applied->set(item, std::move(reply));
                           apply_from(exchange, applied, item + 1, first);
                         });
  }
  if (failed.empty()) {
    return applied->is_dry_run() ? apply_dry(exchange, applied) : apply_really(exchange, applied);
  }
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (documents[i].definition) {
      applied->set(
          i, Problem{ProblemCode::unavailable, "not saved, for calendar '" + failed + "' was not"});
    }
  }
}

void apply(const ExchangePtr& exchange) {
  const auto dry_run = read_flag(exchange->request, "dry_run");
  const auto name_space = read_namespace(exchange->request);
  if (!dry_run || !name_space) {
    return exchange->refuse(dry_run ? name_space.problem() : dry_run.problem());
  }
  with_calendars(exchange, [exchange, is_dry = *dry_run, wanted = *name_space](const auto& known) {
    auto documents = read_documents(exchange->request,
                                    {.name_space = wanted,
                                     .now = exchange->doors->clock.now(),
                                     .forbidden = &exchange->doors->forbidden},
                                    *known);
    if (!documents) {
      return exchange->refuse(documents.problem());
    }
    warn_of_missing(
        exchange, std::move(documents).value(), [exchange, is_dry](std::vector<Document> warned) {
          apply_from(exchange, std::make_shared<Applied>(exchange, std::move(warned), is_dry), 0,
                     "");
        });
  });
}

// --- reading

void answer_definition(const ExchangePtr& exchange, const DefinitionRow& row) {
  Response response;
  response.headers.emplace_back("ETag", etag(row.revision));
  append_definition(response.body, row);
  exchange->answer(std::move(response));
}

template <DefinitionKind kind>
void get(const ExchangePtr& exchange) {
  find_definition(exchange, kind, exchange->request.place("id"),
                  [exchange](const DefinitionRow& row) { answer_definition(exchange, row); });
}

template <DefinitionKind kind>
void list(const ExchangePtr& exchange) {
  const auto page = read_page(exchange->request);
  if (!page) {
    return exchange->refuse(page.problem());
  }
  store::DefinitionFilter filter{.kind = kind, .after = page->cursor, .limit = page->limit + 1};
  if (exchange->request.asked("namespace") != nullptr) {
    const auto name_space = read_namespace(exchange->request);
    if (!name_space) {
      return exchange->refuse(name_space.problem());
    }
    filter.name_space = *name_space;
  }
  exchange->doors->store.list_definitions(
      filter, hop_ok<std::vector<DefinitionRow>>(
                  exchange, [exchange, limit = page->limit](std::vector<DefinitionRow> rows) {
                    const bool more = rows.size() > static_cast<std::size_t>(limit);
                    rows.resize(std::min(rows.size(), static_cast<std::size_t>(limit)));
                    Response response;
                    {
                      JsonObject answer(response.body);
                      {
                        JsonArray items(answer.open("items"));
                        for (const DefinitionRow& row : rows) {
                          append_definition(items.next(), row);
                        }
                      }
                      answer.text_or_null("next_cursor", more ? to_string(rows.back().id) : "");
                    }
                    exchange->answer(std::move(response));
                  }));
}

template <DefinitionKind kind>
void get_revision(const ExchangePtr& exchange) {
  const auto number = read_place_number(exchange->request, "revision");
  if (!number) {
    return exchange->refuse(number.problem());
  }
  find_definition(
      exchange, kind, exchange->request.place("id"),
      [exchange, revision = *number](const DefinitionRow& current) {
        store::DefinitionFilter filter{
            .id = current.id, .revision = revision, .with_deleted = true, .limit = 1};
        exchange->doors->store.list_definitions(
            filter,
            hop_ok<std::vector<DefinitionRow>>(
                exchange, [exchange, revision](std::vector<DefinitionRow> rows) {
                  if (rows.empty()) {
                    return exchange->refuse(
                        {ProblemCode::not_found, "it has no revision " + std::to_string(revision)});
                  }
                  answer_definition(exchange, rows.front());
                }));
      });
}

// When a trigger that its calendars keep off may fire next; unset: not in the time one look
// reaches.
Instant next_open_due(const TriggerRow& row,
                      const Definition& definition,
                      const schedule::CalendarBook& calendars) {
  const Instant due = row.progress.next_due;
  const TriggerSpec* spec = definition.find_trigger(row.name);
  if (!due.is_set() || spec == nullptr || !schedule::names_calendars(spec->schedule)) {
    return due;
  }
  const auto open = schedule::Openings::make(spec->schedule, definition.name_space, calendars);
  const auto times = schedule::Timetable::make(spec->schedule, row.progress.anchor,
                                               schedule_hash(definition, row.name));
  if (!open || !times || !schedule::has_timetable(spec->schedule.kind) || open->covers(due)) {
    return due;
  }
  const schedule::OpenLook look = schedule::next_open(*times, *open, due, kNever);
  return look.is_open ? look.at : Instant{};
}

template <DefinitionKind kind>
void list_triggers(const ExchangePtr& exchange) {
  find_definition(
      exchange, kind, exchange->request.place("id"), [exchange](const DefinitionRow& row) {
        exchange->doors->store.list_triggers(
            row.id, hop_ok<std::vector<TriggerRow>>(exchange, [exchange,
                                                               row](std::vector<TriggerRow> rows) {
              const Definition definition = decode_definition(row.kind, row.document).definition;
              const auto calendars = exchange->doors->hall.calendars();
              Response response;
              {
                JsonObject answer(response.body);
                JsonArray items(answer.open("items"));
                for (TriggerRow& trigger : rows) {
                  trigger.progress.next_due = next_open_due(trigger, definition, *calendars);
                  append_trigger(items.next(), trigger);
                }
              }
              exchange->answer(std::move(response));
            }));
      });
}

struct Paths {
  std::string_view all, one, validate, triggers, revision;
};

template <DefinitionKind kind>
void add_routes(std::vector<Route>& routes, const Paths& paths) {
  const auto reads = [&](std::string_view pattern, Handler handler,
                         std::vector<std::string_view> query) {
    routes.push_back({.pattern = pattern,
                      .permission = Permission::view,
                      .handler = handler,
                      .query = std::move(query)});
  };
  const auto takes = [&](Method method, std::string_view pattern, Handler handler,
                         std::vector<std::string_view> query) {
    routes.push_back({.method = method,
                      .pattern = pattern,
                      .permission = Permission::edit,
                      .handler = handler,
                      .query = std::move(query),
                      .body = Body::document,
                      .body_bytes_max = limits::kDefinitionBytes});
  };
  reads(paths.all, list<kind>, {"namespace", "limit", "cursor"});
  takes(Method::post, paths.all, create<kind>, {});
  takes(Method::post, paths.validate, validate<kind>, {});
  reads(paths.one, get<kind>, {"namespace"});
  takes(Method::put, paths.one, put<kind>, {"namespace"});
  routes.push_back({.method = Method::del,
                    .pattern = paths.one,
                    .permission = Permission::edit,
                    .handler = remove<kind>,
                    .query = kind == DefinitionKind::semaphore
                                 ? std::vector<std::string_view>{"namespace", "force"}
                                 : std::vector<std::string_view>{"namespace"}});
  if (kind != DefinitionKind::semaphore) {
    reads(paths.triggers, list_triggers<kind>, {"namespace"});
  }
  reads(paths.revision, get_revision<kind>, {"namespace"});
}

}  // namespace

std::vector<Route> definition_routes() {
  std::vector<Route> routes{{.method = Method::post,
                             .pattern = "/api/v1/definitions",
                             .permission = Permission::edit,
                             .handler = apply,
                             .query = {"dry_run", "namespace"},
                             .body = Body::document,
                             .body_bytes_max = limits::kDefinitionBytes,
                             .commands = limits::kBatchItems}};
  add_routes<DefinitionKind::job>(routes, {.all = "/api/v1/jobs",
                                           .one = "/api/v1/jobs/{id}",
                                           .validate = "/api/v1/jobs/validate",
                                           .triggers = "/api/v1/jobs/{id}/triggers",
                                           .revision = "/api/v1/jobs/{id}/revisions/{revision}"});
  add_routes<DefinitionKind::workflow>(routes,
                                       {.all = "/api/v1/workflows",
                                        .one = "/api/v1/workflows/{id}",
                                        .validate = "/api/v1/workflows/validate",
                                        .triggers = "/api/v1/workflows/{id}/triggers",
                                        .revision = "/api/v1/workflows/{id}/revisions/{revision}"});
  add_routes<DefinitionKind::semaphore>(
      routes, {.all = "/api/v1/semaphores",
               .one = "/api/v1/semaphores/{id}",
               .validate = "/api/v1/semaphores/validate",
               .triggers = "",
               .revision = "/api/v1/semaphores/{id}/revisions/{revision}"});
  return routes;
}

}  // namespace jobflow::api
