// How many bytes of journal this process wrote, by time, so that trimming can keep to a size as
// well as to an age (S9.1). Not thread-safe: the writer's own.
#pragma once

#include "model/time.h"

#include <algorithm>
#include <cstdint>
#include <deque>

namespace jobflow::store {

class JournalVolume {
 public:
  void add(Instant time, std::size_t bytes) {
    const Instant slot{time.ms - time.ms % kSlotMs};
    if (slots_.empty() || slots_.back().begin < slot) {
      slots_.push_back({slot, 0});
    }
    slots_.back().bytes += static_cast<std::int64_t>(bytes);
    total_ += static_cast<std::int64_t>(bytes);
  }

  // Rows older than the answer should go: older than `before`, or too many for `most_bytes`.
  Instant trim_before(Instant before, std::int64_t most_bytes) {
    while (slots_.size() > 1 && (total_ > most_bytes || slots_[1].begin <= before)) {
      total_ -= slots_.front().bytes;
      slots_.pop_front();
      cut_ = std::max(cut_, slots_.front().begin);
    }
    return std::max(cut_, before);
  }

 private:
  static constexpr std::int64_t kSlotMs = 100;
  struct Slot {
    Instant begin;
    std::int64_t bytes = 0;
  };
  std::deque<Slot> slots_;
  std::int64_t total_ = 0;
  Instant cut_;  // what was once decided to go goes, however many calls it takes
};

}  // namespace jobflow::store
