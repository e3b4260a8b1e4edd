#include "schedule/zone.h"

#include "schedule/zone_file.h"

#include <gtest/gtest.h>

#include <random>

namespace jobflow::schedule {
namespace {

TEST(Zone, HasNoHolesAndKnowsWhatItsClockShows) {  // S4.3
  for (const char* name : {"Europe/Berlin", "America/Santiago", "Pacific/Apia", "UTC"}) {
    const auto zone = find_zone(name);
    ASSERT_TRUE(zone) << name;
    const auto& stretches = (*zone)->stretches();
    for (std::size_t i = 1; i < stretches.size(); ++i) {
      ASSERT_EQ(stretches[i].begin, stretches[i - 1].end);
      ASSERT_NE(stretches[i].offset, stretches[i - 1].offset);
      ASSERT_EQ((*zone)->at(stretches[i].begin), i);
      ASSERT_EQ((*zone)->at(stretches[i].begin - 1), i - 1);
    }
  }
  const auto berlin = *find_zone("Europe/Berlin");
  const Instant noon{1'700'000'000'000};
  EXPECT_EQ(berlin->reading(noon), noon.ms / 1000 + 3600);
  EXPECT_EQ(berlin->instant(berlin->reading(noon)), noon);
  EXPECT_GT(berlin->stretches().size(), 230U) << "summer time to the end";
  EXPECT_FALSE(zone_database_version().empty());
}

TEST(Zone, ARuleIsReadInAllItsForms) {  // POSIX TZ
  const auto changes = [](const char* rule) {
    const auto read = expand_zone_rule(rule, 1'735'689'600, 1'767'225'600);  // 2025
    std::string text;
    for (const auto& [at, offset] : read ? *read : std::vector<Zone::Change>{}) {
      text += (text.empty() ? "" : " ") + to_rfc3339({at * 1000}).substr(5, 8) + "=" +
              std::to_string(offset / 60);
    }
    return read ? text : "refused";
  };
  EXPECT_EQ(changes("UTC0"), "01-01T00=0");
  EXPECT_EQ(changes("<+0545>-5:45"), "01-01T00=345");
  EXPECT_EQ(changes("CET-1CEST,M3.5.0,M10.5.0/3"), "01-01T00=60 03-30T01=120 10-26T01=60");
  EXPECT_EQ(changes("EST5EDT,M3.2.0,M11.1.0"), "01-01T00=-300 03-09T07=-240 11-02T06=-300");
  EXPECT_EQ(changes("AEST-10AEDT,M10.1.0,M4.1.0/3"), "01-01T00=660 04-05T16=600 10-04T16=660");
  EXPECT_EQ(changes("<-02>2<-01>,M3.5.0/-1,M10.5.0/0"), "01-01T00=-120 03-30T01=-60 10-26T01=-120");
  EXPECT_EQ(changes("AAA3BBB,J60/0,300/0"), "01-01T00=-180 03-01T03=-120 10-28T02=-180");
  for (const char* wrong : {"", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M1.1.0",
                            "CET-1CEST,M3.6.0,M1.1.0", "<+01-1", "CET-1CEST,M3.5.0,M10.5.0/3x",
                            "CET-1CEST,J366,J1", "CET-999"}) {
    EXPECT_EQ(changes(wrong), "refused") << wrong;
  }
}

TEST(Zone, ABrokenFileIsRefused) {
  EXPECT_FALSE(read_zone_file(""));
  EXPECT_FALSE(read_zone_file("TZif"));
  EXPECT_FALSE(find_zone("tzdata.zi"));
  EXPECT_FALSE(find_zone("/etc/passwd"));
  for (const char* other : {"right/UTC", "posix/Europe/Berlin", "posixrules", "localtime"}) {
    EXPECT_FALSE(find_zone(other)) << other << " is no name of the database";
  }
  EXPECT_FALSE(find_zone("Europe")) << "a folder";
  EXPECT_FALSE(find_zone("Europe/"));
  EXPECT_FALSE(find_zone(""));
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = "TZif2";
    for (std::uint64_t i = 0; i < random() % 200; ++i) {
      bytes += static_cast<char>(random() % 4);
    }
    const auto read = read_zone_file(bytes);  // whatever it says, it comes back
    ASSERT_TRUE(read || !read.problem().detail.empty());
  }
}

}  // namespace
}  // namespace jobflow::schedule
