#include "model/builtin_params.h"

#include "model/builtin_handlers.h"
#include "model/size.h"
#include "model/spelling.h"
#include "model/time.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace jobflow {
namespace {

constexpr std::array kLimits = std::to_array<Param>({
    {"cpu", Takes::span, 1},
    {"memory", Takes::size, 1024 * 1024},
    {"files", Takes::whole, 16, 1'000'000},
    {"processes", Takes::whole, 1, 1'000'000},
});
constexpr std::array kStatement = std::to_array<Param>({
    {"sql", Takes::text},
    {"values", Takes::values},
});
constexpr std::array<std::string_view, 7> kMethods{"GET",   "HEAD",   "POST",   "PUT",
                                                   "PATCH", "DELETE", "OPTIONS"};
// Of the connection, not of the request: an author who sets them gets an unreadable answer.
constexpr std::array<std::string_view, 4> kOwnHeaders{"host", "content-length", "transfer-encoding",
                                                      "connection"};

std::string must_be(std::string_view what, const JsonValue& value) {
  return "must be " + std::string(what) + ", not " + std::string(kind_in_words(value));
}

std::optional<std::int64_t> whole_of(const JsonValue& value) {
  if (value.is_int64()) {
    return value.get_int64();
  }
  if (value.is_double() && value.get_double() == std::trunc(value.get_double()) &&
      std::abs(value.get_double()) < 1e15) {
    return static_cast<std::int64_t>(value.get_double());
  }
  return std::nullopt;
}

// Letters, digits and what else HTTP lets a header's name have.
bool is_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    const bool alphanumeric =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return alphanumeric || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + ('a' - 'A') : x) == y; });
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(text, [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f';
  });
}

}  // namespace

std::string names_of(std::span<const Param> params) {
  std::string all;
  for (const Param& param : params) {
    all.append(all.empty() ? "" : ", ").append(param.name);
  }
  return all;
}

Outcome<StatusRange> parse_status_range(std::string_view text) {
  const auto number = [](std::string_view digits) {
    int value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return digits.size() == 3 && error == std::errc{} && end == digits.data() + 3 ? value : 0;
  };
  StatusRange range;
  if (text.size() == 3 && (text.ends_with("xx") || text.ends_with("XX"))) {
    range.first = (text.front() - '0') * 100;
    range.last = range.first + 99;
  } else {
    const std::size_t dash = std::min(text.find('-'), text.size());
    range.first = number(text.substr(0, dash));
    range.last = dash == text.size() ? range.first : number(text.substr(dash + 1));
  }
  if (range.first < 100 || range.last > 599 || range.last < range.first) {
    return Problem{ProblemCode::invalid, "'" + std::string(text.substr(0, 40)) +
                                             "' is no status: say 204, \"2xx\" or \"200-204\""};
  }
  return range;
}

bool ParamCheck::is_template(const JsonValue& value) const {
  return templates_ && value.is_string() &&
         std::string_view(value.get_string()).find("{{") != std::string_view::npos;
}

void ParamCheck::check(const Param& param, const std::string& pointer, const JsonValue& value) {
  if (value.is_null() || is_template(value)) {
    return;
  }
  switch (param.takes) {
    case Takes::anything:
      return;
    case Takes::text:
      return text(pointer, value);
    case Takes::texts:
      return texts(pointer, value);
    case Takes::variables:
      return variables(pointer, value);
    case Takes::truth:
      return value.is_bool() ? void() : wrong(pointer, must_be("true or false", value));
    case Takes::whole:
      return number(param, pointer, value);
    case Takes::span:
      return span(param, pointer, value);
    case Takes::size:
      return size(param, pointer, value);
    case Takes::limits:
      return members(kLimits, pointer, value);
    case Takes::method:
      return method(pointer, value);
    case Takes::url:
      return url(pointer, value);
    case Takes::headers:
      return headers(pointer, value);
    case Takes::query:
      return query(pointer, value);
    case Takes::statuses:
      return statuses(pointer, value);
    case Takes::values:
      return value.is_array() || value.is_object()
                 ? void()
                 : wrong(pointer, must_be("a list, or an object of named values", value));
    case Takes::statements:
      return statements(pointer, value);
  }
}

