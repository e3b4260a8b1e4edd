#include "model/json.h"

#include <boost/json/parse.hpp>
#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>

#include "model/limits.h"

namespace jobflow {
namespace {

boost::json::parse_options options() {
  boost::json::parse_options chosen;
  chosen.max_depth = limits::kJsonDepth;
  return chosen;
}

bool is_empty_object(std::string_view text) { return text.empty() || text == "{}"; }

}  // namespace

Outcome<Json> parse_json(std::string_view text) {
  boost::json::parser parser({}, options());
  boost::system::error_code error;
  const std::size_t used = parser.write(text.data(), text.size(), error);
  if (error) {
    return Problem{ProblemCode::invalid,
                   "not valid JSON near byte " + std::to_string(used) + ": " + error.message()};
  }
  return parser.release();
}

std::string to_text(const Json& value) { return boost::json::serialize(value); }

bool is_json(std::string_view text) { return parse_json(text).ok(); }

Outcome<std::string> merge_objects(const std::string& base, const std::string& over) {
  if (is_empty_object(over)) {
    return base.empty() ? std::string("{}") : base;
  }
  auto upper = parse_json(over);
  if (!upper) {
    return upper.problem();
  }
  if (!upper->is_object()) {
    return Problem{ProblemCode::invalid, "params must be a JSON object"};
  }
  if (is_empty_object(base)) {
    return over;
  }
  auto lower = parse_json(base);
  check(lower.ok() && lower->is_object(), "stored params are an object");
  for (auto& [key, value] : upper->as_object()) {
    lower->as_object()[key] = std::move(value);
  }
  return to_text(*lower);
}

}  // namespace jobflow
