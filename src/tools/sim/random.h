// The dice of one world: everything that chance decides is drawn from here, so a seed says it all.
// Its numbers are the same on every machine and with every library.
#pragma once

#include <cstddef>
#include <cstdint>

namespace jobflow::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15ULL);
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }
  // 0 to count - 1.
  std::size_t below(std::size_t count) { return static_cast<std::size_t>(next() % count); }
  // low to high, both included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
  bool rarely(int permille) { return between(1, 1000) <= permille; }
  template <class Container>
  auto& any(Container& some) {
    return some[below(some.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace jobflow::sim
