// The people and programs of a world: they send commands over the network, send them again when no
// answer comes, and follow the events.
#pragma once

#include "engine/command.h"
#include "engine/decision.h"
#include "runtime/feed.h"
#include "tools/sim/network.h"
#include "tools/sim/scheduler.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::sim {

class World;
struct Life;

// A desk from which commands go out, one network node.
class Client {
 public:
  using Then = std::function<void(const Outcome<engine::Reply>&)>;

  Client(World& world, int number) : world_(world), number_(number) {}

  // Sends it up to `tries` times until an answer comes. `then` hears the answer, or
  // `outcome_unknown`.
  void ask(engine::Request request, int tries = 4, Then then = {});
  // Several in one request (runs/batch); each is answered by itself.
  void ask_all(std::vector<engine::Request> requests, int tries = 4, Then then = {});
  std::size_t open_asks() const { return open_; }

 private:
  struct Ask {
    std::int64_t number = 0;
    Id command;
    engine::Request request;
    int tries_left = 0;
    bool is_over = false;
    Then then;
  };
  using Asks = std::vector<std::shared_ptr<Ask>>;
  Id command_id(std::int64_t number) const;
  void send(const std::shared_ptr<Asks>& asks);
  void deliver(const std::shared_ptr<Asks>& asks, const std::shared_ptr<Life>& life);
  void hear(const std::shared_ptr<Ask>& ask, const Outcome<engine::Reply>& answer);

  World& world_;
  const int number_;
  std::size_t open_ = 0;
};

// One who follows all events, from member to member, with a cursor (S9.2, S9.3): its own, from the
// first event on, or each time that of another one, whose member it does not go to.
class Subscriber {
 public:
  Subscriber(World& world, std::string name, const Subscriber* other = nullptr)
      : world_(world), name_(std::move(name)), other_(other) {}

  void begin();
  void disconnect();
  void server_ended(const Life& life);
  // The next number of each source that it waits for.
  const std::map<ShardNumber, std::int64_t>& next() const { return next_; }

 private:
  void connect();
  std::shared_ptr<Life> server() const;
  void arrived(int connection, const runtime::FeedSlice& slice);

  World& world_;
  const std::string name_;
  const Subscriber* const other_;
  std::map<ShardNumber, std::int64_t> next_;
  std::int64_t generation_ = 1;  // 0 = it was told to begin anew
  int connection_ = 0;           // grows with each
  bool is_connected_ = false;
  std::weak_ptr<Life> life_;
  std::int64_t subscription_ = 0;
  Micros arrival_ = 0;
};

}  // namespace jobflow::sim
