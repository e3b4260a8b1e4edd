// The recent parts of the journal that a feed keeps in memory, all sources together in one bound.
// Per source they follow each other without a gap and reach to the newest. Not thread-safe.
#pragma once

#include "model/event.h"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace jobflow::runtime {

class FeedMemory {
 public:
  using Part = std::shared_ptr<const JournalPart>;

  explicit FeedMemory(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // `part` must follow the newest of its source; the oldest of all go when it gets too much.
  void add(Part part);
  // The parts from the one that holds number `from` on, about `events` events; none when forgotten.
  std::vector<Part> read(ShardNumber source, std::int64_t from, std::size_t events) const;
  void forget(ShardNumber source);
  void clear();
  std::size_t bytes() const { return bytes_; }

 private:
  void drop_front(std::deque<Part>& parts);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::map<ShardNumber, std::deque<Part>> sources_;
  std::deque<ShardNumber> arrivals_;  // the source of each part, oldest part first
};

}  // namespace jobflow::runtime
