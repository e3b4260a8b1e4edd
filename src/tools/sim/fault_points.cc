#include "tools/sim/fault_points.h"

#include "model/check.h"
#include "model/crash_point.h"
#include "tools/sim/world.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace jobflow::sim {
namespace {

constexpr std::array<std::string_view, 11> kPoints = {
    "before_send", "before_effects", "between_effects", "after_effects",
    "joined",      "shard_loaded",   "last_word",       "handed_over",
    "taken_over",  "refused",        "begin_anew",
};

World* watching = nullptr;  // the simulator's one thread alone

void passed(const char* name) {
  if (watching != nullptr) {
    check(std::ranges::find(kPoints, name) != kPoints.end(), "a fault point is in the list");
    watching->passes(name);
  }
}

}  // namespace

std::span<const std::string_view> fault_points() {
  return kPoints;
}

PointsWatch::PointsWatch(World& world) : outer_(std::exchange(watching, &world)) {
  crash_points::listener = passed;
  crash_points::armed = "";
}

PointsWatch::~PointsWatch() {
  watching = outer_;
}

}  // namespace jobflow::sim
