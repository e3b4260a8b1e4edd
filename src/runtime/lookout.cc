#include "runtime/lookout.h"

#include <algorithm>
#include <set>
#include <string>

namespace jobflow::runtime {

std::int64_t rendezvous(ShardNumber shard, std::span<const std::int64_t> members) {
  std::int64_t best = 0;
  std::uint64_t best_hash = 0;
  for (const std::int64_t member : members) {
    const std::uint64_t hash =
        stable_hash(std::to_string(shard), static_cast<std::uint64_t>(member));
    if (best == 0 || hash > best_hash || (hash == best_hash && member < best)) {
      best = member;
      best_hash = hash;
    }
  }
  return best;
}

void Lookout::saw(ClusterImage image, Instant began) {
  if (last_look_.is_set() && began < last_look_) {
    return;  // overtaken by a later look
  }
  if (!last_look_.is_set() || began - last_look_ > patience()) {
    watching_since_ = std::max(watching_since_, began);
  }
  last_look_ = began;
  std::map<std::int64_t, Seen> seen;
  for (const MemberRow& member : image.members) {
    const auto known = seen_.find(member.id);
    const bool has_moved = known == seen_.end() || known->second.term != member.term ||
                           known->second.batch != member.batch;
    seen[member.id] = has_moved ? Seen{member.term, member.batch, began} : known->second;
  }
  seen_ = std::move(seen);
  image_ = std::move(image);
}

void Lookout::beat_landed(Instant sent) {
  if (!last_beat_.is_set() || sent - last_beat_ > patience()) {
    watching_since_ = std::max(watching_since_, sent);
  }
  last_beat_ = std::max(last_beat_, sent);
}

bool Lookout::is_blind(Instant monotonic) const {
  return !last_look_.is_set() || !last_beat_.is_set() || monotonic - last_look_ > patience() ||
         monotonic - last_beat_ > patience();
}

bool Lookout::is_dead(const MemberRow& member, Instant monotonic) const {
  if (member.id == self_) {
    return false;
  }
  const Seen& seen = seen_.at(member.id);
  return monotonic - std::max(seen.since, watching_since_) >= lease_;
}

bool Lookout::has_successor(Instant monotonic) const {
  return std::any_of(image_.members.begin(), image_.members.end(), [&](const MemberRow& member) {
    return member.id != self_ && member.state == MemberState::active && !is_dead(member, monotonic);
  });
}

Lookout::Conclusion Lookout::conclude(Instant monotonic) const {
  Conclusion conclusion;
  if (is_blind(monotonic)) {
    return conclusion;
  }
  std::vector<std::int64_t> able;  // to own shards
  std::set<std::int64_t> owners;   // whose shards stay where they are, for now
  for (const MemberRow& member : image_.members) {
    if (member.state == MemberState::gone) {
      continue;
    }
    if (is_dead(member, monotonic)) {
      conclusion.placement.revoked.push_back({member.id, member.term, member.batch});
      continue;
    }
    owners.insert(member.id);
    const bool is_leaving =
        member.state == MemberState::leaving || (member.id == self_ && leaving_);
    if (!is_leaving) {
      able.push_back(member.id);
    }
  }
  for (const ShardOwner& shard : image_.shards) {
    const std::int64_t wanted = rendezvous(shard.shard, able);
    if (wanted == 0) {
      continue;  // everybody leaves: it stays until somebody comes
    }
    if (!owners.contains(shard.owner)) {
      conclusion.placement.moves.push_back({shard.shard, shard.owner, shard.epoch, wanted});
    } else if (shard.owner == self_ && wanted != self_) {
      conclusion.hand_over.emplace_back(shard.shard, wanted);
    }
  }
  if (leaving_) {
    conclusion.placement.own_state = MemberState::leaving;
  }
  return conclusion;
}

}  // namespace jobflow::runtime
