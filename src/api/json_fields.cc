#include "api/json_fields.h"

#include "api/json_places.h"
#include "model/json.h"
#include "model/limits.h"

#include <boost/json/parser.hpp>

#include <algorithm>

namespace jobflow::api {

const boost::json::value* JsonFields::any(std::string_view name) {
  check(asked_count_ < asked_.size(), "more fields than JsonFields has room for");
  asked_[asked_count_++] = name;
  const auto at = object_.find(name);
  if (at == object_.end()) {
    return nullptr;
  }
  ++taken_;
  return at->value().is_null() ? nullptr : &at->value();
}

std::optional<std::string_view> JsonFields::text(std::string_view name) {
  const boost::json::value* value = any(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_string()) {
    wrong(name, "must be a string");
    return std::nullopt;
  }
  return std::string_view(value->get_string());
}

std::optional<std::int64_t> JsonFields::integer(std::string_view name,
                                                std::int64_t from,
                                                std::int64_t to) {
  const boost::json::value* value = any(name);
  if (value == nullptr) {
    return std::nullopt;
  }
  if (!value->is_int64() || value->get_int64() < from || value->get_int64() > to) {
    wrong(name, "must be an integer from " + std::to_string(from) + " to " + std::to_string(to));
    return std::nullopt;
  }
  return value->get_int64();
}

const boost::json::object* JsonFields::object(std::string_view name) {
  const boost::json::value* value = any(name);
  if (value != nullptr && !value->is_object()) {
    wrong(name, "must be an object");
    return nullptr;
  }
  return value == nullptr ? nullptr : &value->get_object();
}

const boost::json::array* JsonFields::array(std::string_view name) {
  const boost::json::value* value = any(name);
  if (value != nullptr && !value->is_array()) {
    wrong(name, "must be an array");
    return nullptr;
  }
  return value == nullptr ? nullptr : &value->get_array();
}

void JsonFields::wrong(std::string_view name, std::string message) {
  problems_.push_back({.pointer = pointer_ + "/" + std::string(name),
                       .message = "'" + std::string(name) + "' " + std::move(message)});
}

void JsonFields::done() {
  if (taken_ == object_.size()) {
    return;
  }
  std::string known;
  const auto asked_end = asked_.begin() + static_cast<std::ptrdiff_t>(asked_count_);
  for (auto name = asked_.begin(); name != asked_end; ++name) {
    known.append(known.empty() ? "" : ", ").append(*name);
  }
  for (const auto& pair : object_) {
    const std::string_view key = pair.key();
    if (std::find(asked_.begin(), asked_end, key) == asked_end) {
      wrong(key.substr(0, 64), "is not a field here; known are " + known);
    }
  }
}

Outcome<boost::json::value> read_object(std::string_view body,
                                        boost::json::storage_ptr storage,
                                        std::vector<FieldProblem>* twins) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return boost::json::value(boost::json::object());
  }
  boost::json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  boost::json::parser parser({}, options);
  parser.reset(std::move(storage));
  boost::system::error_code failed;
  parser.write(body.data(), body.size(), failed);
  if (failed) {
    auto told = parse_json(body);  // says where
    return told ? Problem{ProblemCode::invalid, "the body is not JSON: " + failed.message()}
                : told.problem();
  }
  boost::json::value value = parser.release();
  if (!value.is_object()) {
    return Problem{ProblemCode::invalid, "the body must be a JSON object"};
  }
  if (has_twin_keys(body, value)) {
    auto found = places_in(body).twins;
    if (twins == nullptr) {
      return twin_keys(std::move(found));
    }
    *twins = std::move(found);
  }
  return value;
}

}  // namespace jobflow::api
