// A request and its answer as values, free of any transport. Handlers read and write these.
#pragma once

#include "model/id.h"
#include "runtime/access.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobflow::api {

enum class Method : std::uint8_t { get, post, put, del };
std::string_view to_string(Method method);

struct Request {
  std::string id;                                          // X-Request-Id, the caller's or ours
  std::string target;                                      // as it was sent
  std::string path;                                        // of the target, still percent-encoded
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  std::vector<std::pair<std::string, std::string>>
      places;  // {id} and the like of the path, decoded

  // The headers that mean something here; "" when absent.
  std::string content_type;
  std::string idempotency_key;
  std::string if_match;
  std::string if_none_match;
  std::string last_event_id;
  std::string sent_command;  // Jobflow-Command

  // Of what it changes: of its first item, when it has several; theirs follow on (S12.4).
  Id command;
  bool is_repeat = false;  // the caller names a command that it sent before

  std::string body;
  runtime::Principal principal;

  // The value of a place; a missing one is a programmer's error.
  const std::string& place(std::string_view name) const;
  // The first value of a query parameter, or nullptr.
  const std::string* asked(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string_view, std::string>> headers = {};  // names are literals
  std::string body = {};
};

// Percent-decoding of a path segment or, with `plus`, of a query value. Nothing on a broken escape
// or a NUL.
std::optional<std::string> percent_decoded(std::string_view text, bool plus = false);
std::string percent_encoded(std::string_view text);  // a path segment

// Cuts `target` into path and decoded query; false when it cannot be read.
bool read_target(std::string_view target, Request& request);

}  // namespace jobflow::api
