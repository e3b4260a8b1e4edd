// The live journal: durable events, handed on to whoever subscribed (S9.2).
//
// publish() is the hall's, on its executor, right after a batch landed. subscribe() and cancel() are
// anyone's, from any thread. A subscriber gets each source's events in order, without gap or repeat,
// from its start numbers on: out of a bounded memory of recent parts, or else from the store. One that
// is slower than its bounded queue gets `lagged` once and nothing more: it takes a fresh snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/event.h"
#include "store/store.h"

namespace jobflow::runtime {

// The next wanted number of each source. Opaque to clients: to_text gives a URL-safe string.
struct Cursor {
  std::map<ShardNumber, std::int64_t> next;
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
};

class Feed {
 public:
  using Listener = std::function<void(FeedSlice)>;  // any thread; must only post; never blocks
  using Wanted = std::function<bool(const Event&)>;  // pure, cheap; called on the hall's executor

  explicit Feed(store::Store& store);
  ~Feed();

  // The hall: at load (the next number of a source), then each landed part.
  void begin(ShardNumber source, std::int64_t next);
  void publish(const std::vector<JournalPart>& parts);

  // From `start` on; sources that `start` does not name begin now. Answers the subscription's number.
  std::int64_t subscribe(Cursor start, Wanted wanted, Listener listener);
  void cancel(std::int64_t subscription);  // afterwards the listener is not called again

  // The cursor "now": after everything published so far.
  Cursor now() const;
  int subscribers() const;

 private:
  class Inside;
  std::shared_ptr<Inside> inside_;
};

}  // namespace jobflow::runtime
