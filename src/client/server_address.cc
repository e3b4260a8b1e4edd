#include "client/server_address.h"

#include <charconv>

namespace jobflow::client {
namespace {

Problem wrong(std::string_view text, std::string_view why) {
  return {.code = ProblemCode::invalid,
          .detail = "'" + std::string(text) + "' is no server address: " + std::string(why) +
                    "; write it like http://127.0.0.1:7700"};
}

bool is_port(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port > 0 && port < 65536;
}

}  // namespace

Outcome<ServerAddress> parse_server_address(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    return wrong(text, "this version speaks http only (https comes with TLS support)");
  }
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  }
  while (rest.ends_with('/')) {
    rest.remove_suffix(1);
  }
  if (rest.find_first_of("/?# @") != std::string_view::npos) {
    return wrong(text, "it may hold nothing but a host and a port");
  }
  if (is_port(rest)) {
    const std::string port(rest);
    return ServerAddress{"127.0.0.1", port, "http://127.0.0.1:" + port};
  }
  const bool bracketed = rest.starts_with('[');
  const auto colon = rest.rfind(':');
  const auto host_end = bracketed ? rest.find(']') : colon;
  if (bracketed && host_end == std::string_view::npos) {
    return wrong(text, "the ] is missing");
  }
  std::string host(rest.substr(bracketed ? 1 : 0, host_end - (bracketed ? 1 : 0)));
  std::string port = "7700";
  const auto after = bracketed ? host_end + 1 : host_end;
  if (after != std::string_view::npos && after < rest.size()) {
    port = rest.substr(after + 1);
    if (rest[after] != ':' || !is_port(port)) {
      return wrong(text, "the port is no number from 1 to 65535");
    }
  }
  if (host.empty()) {
    host = "127.0.0.1";
  }
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return ServerAddress{host, port, "http://" + shown + ":" + port};
}

}  // namespace jobflow::client
