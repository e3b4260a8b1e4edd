#include "engine/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <tuple>

namespace jobflow::engine {
namespace {

// A slot that once held a crowd gives its memory back.
constexpr std::size_t kKeptCapacity = 128;

}  // namespace

void TimerWheel::Slot::put(const Timer& timer) {
  timers.push_back(timer);
  earliest = std::min(earliest, timer.due.ms);
}

void TimerWheel::Slot::empty() {
  timers.clear();
  if (timers.capacity() > kKeptCapacity) {
    timers.shrink_to_fit();
  }
  earliest = kNever.ms;
}

TimerWheel::TimerWheel(Instant now) : now_ms_(std::max<std::int64_t>(now.ms, 0)) {}

void TimerWheel::arm(Timer timer) {
  put(timer);
  ++size_;
}

void TimerWheel::put(const Timer& timer) {
  if (timer.due.ms <= now_ms_) {
    overdue_.put(timer);
    return;
  }
  const auto differing = static_cast<std::uint64_t>(timer.due.ms ^ now_ms_);
  const int level = (63 - std::countl_zero(differing)) / kDigitBits;
  if (level >= kLevels) {
    far_.put(timer);
    return;
  }
  const int slot = static_cast<int>((timer.due.ms >> (level * kDigitBits)) & (kSlots - 1));
  at({level, slot}).put(timer);
  occupied_[static_cast<std::size_t>(level)] |= std::uint64_t{1} << slot;
}

TimerWheel::Slot& TimerWheel::at(Place place) {
  return levels_[static_cast<std::size_t>(place.level)][static_cast<std::size_t>(place.slot)];
}

const TimerWheel::Slot& TimerWheel::at(Place place) const {
  return levels_[static_cast<std::size_t>(place.level)][static_cast<std::size_t>(place.slot)];
}

// The slot of the earliest timers; level kLevels when all slots are empty.
TimerWheel::Place TimerWheel::first_place() const {
  for (int level = 0; level < kLevels; ++level) {
    if (const std::uint64_t bits = occupied_[static_cast<std::size_t>(level)]; bits != 0) {
      return {level, std::countr_zero(bits)};
    }
  }
  return {kLevels, 0};
}

std::int64_t TimerWheel::start_of(Place place) const {
  const int shift = place.level * kDigitBits;
  const std::int64_t above = now_ms_ >> (shift + kDigitBits) << (shift + kDigitBits);
  return above | (static_cast<std::int64_t>(place.slot) << shift);
}

// What is due fires; the rest is placed anew, seen from the now_ms_ of this moment.
void TimerWheel::spread(std::vector<Timer>& timers, std::int64_t until, std::vector<Timer>& fired) {
  for (const Timer& timer : timers) {
    if (timer.due.ms <= until) {
      fired.push_back(timer);
      --size_;
    } else {
      put(timer);
    }
  }
}

// When the clock was set back, what has been armed since for instants that the wheel has passed
// already still waits for them.
void TimerWheel::take_overdue(Instant now, std::vector<Timer>& fired) {
  std::vector<Timer>& timers = overdue_.timers;
  const auto due = std::partition(timers.begin(), timers.end(),
                                  [&](const Timer& timer) { return timer.due > now; });
  size_ -= static_cast<std::size_t>(timers.end() - due);
  fired.insert(fired.end(), due, timers.end());
  const std::vector<Timer> later(timers.begin(), due);
  overdue_.empty();
  for (const Timer& timer : later) {
    overdue_.put(timer);
  }
}

void TimerWheel::advance(Instant now, std::vector<Timer>& fired) {
  const std::int64_t until = std::max(now.ms, now_ms_);
  const std::size_t before = fired.size();
  take_overdue(now, fired);
  for (Place place = first_place(); place.level < kLevels; place = first_place()) {
    const std::int64_t start = start_of(place);
    if (start > until) {
      break;
    }
    // From the slot's own start its timers fall to lower levels: never back into this slot.
    now_ms_ = start;
    Slot& slot = at(place);
    occupied_[static_cast<std::size_t>(place.level)] &= ~(std::uint64_t{1} << place.slot);
    spread(slot.timers, until, fired);
    slot.empty();
  }
  constexpr int kWheelBits = kLevels * kDigitBits;
  const bool turned = (now_ms_ >> kWheelBits) != (until >> kWheelBits);
  now_ms_ = until;
  if (turned && !far_.timers.empty()) {
    std::vector<Timer> far;
    far.swap(far_.timers);
    far_.empty();
    spread(far, until, fired);
  }
  std::sort(fired.begin() + static_cast<std::ptrdiff_t>(before), fired.end(),
            [](const Timer& a, const Timer& b) {
              return std::tie(a.due, a.subject, a.kind) < std::tie(b.due, b.subject, b.kind);
            });
}

Instant TimerWheel::next_due() const {
  if (!overdue_.timers.empty()) {
    return {overdue_.earliest};
  }
  const Place first = first_place();
  return {first.level < kLevels ? at(first).earliest : far_.earliest};
}

}  // namespace jobflow::engine
