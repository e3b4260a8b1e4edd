// A hierarchical timer wheel in whole milliseconds: arming is O(1), advancing visits only what is
// due or cascades. Time is an argument. Not thread-safe.
//
// A timer cannot be disarmed: its owner compares what fires with what it now wants (a stale one is
// ignored), which keeps arming free of bookkeeping.
#pragma once

#include "model/id.h"
#include "model/time.h"

#include <array>
#include <cstdint>
#include <vector>

namespace jobflow::engine {

// What a timer is about: a run's next bound, a trigger's next firing, or letters to be sent again.
enum class TimerSubject : std::uint8_t { run, trigger, letters, permits };

struct Timer {
  Instant due;
  Id subject;
  TimerSubject kind = TimerSubject::run;
};

class TimerWheel {
 public:
  // Timers armed for `now` or earlier fire at the next advance.
  explicit TimerWheel(Instant now = {});

  void arm(Timer timer);
  // Moves to `now` (never backwards) and appends what is due to `fired`, ordered by (due, subject).
  void advance(Instant now, std::vector<Timer>& fired);
  // The earliest instant at which advance() may have something to do; kNever when empty.
  // Never later than the earliest timer.
  Instant next_due() const;
  std::size_t size() const { return size_; }

 private:
  // 6 levels of 64 slots: 64 ms, 4 s, 4.4 min, 4.7 h, 12 days, 2.2 years; beyond that: far_.
  // A timer's level is the highest base-64 digit in which it differs from now_ms_, its slot that
  // digit. So all timers of a level come before all of the next, and slots are in order of time.
  static constexpr int kLevels = 6;
  static constexpr int kSlots = 64;
  static constexpr int kDigitBits = 6;
  struct Slot {
    std::vector<Timer> timers;
    std::int64_t earliest = kNever.ms;
    void put(const Timer& timer);
    void empty();
  };
  struct Place {
    int level;
    int slot;
  };

  void put(const Timer& timer);
  void take_overdue(Instant now, std::vector<Timer>& fired);
  Place first_place() const;
  Slot& at(Place place);
  const Slot& at(Place place) const;
  std::int64_t start_of(Place place) const;
  void spread(std::vector<Timer>& timers, std::int64_t until, std::vector<Timer>& fired);

  std::int64_t now_ms_ = 0;
  std::size_t size_ = 0;
  std::array<std::array<Slot, kSlots>, kLevels> levels_;
  std::array<std::uint64_t, kLevels> occupied_{};  // a bit a slot
  Slot overdue_;                                   // due at now_ms_ or before
  Slot far_;
};

}  // namespace jobflow::engine
