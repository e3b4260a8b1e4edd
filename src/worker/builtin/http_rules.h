// Where an operator lets `http` go: schemes, hosts, and kinds of addresses, whatever a definition,
// a redirect or a name server says. Pure.
#pragma once

#include "model/outcome.h"

#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

namespace jobflow::worker {

struct HttpRules {
  // "example.com", "*.example.com", "10.1.2.3", "[::1]", each with or without ":port"; empty = all.
  std::vector<std::string> hosts = {};
  // Addresses nobody is connected to, unless `hosts` names the host itself: "loopback", "private",
  // "link-local" (where clouds keep their machines' credentials).
  std::vector<std::string> refused_addresses = {"link-local"};
  std::string ca_file = {};  // PEM, instead of the system's authorities
};

// The part of a URL that rules speak of; lower case, the host without brackets.
struct HttpPlace {
  std::string scheme, host;
  int port = 0;
  bool operator==(const HttpPlace&) const = default;
};

class HttpGate {
 public:
  // A problem names the rule that cannot be read.
  static Outcome<HttpGate> from(HttpRules rules);

  const HttpRules& rules() const { return rules_; }
  // Why nobody may be sent there; "" when they may.
  std::string refusal(const HttpPlace& place) const;
  std::string refusal(const HttpPlace& place, const sockaddr& address) const;

 private:
  enum class Named : unsigned char { no, by_wildcard, itself };
  explicit HttpGate(HttpRules rules) : rules_(std::move(rules)) {}
  Named named(const HttpPlace& place) const;

  HttpRules rules_;
};

// "loopback", "private", "link-local", or "" for all other addresses.
std::string_view kind_of_address(const sockaddr& address);

}  // namespace jobflow::worker
