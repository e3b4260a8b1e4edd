// Who is in the cluster and who owns which shard, as the store says (house 3a, 4, I1e).
#pragma once

#include "model/id.h"

#include <cstdint>
#include <string>
#include <vector>

namespace jobflow {

enum class MemberState : std::uint8_t {
  active = 0,   // may be given shards
  leaving = 1,  // hands its shards over
  gone = 2      // has left, or was declared dead: its row stays a day
};

struct MemberRow {
  std::int64_t id = 0;
  std::string name;        // one row a name
  std::int64_t term = 0;   // fences its writes (I1)
  std::int64_t batch = 0;  // of its last batch; moves at least every beat while it lives
  MemberState state = MemberState::active;
  std::string address;  // where other members reach it
  bool operator==(const MemberRow&) const = default;
};

struct ShardOwner {
  ShardNumber shard = 0;
  std::int64_t owner = 0;  // a member's id; 0 = nobody's yet
  std::int64_t epoch = 0;
  bool operator==(const ShardOwner&) const = default;
};

// One snapshot of both.
struct ClusterImage {
  std::int64_t generation = 1;     // grows when history is known to have changed (house 8)
  std::vector<MemberRow> members;  // by id
  std::vector<ShardOwner> shards;  // all of them, by number
  std::int64_t calendars = 0;      // the number of their newest change
};

// What a member decides about who owns what. It lands as a whole and only if everything is still as
// it was seen.
struct Placement {
  // Declared dead: its term is revoked, its number of batches stays (I1c).
  struct Revoked {
    std::int64_t member = 0, term = 0, batch = 0;
  };
  // Of a revoked member, or nobody's. The new epoch is `epoch` + 1.
  struct Move {
    ShardNumber shard = 0;
    std::int64_t from = 0, epoch = 0, to = 0;
  };
  std::vector<Revoked> revoked;
  std::vector<Move> moves;
  MemberState own_state = MemberState::active;  // what the writer's own row says from now on
  // History has changed: from this generation to that one, which is above all that the writer
  // knows of, the forgotten ones too; 0 = stays.
  std::int64_t generation = 0, next_generation = 0;
};

}  // namespace jobflow
