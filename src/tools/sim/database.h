// The one database of a world, and a process's handle on it over the network.
//
//   hall -> FaultStore -> RemoteStore ~~network~~> Database -> memory store
//
// What is under way when a process dies may still land, or not. No answer within the patience of
// the connection is an answer too: `retry` for a commit, a problem for a read; the request itself
// may land later.
#pragma once

#include "store/memory/memory_store.h"
#include "store/store.h"
#include "tools/sim/history.h"
#include "tools/sim/network.h"
#include "tools/sim/scheduler.h"

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace jobflow::sim {

class Database {
 public:
  Database(Scheduler& scheduler, Network& network, Random& random, History& history, int shards);

  // Reads at once what is durable: for the checkers.
  store::Store& truth() { return *store_; }
  // As somebody saved it; at once.
  void save_calendar(const std::string& who, const CalendarRow& row);
  // A process's own connection. `who` writes its name into the history.
  std::unique_ptr<store::Store> connect(std::string who, Node node, Owner owner);

  // Called once, right after the next batch lands and before anybody hears of it.
  void after_next_landing(std::function<void()> then) { after_landing_ = std::move(then); }

  // What is durable at a moment, and a failover that goes back to it: the rest is forgotten.
  struct Kept {
    std::shared_ptr<store::MemoryDatabase> contents;
    std::map<std::int64_t, std::int64_t> landed;
  };
  Kept keep() const { return {store::copy_memory_database(*contents_), landed_}; }
  void forget_since(Kept kept);
  // Whether a batch that writes has left this member and is not known to have landed.
  bool is_under_way(std::int64_t member) const;

  Micros slow = 0;  // added to each request, at most
  // In thousandths: a commit whose session stalls with its rows locked. Whoever needs one of them
  // waits, until it goes on or the database ends the session and takes back what it wrote (I1d).
  int left_open = 0;
  std::function<void()> on_left_open;
  // Rows that can never be written.
  std::function<bool(const Change&)> refuses;

 private:
  friend class RemoteStore;
  Micros random_slowness();
  void join(const std::string& who,
            Node node,
            store::JoinRequest request,
            const store::Callback<Outcome<store::Ticket>>& done);
  void commit(const std::string& who,
              Node node,
              const std::shared_ptr<const store::Batch>& batch,
              const store::Callback<store::CommitAnswer>& done);
  void write(const std::string& who,
             const std::shared_ptr<const store::Batch>& batch,
             const store::Callback<store::CommitAnswer>& done);
  // Rows that a transaction changes: of members (by node, and by number), and of shards.
  struct Rows {
    std::set<Node> nodes;
    std::set<std::int64_t> members;
    std::set<ShardNumber> shards;
    bool all_shards = false;
    bool meets(const Rows& other) const;
  };
  static Rows rows_of(Node node, const store::Batch& batch);
  bool waits_for_lock(const Rows& rows, std::function<void()> again);
  void leave_open(Rows rows, std::function<void()> write);

  void land(const std::string& who,
            const std::shared_ptr<const store::Batch>& batch,
            const std::shared_ptr<const store::Batch>& written,
            const store::Callback<store::CommitAnswer>& done);

  Scheduler& scheduler_;
  Network& network_;
  Random& random_;
  History& history_;
  std::shared_ptr<store::MemoryDatabase> contents_;
  std::unique_ptr<store::Store> store_;
  std::map<std::int64_t, std::int64_t> landed_;  // the newest batch, by member
  std::map<std::int64_t, std::int64_t> sent_;    // the newest that writes
  std::function<void()> after_landing_;
  int failovers_ = 0;
  std::list<Rows> open_;  // transactions that stand
  std::vector<std::function<void()>> waiting_;
};

}  // namespace jobflow::sim
