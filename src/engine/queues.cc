#include "engine/queues.h"

#include "model/check.h"
#include "model/limits.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

// The instant from which it would have had to wait with priority 0 to be as urgent.
std::int64_t seniority(const Waiting& run) {
  return run.since.ms - run.priority * limits::kPriorityAgeing.ms;
}

// The first of the next lower priority.
std::set<Waiting>::const_iterator next_priority(const std::set<Waiting>& runs,
                                                std::set<Waiting>::const_iterator run) {
  return run->priority == runs.rbegin()->priority
             ? runs.end()
             : runs.lower_bound({run->priority - 1, Instant{INT64_MIN}, {}});
}

}  // namespace

bool MoreUrgentFirst::operator()(const Waiting& a, const Waiting& b) const {
  const std::int64_t left = seniority(a), right = seniority(b);
  return left != right ? left < right : std::tie(a.since, a.run) < std::tie(b.since, b.run);
}

// Within a priority the oldest comes first.
const Waiting& most_urgent(const std::set<Waiting>& runs) {
  auto most = runs.begin();
  for (auto run = next_priority(runs, most); run != runs.end(); run = next_priority(runs, run)) {
    most = MoreUrgentFirst()(*run, *most) ? run : most;
  }
  return *most;
}

Instant waits_since(const std::set<Waiting>& runs) {
  Instant oldest = kNever;
  for (auto run = runs.begin(); run != runs.end(); run = next_priority(runs, run)) {
    oldest = std::min(oldest, run->since);
  }
  return oldest;
}

Ask ask_of(const std::string& name_space, const Task& task) {
  return {.name_space = name_space,
          .handler = task.handler,
          .tags = task.tags,
          .workers = task.workers,
          .custom_strategy = task.custom_strategy,
          .bucket = {}};
}

std::string key_of(const Ask& ask) {
  std::string key = ask.name_space + '\0' + ask.handler;
  const auto append = [&](char what, const std::string& text) {
    key.append(1, '\0').append(1, what).append(text);
  };
  for (const std::string& tag : ask.tags) {
    append('t', tag);
  }
  for (const std::string& worker : ask.workers) {
    append('w', worker);
  }
  if (!ask.custom_strategy.empty()) {
    append('c', ask.custom_strategy);
  }
  if (ask.bucket) {
    append('b', std::to_string(*ask.bucket));
  }
  return key;
}

Queue* Queues::find(const Ask& ask) {
  std::string key = key_of(ask);
  auto& queue = queues_[key];
  if (!queue) {
    queue = std::make_unique<Queue>();
    queue->key = std::move(key);
    queue->ask = ask;
  }
  return queue.get();
}

void Queues::enter(Queue& queue, const Waiting& run) {
  const bool was_empty = queue.runs.empty();
  queue.runs.insert(queue.runs.end(), run);  // mostly it belongs there
  ++waiting_;
  ++arrivals_;
  if (was_empty || queue.runs.begin()->priority != queue.highest) {
    count_highest(queue, was_empty);
  } else if (queue.highest < highest()) {
    list(queue);
  }
}

void Queues::leave(Queue& queue, const Waiting& run) {
  const auto left = queue.runs.erase(run);
  check(left == 1 && waiting_ > 0, "a queued run is in its queue");
  --waiting_;
  if (queue.runs.empty() || queue.runs.begin()->priority != queue.highest) {
    count_highest(queue, false);
  } else if (queue.highest < highest()) {
    list(queue);  // another one is its first, and younger
  }
}

// Others rise no higher than the highest priority there is.
void Queues::count_highest(Queue& queue, bool was_empty) {
  const int before = highest();
  if (!was_empty) {
    if (--highest_[queue.highest] == 0) {
      highest_.erase(queue.highest);
    }
  }
  busy_.erase(&queue);
  if (!queue.runs.empty()) {
    queue.highest = queue.runs.begin()->priority;
    ++highest_[queue.highest];
  }
  list(queue);
  if (highest() != before) {
    list_all();
  }
}

int Queues::level_of(const Queue& queue) const {
  const Waiting& first = most_urgent(queue.runs);
  const std::int64_t risen =
      std::max<std::int64_t>(0, (aged_ - first.since).ms / limits::kPriorityAgeing.ms);
  return static_cast<int>(std::min<std::int64_t>(first.priority + risen, highest()));
}

void Queues::list(Queue& queue) {
  busy_.erase(&queue);
  if (!queue.runs.empty()) {
    queue.listed = level_of(queue);
    busy_.insert(&queue);
  }
}

void Queues::list_all() {
  const std::vector<Queue*> all(busy_.begin(), busy_.end());
  busy_.clear();
  for (Queue* queue : all) {
    queue->listed = level_of(*queue);
    busy_.insert(queue);
  }
}

// In steps that all clocks share, so that a shard that was just loaded sees the same order.
void Queues::age(Instant now) {
  const Instant step{now.ms - now.ms % limits::kPriorityAgeing.ms};
  if (step != aged_) {
    aged_ = step;
    list_all();
  }
}

void Queues::serve(Instant now, const std::function<bool(Queue&)>& take) {
  age(now);
  const auto takes = [&](Queue& queue) {
    if (!take(queue)) {
      return false;
    }
    last_served_ = queue.key;
    return true;
  };
  for (auto next = busy_.begin(); next != busy_.end();) {
    const int level = (*next)->listed;
    const auto first = next;
    const auto last = busy_.upper_bound(Urgency{level - 1, {}});
    const auto after = busy_.upper_bound(Urgency{level, last_served_});
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

Instant Queues::waits_since() const {
  Instant oldest = kNever;
  for (const Queue* queue : busy_) {
    oldest = std::min(oldest, engine::waits_since(queue->runs));
  }
  return oldest;
}

void Queues::each(const std::function<void(const Queue&)>& look) const {
  for (const Queue* queue : busy_) {
    look(*queue);
  }
}

}  // namespace jobflow::engine
