// Where a server's public API is, read from what a person wrote. A value.
#pragma once

#include "model/outcome.h"

#include <string>
#include <string_view>

namespace jobflow::client {

struct ServerAddress {
  std::string host;  // a name, IPv4, or IPv6 without brackets
  std::string port;
  std::string text;  // http://host:port, as messages show it
};

// "http://127.0.0.1:7700", "localhost:7700", "[::1]:7700", ":7700" or "7700".
Outcome<ServerAddress> parse_server_address(std::string_view text);

}  // namespace jobflow::client
