#include "tools/sim/network.h"

namespace jobflow::sim {

Micros Network::delay() {
  if (random_.rarely(spikes_permille)) {
    return random_.between(1'000, kSpike);
  }
  return random_.between(80, 900);
}

Micros Network::stalled_until(Node from, Node to) const {
  const auto found = stalled_.find({from, to});
  return found == stalled_.end() ? 0 : found->second;
}

void Network::cut(Node from, Node to) {
  cut_.insert({from, to});
}

void Network::heal(Node from, Node to) {
  if (const auto found = cut_.find({from, to}); found != cut_.end()) {
    cut_.erase(found);
  }
}

void Network::heal_all() {
  cut_.clear();
  stalled_.clear();
  before_next_order = {};
}

}  // namespace jobflow::sim
