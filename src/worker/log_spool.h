// The lines of all attempts on their way to the server: kept until their LogAck, sent again after
// a lost link (S7.3, S10.2). Bounded: what does not fit is dropped and a marker line says how much.
// Thread-safe; never blocks except in wait_room.
#pragma once

#include "jobflow/v1/worker.pb.h"
#include "model/work.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace jobflow::worker {

// One attempt's lines: [base, base + lines.size()), of which the first `sent` are on the wire.
class RunSpool;

class LogSpool {
 public:
  LogSpool(std::size_t bytes, std::size_t run_bytes);
  ~LogSpool();

  // The spool of an attempt; valid until close() and the last acknowledgement.
  RunSpool* open(Id run, int attempt);
  // Cuts long lines, makes the text clean. Answers true when a sender should be told.
  bool append(RunSpool* spool, LogLine line);
  // No line follows. Writes what was dropped, if anything was.
  void close(RunSpool* spool);

  // Moves unsent lines into `message` until it holds about `bytes` of them; returns their bytes.
  std::size_t take(v1::WorkerMessage& message, std::size_t bytes);
  // The same for one attempt; false when some lines of it remain unsent.
  bool take_of(Id run, int attempt, v1::WorkerMessage& message, std::size_t& bytes);
  void acknowledge(Id run, int attempt, std::int64_t next_offset);
  // The link is gone: every unacknowledged line is unsent again.
  void rewind();
  // The same for attempts that wait for their LogAck since before `sent_before`.
  bool rewind_stale(std::chrono::steady_clock::time_point sent_before);

  bool empty() const;
  // Waits until half of the attempt's room is free, or that long.
  void wait_room(RunSpool* spool, std::chrono::milliseconds at_most);

 private:
  using Key = std::pair<Id, int>;
  bool full(const RunSpool& spool) const;
  void push(RunSpool& spool, LogLine line, std::size_t dropped = 0);
  void mark_dropped(RunSpool& spool);
  std::size_t move_lines(RunSpool& spool, v1::WorkerMessage& message, std::size_t bytes);
  void forget_if_done(std::map<Key, std::unique_ptr<RunSpool>>::iterator at);

  const std::size_t bytes_max_;
  const std::size_t run_bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::map<Key, std::unique_ptr<RunSpool>> spools_;
  std::deque<Key> unsent_;  // attempts with unsent lines, served in turn
  std::size_t bytes_ = 0;
};

}  // namespace jobflow::worker
