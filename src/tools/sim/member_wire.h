// What members say to each other over the simulated network: in order between two processes, lost,
// late, repeated, and broken off.
#pragma once

#include "runtime/member_link.h"
#include "tools/sim/network.h"
#include "tools/sim/scheduler.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace jobflow::sim {

class World;

class MemberWire final : public runtime::MemberLink,
                         public std::enable_shared_from_this<MemberWire> {
 public:
  // Of one process. `lost` is told which member's link broke.
  MemberWire(World& world,
             std::shared_ptr<Process> owner,
             Node node,
             std::function<void(std::int64_t)> lost);

  // `address`: of a machine; whatever process runs there hears it.
  void send(std::int64_t to, const std::string& address, runtime::MemberMessage message) override;

  static std::string address_of(int member);

 private:
  struct Way {
    Micros arrival = 0;      // of the last message
    bool is_broken = false;  // and the sender has not been told
  };
  void breaks(std::int64_t to);

  World& world_;
  const std::string name_;
  const Owner owner_;
  const Node node_;
  const std::function<void(std::int64_t)> lost_;
  std::map<std::int64_t, Way> ways_;  // by receiver
};

}  // namespace jobflow::sim
