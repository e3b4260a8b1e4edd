#include "tools/sim/scheduler.h"

#include <algorithm>
#include <utility>

namespace jobflow::sim {
namespace {

constexpr Micros kLookAgain = 250'000;

}  // namespace

void Scheduler::at(Micros when, Owner owner, std::function<void()> task) {
  queue_.push_back({.when = std::max(when, now_),
                    .turn = random_.next(),
                    .number = ++last_number_,
                    .owner = std::move(owner),
                    .task = std::move(task)});
  std::push_heap(queue_.begin(), queue_.end(), Later{});
}

void Scheduler::after(Micros delay, Owner owner, std::function<void()> task) {
  at(now_ + delay, std::move(owner), std::move(task));
}

bool Scheduler::run_next(Micros end) {
  while (!queue_.empty() && queue_.front().when <= end) {
    std::pop_heap(queue_.begin(), queue_.end(), Later{});
    Event event = std::move(queue_.back());
    queue_.pop_back();
    now_ = event.when;
    if (event.owner && event.owner->over) {
      continue;
    }
    if (event.owner && event.owner->paused_until > now_) {
      // Looked at again soon: a pause may be cut short.
      event.when = std::min(event.owner->paused_until, now_ + kLookAgain);
      queue_.push_back(std::move(event));
      std::push_heap(queue_.begin(), queue_.end(), Later{});
      continue;
    }
    ++events_;
    event.task();
    return true;
  }
  now_ = std::max(now_, end);
  return false;
}

}  // namespace jobflow::sim