void ParamCheck::members(std::span<const Param> params,
                         const std::string& pointer,
                         const JsonValue& value) {
  if (!value.is_object()) {
    return wrong(pointer, must_be("an object of " + names_of(params), value));
  }
  for (const auto& [key, member] : value.get_object()) {
    const auto param = std::ranges::find(params, std::string_view(key), &Param::name);
    if (param == params.end()) {
      wrong(pointer_to(pointer, key), "is unknown here: there are " + names_of(params));
    } else {
      check(*param, pointer_to(pointer, key), member);
    }
  }
}

void ParamCheck::text(const std::string& pointer, const JsonValue& value) {
  if (!value.is_string()) {
    wrong(pointer, must_be("a text", value) +
                       (value.is_number() || value.is_bool() ? ": put it in quotes" : ""));
  } else if (value.get_string().find('\0') != boost::json::string::npos) {
    wrong(pointer, "contains a NUL character");
  }
}

// Numbers and truths are written out.
void ParamCheck::word(const std::string& pointer, const JsonValue& value) {
  if (!value.is_number() && !value.is_bool() && !is_template(value)) {
    text(pointer, value);
  }
}

void ParamCheck::texts(const std::string& pointer, const JsonValue& value) {
  if (!value.is_array()) {
    return wrong(pointer, must_be("a list of texts", value));
  }
  const auto& items = value.get_array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    word(pointer_to(pointer, std::to_string(i)), items[i]);
  }
}

void ParamCheck::variables(const std::string& pointer, const JsonValue& value) {
  if (!value.is_object()) {
    return wrong(pointer, must_be("an object of variables", value));
  }
  for (const auto& [key, text] : value.get_object()) {
    const std::string_view name = key;
    if (name.empty() || name.find_first_of(std::string_view("=\0", 2)) != name.npos) {
      wrong(pointer_to(pointer, name), "cannot name a variable");
    } else {
      word(pointer_to(pointer, name), text);
    }
  }
}

void ParamCheck::number(const Param& param, const std::string& pointer, const JsonValue& value) {
  const auto whole = whole_of(value);
  if (!whole) {
    wrong(pointer, must_be("a whole number", value));
  } else if (*whole < param.least || *whole > param.most) {
    wrong(pointer, "must be from " + std::to_string(param.least) + " to " +
                       std::to_string(param.most) + ", not " + std::to_string(*whole));
  }
}

void ParamCheck::span(const Param& param, const std::string& pointer, const JsonValue& value) {
  if (!value.is_string() && !value.is_int64()) {
    return wrong(pointer, must_be("a duration such as \"10s\", or whole milliseconds", value));
  }
  const auto span = value.is_string() ? parse_span(std::string_view(value.get_string()))
                                      : Outcome<Span>(Span{value.get_int64()});
  if (!span || span->ms < 0) {
    wrong(pointer, span ? "is negative" : span.problem().detail);
  } else if (span->ms < param.least) {
    wrong(pointer, "must be at least " + to_text(Span{param.least}));
  }
}

void ParamCheck::size(const Param& param, const std::string& pointer, const JsonValue& value) {
  if (!value.is_string() && !value.is_int64()) {
    return wrong(pointer, must_be("a size such as \"64KiB\", or whole bytes", value));
  }
  const auto size = value.is_string() ? parse_size(std::string_view(value.get_string()))
                                      : Outcome<std::int64_t>(value.get_int64());
  if (!size) {
    wrong(pointer, size.problem().detail);
  } else if (*size < param.least || *size > param.most) {
    wrong(pointer, "must be " +
                       (*size < param.least ? "at least " + size_text(param.least)
                                            : "at most " + size_text(param.most)) +
                       ", not " + size_text(*size));
  }
}

