#include "client/server_address.h"

#include <gtest/gtest.h>

namespace jobflow::client {
namespace {

std::string read(std::string_view text) {
  const auto address = parse_server_address(text);
  return address.ok() ? address->text : "refused: " + address.problem().detail;
}

TEST(ServerAddress, IsReadInEveryWayPeopleWriteIt) {
  EXPECT_EQ(read("http://127.0.0.1:7700"), "http://127.0.0.1:7700");
  EXPECT_EQ(read("http://localhost:80/"), "http://localhost:80");
  EXPECT_EQ(read("example.org"), "http://example.org:7700");
  EXPECT_EQ(read(":8080"), "http://127.0.0.1:8080");
  EXPECT_EQ(read("8080"), "http://127.0.0.1:8080");
  EXPECT_EQ(read("[::1]:7000"), "http://[::1]:7000");
  EXPECT_EQ(parse_server_address("[::1]")->host, "::1");
  EXPECT_EQ(parse_server_address("[::1]")->port, "7700");
}

TEST(ServerAddress, RefusesWhatItCannotReachAndSaysWhy) {
  EXPECT_NE(read("https://a:1").find("http only"), std::string::npos);
  EXPECT_NE(read("http://a:99999").find("1 to 65535"), std::string::npos);
  EXPECT_NE(read("http://a:b").find("1 to 65535"), std::string::npos);
  EXPECT_NE(read("http://a:1/path").find("host and a port"), std::string::npos);
  EXPECT_NE(read("http://user@a:1").find("host and a port"), std::string::npos);
  EXPECT_NE(read("[::1").find("]"), std::string::npos);
}

}  // namespace
}  // namespace jobflow::client
