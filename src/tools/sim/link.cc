#include "tools/sim/link.h"

#include "tools/sim/member.h"
#include "tools/sim/world.h"

#include <algorithm>
#include <utility>

namespace jobflow::sim {
namespace {

// So long packets are sent again before the stream counts as broken.
constexpr Micros kKeepAlive = 4'000'000;
constexpr Micros kTryAgain = 50'000;
// The transport takes no more while so many messages are on their way.
constexpr std::size_t kWindow = 2;
constexpr Micros kWindowFull = 500;

}  // namespace

Link::Link(World& world, const std::shared_ptr<Life>& life, Owner guest, Node node, LinkEnd& end)
    : world_(world),
      life_(life),
      server_(life->process),
      server_node_(life->node),
      guest_(std::move(guest)),
      guest_node_(node),
      end_(end) {}

void Link::open(WorkerHello hello) {
  incarnation_ = hello.incarnation;
  carry_up({.hello = std::move(hello)});
}

void Link::say(runtime::FromWorker said) {
  carry_up({.said = std::move(said)});
}

// --- worker to server

void Link::carry_up(Up up) {
  if (!worker_open_) {
    return;
  }
  if (world_.network.loses()) {
    world_.count("stream broken");
    cut();
    return;
  }
  up.sent = world_.scheduler.now();
  up_.push_back(std::move(up));
  up_at_ = std::max(up_at_, world_.scheduler.now() + world_.network.delay());
  world_.scheduler.at(up_at_, server_, [self = shared_from_this()] { self->arrive_up(); });
}

// True when the packet has to wait; a stream whose packets wait for long breaks.
bool Link::waits_for_network(Node from, Node to, std::function<void()> again) {
  if (world_.network.reaches(from, to)) {
    stuck_since_ = 0;
    return false;
  }
  const Micros now = world_.scheduler.now();
  stuck_since_ = stuck_since_ == 0 ? now : stuck_since_;
  if (now - stuck_since_ > kKeepAlive) {
    world_.count("stream broken by a partition");
    cut();
  } else {
    world_.scheduler.after(kTryAgain, from == server_node_ ? guest_ : server_, std::move(again));
  }
  return true;
}

void Link::arrive_up() {
  if (up_.empty() || !server_open_ || was_cut_ ||
      waits_for_network(guest_node_, server_node_,
                        [self = shared_from_this()] { self->arrive_up(); })) {
    return;
  }
  const auto life = life_.lock();
  if (!life) {
    return;
  }
  Up up = std::move(up_.front());
  up_.pop_front();
  if (!up.hello) {
    const bool is_heartbeat = up.said.heartbeat;
    world_.history.add({.did = Did::heard_worker,
                        .who = life->process->name,
                        .number = incarnation_.value,
                        .from_worker = &up.said});
    life->hall.heard(incarnation_, this, std::move(up.said));
    if (is_heartbeat) {
      queue_down({.heartbeat = up.sent});
    }
    return;
  }
  life->hall.connected(std::move(*up.hello), shared_from_this(),
                       [self = shared_from_this()](const Outcome<Done>& welcome) {
                         if (welcome.ok()) {
                           self->queue_down({.welcome = true});
                         } else {
                           self->server_told_ = true;  // the hall never took it
                           self->queue_down({.refused = welcome.problem().detail});
                         }
                       });
}

// --- server to worker

bool Link::send(runtime::ToWorker message) {
  if (!server_open_) {
    return false;
  }
  if (server_->over) {
    return true;  // it died in the middle of its code
  }
  world_.history.add({.did = Did::told_worker,
                      .who = server_->name,
                      .number = incarnation_.value,
                      .to_worker = &message});
  queue_down({.message = std::move(message)});
  return true;
}

void Link::close(Problem) {
  if (server_open_) {
    queue_down({.refused = "the server ends the stream"});
    world_.scheduler.after(world_.network.delay(), server_,
                           [self = shared_from_this()] { self->end_server_side(); });
    server_open_ = false;
  }
}

void Link::queue_down(Down down) {
  outbox_.push_back(std::move(down));
  world_.scheduler.after(world_.random.between(1, 200), server_,
                         [self = shared_from_this()] { self->write_down(); });
}

void Link::write_down() {
  if (outbox_.empty()) {
    return;
  }
  if (down_.size() >= kWindow && server_open_) {
    world_.scheduler.after(kWindowFull, server_,
                           [self = shared_from_this()] { self->write_down(); });
    return;
  }
  down_.push_back(std::move(outbox_.front()));
  outbox_.pop_front();
  if (!was_cut_ && world_.network.loses()) {
    world_.count("stream broken");
    cut();
  }
  down_at_ = std::max(down_at_, world_.scheduler.now() + world_.network.delay());
  world_.scheduler.at(down_at_, guest_, [self = shared_from_this()] { self->arrive_down(); });
}

void Link::arrive_down() {
  if (down_.empty() || !worker_open_ || was_cut_ ||
      waits_for_network(server_node_, guest_node_,
                        [self = shared_from_this()] { self->arrive_down(); })) {
    return;
  }
  const Down down = std::move(down_.front());
  down_.pop_front();
  if (down.message) {
    world_.history.add({.did = Did::worker_told,
                        .who = guest_->name,
                        .number = incarnation_.value,
                        .to_worker = &*down.message});
    end_.received(*down.message);
  } else if (down.heartbeat) {
    end_.heartbeat_heard(*down.heartbeat);
  } else if (down.welcome) {
    world_.history.add({.did = Did::connected, .who = guest_->name, .text = server_->name});
    end_.welcomed();
  } else if (down.refused) {
    end_worker_side(*down.refused);
  }
}

// --- the end

void Link::cut() {
  if (was_cut_) {
    return;
  }
  was_cut_ = true;
  const auto learns = [&] {
    return world_.random.chance(70) ? world_.network.delay() : world_.random.between(0, 3'000'000);
  };
  world_.scheduler.after(learns(), server_,
                         [self = shared_from_this()] { self->end_server_side(); });
  world_.scheduler.after(
      learns(), guest_, [self = shared_from_this()] { self->end_worker_side("the stream broke"); });
}

void Link::end_server_side() {
  server_open_ = false;
  const auto life = life_.lock();
  if (server_told_ || !life) {
    return;
  }
  server_told_ = true;
  std::vector<Assignment> unsent;
  for (const Down& down : std::exchange(outbox_, {})) {
    if (down.message) {
      unsent.insert(unsent.end(), down.message->assignments.begin(),
                    down.message->assignments.end());
    }
  }
  if (!unsent.empty()) {
    world_.count("assignments unsent");
  }
  life->hall.closed(incarnation_, this, std::move(unsent));
}

void Link::end_worker_side(const std::string& why) {
  if (worker_open_) {
    worker_open_ = false;
    cut();
    end_.link_down(why);
  }
}

}  // namespace jobflow::sim
