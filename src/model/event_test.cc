#include "model/event.h"

#include <gtest/gtest.h>

#include <climits>
#include <random>

namespace jobflow {
namespace {

// A run as it usually goes: neighbouring events share definition, parent and time.
Event usual_event(std::int64_t n) {
  Event event;
  event.state = 7;
  event.subject = {(1'795'368'784'120 << 22) + n};
  event.definition = {1'795'000'000'000 << 22};
  event.attempt = 1;
  event.time = {1'795'368'784'120 + n / 100};
  return event;
}

Event any_event(std::mt19937_64& random) {
  const auto number = [&] { return static_cast<std::int64_t>(random() >> (random() % 64)); };
  const auto text = [&] {
    std::string made(random() % 3 == 0 ? random() % 300 : 0, ' ');
    for (char& c : made) {
      c = static_cast<char>(random());
    }
    return made;
  };
  Event event;
  event.type = static_cast<EventType>(random() % 7);
  event.state = static_cast<std::uint8_t>(random());
  event.subject = {number()};
  event.definition = {random() % 2 == 0 ? 5 : number()};
  event.parent = {random() % 2 == 0 ? 0 : -number()};
  event.attempt = static_cast<int>(random());
  event.version = random() % 2 == 0 ? 1 : static_cast<int>(random());
  event.time = {number()};
  event.text = text();
  event.detail = text();
  return event;
}

TEST(Events, RoundTripWhateverTheyHold) {
  const std::uint64_t seed = 20261122;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    std::vector<Event> events;
    for (std::uint64_t i = 0; i < random() % 20; ++i) {
      events.push_back(any_event(random));
    }
    const auto read = decode_events(encode_events(events));
    ASSERT_TRUE(read.ok()) << "seed " << seed << " round " << round;
    ASSERT_EQ(*read, events) << "seed " << seed << " round " << round;
  }
}

TEST(Events, ExtremesRoundTrip) {
  Event low, high;
  low.subject = {INT64_MIN};
  low.time = {INT64_MIN};
  low.attempt = INT_MIN;
  high.subject = {INT64_MAX};
  high.time = kNever;
  high.version = INT_MAX;
  const std::vector<Event> events{low, high, low, {}};
  EXPECT_EQ(*decode_events(encode_events(events)), events);
  EXPECT_TRUE(decode_events(encode_events({}))->empty());
}

TEST(Events, UsualOnesAreSmall) {
  std::vector<Event> events;
  for (std::int64_t i = 0; i < 1000; ++i) {
    events.push_back(usual_event(i));
  }
  EXPECT_LT(encode_events(events).size(), 7 * events.size());
}

TEST(Events, CutOrForeignBlobsAreAProblem) {
  std::mt19937_64 random(3);
  std::vector<Event> events;
  for (int i = 0; i < 5; ++i) {
    events.push_back(any_event(random));
  }
  const std::string blob = encode_events(events);
  for (std::size_t length = 0; length < blob.size(); ++length) {
    EXPECT_FALSE(decode_events(std::string_view(blob).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(decode_events(blob + "x").ok());
  EXPECT_FALSE(decode_events("\x02" + blob.substr(1)).ok());
  // A count that promises more than there is must not reserve memory for it.
  EXPECT_FALSE(decode_events(std::string("\x01\xff\xff\xff\xff\xff\xff\xff\x7f", 9)).ok());
}

TEST(Events, AnyBytesAreReadOrRefused) {
  std::mt19937_64 random(4);
  const std::string blob = encode_events({usual_event(1), usual_event(2), any_event(random)});
  for (int round = 0; round < 20'000; ++round) {
    std::string broken = blob;
    for (int i = 0; i < 3; ++i) {
      broken[1 + random() % (broken.size() - 1)] = static_cast<char>(random());
    }
    const auto read = decode_events(broken);
    if (read) {
      EXPECT_EQ(*decode_events(encode_events(*read)), *read);
    }
  }
}

TEST(Events, TypesHaveWords) {
  EXPECT_EQ(to_string(EventType::run_changed), "run.changed");
  EXPECT_EQ(to_string(EventType::member_changed), "member.changed");
}

}  // namespace
}  // namespace jobflow
