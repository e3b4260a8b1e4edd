#include "runtime/feed.h"

#include "runtime/feed_memory.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <utility>

namespace jobflow::runtime {
namespace {

// How many events a subscriber holds. Apart from the subscriber, so that a slice in some queue does
// not keep the listener (and whoever owns that queue) alive.
struct Held {
  std::atomic<std::size_t> events{0};
  std::atomic<bool> parked{false};  // the subscriber waits for room before it catches up further
};

// Where one subscriber stands.
//
// Its mutex is held while it is moved on and while its listener runs: this alone keeps its events
// in order. It is recursive, since a listener may cancel or drop a slice. Taken before the feed's
// mutex.
struct Subscriber {
  std::int64_t number = 0;
  Feed::Wanted wanted;
  Feed::Listener listener;
  std::shared_ptr<Held> held = std::make_shared<Held>();

  std::recursive_mutex mutex;
  std::map<ShardNumber, std::int64_t> next;  // the next number it should see
  std::set<ShardNumber> behind;              // sources it does not yet get live
  bool reading = false;                      // a read of the store is under way
  bool advancing = false;                    // catch_up() is on the stack
  bool over = false;
};

using Subscribers = std::vector<std::shared_ptr<Subscriber>>;

std::int64_t end_of(const JournalPart& part) {
  return part.first + static_cast<std::int64_t>(part.events.size());
}

// Takes what `subscriber` should see of `part` and moves its number on, until `room` is used up.
void take(Subscriber& subscriber,
          const JournalPart& part,
          std::int64_t& next,
          std::size_t room,
          std::vector<NumberedEvent>& events) {
  while (next < end_of(part) && events.size() < room) {
    const Event& event = part.events[static_cast<std::size_t>(next - part.first)];
    if (!subscriber.wanted || subscriber.wanted(event)) {
      events.push_back({part.source, next, event});
    }
    ++next;
  }
}

}  // namespace

class Feed::Inside : public std::enable_shared_from_this<Feed::Inside> {
 public:
  Inside(store::Store& store, FeedLimits limits)
      : store_(store), limits_(limits), memory_(limits.recent_bytes) {}

  void begin_generation(std::int64_t generation);
  void begin(ShardNumber source, std::int64_t next);
  void advance(ShardNumber source, std::int64_t first, std::int64_t next);
  void publish(const std::vector<const JournalPart*>& parts);
  std::int64_t subscribe(Cursor start, Wanted wanted, Listener listener);
  void cancel(std::int64_t subscription);
  void close();
  Cursor now() const;
  int subscribers() const;

  // A slice was dropped and there is room again.
  void resume(const std::shared_ptr<Subscriber>& subscriber);

 private:
  void offer(const std::shared_ptr<Subscriber>& subscriber,
             const std::vector<const JournalPart*>& parts);
  void catch_up(const std::shared_ptr<Subscriber>& subscriber);
  void catch_up_a_step(const std::shared_ptr<Subscriber>& subscriber);
  void read(const std::shared_ptr<Subscriber>& subscriber, ShardNumber source, std::int64_t from);
  void have_read(const std::shared_ptr<Subscriber>& subscriber,
                 ShardNumber source,
                 Outcome<std::vector<JournalPart>> parts);
  bool must_wait(Subscriber& subscriber) const;
  void give(const std::shared_ptr<Subscriber>& subscriber, std::vector<NumberedEvent> events);
  void lag(Subscriber& subscriber);
  void lag_all(const Subscribers& subscribers);
  void remove(std::int64_t subscription);

  store::Store& store_;
  const FeedLimits limits_;
  mutable std::mutex mutex_;
  std::int64_t generation_ = 1;
  std::map<ShardNumber, std::int64_t> next_;  // the next number each source will publish
  FeedMemory memory_;
  std::shared_ptr<const Subscribers> subscribers_ = std::make_shared<const Subscribers>();
  std::int64_t last_subscription_ = 0;
};

namespace {

// Held by a slice: gives its events' room back when the slice is gone.
template <class Owner>
struct Receipt {
  std::shared_ptr<Held> held;
  std::size_t events;
  std::size_t resume_below;
  std::weak_ptr<Owner> owner;
  std::weak_ptr<Subscriber> subscriber;

