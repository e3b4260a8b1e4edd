#include "engine/recency.h"

#include <algorithm>

namespace jobflow::engine {

void Recency::set_landed(std::int64_t batch) {
  landed_ = std::max(landed_, batch);
}

void Recency::run_ended(Id run, std::int64_t batch) {
  ended_[run] = batch;
  add({batch, run, {}});
}

void Recency::key_bound(const std::string& key, Bound bound, std::int64_t batch) {
  keys_[key] = bound;
  add({batch, bound.run, key});
}

// Only what is durable may be forgotten: a later read then sees it in the store.
void Recency::add(Entry entry) {
  entries_.push_back(std::move(entry));
  while (entries_.size() > kRemembered && entries_.front().batch <= landed_) {
    const Entry& oldest = entries_.front();
    floor_ = std::max(floor_, oldest.batch);
    if (oldest.key.empty()) {
      const auto found = ended_.find(oldest.run);
      if (found != ended_.end() && found->second == oldest.batch) {
        ended_.erase(found);
      }
    } else {
      const auto found = keys_.find(oldest.key);
      if (found != keys_.end() && found->second.run == oldest.run) {
        keys_.erase(found);
      }
    }
    entries_.pop_front();
  }
}

bool Recency::run_unchanged_since(Id run, std::int64_t batch) const {
  const auto found = ended_.find(run);
  return batch >= floor_ && (found == ended_.end() || found->second <= batch);
}

const Recency::Bound* Recency::find_key(const std::string& key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &found->second;
}

void Recency::distrust_before(std::int64_t batch) {
  floor_ = std::max(floor_, batch);
}

}  // namespace jobflow::engine
