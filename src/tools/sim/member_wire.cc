#include "tools/sim/member_wire.h"

#include "model/check.h"
#include "tools/sim/member.h"
#include "tools/sim/world.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace jobflow::sim {
namespace {

constexpr std::string_view kMachine = "machine-";

std::size_t member_at(const std::string& address) {
  std::size_t member = 0;
  check(address.starts_with(kMachine), "members send to addresses that they were given");
  std::from_chars(address.data() + kMachine.size(), address.data() + address.size(), member);
  return member;
}

}  // namespace

MemberWire::MemberWire(World& world,
                       std::shared_ptr<Process> owner,
                       Node node,
                       std::function<void(std::int64_t)> lost)
    : world_(world),
      name_(owner->name),
      owner_(std::move(owner)),
      node_(node),
      lost_(std::move(lost)) {}

std::string MemberWire::address_of(int member) {
  return std::string(kMachine) + std::to_string(member);
}

void MemberWire::send(std::int64_t to, const std::string& address, runtime::MemberMessage message) {
  if (owner_->over) {
    return;  // it died in the middle of its code
  }
  Way& way = ways_[to];
  world_.history.add({.did = Did::told_member,
                      .who = name_,
                      .text = "m" + std::to_string(member_at(address)),
                      .message = &message});
  if (world_.network.loses()) {
    world_.count("member message lost");
    breaks(to);
    return;
  }
  // On the wire it belongs to nobody: it arrives although its sender has died.
  const auto carry = [&](Micros when) {
    world_.scheduler.at(
        when, nullptr,
        [&world = world_, weak = weak_from_this(), from = node_, to, member = member_at(address),
         message] {
          Member& receiver = *world.members.at(member);
          if (world.network.reaches(from, receiver.node()) && receiver.receive(message)) {
            return;
          }
          world.count("member message lost");
          if (const auto wire = weak.lock()) {
            wire->breaks(to);
          }
        });
  };
  const auto* orders = std::get_if<runtime::OrdersForWorker>(&message.what);
  const Node there = kMembers + static_cast<Node>(member_at(address));
  if (orders != nullptr && !orders->orders.assignments.empty()) {
    if (const auto hold = std::exchange(world_.network.before_next_order, {})) {
      hold(node_, there);
    }
  }
  way.arrival = std::max({way.arrival + 1, world_.scheduler.now() + world_.network.delay(),
                          world_.network.stalled_until(node_, there)});
  carry(way.arrival);
  if (world_.network.doubles()) {
    world_.count("member message doubled");
    carry(way.arrival + world_.random.between(1, 300'000));
  }
}

// The sender learns of it, in its own time.
void MemberWire::breaks(std::int64_t to) {
  if (std::exchange(ways_[to].is_broken, true)) {
    return;
  }
  world_.scheduler.after(world_.random.between(100, 1'500'000), owner_,
                         [self = shared_from_this(), to] {
                           self->ways_[to].is_broken = false;
                           self->lost_(to);
                         });
}

}  // namespace jobflow::sim
