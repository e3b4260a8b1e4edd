// Where `http` may go, whatever a definition says.
#include "worker/builtin/http_rules.h"

#include "worker/builtin/http_transfer.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace jobflow::worker {
namespace {

struct Address {
  explicit Address(const char* text) {
    auto* four = reinterpret_cast<sockaddr_in*>(&storage);
    auto* six = reinterpret_cast<sockaddr_in6*>(&storage);
    if (::inet_pton(AF_INET, text, &four->sin_addr) == 1) {
      four->sin_family = AF_INET;
    } else {
      EXPECT_EQ(::inet_pton(AF_INET6, text, &six->sin6_addr), 1) << text;
      six->sin6_family = AF_INET6;
    }
  }
  const sockaddr& get() const { return reinterpret_cast<const sockaddr&>(storage); }
  sockaddr_storage storage{};
};

std::string_view kind(const char* text) {
  return kind_of_address(Address(text).get());
}

HttpGate gate(HttpRules rules) {
  return HttpGate::from(std::move(rules)).value();
}

bool lets(const HttpGate& gate, const std::string& url) {
  const auto place = place_of(url);
  return place && gate.refusal(*place).empty();
}

TEST(HttpRules, AddressesHaveTheirKind) {
  EXPECT_EQ(kind("127.0.0.1"), "loopback");
  EXPECT_EQ(kind("127.255.0.3"), "loopback");
  EXPECT_EQ(kind("0.0.0.0"), "loopback");
  EXPECT_EQ(kind("::1"), "loopback");
  EXPECT_EQ(kind("::"), "loopback");
  EXPECT_EQ(kind("::ffff:127.0.0.1"), "loopback");
  EXPECT_EQ(kind("10.0.0.1"), "private");
  EXPECT_EQ(kind("172.31.255.255"), "private");
  EXPECT_EQ(kind("192.168.1.1"), "private");
  EXPECT_EQ(kind("100.64.0.1"), "private");
  EXPECT_EQ(kind("fd00::1"), "private");
  EXPECT_EQ(kind("169.254.169.254"), "link-local");
  EXPECT_EQ(kind("::ffff:169.254.169.254"), "link-local");
  EXPECT_EQ(kind("fe80::1"), "link-local");
  EXPECT_EQ(kind("172.32.0.1"), "");
  EXPECT_EQ(kind("93.184.216.34"), "");
  EXPECT_EQ(kind("2606:2800::1"), "");
}

TEST(HttpRules, OnlyHttpAndHttpsGoAnywhereUnlessHostsAreNamed) {
  const HttpGate open = gate({});
  EXPECT_TRUE(lets(open, "http://example.com/x"));
  EXPECT_TRUE(lets(open, "HTTPS://10.0.0.1:8443/"));
  EXPECT_FALSE(lets(open, "file:///etc/passwd"));
  EXPECT_FALSE(lets(open, "ftp://example.com/"));
  EXPECT_FALSE(lets(open, "gopher://example.com/"));
  EXPECT_FALSE(lets(open, "nonsense"));
}

TEST(HttpRules, HostsAreMatchedWhole) {
  const HttpGate some =
      gate({.hosts = {"Example.com", "*.corp.net", "api.org:8443", "[::1]:8080", "10.1.2.3"}});
  EXPECT_TRUE(lets(some, "http://example.com/"));
  EXPECT_TRUE(lets(some, "https://EXAMPLE.com.:444/"));
  EXPECT_FALSE(lets(some, "http://www.example.com/"));
  EXPECT_FALSE(lets(some, "http://example.com.evil.org/"));
  EXPECT_FALSE(lets(some, "http://example.com@evil.org/"));
  EXPECT_FALSE(lets(some, "http://evil.org/?example.com"));
  EXPECT_TRUE(lets(some, "http://a.b.corp.net/"));
  EXPECT_FALSE(lets(some, "http://corp.net/"));
  EXPECT_FALSE(lets(some, "http://notcorp.net/"));
  EXPECT_TRUE(lets(some, "https://api.org:8443/"));
  EXPECT_FALSE(lets(some, "https://api.org/"));
  EXPECT_TRUE(lets(some, "http://[::1]:8080/"));
  EXPECT_FALSE(lets(some, "http://[::1]/"));
  EXPECT_TRUE(lets(some, "http://10.1.2.3/"));
  EXPECT_TRUE(lets(some, "http://0xa.1.2.3/")) << "another spelling of the same";
}

TEST(HttpRules, AddressesAreRefusedByKindUnlessTheHostItselfIsNamed) {
  const HttpPlace metadata{"http", "metadata.cloud", 80};
  const Address link_local("169.254.169.254");
  EXPECT_EQ(gate({}).refusal(metadata, link_local.get()),
            "metadata.cloud is at a link-local address, which this worker does not call "
            "(worker.http.refuse)");
  EXPECT_EQ(gate({.refused_addresses = {"none"}}).refusal(metadata, link_local.get()), "");
  EXPECT_EQ(gate({.hosts = {"metadata.cloud"}}).refusal(metadata, link_local.get()), "");
  EXPECT_NE(gate({.hosts = {"*.cloud"}}).refusal(metadata, link_local.get()), "");
  EXPECT_EQ(gate({}).refusal(metadata, Address("10.0.0.1").get()), "");
  EXPECT_NE(gate({.refused_addresses = {"private"}}).refusal(metadata, Address("10.0.0.1").get()),
            "");
}

TEST(HttpRules, WhatCannotBeReadIsTold) {
  const auto wrong = [](HttpRules rules) {
    return HttpGate::from(std::move(rules)).problem().detail;
  };
  EXPECT_EQ(wrong({.hosts = {"http://a.b/"}}),
            "'http://a.b/' is no host: say example.com, *.example.com or [::1]:8080");
  EXPECT_NE(wrong({.hosts = {"a.*.b"}}), "");
  EXPECT_NE(wrong({.hosts = {"a:99999"}}), "");
  EXPECT_NE(wrong({.hosts = {""}}), "");
  EXPECT_EQ(wrong({.refused_addresses = {"public"}}),
            "'public' is no kind of address: there are loopback, private, link-local and none");
}

TEST(HttpRules, AShownUrlHoldsNoSecrets) {
  EXPECT_EQ(shown_url("https://me:secret@a.b:8443/c/d?token=secret#secret"),
            "https://a.b:8443/c/d");
}

}  // namespace
}  // namespace jobflow::worker
