// One request and its answer, through libcurl, on the calling thread. The only file that knows
// libcurl; TLS is always verified, no file, proxy, cookie or password file of the machine is used.
#pragma once

#include "model/time.h"
#include "worker/builtin/http_rules.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobflow::worker {

struct Body;

struct HttpRequest {
  std::string method;
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> body;
  Span timeout;  // for all of it
  Span connect_timeout;
  std::size_t body_max = 0;  // of the answer's body; the rest is not read
  std::string ca;            // PEM; "" = as the rules say
};

struct HttpAnswer {
  enum class Kind : unsigned char {
    answered,
    stopped,  // the body was asked to stop
    refused,  // by the gate
    bad_url,
    timed_out,
    tls,     // no trust
    broken,  // not reached, or cut off
  };
  Kind kind = Kind::broken;
  std::string trouble;  // of all kinds but `answered`
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  bool truncated = false;
  std::string redirect;  // where it points to, absolute
  Span retry_after;      // zero = not said
};

// Nothing when it is no URL.
std::optional<HttpPlace> place_of(const std::string& url);
// Scheme, host and path: what may be shown of a URL that may hold secrets.
std::string shown_url(const std::string& url);
// `name=value` pairs in percent-encoding, added to what the URL asks already.
std::string with_query(const std::string& url,
                       const std::vector<std::pair<std::string, std::string>>& query);

// Before the first transfer, while there is one thread or under a lock.
void prepare_transfers();
HttpAnswer transfer(Body& body, const HttpRequest& request, const HttpGate& gate);

}  // namespace jobflow::worker
