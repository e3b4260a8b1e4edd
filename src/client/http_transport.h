// The public API over HTTP/1.1: bearer token, one kept-alive connection, event streams.
//
// Owned by one caller; not thread-safe. A kept connection that the server has closed meanwhile is
// replaced silently as long as nothing of the request can have been taken.
#pragma once

#include "client/server_address.h"
#include "client/transport.h"
#include "model/time.h"

#include <memory>
#include <string>

namespace jobflow::client {

struct HttpSettings {
  ServerAddress server;
  std::string token;  // "" = none
  Span connect_timeout = seconds(5);
  Span answer_timeout = seconds(60);
};

class HttpTransport final : public Transport {
 public:
  explicit HttpTransport(HttpSettings settings);
  ~HttpTransport() override;

  Outcome<Response> call(const Request& request) override;
  Outcome<StreamEnd> listen(const Request& request, const EventListener& listener) override;
  void rest() override;

 private:
  class Connection;
  HttpSettings settings_;
  std::unique_ptr<Connection> kept_;
};

}  // namespace jobflow::client
