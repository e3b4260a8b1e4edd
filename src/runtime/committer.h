// The committer: gathers decisions of all shards into one fenced transaction after another.
//
//   idle --decision--> sending n --landed--> release effects, then send what gathered meanwhile
//                         |  retry, unavailable: the same batch again, byte for byte
//                         |  refused: by shard, then by halves, down to the one decision (house 3b)
//
// While one batch is being committed the next one gathers; an idle system commits a single decision
// at once. One of several members beats (an empty batch) when it has nothing to write, and releases
// effects only while its own lease, counted from before the last landed batch was sent, has not run
// out (house 4): what landed too late waits for a beat that lands in time. Belongs to the hall and
// runs on its executor; not thread-safe.
#pragma once

#include "engine/command.h"
#include "engine/decision.h"
#include "runtime/clock.h"
#include "runtime/command_door.h"
#include "store/store.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::runtime {

// A decision on its way to being durable, with the command it answers: kept until then.
struct Decided {
  ShardNumber shard = 0;
  std::int64_t epoch = 1;
  engine::Command command;
  engine::Decision decision;
  Answer answer;
  Id last_id;                    // of the shard, after this decision
  std::int64_t first_event = 1;  // the journal number of its first event
  std::int64_t place = 0;        // in the order of all decisions; set by add()
  std::size_t changes = 0;       // how many it had, while they are lent to a batch
  std::size_t events = 0;
  std::int64_t hand_to = 0;  // the shard's last decision here: that member owns it then (I1e)

  bool writes() const { return changes + events > 0 || hand_to != 0; }
};

// What the committer tells its owner, always on the executor and never from inside add().
class CommitterOwner {
 public:
  virtual ~CommitterOwner() = default;
  // The batch is durable: first this, then released() for each of its decisions in order.
  virtual void landed(const store::Batch& batch, std::size_t decisions, Span took) = 0;
  virtual void released(Decided& decided) = 0;
  virtual void flushed() = 0;  // after the last released() of a batch
  // `bad` can never be written; `kept` are this shard's later decisions, in order: none of them is
  // durable, the shard must be loaded and their commands run again.
  virtual void refused(Decided bad, std::vector<Decided> kept, std::string why) = 0;
  virtual void store_away(bool away, const std::string& why) = 0;
  virtual void fenced(const std::string& why) = 0;
  // The store is not what it was: everything undurable is handed back (outcome unknown).
  // `is_known`: another member has said so already, to all.
  virtual void history_changed(std::vector<Decided> undurable, bool is_known) = 0;
  virtual void send(std::shared_ptr<const store::Batch> batch) = 0;
};

// Zero for a member alone.
struct MemberTimes {
  Span beat_every{};
  Span lease{};
};

class Committer {
 public:
  explicit Committer(CommitterOwner& owner, MemberTimes times = {})
      : owner_(owner), times_(times) {}

  // The generation is not known then: nothing but beats and claims may go out before it is.
  void begin(store::Ticket ticket);
  // Batches from now on land in that history only (house 8); 0 = in any: a member alone.
  void begin_generation(std::int64_t generation) { generation_ = generation; }
  void add(Decided decided);
  // Sends what has gathered unless a batch is under way. Call at the end of each turn.
  void kick(Moment at);
  void answered(const store::CommitAnswer& answer, Moment at);
  // When a retry or a beat is due, on the monotonic clock: wake(), then kick().
  Instant next_wake() const { return std::min(retry_at_, flight_.batch ? kNever : beat_at_); }
  void wake(Instant monotonic);
  // An empty batch goes out with the next kick, unless another one does: it finds out whether the
  // store still is what it was.
  void beat_now(Instant monotonic) { beat_at_ = std::min(beat_at_, monotonic); }
  // Goes out in a batch of its own as soon as one may. `placed` is called once: false when it was
  // not as seen, or everything began anew.
  void place(Placement placement, std::function<void(bool)> placed);
  // When the batch was sent that proved our lease last; unset before that.
  Instant lease_from() const { return lease_from_; }

  // Decisions are numbered in the order they were made, whatever batch they land in: a batch that
  // is refused goes on in pieces under other numbers. All places up to durable_place() are durable.
  std::int64_t next_place() const { return last_place_ + 1; }
  std::int64_t durable_place() const;
  // All places up to it were durable in a snapshot that had seen this batch; 0 = long ago (3c).
  std::int64_t place_of_batch(std::int64_t batch) const;
  std::int64_t member() const { return ticket_.member; }
  std::int64_t term() const { return ticket_.term; }
  // The batch that is under way, if any: answers to others are of no account.
  const std::shared_ptr<const store::Batch>& in_flight() const { return flight_.batch; }
  std::size_t undurable() const { return undurable_; }
  bool idle() const { return undurable_ == 0; }
  void each_undurable(const std::function<void(const Decided&)>& look) const;
  // Everything undurable, in order; nothing is under way afterwards.
  std::vector<Decided> take_all();

 private:
  struct Flight {
    std::shared_ptr<const store::Batch> batch;  // null = nothing under way
    std::vector<Decided> decided;
    std::function<void(bool)> placed;  // of one that holds a placement
    Instant sent;                      // monotonic, for the first time
    int tries = 0;
  };
  struct Waiting {  // a placement
    Placement placement;
    std::function<void(bool)> placed;
  };
  void send(std::vector<Decided> decided, Moment at);
  std::int64_t place_before_waiting() const;
  void take_gathered(std::vector<Decided>& into);
  bool send_without_decisions(Moment at);
  void has_landed(Moment at);
  void release(std::vector<Decided> decided);
  void release(Flight flight, Moment at);
  void split();
  void report_bad(Decided bad, const std::string& why);
  void send_again(Instant monotonic, Span pause);
  void take_back(Moment at);
  void take_shard(std::vector<Decided>& from, ShardNumber shard, std::vector<Decided>& into);

  CommitterOwner& owner_;
  const MemberTimes times_;
  store::Ticket ticket_;
  std::int64_t generation_ = 0;
  std::vector<Decided> gathering_;
  std::deque<std::vector<Decided>> pieces_;  // of a refused batch, each of one shard
  Flight flight_;
  std::vector<Waiting> placements_;
  std::deque<Flight> late_;    // landed when our lease had run out: not released
  Instant retry_at_ = kNever;  // this and the next are monotonic
  Instant beat_at_ = kNever;
  Instant lease_from_;
  std::size_t undurable_ = 0;
  std::int64_t last_place_ = 1;
  std::deque<std::int64_t> landed_places_;  // of the newest batches, the last one at the back
  bool away_ = false;
};

}  // namespace jobflow::runtime
