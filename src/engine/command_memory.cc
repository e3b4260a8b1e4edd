#include "engine/command_memory.h"

#include <algorithm>
#include <utility>

namespace jobflow::engine {

// Only what is durable may be forgotten: a later read then sees it in the store.
void CommandMemory::remember(CommandRow row, std::int64_t batch) {
  const Id id = row.id;
  entries_[id] = {batch, std::move(row)};
  order_.push_back(id);
  while (order_.size() > kRemembered) {
    const auto oldest = entries_.find(order_.front());
    if (oldest->second.batch > landed_) {
      break;
    }
    forgotten_ = std::max(forgotten_, oldest->first);
    floor_ = std::max(floor_, oldest->second.batch);
    entries_.erase(oldest);
    order_.pop_front();
  }
}

const CommandRow* CommandMemory::find(Id command) const {
  const auto found = entries_.find(command);
  return found == entries_.end() ? nullptr : &found->second.row;
}

const CommandRow* CommandMemory::find_durable(Id command) const {
  const auto found = entries_.find(command);
  return found == entries_.end() || found->second.batch > landed_ ? nullptr : &found->second.row;
}

}  // namespace jobflow::engine
