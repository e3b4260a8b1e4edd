#include "worker/crew.h"

#include "model/check.h"

#include <algorithm>
#include <pthread.h>
#include <signal.h>
#include <system_error>
#include <utility>

namespace jobflow::worker {
namespace {

constexpr std::size_t kThreadsKept = 2;
constexpr std::size_t kWakesAtOnce = 2;
constexpr std::size_t kGrowthFirst = 4;
constexpr auto kIdleMax = std::chrono::seconds(10);
// Bodies shorter than this on average are no reason for more threads, however many wait.
constexpr std::int64_t kShortBodyNs = 100'000;

std::int64_t to_ns(MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// Signals are for the program's own threads; a body's writes to a closed pipe answer EPIPE.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) {
    ::sigdelset(&all, signal);
  }
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

}  // namespace

struct Crew::Seat {
  std::thread thread;
  std::condition_variable called;
  Body* body = nullptr;  // handed over, or in work
  bool retired = false;
};

Crew::Crew(int threads_max, std::function<void(Body&)> work)
    : threads_max_(static_cast<std::size_t>(std::max(threads_max, 1))), work_(std::move(work)) {}

Crew::~Crew() {
  stop();
}

void Crew::start() {
  const std::lock_guard lock(mutex_);
  check(start_thread(), "a worker needs a thread");
}

// The lock is held.
bool Crew::start_thread() {
  auto seat = std::make_unique<Seat>();
  Seat& its = *seat;
  if (!waiting_.empty()) {
    its.body = waiting_.front();
  }
  try {
    its.thread = std::thread([this, &its] { sit(its); });
  } catch (const std::system_error&) {
    return false;  // the system has no more threads: those there are do the work
  }
  if (its.body != nullptr) {
    waiting_.pop_front();
  }
  seats_.push_back(std::move(seat));
  return true;
}

// The lock is held: gives waiting bodies to idle threads and wakes them.
void Crew::hand_over(std::unique_lock<std::mutex>& lock, std::size_t wakes_max) {
  check(lock.owns_lock(), "the crew is locked");
  for (std::size_t wakes = 0; wakes < wakes_max && !waiting_.empty() && !idle_.empty(); ++wakes) {
    Seat& seat = *idle_.back();
    idle_.pop_back();
    seat.body = waiting_.front();
    waiting_.pop_front();
    seat.called.notify_one();
  }
}

void Crew::submit(std::span<Body* const> bodies) {
  std::unique_lock lock(mutex_);
  check(!stopping_, "nothing is submitted after the stop");
  waiting_.insert(waiting_.end(), bodies.begin(), bodies.end());
  hand_over(lock, short_bodies_ ? 1 : kWakesAtOnce);
  if (!waiting_.empty() || idle_.empty()) {
    wants_tending_.store(true, std::memory_order_relaxed);
  }
}

Body* Crew::next_body(Seat& seat, std::unique_lock<std::mutex>& lock) {
  if (seat.body != nullptr) {
    return seat.body;
  }
  if (!waiting_.empty()) {
    seat.body = waiting_.front();
    waiting_.pop_front();
    return seat.body;
  }
  if (stopping_) {
    return nullptr;
  }
  idle_.push_back(&seat);
  while (seat.body == nullptr && !stopping_) {
    const bool called =
        seat.called.wait_for(lock, kIdleMax, [&] { return seat.body != nullptr || stopping_; });
    if (!called && seats_.size() > kThreadsKept) {
      idle_.erase(std::find(idle_.begin(), idle_.end(), &seat));
      return nullptr;
    }
  }
  return seat.body;
}

void Crew::sit(Seat& seat) {
  block_signals();
  ::pthread_setname_np(::pthread_self(), "jobflow-body");
  std::unique_lock lock(mutex_);
  while (Body* body = next_body(seat, lock)) {
    lock.unlock();
    const MonotonicTime start = Clock::now();
    body->started_ns.store(to_ns(start), std::memory_order_relaxed);
    work_(*body);
    const std::int64_t took = to_ns(Clock::now()) - to_ns(start);
    lock.lock();
    seat.body = nullptr;
    ++ended_;
    busy_ns_ += took;
  }
  seat.retired = true;
}

// The lock is held; it is released while threads that already left are joined.
void Crew::join_retired(std::unique_lock<std::mutex>& lock) {
  std::vector<std::unique_ptr<Seat>> retired;
  const auto left =
      std::partition(seats_.begin(), seats_.end(), [](const auto& seat) { return !seat->retired; });
  std::move(left, seats_.end(), std::back_inserter(retired));
  seats_.erase(left, seats_.end());
  if (!retired.empty()) {
    lock.unlock();
    for (const auto& seat : retired) {
      seat->thread.join();
    }
    lock.lock();
  }
}

void Crew::tend() {
  std::unique_lock lock(mutex_);
  if (stopping_) {
    return;
  }
  join_retired(lock);
  const std::uint64_t ended = ended_ - std::exchange(ended_seen_, ended_);
  const std::int64_t busy_ns = busy_ns_ - std::exchange(busy_seen_ns_, busy_ns_);
  const bool held_up = ended == 0 || busy_ns / static_cast<std::int64_t>(ended) > kShortBodyNs;
  short_bodies_ = !held_up;
  if (held_up && !waiting_.empty()) {
    hand_over(lock, waiting_.size());
  }
  if (held_up && idle_.empty()) {
    // One for each waiting body, and a spare; at most twice as many as there are.
    const std::size_t wanted = std::min(waiting_.size() + 1, std::max(kGrowthFirst, seats_.size()));
    for (std::size_t i = 0; i < wanted && seats_.size() < threads_max_ && start_thread(); ++i) {
    }
  }
  wants_tending_.store(!waiting_.empty() || (idle_.empty() && seats_.size() < threads_max_),
                       std::memory_order_relaxed);
}

void Crew::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  for (const auto& seat : seats_) {
    seat->called.notify_one();
  }
  std::vector<std::unique_ptr<Seat>> seats = std::move(seats_);
  seats_.clear();
  lock.unlock();
  for (const auto& seat : seats) {
    seat->thread.join();
  }
}

std::size_t Crew::threads() const {
  const std::lock_guard lock(mutex_);
  return seats_.size();
}

}  // namespace jobflow::worker
