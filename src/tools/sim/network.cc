#include "tools/sim/network.h"

namespace jobflow::sim {

Micros Network::delay() {
  if (random_.rarely(spikes_permille)) {
    return random_.between(1'000, kSpike);
  }
  return random_.between(80, 900);
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
}

}  // namespace jobflow::sim
