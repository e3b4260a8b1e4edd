// The threads bodies run on: up to `slots`, but no more than the work really waits for, so that a
// flood of short bodies stays on few threads while a thousand sleeping ones have a thousand.
// Owned by the Station. Thread-safe; submit() never blocks, stop() joins (I7).
//
// An idle thread is handed its body directly. When bodies wait and those that run do not end
// within a tick, tend() first wakes idle threads, then doubles their number; one spare thread is
// kept so that the next body finds one. Threads idle for long go.
#pragma once

#include "worker/body.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace jobflow::worker {

class Crew {
 public:
  // `work` runs one body to its end, on a thread of the crew.
  Crew(int threads_max, std::function<void(Body&)> work);
  ~Crew();

  void start();
  void submit(std::span<Body* const> bodies);
  // To be called every tick while wants_tending(), and about every second otherwise.
  void tend();
  bool wants_tending() const { return wants_tending_.load(std::memory_order_relaxed); }
  // Runs what was submitted, then joins.
  void stop();

  std::size_t threads() const;

 private:
  struct Seat;
  bool start_thread();
  void sit(Seat& seat);
  Body* next_body(Seat& seat, std::unique_lock<std::mutex>& lock);
  void hand_over(std::unique_lock<std::mutex>& lock, std::size_t wakes_max);
  void join_retired(std::unique_lock<std::mutex>& lock);

  const std::size_t threads_max_;
  const std::function<void(Body&)> work_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<Seat*> idle_;  // the last to come is the first to go: the others may retire
  std::deque<Body*> waiting_;
  bool stopping_ = false;
  std::uint64_t ended_ = 0;       // bodies, ever
  std::int64_t busy_ns_ = 0;      // their time, ever
  std::uint64_t ended_seen_ = 0;  // at the last tick
  std::int64_t busy_seen_ns_ = 0;
  bool short_bodies_ = false;  // of late: one thread may as well take several
  std::atomic<bool> wants_tending_{false};
};

}  // namespace jobflow::worker
