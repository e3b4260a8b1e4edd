// What this incarnation knows of every token it was given, and of every shard's epoch (S6.5): so a
// token runs once, an end is reported until acknowledged (S7.3), and an old owner is refused.
// Pure and not thread-safe: the Station guards it. Acknowledged ends are remembered in a ring
// bounded by count and bytes.
#pragma once

#include "model/work.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace jobflow::worker {

struct Body;

class Ledger {
 public:
  enum class Stage : unsigned char { live, ended, acknowledged };

  struct Record {
    Stage stage = Stage::live;
    Body* body = nullptr;  // while live
    std::uint32_t attempt = 1;
    FinishedReport report;       // run and token from the start; the rest once ended
    std::int64_t sent_ns = 0;    // when the end was last handed to a stream; 0 = not on this link
    Record* previous = nullptr;  // among the ended
    Record* next = nullptr;
  };

  Ledger(std::size_t remembered_ends, std::size_t remembered_bytes);

  Record* find(Id token);
  // A token seen for the first time. The reference holds until the record is forgotten.
  Record& open(Id run, Id token, int attempt, Body* body);
  // live -> ended; `report` keeps its run and token from open().
  void end(Record& record, FinishedReport report);
  // ended -> acknowledged; false when it was not waiting for that.
  bool acknowledge(Id token);

  // True when `epoch` is lower than the highest seen of the run's shard; else it is remembered.
  bool outdated(Id run, std::int64_t epoch);
  void raise_epoch(ShardNumber shard, std::int64_t epoch);

  std::size_t live() const { return live_; }
  std::size_t unacknowledged() const { return ended_; }
  // The unacknowledged ends, in their order; follow `next`.
  Record* first_ended() const { return first_ended_; }
  // Everything not acknowledged: what a worker states when it registers (S7.2).
  std::vector<WorkerHello::Holding> holding() const;

 private:
  void remember(Record& record);

  std::size_t remembered_ends_;
  std::size_t remembered_bytes_;
  std::size_t live_ = 0;
  std::size_t bytes_ = 0;  // of the remembered reports
  std::unordered_map<Id, std::unique_ptr<Record>> records_;
  std::size_t ended_ = 0;
  Record* first_ended_ = nullptr;
  Record* last_ended_ = nullptr;
  std::deque<Id> remembered_;
  std::vector<std::unique_ptr<Record>> spare_;
  std::array<std::int64_t, kShardsMax> epochs_{};
};

}  // namespace jobflow::worker
