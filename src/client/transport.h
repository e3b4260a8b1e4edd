// How requests of the public API reach a server and answers come back.
//
// The real one is HttpTransport (http_transport.h); tests put a fake in its place. Not thread-safe:
// one caller, one call at a time. Problems are the server's own, or `unavailable` when none
// answered.
#pragma once

#include "model/outcome.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::client {

struct Request {
  std::string method = "GET";
  std::string target;  // path and query, e.g. "/api/v1/runs?limit=20"
  std::string body = {};
  std::string content_type = {};  // of the body
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// A success (2xx).
struct Response {
  int status = 200;
  std::string body;
  std::string content_type;
  std::string etag;
};

// One event of an event stream (SSE).
struct ServerEvent {
  std::string id;
  std::string type = "message";
  std::string data;
};

// Hears a stream. Either function answers false when it has heard enough.
struct EventListener {
  std::function<bool(const ServerEvent&)> heard;
  std::function<bool()> idle;  // called at least every 100 ms while the stream is open
};

// Why a stream ended without a Problem.
enum class StreamEnd : unsigned char { enough, closed_by_server };

class Transport {
 public:
  virtual ~Transport() = default;
  virtual Outcome<Response> call(const Request& request) = 0;
  virtual Outcome<StreamEnd> listen(const Request& request, const EventListener& listener) = 0;
  // Ends a kept-alive connection: for callers that pause for long.
  virtual void rest() {}
};

}  // namespace jobflow::client
