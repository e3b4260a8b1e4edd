// Reads that several handlers share: the definition or the run that a path names, a page's bounds.
#pragma once

#include "api/exchange.h"
#include "model/rows.h"
#include "store/store.h"

#include <functional>
#include <string_view>

namespace jobflow::api {

// The job or workflow that `id_or_name` names, deleted ones only by id. Answers the exchange with
// `not_found` when there is none, else goes on with `next` on its loop.
void find_definition(const ExchangePtr& exchange,
                     DefinitionKind kind,
                     std::string_view id_or_name,
                     std::function<void(DefinitionRow)> next);

// The run of the path's {id}; `not_found` when there is none.
void find_run(const ExchangePtr& exchange, std::function<void(store::RunAt)> next);

// ?limit= (1-1,000, default 50) and ?cursor= (an id: where the page before ended).
struct Page {
  int limit = 50;
  Id cursor;
};
Outcome<Page> read_page(const Request& request);

// An integer query parameter, or `fallback` when absent.
Outcome<std::int64_t> read_number(const Request& request,
                                  std::string_view name,
                                  std::int64_t from,
                                  std::int64_t to,
                                  std::int64_t fallback);
// A number from 1 on that the path names.
Outcome<int> read_place_number(const Request& request, std::string_view name);
Outcome<bool> read_flag(const Request& request, std::string_view name);

// ?namespace=, "default" when absent; a name that is none is a problem.
Outcome<std::string> read_namespace(const Request& request);
// Where ?namespace= only goes with a name, and there is none: it would seem to filter.
Problem idle_namespace();

}  // namespace jobflow::api
