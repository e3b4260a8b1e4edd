// The lookout: what a member concludes from looking at the cluster's rows again and again (house 4,
// "Time and death"): who is dead, which shards need an owner, which of its own belong elsewhere.
//
// No wall clocks are compared. A member is dead when its row has not moved for a lease on *our*
// monotonic clock while our own looks and beats went through; after a time in which they did not,
// everybody gets a fresh lease. The conclusion is a hint all the same: only the transaction that
// writes it decides (I1). Pure; not thread-safe: the hall's.
#pragma once

#include "model/cluster.h"
#include "model/time.h"

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace jobflow::runtime {

// Which of `members` a shard belongs to: the one with the highest hash of (member, shard), so that
// a member that comes or goes moves only its own share (rendezvous hashing). 0 = there is none.
std::int64_t rendezvous(ShardNumber shard, std::span<const std::int64_t> members);

class Lookout {
 public:
  Lookout(std::int64_t self, Span lease) : self_(self), lease_(lease) {}

  // What a look that began at `began` (monotonic) saw.
  void saw(ClusterImage image, Instant began);
  // A batch of ours, sent at `sent` (monotonic), has landed.
  void beat_landed(Instant sent);
  void set_leaving() { leaving_ = true; }

  struct Conclusion {
    Placement placement;  // to be written when it is not empty
    std::vector<std::pair<ShardNumber, std::int64_t>> hand_over;  // ours, and to whom they go
    bool is_empty() const { return placement.revoked.empty() && placement.moves.empty(); }
  };
  Conclusion conclude(Instant monotonic) const;

  const ClusterImage& image() const { return image_; }
  // Whether somebody else could own our shards.
  bool has_successor(Instant monotonic) const;
  // Nothing went through for too long: we are in no position to judge.
  bool is_blind(Instant monotonic) const;

 private:
  struct Seen {
    std::int64_t term = 0, batch = 0;
    Instant since;  // monotonic: not moved since then, as far as we could see
  };
  bool is_dead(const MemberRow& member, Instant monotonic) const;
  Span patience() const { return {lease_.ms / 2}; }  // longer between two looks is blindness

  const std::int64_t self_;
  const Span lease_;
  bool leaving_ = false;
  ClusterImage image_;
  std::map<std::int64_t, Seen> seen_;
  Instant last_look_ = {};  // that succeeded, when it began
  Instant last_beat_ = {};  // that landed, when it was sent
  Instant watching_since_ = {};
};

}  // namespace jobflow::runtime
