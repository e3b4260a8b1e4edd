// A worker's stream over the simulated network: in order both ways, until it breaks; then each side
// learns of it in its own time, and what was on the way may be lost.
#pragma once

#include "model/outcome.h"
#include "runtime/worker_door.h"
#include "tools/sim/network.h"
#include "tools/sim/scheduler.h"

#include <deque>
#include <memory>
#include <optional>

namespace jobflow::sim {

class World;
struct Life;

// Where a stream's messages go on the worker's side.
class LinkEnd {
 public:
  virtual ~LinkEnd() = default;
  virtual void welcomed() = 0;
  virtual void received(const runtime::ToWorker& message) = 0;
  virtual void heartbeat_heard(Micros sent) = 0;
  virtual void link_down(const std::string& why) = 0;
};

class Link final : public runtime::WorkerStream, public std::enable_shared_from_this<Link> {
 public:
  // `end` lives as long as `guest` is not over.
  Link(World& world, const std::shared_ptr<Life>& life, Owner guest, Node node, LinkEnd& end);

  // --- the worker's side
  void open(WorkerHello hello);
  void say(runtime::FromWorker said);
  // Neither side goes on with it; the other one learns of it by and by.
  void cut();
  bool is_to(const Life& life) const { return life_.lock().get() == &life; }

  // --- the server's side
  bool send(runtime::ToWorker message) override;
  void close(Problem reason) override;

 private:
  struct Down {  // to the worker
    std::optional<runtime::ToWorker> message;
    std::optional<Micros> heartbeat;  // that was heard; when it was sent
    std::optional<std::string> refused;
    bool welcome = false;
  };
  struct Up {
    std::optional<WorkerHello> hello;
    runtime::FromWorker said;
    Micros sent = 0;
  };
  void queue_down(Down down);
  void write_down();
  void arrive_down();
  void carry_up(Up up);
  void arrive_up();
  bool waits_for_network(Node from, Node to, std::function<void()> again);
  void end_server_side();
  void end_worker_side(const std::string& why);

  World& world_;
  const std::weak_ptr<Life> life_;
  const Owner server_;
  const Node server_node_;
  const Owner guest_;
  const Node guest_node_;
  LinkEnd& end_;
  Id incarnation_;
  bool server_open_ = true;
  bool server_told_ = false;  // that it ended
  bool worker_open_ = true;
  bool was_cut_ = false;
  std::deque<Down> outbox_;  // not yet written
  std::deque<Down> down_;    // on the wire
  std::deque<Up> up_;
  Micros down_at_ = 0;  // the last arrival
  Micros up_at_ = 0;
  Micros stuck_since_ = 0;
};

}  // namespace jobflow::sim