  ~Receipt() {
    const std::size_t left = held->events.fetch_sub(events) - events;
    if (left >= resume_below || !held->parked.exchange(false)) {
      return;
    }
    const auto inside = owner.lock();
    const auto waiting = subscriber.lock();
    if (inside && waiting) {
      inside->resume(waiting);
    }
  }
};

}  // namespace

void Feed::Inside::begin_generation(std::int64_t generation) {
  std::shared_ptr<const Subscribers> misled;
  {
    const std::lock_guard lock(mutex_);
    if (generation_ == generation) {
      return;
    }
    generation_ = generation;
    next_.clear();
    memory_.clear();
    misled = subscribers_;
  }
  lag_all(*misled);
}

void Feed::Inside::begin(ShardNumber source, std::int64_t next) {
  std::shared_ptr<const Subscribers> misled;
  {
    const std::lock_guard lock(mutex_);
    const auto at = next_.find(source);
    if (at != next_.end() && next < at->second) {
      misled = subscribers_;  // the store lost what they have been told
      memory_.forget(source);
      at->second = next;
    }
  }
  if (!misled) {
    advance(source, next, next);  // what others wrote meanwhile
    return;
  }
  lag_all(*misled);
}

void Feed::Inside::advance(ShardNumber source, std::int64_t first, std::int64_t next) {
  std::shared_ptr<const Subscribers> subscribers;
  std::int64_t before = next;
  {
    const std::lock_guard lock(mutex_);
    const auto [at, is_news] = next_.try_emplace(source, first);
    if (next <= at->second && !is_news) {
      return;  // when it is news, somebody's cursor may still be before it
    }
    before = std::exchange(at->second, next);
    memory_.forget(source);
    subscribers = subscribers_;
  }
  for (const auto& subscriber : *subscribers) {
    const std::lock_guard lock(subscriber->mutex);
    if (!subscriber->over && subscriber->next.try_emplace(source, before).first->second < next) {
      subscriber->behind.insert(source);
      catch_up(subscriber);
    }
  }
}

void Feed::Inside::publish(const std::vector<const JournalPart*>& parts) {
  std::shared_ptr<const Subscribers> subscribers;
  {
    const std::lock_guard lock(mutex_);
    subscribers = subscribers_;
    for (const JournalPart* part : parts) {
      std::int64_t& next = next_.try_emplace(part->source, part->first).first->second;
      if (end_of(*part) <= next) {
        continue;  // nothing, or known from the store already
      }
      if (next != part->first) {
        memory_.forget(part->source);
      }
      next = end_of(*part);
      if (!subscribers->empty()) {
        memory_.add(std::make_shared<const JournalPart>(*part));
      }
    }
  }
  for (const auto& subscriber : *subscribers) {
    offer(subscriber, parts);
  }
}

void Feed::Inside::offer(const std::shared_ptr<Subscriber>& subscriber,
                         const std::vector<const JournalPart*>& parts) {
  const std::lock_guard lock(subscriber->mutex);
  if (subscriber->over) {
    return;
  }
  std::vector<NumberedEvent> events;
  for (const JournalPart* part : parts) {
    if (part->events.empty()) {
      continue;
    }
    std::int64_t& next = subscriber->next.try_emplace(part->source, part->first).first->second;
    if (part->first > next) {
      subscriber->behind.insert(part->source);
    }
    if (!subscriber->behind.contains(part->source)) {
      take(*subscriber, *part, next, SIZE_MAX, events);
    }
  }
  if (!events.empty()) {
    const std::size_t held = subscriber->held->events.load();
    if (held != 0 && held + events.size() > limits_.queued_events) {
      lag(*subscriber);
      return;
    }
    give(subscriber, std::move(events));
  }
  catch_up(subscriber);
}

std::int64_t Feed::Inside::subscribe(Cursor start, Wanted wanted, Listener listener) {
  auto subscriber = std::make_shared<Subscriber>();
  subscriber->wanted = std::move(wanted);
  subscriber->listener = std::move(listener);
  subscriber->next = start.next;
  for (const auto& [source, next] : subscriber->next) {
    subscriber->behind.insert(source);
  }
  std::int64_t number = 0;
  bool is_of_another_history = false;
  const std::lock_guard order(subscriber->mutex);
  {
    const std::lock_guard lock(mutex_);
    is_of_another_history = !start.next.empty() && start.generation != generation_;
    number = subscriber->number = ++last_subscription_;
    for (const auto& [source, next] : next_) {
      subscriber->next.try_emplace(source, next);
    }
    auto more = std::make_shared<Subscribers>(*subscribers_);
    more->push_back(subscriber);
    subscribers_ = std::move(more);
  }
  if (is_of_another_history) {
    lag(*subscriber);
  } else {
    catch_up(subscriber);
  }
  return number;
}

void Feed::Inside::cancel(std::int64_t subscription) {
  std::shared_ptr<const Subscribers> subscribers;
  {
    const std::lock_guard lock(mutex_);
    subscribers = subscribers_;
  }
  for (const auto& subscriber : *subscribers) {
    if (subscriber->number == subscription) {
      remove(subscription);
      const std::lock_guard lock(subscriber->mutex);  // waits for a call under way
      subscriber->over = true;
      return;
    }
  }
}

void Feed::Inside::close() {
  std::shared_ptr<const Subscribers> subscribers;
  {
    const std::lock_guard lock(mutex_);
    subscribers = std::exchange(subscribers_, std::make_shared<const Subscribers>());
  }
  for (const auto& subscriber : *subscribers) {
    const std::lock_guard lock(subscriber->mutex);
    subscriber->over = true;
  }
}

void Feed::Inside::remove(std::int64_t subscription) {
  const std::lock_guard lock(mutex_);
  auto fewer = std::make_shared<Subscribers>(*subscribers_);
  std::erase_if(*fewer, [&](const auto& one) { return one->number == subscription; });
  if (fewer->empty()) {
    memory_.clear();  // from here on the store alone remembers
  }
  subscribers_ = std::move(fewer);
}

Cursor Feed::Inside::now() const {
  const std::lock_guard lock(mutex_);
  return {next_, generation_};
}

int Feed::Inside::subscribers() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(subscribers_->size());
}

