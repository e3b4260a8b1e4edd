// A member of the cluster and its processes: the real hall over a faulty store, on a clock and an
// executor of its own. A process can die between any two tasks, stand still for a while and go on
// believing, or stop in order; more than one of them may be there at a time.
#pragma once

#include "runtime/hall.h"
#include "runtime/metrics.h"
#include "store/fault_store.h"
#include "tools/sim/member_wire.h"
#include "tools/sim/network.h"
#include "tools/sim/own_time.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::sim {

class World;

// One process of a member, from its start to its end.
struct Life {
  Life(World& world, int member, int number);

  std::shared_ptr<Process> process;
  Node node;
  OwnClock clock;
  OwnExecutor executor;
  store::FaultStore store;
  runtime::Metrics metrics;
  std::unique_ptr<store::LogStore> logs;
  std::shared_ptr<MemberWire> wire;
  runtime::Hall hall;
  std::deque<runtime::MemberMessage> inbox;  // arrived, not yet read
  bool is_stopping = false;
  int tasks_left = 0;  // not 0: dies before that many more tasks are done
};

class Member {
 public:
  Member(World& world, int number) : world_(world), number_(number) {}

  int number() const { return number_; }
  Node node() const { return kMembers + number_; }
  MachineClock machine;

  // The newest process; null when there is none.
  const std::shared_ptr<Life>& life() const { return life_; }
  bool is_up() const { return life_ != nullptr && !life_->is_stopping; }

  void begin();
  // Into the socket of the process that runs here; false: there is none.
  bool receive(const runtime::MemberMessage& message);
  void crash(const std::string& why);
  void crash_after_tasks(int tasks);
  void stop();
  void pause(Span span);
  // The process stands still that long; meanwhile another one is started in its place.
  void replace(Span span);
  // Everything runs that should run, and nothing else.
  void calm();

 private:
  friend struct Life;
  void end(const std::shared_ptr<Life>& life, const std::string& how);
  void begin_again(Span after);

  World& world_;
  const int number_;
  int lives_ = 0;
  std::shared_ptr<Life> life_;
  std::vector<std::shared_ptr<Life>> former_;  // replaced ones that go on believing
};

}  // namespace jobflow::sim
