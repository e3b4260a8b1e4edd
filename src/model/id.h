// 63-bit ids: 41 bits time (ms), 10 bits shard, 12 bits counter. Zero means "none".
#pragma once

#include "model/outcome.h"
#include "model/time.h"

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace jobflow {

// A slice of the jobs and workflows; exactly one member owns it at a time.
using ShardNumber = std::uint16_t;

inline constexpr int kShardsMax = 1024;
inline constexpr int kShardsDefault = 64;

// The name of a definition, run, trigger or attempt (its token). Strings in JSON.
struct Id {
  std::int64_t value = 0;

  constexpr auto operator<=>(const Id&) const = default;
  constexpr bool is_set() const { return value != 0; }
  // The shard that made it, which stays the home of what it names.
  constexpr ShardNumber shard() const { return static_cast<ShardNumber>((value >> 12) & 0x3ff); }
  constexpr Instant time() const { return {value >> 22}; }
};

// The id after `last` in `shard`: max(now, last + 1), so that ids never repeat nor go back,
// whatever clocks do (house 3.7).
Id next_id(Id last, ShardNumber shard, Instant now);

std::string to_string(Id id);
Outcome<Id> parse_id(std::string_view text);

// The home shard of a name: FNV-1a over (namespace, kind, name), folded to the number of shards.
// Stored data depends on it: it never changes.
ShardNumber home_shard(std::string_view name_space,
                       std::string_view kind,
                       std::string_view name,
                       int shard_count);

// FNV-1a, 64 bits, with a final avalanche: for homes, derived jitter and derived choices.
std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace jobflow

template <>
struct std::hash<jobflow::Id> {
  std::size_t operator()(jobflow::Id id) const noexcept {
    auto x = static_cast<std::uint64_t>(id.value) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::size_t>(x ^ (x >> 32));
  }
};
