#include "worker/builtin/sql_body.h"

#include "model/limits.h"

#include <string>
#include <string_view>
#include <vector>

namespace jobflow::worker {
namespace {

constexpr std::int64_t kRowsKept = 1000;
constexpr std::size_t kRowBytes = limits::kResultBytes - 16 * 1024;  // besides columns and counts

struct Statement {
  std::string_view text;
  const Json* values;
};

const Json* given(const Json& params, std::string_view name) {
  const Json* value = params.find(name);
  return value == nullptr || value->is_null() ? nullptr : value;
}

// `values` of the params goes for every statement that has none of its own.
std::vector<Statement> statements_of(const Json& params) {
  const Json* values = given(params, "values");
  if (const Json* text = given(params, "sql"); text != nullptr && !text->as_string().empty()) {
    return {{text->as_string(), values}};
  }
  std::vector<Statement> all;
  for (const Json& item : params.at("statements").as_array()) {
    if (item.is_string()) {
      all.push_back({item.as_string(), values});
    } else {
      const Json* own = given(item, "values");
      all.push_back({item.at("sql").as_string(), own == nullptr ? values : own});
    }
  }
  return all;
}

Result failure_of(const SqlError& error, const std::string& where) {
  Result result = failed(where + error.what());
  switch (error.kind()) {
    case SqlError::Kind::stopped:
      return cancelled();
    case SqlError::Kind::busy:
      return result.error_kind("sql_busy");
    case SqlError::Kind::unavailable:
      return result.error_kind("sql_unavailable");
    case SqlError::Kind::constraint:
      return result.error_kind("sql_constraint").do_not_retry();
    case SqlError::Kind::denied:
      return result.error_kind("sql_denied").do_not_retry();
    case SqlError::Kind::wrong:
      break;
  }
  return result.error_kind("sql_error").do_not_retry();
}

}  // namespace

Result SqlBodies::sql(Context& run) const {
  const Json& params = run.params();
  const Json* name = given(params, "connection");
  const Json* rows_max = given(params, "max_rows");
  const std::vector<Statement> statements = statements_of(params);
  std::vector<std::string_view> texts;
  for (const Statement& statement : statements) {
    texts.push_back(statement.text);
  }
  SqlRows rows(rows_max == nullptr ? kRowsKept : rows_max->as_int(), kRowBytes);
  std::int64_t changes = 0;
  std::string where;
  try {
    const auto session = connections_.open(name == nullptr ? "default" : name->as_string(), run);
    session->begin(texts);
    for (std::size_t i = 0; i < statements.size(); ++i) {
      where = statements.size() > 1 ? "statement " + std::to_string(i + 1) + ": " : "";
      const Json* values = statements[i].values;
      changes += session->run(statements[i].text, values == nullptr ? Json() : Json(*values), rows);
    }
    where.clear();
    session->commit();
  } catch (const SqlError& error) {
    return failure_of(error, where);
  }
  Json result = rows.take();
  result["changes"] = changes;
  return succeeded(std::move(result));
}

}  // namespace jobflow::worker
