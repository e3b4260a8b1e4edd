#include "model/limits.h"

#include <boost/json.hpp>
#include <jobflow/json.h>

#include <cmath>
#include <utility>

namespace jobflow {
namespace {

[[noreturn]] void wrong_kind(const char* wanted) {
  throw JsonError(std::string("the JSON value is not ") + wanted);
}

Json from_boost(const boost::json::value& value);

Json from_boost(const boost::json::object& object) {
  Json::Object members;
  members.reserve(object.size());
  for (const auto& member : object) {
    members.push_back({std::string(member.key()), from_boost(member.value())});
  }
  return Json::from(std::move(members));
}

Json from_boost(const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      return nullptr;
    case boost::json::kind::bool_:
      return value.get_bool();
    case boost::json::kind::int64:
      return value.get_int64();
    case boost::json::kind::uint64:
      return value.get_uint64();
    case boost::json::kind::double_:
      return value.get_double();
    case boost::json::kind::string:
      return std::string_view(value.get_string());
    case boost::json::kind::array: {
      Json::Array items;
      items.reserve(value.get_array().size());
      for (const auto& item : value.get_array()) {
        items.push_back(from_boost(item));
      }
      return Json::from(std::move(items));
    }
    case boost::json::kind::object:
      return from_boost(value.get_object());
  }
  return nullptr;
}

boost::json::value to_boost(const Json& json) {
  if (json.is_null()) {
    return nullptr;
  }
  if (json.is_bool()) {
    return json.as_bool();
  }
  if (json.is_int()) {
    return json.as_int();
  }
  if (json.is_number()) {
    const double number = json.as_double();
    return std::isfinite(number) ? boost::json::value(number) : boost::json::value(nullptr);
  }
  if (json.is_string()) {
    return boost::json::value(json.as_string());
  }
  if (json.is_array()) {
    boost::json::array array;
    array.reserve(json.size());
    for (const Json& item : json.as_array()) {
      array.push_back(to_boost(item));
    }
    return array;
  }
  boost::json::object object;
  object.reserve(json.size());
  for (const Json::Member& member : json.as_object()) {
    object.emplace(member.name, to_boost(member.value));
  }
  return object;
}

bool is_pair(const Json& item) {
  return item.is_array() && item.size() == 2 && item.at(std::size_t{0}).is_string();
}

}  // namespace

Json::Json() : held_(nullptr) {}
Json::Json(std::nullptr_t) : held_(nullptr) {}
Json::Json(Whole whole) : held_(whole.bits) {
  if (whole.kind == Whole::Kind::boolean) {
    held_ = whole.bits != 0;
  } else if (whole.kind == Whole::Kind::without_sign && whole.bits < 0) {
    held_ = static_cast<double>(static_cast<std::uint64_t>(whole.bits));
  }
}
Json::Json(double value) : held_(value) {}
Json::Json(const char* text) : held_(std::string(text)) {}
Json::Json(std::string text) : held_(std::move(text)) {}
Json::Json(std::string_view text) : held_(std::string(text)) {}
Json::Json(const Json& other) = default;
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(const Json& other) = default;
Json& Json::operator=(Json&& other) noexcept = default;
Json::~Json() = default;

Json::Json(std::initializer_list<Json> items) : held_(nullptr) {
  bool pairs = items.size() > 0;
  for (const Json& item : items) {
    pairs = pairs && is_pair(item);
  }
  if (!pairs) {
    held_ = Array(items);
    return;
  }
  held_ = Object{};
  for (const Json& item : items) {
    (*this)[item.at(std::size_t{0}).as_string()] = item.at(std::size_t{1});
  }
}

Json Json::array(std::initializer_list<Json> items) {
  Json result;
  result.held_ = Array(items);
  return result;
}

Json Json::object() {
  Json result;
  result.held_ = Object{};
  return result;
}

Json Json::from(Array items) {
  Json result;
  result.held_ = std::move(items);
  return result;
}

