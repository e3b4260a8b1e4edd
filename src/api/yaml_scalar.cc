#include "api/yaml_scalar.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string>

namespace jobflow::api {
namespace {

namespace json = boost::json;

bool all_of(std::string_view text, std::string_view letters) {
  return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

bool is_null(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

std::optional<bool> truth(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") {
    return true;
  }
  if (text == "false" || text == "False" || text == "FALSE") {
    return false;
  }
  return std::nullopt;
}

struct Integer {
  std::string_view digits;
  bool negative = false;
  int base = 10;
};

std::optional<Integer> integer(std::string_view text) {
  if (text.starts_with("0x") && all_of(text.substr(2), "0123456789abcdefABCDEF")) {
    return Integer{.digits = text.substr(2), .base = 16};
  }
  if (text.starts_with("0o") && all_of(text.substr(2), "01234567")) {
    return Integer{.digits = text.substr(2), .base = 8};
  }
  const bool is_signed = text.starts_with('-') || text.starts_with('+');
  const std::string_view digits = text.substr(is_signed ? 1 : 0);
  if (!all_of(digits, "0123456789")) {
    return std::nullopt;
  }
  return Integer{.digits = digits, .negative = text.starts_with('-')};
}

Outcome<json::value> to_value(const Integer& integer) {
  const std::string text = (integer.negative ? "-" : "") + std::string(integer.digits);
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, integer.base);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return Problem{ProblemCode::invalid, "the number '" + text.substr(0, 32) +
                                             "' is too large: quote it to keep it as text"};
  }
  return json::value(value);
}

// [-+]? ( . digits | digits ( . digits? )? ) ( [eE] [-+]? digits )?
bool is_real(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789";
  if (text.starts_with('-') || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  const std::size_t exponent = text.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    std::string_view power = text.substr(exponent + 1);
    if (power.starts_with('-') || power.starts_with('+')) {
      power.remove_prefix(1);
    }
    if (!all_of(power, kDigits)) {
      return false;
    }
    text = text.substr(0, exponent);
  }
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) {
    return all_of(text, kDigits);
  }
  const std::string_view whole = text.substr(0, dot);
  const std::string_view part = text.substr(dot + 1);
  return (whole.empty() || all_of(whole, kDigits)) && (part.empty() || all_of(part, kDigits)) &&
         !(whole.empty() && part.empty());
}

bool is_unbounded(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) {
    text.remove_prefix(1);
  }
  return text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" ||
         text == ".NAN";
}

Outcome<json::value> real(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !std::isfinite(value)) {
    return Problem{ProblemCode::invalid,
                   "the number '" + std::string(text.substr(0, 32)) + "' is out of range"};
  }
  return json::value(value);
}

// A plain scalar is what it looks like.
Outcome<json::value> plain(std::string_view text) {
  if (is_null(text)) {
    return json::value(nullptr);
  }
  if (const auto is = truth(text)) {
    return json::value(*is);
  }
  if (const auto number = integer(text)) {
    return to_value(*number);
  }
  if (is_real(text)) {
    return real(text);
  }
  if (is_unbounded(text)) {
    return Problem{ProblemCode::invalid,
                   "'" + std::string(text) + "' has no place in JSON: quote it to keep it as text"};
  }
  return json::value(json::string(text));
}

}  // namespace

Outcome<json::value> yaml_scalar(std::string_view tag, std::string_view text) {
  static constexpr std::string_view kCore = "tag:yaml.org,2002:";
  if (tag.empty() || tag == "?") {
    return plain(text);
  }
  if (tag == "!" || tag == "tag:yaml.org,2002:str") {
    return json::value(json::string(text));
  }
  const Problem mismatch{ProblemCode::invalid, "'" + std::string(text.substr(0, 32)) +
                                                   "' does not fit its tag '" +
                                                   std::string(tag.substr(0, 64)) + "'"};
  if (!tag.starts_with(kCore)) {
    return Problem{ProblemCode::invalid,
                   "the tag '" + std::string(tag.substr(0, 64)) + "' is not taken here"};
  }
  const std::string_view type = tag.substr(kCore.size());
  auto value = plain(text);
  if (!value) {
    return value;
  }
  const bool fits = (type == "null" && value->is_null()) || (type == "bool" && value->is_bool()) ||
                    (type == "int" && value->is_int64()) ||
                    (type == "float" && (value->is_double() || value->is_int64()));
  if (!fits) {
    return mismatch;
  }
  return value;
}

}  // namespace jobflow::api
