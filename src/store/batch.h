// One transaction's worth of decisions: fenced, numbered, the same bytes however often it is sent.
#pragma once

#include "model/change.h"
#include "model/cluster.h"
#include "model/event.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace jobflow::store {

// What one shard wants written. `journal` may be empty of events; last_id is written all the same.
struct ShardPart {
  ShardNumber shard = 0;
  std::int64_t epoch = 1;
  Id last_id;  // the greatest id the shard has made
  JournalPart journal;
  std::vector<Change> changes;
  // The last word of this owner: with this batch the shard is that member's, in the next epoch
  // (I1e). 0 = it stays.
  std::int64_t hand_to = 0;
};

struct Batch {
  std::int64_t member = 0;
  std::int64_t term = 0;
  std::int64_t number = 0;  // of this batch: the member row must hold number - 1
  // The history in which it was decided: it lands in no later one (house 8); 0 = a member alone.
  std::int64_t generation = 0;
  Instant time;                  // of the journal rows
  std::vector<ShardPart> parts;  // none at all: a beat
  std::optional<Placement> placement;
};

}  // namespace jobflow::store
