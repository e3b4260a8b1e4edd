// What the shard decided lately, by batch: says whether rows read in a snapshot may be trusted
// (3c). Bounded; what it has forgotten makes it more careful, never less. Not thread-safe.
#pragma once

#include "model/id.h"
#include "model/time.h"

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

namespace jobflow::engine {

class Recency {
 public:
  static constexpr std::size_t kRemembered = 4096;
  struct Bound {
    Id run;
    Instant expires;
  };

  void set_landed(std::int64_t batch);
  // A decision of batch `batch` ended this run, or bound this key to a run.
  void run_ended(Id run, std::int64_t batch);
  void key_bound(const std::string& key, Bound bound, std::int64_t batch);

  // Is a read of that run, of a snapshot at `batch`, still true?
  bool run_unchanged_since(Id run, std::int64_t batch) const;
  // What a key was bound to lately, expired or not; null when nothing is remembered.
  const Bound* find_key(const std::string& key) const;
  bool may_trust(std::int64_t batch) const { return batch >= floor_; }

  void distrust_before(std::int64_t batch);

 private:
  struct Entry {
    std::int64_t batch = 0;
    Id run;
    std::string key;  // "" for an ended run
  };
  void add(Entry entry);

  std::deque<Entry> entries_;
  std::unordered_map<Id, std::int64_t> ended_;
  std::unordered_map<std::string, Bound> keys_;
  std::int64_t landed_ = 0;
  std::int64_t floor_ = 0;  // snapshots before this batch are not trusted
};

}  // namespace jobflow::engine
