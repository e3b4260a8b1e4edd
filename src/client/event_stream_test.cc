#include "client/event_stream.h"

#include <gtest/gtest.h>

namespace jobflow::client {
namespace {

TEST(EventStream, CutsEventsWhateverTheChunks) {
  const std::string bytes =
      ": hello\n\nid: 7\nevent: line\ndata: a\ndata: b\n\ndata:{\"x\":1}\r\n\r\nevent: lonely\n\n"
      "data: last\r\r";
  for (std::size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
    EventStream stream;
    std::vector<ServerEvent> events;
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      for (ServerEvent& event : stream.feed(std::string_view(bytes).substr(at, chunk))) {
        events.push_back(std::move(event));
      }
    }
    ASSERT_EQ(events.size(), 3U) << "chunks of " << chunk;
    EXPECT_EQ(events[0].type, "line");
    EXPECT_EQ(events[0].data, "a\nb");
    EXPECT_EQ(events[0].id, "7");
    EXPECT_EQ(events[1].type, "message");
    EXPECT_EQ(events[1].data, "{\"x\":1}");
    EXPECT_EQ(events[1].id, "7") << "the last id holds until there is another";
    EXPECT_EQ(events[2].data, "last");
  }
}

}  // namespace
}  // namespace jobflow::client
