#include "worker/builtin/http_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <netinet/in.h>
#include <optional>

namespace jobflow::worker {
namespace {

constexpr std::array<std::string_view, 3> kKinds{"loopback", "private", "link-local"};

struct Network4 {
  std::uint32_t address;
  int bits;
  std::string_view kind;
};
constexpr std::array kNetworks4 = std::to_array<Network4>({
    {0x00000000, 8, "loopback"},  // "this host": Linux connects to itself
    {0x7f000000, 8, "loopback"},
    {0x0a000000, 8, "private"},
    {0xac100000, 12, "private"},
    {0xc0a80000, 16, "private"},
    {0x64400000, 10, "private"},  // carriers' own
    {0xa9fe0000, 16, "link-local"},
});

std::string_view kind_of(std::uint32_t address) {
  for (const Network4& network : kNetworks4) {
    if ((address ^ network.address) >> (32 - network.bits) == 0) {
      return network.kind;
    }
  }
  return "";
}

std::string_view kind_of(const in6_addr& address) {
  const auto& bytes = address.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_V4COMPAT(&address)) {
    return kind_of(std::uint32_t{bytes[12]} << 24 | std::uint32_t{bytes[13]} << 16 |
                   std::uint32_t{bytes[14]} << 8 | std::uint32_t{bytes[15]});
  }
  if (IN6_IS_ADDR_LOOPBACK(&address) || IN6_IS_ADDR_UNSPECIFIED(&address)) {
    return "loopback";
  }
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) {
    return "link-local";
  }
  return (bytes[0] & 0xfe) == 0xfc ? "private" : "";
}

// A rule's host and port (0 = any).
struct Pattern {
  std::string_view host;
  int port = 0;
};

// Nothing when it cannot be read.
std::optional<Pattern> pattern_of(std::string_view rule) {
  Pattern pattern{rule};
  std::string_view port;
  if (rule.starts_with('[')) {
    const std::size_t end = rule.find(']');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    pattern.host = rule.substr(1, end - 1);
    port = rule.substr(end + 1);
  } else if (std::ranges::count(rule, ':') == 1) {
    pattern.host = rule.substr(0, rule.find(':'));
    port = rule.substr(rule.find(':'));
  }
  if (!port.empty()) {
    const auto [end, error] =
        std::from_chars(port.data() + 1, port.data() + port.size(), pattern.port);
    if (port.front() != ':' || error != std::errc{} || end != port.data() + port.size() ||
        pattern.port < 1 || pattern.port > 65535) {
      return std::nullopt;
    }
  }
  const bool odd =
      pattern.host.empty() || pattern.host.find('/') != std::string_view::npos ||
      pattern.host.find('*', pattern.host.starts_with("*.") ? 1 : 0) != std::string_view::npos;
  return odd ? std::nullopt : std::optional(pattern);
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return text;
}

}  // namespace

std::string_view kind_of_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in four{};
    std::memcpy(&four, &address, sizeof four);
    return kind_of(ntohl(four.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 six{};
    std::memcpy(&six, &address, sizeof six);
    return kind_of(six.sin6_addr);
  }
  return "";
}

Outcome<HttpGate> HttpGate::from(HttpRules rules) {
  for (std::string& host : rules.hosts) {
    host = lower(std::move(host));
    if (!pattern_of(host)) {
      return Problem{ProblemCode::invalid,
                     "'" + host + "' is no host: say example.com, *.example.com or [::1]:8080"};
    }
  }
  std::erase(rules.refused_addresses, "none");
  for (const std::string& kind : rules.refused_addresses) {
    if (std::ranges::find(kKinds, kind) == kKinds.end()) {
      return Problem{ProblemCode::invalid, "'" + kind +
                                               "' is no kind of address: there are loopback, "
                                               "private, link-local and none"};
    }
  }
  return HttpGate(std::move(rules));
}

HttpGate::Named HttpGate::named(const HttpPlace& place) const {
  Named best = Named::no;
  for (const std::string& rule : rules_.hosts) {
    const auto pattern = pattern_of(rule);
    if (!pattern || (pattern->port != 0 && pattern->port != place.port)) {
      continue;
    }
    if (place.host == pattern->host) {
      return Named::itself;
    }
    // "*.a.b": what ends with ".a.b".
    if (pattern->host.starts_with('*') && place.host.ends_with(pattern->host.substr(1))) {
      best = Named::by_wildcard;
    }
  }
  return best;
}

std::string HttpGate::refusal(const HttpPlace& place) const {
  if (place.scheme != "http" && place.scheme != "https") {
    return "only http and https are allowed, not " + place.scheme;
  }
  if (!rules_.hosts.empty() && named(place) == Named::no) {
    return "this worker was not started to call " + place.host + ":" + std::to_string(place.port) +
           " (worker.http.hosts)";
  }
  return "";
}

std::string HttpGate::refusal(const HttpPlace& place, const sockaddr& address) const {
  const std::string_view kind = kind_of_address(address);
  if (std::ranges::find(rules_.refused_addresses, kind) == rules_.refused_addresses.end() ||
      named(place) == Named::itself) {
    return "";
  }
  return place.host + " is at a " + std::string(kind) +
         " address, which this worker does not call (worker.http.refuse)";
}

}  // namespace jobflow::worker
