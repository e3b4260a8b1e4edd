#include "model/event.h"

#include <array>
#include <climits>

// The journal's form of a batch's events. One byte of version, the count, then an event each:
//   type, state, mask: a byte each; subject: difference to the one before; then what the mask says.
// Numbers are little-endian base-128 varints, signed ones zigzag. Neighbouring events mostly share
// their time, definition and parent, so these are written only when they differ from those before.

namespace jobflow {
namespace {

constexpr char kFormat = 1;
constexpr std::size_t kEventTypes = 8;
constexpr std::size_t kLeastEventBytes = 4;

// Bits of the mask.
constexpr unsigned kTime = 1;
constexpr unsigned kDefinition = 2;
constexpr unsigned kParent = 4;
constexpr unsigned kAttempt = 8;
constexpr unsigned kVersion = 16;
constexpr unsigned kText = 32;
constexpr unsigned kDetail = 64;

constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}
// Differences wrap, so that any two values have one.
constexpr std::int64_t difference(std::int64_t now, std::int64_t before) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(now) -
                                   static_cast<std::uint64_t>(before));
}
constexpr std::int64_t sum(std::int64_t before, std::int64_t difference) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(before) +
                                   static_cast<std::uint64_t>(difference));
}

char* put(char* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

void append_text(std::string& to, std::string_view text) {
  std::array<char, 10> length;
  to.append(length.data(), put(length.data(), text.size()));
  to.append(text);
}

unsigned mask_of(const Event& event, const Event& before) {
  unsigned mask = 0;
  mask |= event.time == before.time ? 0U : kTime;
  mask |= event.definition == before.definition ? 0U : kDefinition;
  mask |= event.parent == before.parent ? 0U : kParent;
  mask |= event.attempt == 0 ? 0U : kAttempt;
  mask |= event.version == 1 ? 0U : kVersion;
  mask |= event.text.empty() ? 0U : kText;
  mask |= event.detail.empty() ? 0U : kDetail;
  return mask;
}

void append_event(std::string& blob, const Event& event, const Event& before) {
  const unsigned mask = mask_of(event, before);
  std::array<char, 3 + 6 * 10> bytes;
  char* to = bytes.data();
  *to++ = static_cast<char>(event.type);
  *to++ = static_cast<char>(event.state);
  *to++ = static_cast<char>(mask);
  to = put(to, zigzag(difference(event.subject.value, before.subject.value)));
  if (mask & kTime) {
    to = put(to, zigzag(difference(event.time.ms, before.time.ms)));
  }
  if (mask & kDefinition) {
    to = put(to, zigzag(difference(event.definition.value, before.definition.value)));
  }
  if (mask & kParent) {
    to = put(to, zigzag(difference(event.parent.value, before.parent.value)));
  }
  if (mask & kAttempt) {
    to = put(to, zigzag(event.attempt));
  }
  if (mask & kVersion) {
    to = put(to, zigzag(event.version));
  }
  blob.append(bytes.data(), to);
  if (mask & kText) {
    append_text(blob, event.text);
  }
  if (mask & kDetail) {
    append_text(blob, event.detail);
  }
}

// Reads a blob from the left; once a read failed, `ok` stays false and the rest is nothing.
struct Reader {
  const char* at;
  const char* end;
  bool ok = true;

  std::size_t left() const { return static_cast<std::size_t>(end - at); }

  std::uint64_t fail() {
    ok = false;
    at = end;
    return 0;
  }

  std::uint8_t byte() {
    return static_cast<std::uint8_t>(at == end ? fail() : static_cast<unsigned char>(*at++));
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && at != end; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at++);
      if (shift == 63 && byte > 1) {
        return fail();
      }
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        return value;
      }
    }
    return fail();
  }

  std::int64_t after(std::int64_t before) { return sum(before, unzigzag(number())); }

  int small() {
    const std::int64_t value = unzigzag(number());
    return static_cast<int>(
        value >= INT_MIN && value <= INT_MAX ? value : static_cast<std::int64_t>(fail()));
  }

  std::string text() {
    const std::uint64_t length = number();
    if (length > left()) {
      fail();
      return {};
    }
    std::string found(at, static_cast<std::size_t>(length));
    at += length;
    return found;
  }
};

Event read_event(Reader& reader, const Event& before) {
  Event event;
  const std::uint8_t type = reader.byte();
  event.state = reader.byte();
  const unsigned mask = reader.byte();
  if (type >= kEventTypes || (mask & 0x80) != 0) {
    reader.fail();
    return event;
  }
  event.type = static_cast<EventType>(type);
  event.subject.value = reader.after(before.subject.value);
  event.time.ms = mask & kTime ? reader.after(before.time.ms) : before.time.ms;
  event.definition.value =
      mask & kDefinition ? reader.after(before.definition.value) : before.definition.value;
  event.parent.value = mask & kParent ? reader.after(before.parent.value) : before.parent.value;
  if (mask & kAttempt) {
    event.attempt = reader.small();
  }
  if (mask & kVersion) {
    event.version = reader.small();
  }
  if (mask & kText) {
    event.text = reader.text();
  }
  if (mask & kDetail) {
    event.detail = reader.text();
  }
  return event;
}

}  // namespace

std::string_view to_string(EventType type) {
  static constexpr std::array<std::string_view, kEventTypes> kNames{
      "run.changed",          "definition.saved", "definition.deleted", "trigger.changed",
      "report.stale_refused", "worker.changed",   "member.changed",     "backfill.changed"};
  const auto index = static_cast<std::size_t>(type);
  check(index < kNames.size(), "event type out of range");
  return kNames[index];
}

std::string encode_events(const std::vector<Event>& events) {
  constexpr std::size_t kUsualEventBytes = 24;
  std::string blob;
  blob.reserve(8 + events.size() * kUsualEventBytes);
  blob.push_back(kFormat);
  std::array<char, 10> count;
  blob.append(count.data(), put(count.data(), events.size()));
  static const Event kNone;
  const Event* before = &kNone;
  for (const Event& event : events) {
    append_event(blob, event, *before);
    before = &event;
  }
  return blob;
}

Outcome<std::vector<Event>> decode_events(std::string_view blob) {
  Reader reader{blob.data(), blob.data() + blob.size()};
  const bool known = reader.byte() == kFormat;
  const std::uint64_t count = reader.number();
  std::vector<Event> events;
  if (known && reader.ok && count <= reader.left() / kLeastEventBytes) {
    events.reserve(static_cast<std::size_t>(count));
    static const Event kNone;
    while (reader.ok && events.size() < count) {
      events.push_back(read_event(reader, events.empty() ? kNone : events.back()));
    }
    if (reader.ok && reader.left() == 0) {
      return events;
    }
  }
  return Problem{ProblemCode::internal,
                 "a journal row cannot be read: it is damaged, or written "
                 "by a newer version"};
}

}  // namespace jobflow
