// What one worker has yet to be told: everything queued while a write is under way goes out merged
// into one message. Not thread-safe; its stream's mutex guards it.
//
// Per kind the order of queueing holds, and a cancel never overtakes an assignment queued before
// it.
#pragma once

#include "model/work.h"
#include "runtime/worker_door.h"

#include <jobflow/v1/worker.pb.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace jobflow::link {

struct OutboxLimits {
  std::size_t message_items = 2000;         // of each kind in one message
  std::size_t message_bytes = 1024 * 1024;  // about; a single assignment may be larger
  std::size_t queued_items = 250'000;       // above the slots a worker may have
  std::size_t queued_bytes = 64UL * 1024 * 1024;
};

// First in, first out, in one piece of memory.
template <class T>
class Line {
 public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  T& front() { return items_[head_]; }
  void push(T item) { items_.push_back(std::move(item)); }
  void pop() {
    ++head_;
    if (empty()) {
      items_.clear();
      head_ = 0;
      if (items_.capacity() > kKept) {
        items_.shrink_to_fit();
      }
    } else if (head_ > kKept && head_ > items_.size() / 2) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

 private:
  static constexpr std::size_t kKept = 1024;
  std::vector<T> items_;
  std::size_t head_ = 0;
};

class Outbox {
 public:
  explicit Outbox(OutboxLimits limits) : limits_(limits) {}

  // False when that would be too much: then nothing of it is taken.
  bool put(runtime::ToWorker&& message);
  void welcome(v1::Welcome welcome) { welcome_ = std::move(welcome); }
  void heard() { ++heard_; }
  bool log_ack(Id run, int attempt, std::int64_t next_offset);  // false as put()

  bool empty() const;
  // Moves the next message's worth into `message`, which is cleared first. Not when empty().
  void fill(v1::ServerMessage& message);
  // The assignments that no fill() took; they are gone from here.
  std::vector<Assignment> take_unsent();

 private:
  struct QueuedCancel {
    CancelOrder order;
    std::uint64_t after;  // so many assignments go first
  };
  struct LogAck {
    Id run;
    int attempt;
    std::int64_t next_offset;
  };
  bool room(std::size_t items, std::size_t bytes) const;
  void fill_assignments(v1::ServerMessage& message);

  OutboxLimits limits_;
  std::optional<v1::Welcome> welcome_;
  int heard_ = 0;
  bool drain_ = false;
  Line<runtime::ShardEpoch> epochs_;
  Line<Assignment> assignments_;
  Line<QueuedCancel> cancels_;
  Line<Id> acks_;
  Line<LogAck> log_acks_;
  std::size_t bytes_ = 0;             // of the assignments queued
  std::uint64_t assignments_in_ = 0;  // since the beginning
  std::uint64_t assignments_out_ = 0;
};

}  // namespace jobflow::link
