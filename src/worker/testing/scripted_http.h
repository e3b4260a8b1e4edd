// An HTTP server that answers as a test tells it to, on a free port of loopback, with or without
// TLS. Owned by the test. Thread-safe. Every wait has a bound and throws when it passes.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::worker {

struct HttpCall {
  std::string method, target, body;
  std::map<std::string, std::string> headers;  // names in lower case
};

struct HttpReply {
  enum class Way : unsigned char {
    whole,
    silent,   // says nothing, and holds the line
    endless,  // the body goes on for as long as somebody reads
    cut,      // hangs up half-way
  };
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  Way way = Way::whole;
};

class ScriptedHttp {
 public:
  using Script = std::function<HttpReply(const HttpCall& call)>;

  explicit ScriptedHttp(Script script, bool tls = false);
  ~ScriptedHttp();

  std::string url(const std::string& target = "/") const;
  const std::string& certificate() const;  // PEM, self-signed for localhost and 127.0.0.1
  // The nth (from 0), waited for.
  HttpCall call(std::size_t n);
  std::size_t calls() const;
  // How many bytes of endless bodies went out, once nobody reads any more.
  std::size_t endless_bytes();

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace jobflow::worker
