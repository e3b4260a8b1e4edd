#include "model/id.h"

#include <algorithm>
#include <charconv>

namespace jobflow {
namespace {

constexpr std::int64_t kCounterMask = 0xfff;
constexpr std::int64_t kLastMs = (std::int64_t{1} << 41) - 1;  // in 2039

constexpr std::int64_t compose(std::int64_t ms, ShardNumber shard, std::int64_t counter) {
  return (ms << 22) | (static_cast<std::int64_t>(shard) << 12) | counter;
}

}  // namespace

Id next_id(Id last, ShardNumber shard, Instant now) {
  check(shard < kShardsMax, "shard number out of range");
  const std::int64_t last_ms = last.time().ms;
  if (now.ms > last_ms && now.ms <= kLastMs) {
    return {compose(now.ms, shard, 0)};
  }
  const std::int64_t counter = (last.value & kCounterMask) + 1;
  if (counter > kCounterMask) {
    return {compose(last_ms + 1, shard, 0)};
  }
  return {compose(last_ms, shard, counter)};
}

std::string to_string(Id id) {
  return std::to_string(id.value);
}

Outcome<Id> parse_id(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value <= 0) {
    return Problem{ProblemCode::invalid, "'" + std::string(text.substr(0, 64)) +
                                             "' is not an id: ids are positive decimal numbers"};
  }
  return Id{value};
}

std::uint64_t stable_hash(std::string_view bytes, std::uint64_t seed) {
  // FNV-1a (Fowler, Noll, Vo), then the finaliser of MurmurHash3 (Appleby) to spread the low bits.
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ seed;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3ULL;
  }
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53ULL;
  hash ^= hash >> 33;
  return hash;
}

ShardNumber home_shard(std::string_view name_space,
                       std::string_view kind,
                       std::string_view name,
                       int shard_count) {
  check(shard_count > 0 && shard_count <= kShardsMax, "shard count out of range");
  std::string key;
  key.reserve(name_space.size() + kind.size() + name.size() + 2);
  key.append(name_space).push_back('\0');
  key.append(kind).push_back('\0');
  key.append(name);
  return static_cast<ShardNumber>(stable_hash(key) % static_cast<std::uint64_t>(shard_count));
}

}  // namespace jobflow