Json Json::from(Object members) {
  Json result;
  result.held_ = std::move(members);
  return result;
}

std::optional<Json> Json::try_parse(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = limits::kJsonDepth;
  boost::system::error_code error;
  const boost::json::value value =
      boost::json::parse(boost::json::string_view(text.data(), text.size()), error, {}, options);
  if (error) {
    return std::nullopt;
  }
  return from_boost(value);
}

Json Json::parse(std::string_view text) {
  std::optional<Json> value = try_parse(text);
  if (!value) {
    throw JsonError("not JSON: " + std::string(text.substr(0, 80)));
  }
  return *std::move(value);
}

std::string Json::dump() const {
  if (is_null()) {
    return "null";
  }
  if (is_int()) {
    return std::to_string(as_int());
  }
  return boost::json::serialize(to_boost(*this));
}

bool Json::as_bool() const {
  const bool* value = std::get_if<bool>(&held_);
  return value != nullptr ? *value : (wrong_kind("a boolean"), false);
}

std::int64_t Json::as_int() const {
  if (const auto* value = std::get_if<std::int64_t>(&held_)) {
    return *value;
  }
  if (const auto* value = std::get_if<double>(&held_)) {
    if (std::trunc(*value) == *value && std::abs(*value) < 9.2e18) {
      return static_cast<std::int64_t>(*value);
    }
  }
  wrong_kind("a whole number");
}

double Json::as_double() const {
  if (const auto* value = std::get_if<std::int64_t>(&held_)) {
    return static_cast<double>(*value);
  }
  const double* value = std::get_if<double>(&held_);
  return value != nullptr ? *value : (wrong_kind("a number"), 0.0);
}

const std::string& Json::as_string() const {
  const std::string* value = std::get_if<std::string>(&held_);
  if (value == nullptr) {
    wrong_kind("a string");
  }
  return *value;
}

const Json::Array& Json::as_array() const {
  const Array* value = std::get_if<Array>(&held_);
  if (value == nullptr) {
    wrong_kind("an array");
  }
  return *value;
}

const Json::Object& Json::as_object() const {
  const Object* value = std::get_if<Object>(&held_);
  if (value == nullptr) {
    wrong_kind("an object");
  }
  return *value;
}

std::size_t Json::size() const {
  if (const Array* array = std::get_if<Array>(&held_)) {
    return array->size();
  }
  const Object* object = std::get_if<Object>(&held_);
  return object != nullptr ? object->size() : 0;
}

const Json* Json::find(std::string_view name) const {
  if (const Object* object = std::get_if<Object>(&held_)) {
    for (const Member& member : *object) {
      if (member.name == name) {
        return &member.value;
      }
    }
  }
  return nullptr;
}

const Json& Json::at(std::string_view name) const {
  const Json* found = find(name);
  if (found == nullptr) {
    throw JsonError("the JSON value has no member '" + std::string(name) + "'");
  }
  return *found;
}

const Json& Json::at(std::size_t index) const {
  const Array& array = as_array();
  if (index >= array.size()) {
    throw JsonError("the JSON array has no item " + std::to_string(index));
  }
  return array[index];
}

Json& Json::operator[](std::string_view name) {
  if (is_null()) {
    held_ = Object{};
  }
  Object* object = std::get_if<Object>(&held_);
  if (object == nullptr) {
    wrong_kind("an object");
  }
  for (Member& member : *object) {
    if (member.name == name) {
      return member.value;
    }
  }
  object->push_back(Member{std::string(name), Json()});
  return object->back().value;
}

Json& Json::operator[](std::size_t index) {
  return const_cast<Json&>(std::as_const(*this).at(index));
}

void Json::push_back(Json item) {
  if (is_null()) {
    held_ = Array{};
  }
  Array* array = std::get_if<Array>(&held_);
  if (array == nullptr) {
    wrong_kind("an array");
  }
  array->push_back(std::move(item));
}

bool Json::operator==(const Json& other) const {
  return held_ == other.held_;
}

}  // namespace jobflow
