#include "api/lookup.h"

#include "api/name_book.h"
#include "api/trigger_fields.h"
#include "model/definition.h"

#include <charconv>

namespace jobflow::api {

void find_definition(const ExchangePtr& exchange,
                     DefinitionKind kind,
                     std::string_view id_or_name,
                     std::function<void(DefinitionRow)> next) {
  const auto name_space = read_namespace(exchange->request);
  if (!name_space) {
    return exchange->refuse(name_space.problem());
  }
  engine::TriggerRun named;
  if (const auto done = name_definition(named, kind, id_or_name, *name_space); !done) {
    return exchange->refuse(done.problem());
  }
  store::DefinitionFilter filter{.kind = kind, .limit = 1};
  if (named.definition.is_set()) {
    filter.id = named.definition;
    filter.with_deleted = true;
  } else {
    filter.name_space = named.name_space;
    filter.name = named.name;
  }
  Problem missing{ProblemCode::not_found,
                  "there is no " + std::string(to_string(kind)) + " '" + std::string(id_or_name) +
                      "'" + (filter.name ? " in the namespace '" + *name_space + "'" : "")};
  exchange->doors->store.list_definitions(
      filter, hop_ok<std::vector<DefinitionRow>>(
                  exchange, [exchange, next = std::move(next),
                             missing = std::move(missing)](std::vector<DefinitionRow> rows) {
                    if (rows.empty()) {
                      return exchange->refuse(missing);
                    }
                    exchange->doors->names.note(rows.front());
                    next(std::move(rows.front()));
                  }));
}

void find_run(const ExchangePtr& exchange, std::function<void(store::RunAt)> next) {
  const auto id = parse_id(exchange->request.place("id"));
  if (!id) {
    return exchange->refuse(id.problem());
  }
  exchange->doors->store.read_run(
      *id, hop_ok<std::optional<store::RunAt>>(
               exchange, [exchange, next = std::move(next)](std::optional<store::RunAt> run) {
                 if (!run) {
                   return exchange->refuse({ProblemCode::not_found,
                                            "there is no run " + exchange->request.place("id")});
                 }
                 next(std::move(*run));
               }));
}

Outcome<Page> read_page(const Request& request) {
  const auto limit = read_number(request, "limit", 1, 1000, 50);
  if (!limit) {
    return limit.problem();
  }
  Page page{.limit = static_cast<int>(*limit)};
  if (const std::string* cursor = request.asked("cursor")) {
    const auto id = parse_id(*cursor);
    if (!id) {
      return Problem{ProblemCode::invalid,
                     "the query parameter 'cursor' must be a 'next_cursor' of this list"};
    }
    page.cursor = *id;
  }
  return page;
}

Outcome<std::int64_t> read_number(const Request& request,
                                  std::string_view name,
                                  std::int64_t from,
                                  std::int64_t to,
                                  std::int64_t fallback) {
  const std::string* text = request.asked(name);
  if (text == nullptr) {
    return fallback;
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value < from || value > to) {
    return Problem{ProblemCode::invalid, "the query parameter '" + std::string(name) +
                                             "' must be an integer from " + std::to_string(from) +
                                             " to " + std::to_string(to)};
  }
  return value;
}

Outcome<int> read_place_number(const Request& request, std::string_view name) {
  const std::string& text = request.place(name);
  if (!looks_like_id(text) || text.size() > 9 || std::stoi(text) < 1) {
    return Problem{ProblemCode::invalid, "a " + std::string(name) + " is a number from 1 on"};
  }
  return std::stoi(text);
}

Outcome<bool> read_flag(const Request& request, std::string_view name) {
  const std::string* text = request.asked(name);
  if (text == nullptr || *text == "false") {
    return false;
  }
  if (text->empty() || *text == "true") {
    return true;
  }
  return Problem{ProblemCode::invalid,
                 "the query parameter '" + std::string(name) + "' must be true or false"};
}

Outcome<std::string> read_namespace(const Request& request) {
  const std::string* asked = request.asked("namespace");
  std::string name_space = asked == nullptr ? "default" : *asked;
  if (!is_valid_name(name_space)) {
    return Problem{ProblemCode::invalid, "the query parameter 'namespace' is not a name"};
  }
  return name_space;
}

Problem idle_namespace() {
  return {ProblemCode::invalid,
          "'namespace' says whose 'job' or 'workflow' is meant: name one of them, or leave it out "
          "for those of all namespaces"};
}

}  // namespace jobflow::api
