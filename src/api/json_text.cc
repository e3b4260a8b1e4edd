#include "api/json_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace jobflow::api {
namespace {

// The length of the UTF-8 sequence that starts `text`, 0 when it is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    return 1;
  }
  const std::size_t length = first >= 0xf0 ? 4U : first >= 0xe0 ? 3U : 2U;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) {
      return 0;
    }
  }
  const unsigned char second = byte(1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool surrogate = first == 0xed && second > 0x9f;
  const bool beyond = first == 0xf4 && second > 0x8f;
  return overlong || surrogate || beyond ? 0 : length;
}

void append_escaped(std::string& out, char c) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  switch (c) {
    case '"':
      out.append("\\\"");
      return;
    case '\\':
      out.append("\\\\");
      return;
    case '\n':
      out.append("\\n");
      return;
    case '\r':
      out.append("\\r");
      return;
    case '\t':
      out.append("\\t");
      return;
    default:
      out.append("\\u00");
      out.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
}

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && is_plain(text[plain])) {
      ++plain;
    }
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) {
      break;
    }
    const std::size_t length = utf8_length(text);
    if (length == 1) {
      append_escaped(out, text.front());
    } else if (length == 0) {
      out.append("\xef\xbf\xbd");
    } else {
      out.append(text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out.push_back('"');
}

std::string& JsonObject::open(std::string_view key) {
  if (!first_) {
    out_.push_back(',');
  }
  first_ = false;
  out_.push_back('"');
  out_.append(key).append("\":");
  return out_;
}

JsonObject& JsonObject::text(std::string_view key, std::string_view value) {
  append_json_string(open(key), value);
  return *this;
}

JsonObject& JsonObject::text_or_null(std::string_view key, std::string_view value) {
  return value.empty() ? raw(key, "null") : text(key, value);
}

JsonObject& JsonObject::number(std::string_view key, std::int64_t value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  open(key).append(digits.data(), end);
  return *this;
}

JsonObject& JsonObject::real(std::string_view key, double value) {
  std::array<char, 32> digits{};
  const double finite = std::isfinite(value) ? value : 0;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), finite).ptr;
  open(key).append(digits.data(), end);
  return *this;
}

JsonObject& JsonObject::truth(std::string_view key, bool value) {
  return raw(key, value ? "true" : "false");
}

JsonObject& JsonObject::id(std::string_view key, Id value) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value.value).ptr;
  std::string& out = open(key);
  out.push_back('"');
  out.append(digits.data(), end).push_back('"');
  return *this;
}

JsonObject& JsonObject::time(std::string_view key, Instant value) {
  return value.is_set() ? text(key, to_rfc3339(value)) : raw(key, "null");
}

JsonObject& JsonObject::raw(std::string_view key, std::string_view json) {
  open(key).append(json.empty() ? "null" : json);
  return *this;
}

std::string& JsonArray::next() {
  if (!first_) {
    out_.push_back(',');
  }
  first_ = false;
  return out_;
}

void append_texts(std::string& out, const std::vector<std::string>& texts) {
  JsonArray items(out);
  for (const std::string& text : texts) {
    append_json_string(items.next(), text);
  }
}

}  // namespace jobflow::api
