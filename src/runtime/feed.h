// The live journal: durable events, handed on to whoever subscribed (S9.2).
//
// publish() is the hall's, on its executor, right after a batch landed. subscribe() and cancel()
// are anyone's, from any thread. A subscriber gets each source's events in order, without gap or
// repeat, from its start numbers on: out of a bounded memory of recent parts (kept while anyone
// listens), or else from the store. One that is slower than its bounded queue, or wants what the
// journal no longer holds, or was told what the store lost, gets `lagged` once and nothing more: it
// takes a fresh snapshot.
#pragma once

#include "model/event.h"
#include "store/store.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::runtime {

// The next wanted number of each source, in one generation of the store's history. Opaque to
// clients: to_text gives a URL-safe string.
struct Cursor {
  std::map<ShardNumber, std::int64_t> next;
  std::int64_t generation = 1;
};
std::string to_text(const Cursor& cursor);
Outcome<Cursor> parse_cursor(std::string_view text);

struct NumberedEvent {
  ShardNumber source = 0;
  std::int64_t number = 0;
  Event event;
};

// What a subscriber hears.
struct FeedSlice {
  std::vector<NumberedEvent> events;
  bool lagged = false;
  // The slice counts against its subscriber's queue until the last copy of this is gone: keep it
  // with the events until they have left.
  std::shared_ptr<const void> held;
};

// Bounds; smaller ones are for tests.
struct FeedLimits {
  std::size_t recent_bytes = 4 * 1024 * 1024;  // of recent parts, all sources together
  std::size_t queued_events = 16'384;          // a subscriber was given and still holds
  int read_rows = 64;                          // journal rows of one catch-up read
};

class Feed {
 public:
  // Any thread, one call at a time. Must only post: no lock that is also held around cancel().
  using Listener = std::function<void(FeedSlice)>;
  using Wanted = std::function<bool(const Event&)>;  // pure, cheap; any thread

  explicit Feed(store::Store& store, FeedLimits limits = {});
  ~Feed();  // cancels every subscription

  // The hall: which history this is. When it is another one, numbers mean something else now: all
  // that was known is forgotten, and who listens, or comes with an older cursor, has lagged.
  void begin_generation(std::int64_t generation);
  // At load (the next number of a source), then each landed part.
  void begin(ShardNumber source, std::int64_t next);
  // Another member's source: the journal in the store now holds numbers from `first`, which are
  // news when nothing is known of that source, up to `next`.
  void advance(ShardNumber source, std::int64_t first, std::int64_t next);
  // Borrowed for the call; nearly free while nobody listens.
  void publish(const std::vector<const JournalPart*>& parts);
  void publish(const std::vector<JournalPart>& parts);

  // From `start` on; sources that `start` does not name begin now. Answers the subscription's
  // number.
  std::int64_t subscribe(Cursor start, Wanted wanted, Listener listener);
  // Afterwards the listener is not called again; allowed from within it.
  void cancel(std::int64_t subscription);

  // The cursor "now": after everything published so far.
  Cursor now() const;
  int subscribers() const;

 private:
  class Inside;
  std::shared_ptr<Inside> inside_;
};

}  // namespace jobflow::runtime