void Feed::Inside::resume(const std::shared_ptr<Subscriber>& subscriber) {
  const std::lock_guard lock(subscriber->mutex);
  catch_up(subscriber);
}

// Moves a subscriber towards the live events of the sources where it is behind, as far as that goes
// without waiting. The subscriber's mutex is held.
void Feed::Inside::catch_up(const std::shared_ptr<Subscriber>& subscriber) {
  if (subscriber->advancing) {
    return;  // called from within a listener or by a store that answers at once: the loop goes on
  }
  subscriber->advancing = true;
  while (!subscriber->over && !subscriber->behind.empty() && !subscriber->reading &&
         !must_wait(*subscriber)) {
    catch_up_a_step(subscriber);
  }
  subscriber->advancing = false;
}

void Feed::Inside::catch_up_a_step(const std::shared_ptr<Subscriber>& subscriber) {
  const ShardNumber source = *subscriber->behind.begin();
  std::int64_t& next = subscriber->next[source];
  const std::size_t room = std::max<std::size_t>(1, limits_.queued_events / 4);
  std::vector<FeedMemory::Part> parts;
  {
    const std::lock_guard lock(mutex_);
    const auto published = next_.find(source);
    if (published == next_.end() || next >= published->second) {
      // Whatever is published from now on finds it live: publish() needs its mutex for that.
      subscriber->behind.erase(source);
      return;
    }
    parts = memory_.read(source, next, room);
  }
  if (parts.empty()) {
    read(subscriber, source, next);
    return;
  }
  std::vector<NumberedEvent> events;
  for (const auto& part : parts) {
    take(*subscriber, *part, next, room, events);
  }
  give(subscriber, std::move(events));
}

void Feed::Inside::read(const std::shared_ptr<Subscriber>& subscriber,
                        ShardNumber source,
                        std::int64_t from) {
  subscriber->reading = true;
  store_.read_journal(
      source, from, limits_.read_rows,
      [inside = weak_from_this(), subscriber, source](Outcome<std::vector<JournalPart>> parts) {
        if (const auto alive = inside.lock()) {
          alive->have_read(subscriber, source, std::move(parts));
        }
      });
}

