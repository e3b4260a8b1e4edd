#include "model/json.h"

#include "model/limits.h"

#include <boost/json/parse.hpp>
#include <boost/json/parser.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace jobflow {
namespace {

boost::json::parse_options options() {
  boost::json::parse_options chosen;
  chosen.max_depth = limits::kJsonDepth;
  return chosen;
}

bool is_empty_object(std::string_view text) {
  return text.empty() || text == "{}";
}

std::string describe(const boost::system::error_code& error) {
  if (error == boost::json::error::too_deep) {
    return "it is nested more than " + std::to_string(limits::kJsonDepth) + " levels deep";
  }
  if (error == boost::json::error::incomplete) {
    return "it ends before a bracket, brace or quote is closed";
  }
  if (error == boost::json::error::extra_data) {
    return "it goes on after its value ended";
  }
  return error.message();
}

// Boost.JSON writes 0.2 as 2E-1: correct, but not what the author wrote. This one writes numbers in
// their shortest exact form.
class Writer {
 public:
  explicit Writer(std::string& text) : text_(text) {}

  void write(const JsonValue& value) {
    switch (value.kind()) {
      case boost::json::kind::double_:
        return write(value.get_double());
      case boost::json::kind::array:
        return write(value.get_array());
      case boost::json::kind::object:
        return write(value.get_object());
      case boost::json::kind::string:
        return write(std::string_view(value.get_string()));
      case boost::json::kind::int64:
        return number(value.get_int64());
      case boost::json::kind::uint64:
        return number(value.get_uint64());
      case boost::json::kind::bool_:
        text_ += value.get_bool() ? "true" : "false";
        return;
      case boost::json::kind::null:
        text_ += "null";
        return;
    }
  }

 private:
  template <class Number>
  void number(Number value) {
    std::array<char, 32> digits;
    text_.append(digits.data(),
                 std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  }

  void write(double value) {
    const std::size_t start = text_.size();
    number(value);
    // Stays a floating number when it is read again.
    if (text_.find_first_of(".e", start) == std::string::npos) {
      text_ += ".0";
    }
  }

  void write(std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    text_ += '"';
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte >= 0x20 && byte != '"' && byte != '\\') {
        continue;
      }
      text_ += text.substr(plain, i - plain);
      plain = i + 1;
      text_ += '\\';
      constexpr std::string_view kShort = "\bb\ff\nn\rr\tt\"\"\\\\";
      const std::size_t at = kShort.find(text[i]);
      if (at != std::string_view::npos) {
        text_ += kShort[at + 1];
      } else {
        text_ += "u00";
        text_ += kHex[byte >> 4];
        text_ += kHex[byte & 0xf];
      }
    }
    text_ += text.substr(plain);
    text_ += '"';
  }

  void write(const boost::json::array& array) {
    text_ += '[';
    bool first = true;
    for (const JsonValue& value : array) {
      text_ += first ? "" : ",";
      first = false;
      write(value);
    }
    text_ += ']';
  }

  void write(const boost::json::object& object) {
    text_ += '{';
    bool first = true;
    for (const auto& [key, value] : object) {
      text_ += first ? "" : ",";
      first = false;
      write(std::string_view(key));
      text_ += ':';
      write(value);
    }
    text_ += '}';
  }

  std::string& text_;
};

}  // namespace

Outcome<JsonValue> parse_json(std::string_view text) {
  boost::json::parser parser({}, options());
  boost::system::error_code error;
  const std::size_t used = parser.write(text.data(), text.size(), error);
  if (error) {
    const std::string_view before = text.substr(0, used);
    const int line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
    const std::string message = "not valid JSON: " + describe(error);
    return Problem{
        ProblemCode::invalid,
        message + " (line " + std::to_string(line) + ", byte " + std::to_string(used) + ")",
        {{"", message, line}}};
  }
  return parser.release();
}

std::string to_text(const JsonValue& value) {
  std::string text;
  Writer(text).write(value);
  return text;
}

std::string_view kind_in_words(const JsonValue& value) {
  switch (value.kind()) {
    case boost::json::kind::object:
      return "an object";
    case boost::json::kind::array:
      return "a list";
    case boost::json::kind::string:
      return "a string";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
    case boost::json::kind::double_:
      return "a number";
    case boost::json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case boost::json::kind::null:
      return "null";
  }
  return "";
}

std::string pointer_to(std::string_view parent, std::string_view member) {
  std::string pointer(parent);
  pointer += '/';
  for (const char c : member) {
    if (c == '~') {
      pointer += "~0";
    } else if (c == '/') {
      pointer += "~1";
    } else {
      pointer += c;
    }
  }
  return pointer;
}

bool is_json(std::string_view text) {
  return parse_json(text).ok();
}

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

std::string field_text(std::string_view object, std::string_view path) {
  const auto document = parse_json(object);
  const JsonValue* value = document ? &*document : nullptr;
  while (value != nullptr && !path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const std::string_view name = path.substr(0, dot);
    path.remove_prefix(std::min(dot + 1, path.size()));
    const auto* members = value->if_object();
    const auto* items = value->if_array();
    std::size_t position = 0;
    const bool is_position =
        std::from_chars(name.data(), name.data() + name.size(), position).ptr ==
        name.data() + name.size();
    value = members != nullptr                ? members->if_contains(name)
            : items != nullptr && is_position ? items->if_contains(position)
                                              : nullptr;
  }
  if (value == nullptr || value->is_null()) {
    return {};
  }
  return value->is_string() ? std::string(value->get_string()) : to_text(*value);
}

}  // namespace jobflow