void ParamCheck::method(const std::string& pointer, const JsonValue& value) {
  if (!value.is_string()) {
    return wrong(pointer, must_be("a method such as \"POST\"", value));
  }
  const std::string_view name = value.get_string();
  if (std::ranges::find(kMethods, name) == kMethods.end()) {
    wrong(pointer, "'" + std::string(name) + "' is none of GET, HEAD, POST, PUT, PATCH, DELETE, " +
                       "OPTIONS" + did_you_mean(name, kMethods));
  }
}

void ParamCheck::url(const std::string& pointer, const JsonValue& value) {
  if (!value.is_string()) {
    return wrong(pointer, must_be("a URL", value));
  }
  const std::string_view url = value.get_string();
  const std::size_t scheme_end = url.find("://");
  const std::string_view scheme = url.substr(0, std::min(scheme_end, url.size()));
  if (url.empty()) {
    return;  // as good as absent
  }
  if (!same_ignoring_case(scheme, "http") && !same_ignoring_case(scheme, "https")) {
    return wrong(pointer, "must begin with http:// or https://");
  }
  const std::string_view rest = url.substr(scheme_end + 3);
  const std::string_view authority =
      rest.substr(0, std::min(rest.find_first_of("/?#"), rest.size()));
  if (authority.empty() || authority.front() == ':' || authority.ends_with('@')) {
    wrong(pointer, "names no host");
  } else if (has_control_characters(url) || url.find_first_of(" \t") != url.npos) {
    wrong(pointer, "contains a blank or a control character: write them as %20 and the like");
  }
}

void ParamCheck::headers(const std::string& pointer, const JsonValue& value) {
  if (!value.is_object()) {
    return wrong(pointer, must_be("an object of headers", value));
  }
  for (const auto& [key, text] : value.get_object()) {
    const std::string_view name = key;
    const std::string at = pointer_to(pointer, name);
    if (!is_token(name)) {
      wrong(at, "cannot name a header");
    } else if (std::ranges::any_of(kOwnHeaders, [&](std::string_view own) {
                 return same_ignoring_case(name, own);
               })) {
      wrong(at, "is not yours to set: it follows from the URL and the body");
    } else if (text.is_string() && has_control_characters(std::string_view(text.get_string()))) {
      wrong(at, "contains a line break or another control character");
    } else {
      word(at, text);
    }
  }
}

void ParamCheck::query(const std::string& pointer, const JsonValue& value) {
  if (!value.is_object()) {
    return wrong(pointer, must_be("an object of texts, or of lists of texts", value));
  }
  for (const auto& [key, item] : value.get_object()) {
    const std::string at = pointer_to(pointer, key);
    item.is_array() ? texts(at, item) : word(at, item);
  }
}

void ParamCheck::statuses(const std::string& pointer, const JsonValue& value) {
  const auto one = [this](const std::string& at, const JsonValue& item) {
    const auto whole = whole_of(item);
    if (!whole && !item.is_string()) {
      wrong(at, must_be("a status such as 204, \"2xx\" or \"200-204\"", item));
    } else if (const auto range = parse_status_range(whole ? std::to_string(*whole)
                                                           : std::string(item.get_string()));
               !range) {
      wrong(at, range.problem().detail);
    }
  };
  if (!value.is_array()) {
    return one(pointer, value);
  }
  const auto& items = value.get_array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!is_template(items[i])) {
      one(pointer_to(pointer, std::to_string(i)), items[i]);
    }
  }
}

void ParamCheck::statements(const std::string& pointer, const JsonValue& value) {
  if (!value.is_array()) {
    return wrong(pointer, must_be("a list of statements", value));
  }
  const auto& items = value.get_array();
  if (items.empty()) {
    wrong(pointer, "is empty");
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string at = pointer_to(pointer, std::to_string(i));
    if (items[i].is_string()) {
      word(at, items[i]);
    } else if (!items[i].is_object()) {
      wrong(at, must_be("a text, or an object of sql and values", items[i]));
    } else if (members(kStatement, at, items[i]); !items[i].get_object().contains("sql")) {
      wrong(at, "'sql' is missing: say what to run");
    }
  }
}

}  // namespace jobflow