void Feed::Inside::have_read(const std::shared_ptr<Subscriber>& subscriber,
                             ShardNumber source,
                             Outcome<std::vector<JournalPart>> parts) {
  const std::lock_guard lock(subscriber->mutex);
  subscriber->reading = false;
  if (subscriber->over) {
    return;
  }
  if (!parts.ok()) {
    lag(*subscriber);
    return;
  }
  std::int64_t& next = subscriber->next[source];
  const std::int64_t from = next;
  const std::size_t room = std::max<std::size_t>(1, limits_.queued_events / 4);
  std::vector<NumberedEvent> events;
  for (const JournalPart& part : *parts) {
    if (events.size() >= room || part.first > next) {
      break;
    }
    take(*subscriber, part, next, room, events);
  }
  if (next == from) {  // the journal no longer holds what it wants
    lag(*subscriber);
    return;
  }
  give(subscriber, std::move(events));
  catch_up(subscriber);
}

// Whether it holds so much that catching up pauses; then dropping a slice resumes it.
bool Feed::Inside::must_wait(Subscriber& subscriber) const {
  Held& held = *subscriber.held;
  const std::size_t enough = std::max<std::size_t>(1, limits_.queued_events / 2);
  if (held.events.load() < enough) {
    return false;
  }
  held.parked.store(true);
  if (held.events.load() >= enough) {
    return true;
  }
  // The last slice was dropped in between: whoever takes the mark back goes on.
  return !held.parked.exchange(false);
}

void Feed::Inside::give(const std::shared_ptr<Subscriber>& subscriber,
                        std::vector<NumberedEvent> events) {
  if (events.empty()) {
    return;
  }
  const std::size_t count = events.size();
  const std::size_t enough = std::max<std::size_t>(1, limits_.queued_events / 2);
  subscriber->held->events.fetch_add(count);
  auto receipt = std::make_shared<Receipt<Inside>>(subscriber->held, count, enough,
                                                   weak_from_this(), subscriber);
  FeedSlice slice;
  slice.events = std::move(events);
  slice.held = std::move(receipt);
  subscriber->listener(std::move(slice));
}

void Feed::Inside::lag(Subscriber& subscriber) {
  subscriber.over = true;
  FeedSlice slice;
  slice.lagged = true;
  subscriber.listener(std::move(slice));
  remove(subscriber.number);  // after the call, so that cancel() waits for it
}

void Feed::Inside::lag_all(const Subscribers& subscribers) {
  for (const auto& subscriber : subscribers) {
    const std::lock_guard lock(subscriber->mutex);
    if (!subscriber->over) {
      lag(*subscriber);
    }
  }
}

Feed::Feed(store::Store& store, FeedLimits limits)
    : inside_(std::make_shared<Inside>(store, limits)) {}

Feed::~Feed() {
  inside_->close();
}

void Feed::begin_generation(std::int64_t generation) {
  inside_->begin_generation(generation);
}

void Feed::begin(ShardNumber source, std::int64_t next) {
  inside_->begin(source, next);
}

void Feed::advance(ShardNumber source, std::int64_t first, std::int64_t next) {
  inside_->advance(source, first, next);
}

void Feed::publish(const std::vector<const JournalPart*>& parts) {
  inside_->publish(parts);
}

void Feed::publish(const std::vector<JournalPart>& parts) {
  std::vector<const JournalPart*> borrowed;
  borrowed.reserve(parts.size());
  for (const JournalPart& part : parts) {
    borrowed.push_back(&part);
  }
  inside_->publish(borrowed);
}

std::int64_t Feed::subscribe(Cursor start, Wanted wanted, Listener listener) {
  return inside_->subscribe(std::move(start), std::move(wanted), std::move(listener));
}

void Feed::cancel(std::int64_t subscription) {
  inside_->cancel(subscription);
}

Cursor Feed::now() const {
  return inside_->now();
}

int Feed::subscribers() const {
  return inside_->subscribers();
}

}  // namespace jobflow::runtime
