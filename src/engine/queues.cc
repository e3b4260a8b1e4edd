#include "engine/queues.h"

#include "model/check.h"

namespace jobflow::engine {

Queue* Queues::find(const std::string& name_space, const Task& task) {
  std::string key = name_space + '\0' + task.handler;
  for (const std::string& tag : task.tags) {
    key += '\0' + tag;
  }
  auto& queue = queues_[key];
  if (!queue) {
    queue = std::make_unique<Queue>();
    queue->key = key;
    queue->name_space = name_space;
    queue->handler = task.handler;
    queue->tags = task.tags;
  }
  return queue.get();
}

void Queues::enter(Queue& queue, const Waiting& run) {
  const bool was_empty = queue.runs.empty();
  queue.runs.insert(queue.runs.end(), run);  // mostly it belongs there
  ++waiting_;
  ++arrivals_;
  if (was_empty || queue.runs.begin()->priority != queue.listed) {
    list(queue);
  }
}

void Queues::leave(Queue& queue, const Waiting& run) {
  const auto left = queue.runs.erase(run);
  check(left == 1 && waiting_ > 0, "a queued run is in its queue");
  --waiting_;
  if (queue.runs.empty() || queue.runs.begin()->priority != queue.listed) {
    list(queue);
  }
}

void Queues::list(Queue& queue) {
  busy_.erase(&queue);
  if (!queue.runs.empty()) {
    queue.listed = queue.runs.begin()->priority;
    busy_.insert(&queue);
  }
}

void Queues::serve(const std::function<bool(Queue&)>& take) {
  const auto takes = [&](Queue& queue) {
    if (!take(queue)) {
      return false;
    }
    last_served_ = queue.key;
    return true;
  };
  for (auto next = busy_.begin(); next != busy_.end();) {
    const int priority = (*next)->listed;
    const auto first = next;
    const auto last = busy_.upper_bound(Urgency{priority - 1, {}});
    const auto after = busy_.upper_bound(Urgency{priority, last_served_});
    for (next = after; next != last; ++next) {
      if (takes(**next)) {
        return;
      }
    }
    for (next = first; next != after; ++next) {
      if (takes(**next)) {
        return;
      }
    }
    next = last;
  }
}

// Within a priority the oldest comes first: a look a priority.
Instant Queues::waits_since() const {
  Instant oldest = kNever;
  for (const Queue* queue : busy_) {
    for (auto run = queue->runs.begin(); run != queue->runs.end();) {
      oldest = std::min(oldest, run->since);
      run = queue->runs.lower_bound({run->priority - 1, Instant{INT64_MIN}, {}});
    }
  }
  return oldest;
}

void Queues::each(const std::function<void(const Queue&)>& look) const {
  for (const Queue* queue : busy_) {
    look(*queue);
  }
}

}  // namespace jobflow::engine
