// Places in the server's code that have a name (model/crash_point.h), and processes that die there.
#pragma once

#include <span>
#include <string_view>

namespace jobflow::sim {

class World;

// All there are on the way of a simulated member.
std::span<const std::string_view> fault_points();

// While it lives, the world counts ("at NAME") what its processes pass, and one of them dies at the
// point that the world says.
class PointsWatch {
 public:
  explicit PointsWatch(World& world);
  ~PointsWatch();
  PointsWatch(PointsWatch&&) = delete;

 private:
  World* const outer_;
};

}  // namespace jobflow::sim
