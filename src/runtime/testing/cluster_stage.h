// Several halls on one memory database and one virtual clock, with a network between them that the
// test cuts: one thread, one order.
#pragma once

#include "runtime/hall.h"
#include "runtime/member_link.h"
#include "runtime/metrics.h"
#include "runtime/testing/hall_stage.h"
#include "store/fault_store.h"
#include "store/memory/memory_store.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::runtime::testing {

class ClusterStage {
 public:
  explicit ClusterStage(int shard_count = 16);
  ~ClusterStage();

  // Starts a member's process; one that ran under that name is gone without a word.
  Hall& start(const std::string& name, store::FaultScript faults = {});
  void kill(const std::string& name);
  // It stops running, and goes on believing what it believed.
  void pause(const std::string& name);
  void go_on(const std::string& name);
  // Nothing passes between the two, in neither direction.
  void cut(const std::string& a, const std::string& b);
  void heal() { cuts_.clear(); }
  // What the former says to the latter is under way for so long from now on.
  void slow(const std::string& from, const std::string& to, Span span) {
    delays_[{from, to}] = span;
  }

  // The database as it is now; and back to it, with all later history lost.
  void keep_history() { kept_ = store::copy_memory_database(*database_); }
  void lose_history() { store::go_back_to(*database_, *kept_); }

  void advance(Span span);
  void settle();

  Hall& hall(const std::string& name);
  store::FaultStore& store(const std::string& name);
  bool was_fenced(const std::string& name);
  // The value in that line of its metrics, labels and all; -1: there is none.
  double metric(const std::string& name, const std::string& line);
  bool has_stopped(const std::string& name);
  void stop(const std::string& name);
  ClusterImage image();
  // How many shards each member owns, as the store says.
  std::map<std::string, int> shares();
  std::map<std::int64_t, std::string> names();

  Answered submit(const std::string& at, engine::Request request, Id command = {});
  Answered save_job(const std::string& at, const std::string& name, const std::string& spec_json);
  Answered trigger(const std::string& at, const std::string& name, const std::string& key = "");
  std::shared_ptr<PlayedWorker> connect(const std::string& at,
                                        const std::string& name,
                                        Id incarnation,
                                        std::vector<std::string> handlers,
                                        int slots = 10,
                                        std::vector<WorkerHello::Holding> holding = {},
                                        std::int64_t connection = 0);
  void finish(const std::string& at, Id incarnation, const Assignment& assignment);
  std::vector<RunRow> runs();
  Instant now() const { return monotonic_ + Span{1'700'000'000'000}; }

 private:
  struct Node;
  Node& node(const std::string& name) { return *nodes_.at(name); }
  bool run_one();

  std::shared_ptr<store::MemoryDatabase> database_, kept_;
  std::unique_ptr<store::Store> truth_;
  std::map<std::string, std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Node>> dead_;
  std::set<std::pair<std::string, std::string>> cuts_;
  std::map<std::pair<std::string, std::string>, Span> delays_;
  std::multimap<Instant, std::pair<std::string, MemberMessage>> under_way_;  // to whom
  Instant monotonic_{77'000};
};

}  // namespace jobflow::runtime::testing
