// What became of a shard's commands lately, by the ids they got at the door: one that comes again
// is answered, not carried out again (S12.4). Bounded; what it has forgotten, or is older than its
// load, is for the store to say. Not thread-safe.
#pragma once

#include "model/rows.h"

#include <cstdint>
#include <deque>
#include <unordered_map>

namespace jobflow::engine {

class CommandMemory {
 public:
  static constexpr std::size_t kRemembered = 1024;

  // After a load: a command with a greater id than `up_to` was not carried out before `batch`.
  void begin(Id up_to, std::int64_t batch) { forgotten_ = up_to, floor_ = batch; }
  void set_landed(std::int64_t batch) { landed_ = batch; }
  void remember(CommandRow row, std::int64_t batch);

  const CommandRow* find(Id command) const;  // durable or not yet
  const CommandRow* find_durable(Id command) const;
  // Was it perhaps carried out, though it is not found here?
  bool may_be_forgotten(Id command) const { return command <= forgotten_; }
  // Does a snapshot at `batch` hold all that is not found here?
  bool may_trust(std::int64_t batch) const { return batch >= floor_; }
  void distrust_before(std::int64_t batch) { floor_ = batch > floor_ ? batch : floor_; }

 private:
  struct Entry {
    std::int64_t batch = 0;
    CommandRow row;
  };
  std::unordered_map<Id, Entry> entries_;
  std::deque<Id> order_;
  Id forgotten_;
  std::int64_t landed_ = 0;
  std::int64_t floor_ = 0;
};

}  // namespace jobflow::engine
