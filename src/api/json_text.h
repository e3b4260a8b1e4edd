// Writes JSON text by hand, for answers: no tree in between. Appends to a string it borrows.
#pragma once

#include "model/id.h"
#include "model/time.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

// `text` as a JSON string; bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// An object under way: commas are its own business. Not thread-safe.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_.push_back('{'); }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;
  ~JsonObject() { out_.push_back('}'); }

  JsonObject& text(std::string_view key, std::string_view value);
  JsonObject& text_or_null(std::string_view key, std::string_view value);  // "" is null
  JsonObject& number(std::string_view key, std::int64_t value);
  JsonObject& real(std::string_view key, double value);
  JsonObject& truth(std::string_view key, bool value);
  JsonObject& id(std::string_view key, Id value);
  JsonObject& time(std::string_view key, Instant value);         // unset is null
  JsonObject& raw(std::string_view key, std::string_view json);  // "" is null
  std::string& open(std::string_view key);                       // the value follows by other hands

 private:
  std::string& out_;
  bool first_ = true;
};

// An array under way.
class JsonArray {
 public:
  explicit JsonArray(std::string& out) : out_(out) { out_.push_back('['); }
  JsonArray(const JsonArray&) = delete;
  JsonArray& operator=(const JsonArray&) = delete;
  ~JsonArray() { out_.push_back(']'); }
  std::string& next();

 private:
  std::string& out_;
  bool first_ = true;
};

// An array of strings.
void append_texts(std::string& out, const std::vector<std::string>& texts);

}  // namespace jobflow::api
