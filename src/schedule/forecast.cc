#include "schedule/forecast.h"

#include <algorithm>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr Span kMinute = seconds(60);

}  // namespace

Forecast::Forecast(ForecastInput input)
    : input_(std::move(input)),
      now_(input_.from),
      waiting_(input_.lanes.size()),
      live_(input_.definitions.size()),
      line_(input_.definitions.size()),
      followers_(input_.definitions.size()) {
  result_.reached = input_.from;
  result_.lanes.resize(input_.lanes.size());
  result_.fired.resize(input_.triggers.size());
  for (const ForecastWorker& worker : input_.workers) {
    free_.push_back(worker.slots);
    for (std::size_t lane = 0; lane < input_.lanes.size(); ++lane) {
      ForecastLoad& load = result_.lanes[lane];
      load.has_worker = load.has_worker || (worker.slots > 0 && worker.can[lane]);
    }
  }
  for (std::size_t i = 0; i < input_.triggers.size(); ++i) {
    const ForecastTrigger& trigger = input_.triggers[i];
    if (trigger.after) {
      followers_[*trigger.after].push_back(i);
    } else if (trigger.next != kNever) {
      later(std::max(trigger.next, input_.from), i, kIsDue);
    }
  }
}

bool Forecast::run(int steps) {
  for (; steps > 0 && !steps_to_come_.empty(); --steps) {
    const Step step = steps_to_come_.top();
    if (step.at >= input_.until) {
      break;
    }
    steps_to_come_.pop();
    now_ = step.at;
    result_.reached = now_;
    if (step.task == kIsDue) {
      due(step.subject);
    } else if (!runs_[step.subject].is_over) {
      ended(step.subject, step.task);
    }
  }
  const bool is_done = steps_to_come_.empty() || steps_to_come_.top().at >= input_.until;
  if (is_done) {
    result_.reached = input_.until;
  }
  return !is_done;
}

void Forecast::later(Instant at, std::size_t subject, int task) {
  steps_to_come_.push({at, ++steps_, subject, task});
}

ForecastMinute& Forecast::minute() {
  const Instant at = now_ - milliseconds(now_.ms % kMinute.ms);
  if (result_.minutes.empty() || result_.minutes.back().at != at) {
    result_.minutes.push_back({.at = at, .most_waiting = waits_});
  }
  return result_.minutes.back();
}

void Forecast::due(std::size_t trigger) {
  const ForecastTrigger& spec = input_.triggers[trigger];
  Instant next = kNever;
  if (spec.times) {
    next = next_open(*spec.times, spec.open, now_ + milliseconds(1), input_.until).at;
  } else if (!spec.open.covers(now_)) {
    next = spec.open.changes_after(now_);  // a delay waits for its calendars
  }
  fire(trigger);
  if (next < input_.until) {
    later(next, trigger, kIsDue);
  }
}

void Forecast::fire(std::size_t trigger) {
  const ForecastTrigger& spec = input_.triggers[trigger];
  if (!spec.open.covers(now_)) {
    return;
  }
  ++minute().firings;
  ++result_.fired[trigger];
  auto& line = line_[spec.definition];
  const bool is_free = live_[spec.definition].empty();
  switch (spec.overlap.policy) {
    case Overlap::Policy::allow:
      break;
    case Overlap::Policy::skip:
      if (!is_free) {
        ++minute().skipped;
        return;
      }
      break;
    case Overlap::Policy::queue:
      if (!is_free && line.size() < static_cast<std::size_t>(spec.overlap.limit)) {
        line.push_back(trigger);
        return;
      }
      if (!is_free) {
        ++minute().skipped;
        return;
      }
      break;
    case Overlap::Policy::cancel_running:
      cancel_runs(spec.definition);
      break;
  }
  start(trigger);
}

void Forecast::start(std::size_t trigger) {
  const std::size_t definition = input_.triggers[trigger].definition;
  const auto& tasks = input_.definitions[definition].tasks;
  std::size_t place = runs_.size();
  if (spare_.empty()) {
    runs_.emplace_back();
  } else {
    place = spare_.back();
    spare_.pop_back();
  }
  Run& run = runs_[place];
  run = {.definition = definition, .trigger = trigger, .left = static_cast<int>(tasks.size())};
  for (const ForecastTask& task : tasks) {
    run.open.push_back(task.needs);
    run.worker.push_back(-1);
  }
  live_[definition].push_back(place);
  if (tasks.empty()) {
    run_over(place);
    return;
  }
  for (std::size_t task = 0; task < tasks.size(); ++task) {
    if (tasks[task].needs == 0) {
      ready(place, static_cast<int>(task));
    }
  }
}

void Forecast::ready(std::size_t run, int task) {
  const std::size_t lane =
      input_.definitions[runs_[run].definition].tasks[static_cast<std::size_t>(task)].lane;
  ForecastLoad& load = result_.lanes[lane];
  ++load.tasks;
  const Waiting waiting{run, task, now_};
  if (const auto worker = free_worker(lane)) {
    begin(waiting, *worker);
    return;
  }
  ++load.waited;
  ++waits_;
  waiting_[lane].push_back(waiting);
  minute().most_waiting = std::max(minute().most_waiting, waits_);
}

// The least busy one.
std::optional<std::size_t> Forecast::free_worker(std::size_t lane) const {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < input_.workers.size(); ++i) {
    if (input_.workers[i].can[lane] && free_[i] > 0 && (!best || free_[i] > free_[*best])) {
      best = i;
    }
  }
  return best;
}

void Forecast::begin(const Waiting& waiting, std::size_t worker) {
  Run& run = runs_[waiting.run];
  const auto task = static_cast<std::size_t>(waiting.task);
  const ForecastTask& spec = input_.definitions[run.definition].tasks[task];
  ForecastLoad& load = result_.lanes[spec.lane];
  load.longest = std::max(load.longest, now_ - waiting.since);
  --free_[worker];
  run.worker[task] = static_cast<int>(worker);
  later(now_ + std::max(spec.takes, milliseconds(1)), waiting.run, waiting.task);
}

void Forecast::ended(std::size_t place, int task) {
  Run& run = runs_[place];
  const auto worker = static_cast<std::size_t>(run.worker[static_cast<std::size_t>(task)]);
  run.worker[static_cast<std::size_t>(task)] = -1;
  ++free_[worker];
  --run.left;
  const auto& tasks = input_.definitions[run.definition].tasks;
  for (const int next : tasks[static_cast<std::size_t>(task)].dependants) {
    if (--run.open[static_cast<std::size_t>(next)] == 0) {
      ready(place, next);
    }
  }
  if (run.left == 0) {
    run_over(place);
  }
  serve(worker);
}

void Forecast::run_over(std::size_t place) {
  const std::size_t definition = runs_[place].definition;
  const std::size_t trigger = runs_[place].trigger;
  runs_[place].is_over = true;
  spare_.push_back(place);
  std::erase(live_[definition], place);
  for (const std::size_t follower : followers_[definition]) {
    later(now_, follower, kIsDue);
  }
  const ForecastTrigger& spec = input_.triggers[trigger];
  if (spec.every.ms > 0 && !spec.times) {
    later(now_ + spec.every, trigger, kIsDue);
  }
  if (live_[definition].empty() && !line_[definition].empty()) {
    const std::size_t next = line_[definition].front();
    line_[definition].pop_front();
    start(next);
  }
}

// Their slots are free at once. Their places are not used again: steps of theirs are still to come.
void Forecast::cancel_runs(std::size_t definition) {
  std::vector<std::size_t> freed;
  for (const std::size_t place : std::exchange(live_[definition], {})) {
    Run& run = runs_[place];
    run.is_over = true;
    for (const int worker : run.worker) {
      if (worker >= 0) {
        ++free_[static_cast<std::size_t>(worker)];
        freed.push_back(static_cast<std::size_t>(worker));
      }
    }
  }
  for (auto& lane : waiting_) {
    waits_ -= static_cast<std::int64_t>(
        std::erase_if(lane, [&](const Waiting& one) { return runs_[one.run].is_over; }));
  }
  for (const std::size_t worker : freed) {
    serve(worker);
  }
}

// Whoever has waited longest of what it can do.
void Forecast::serve(std::size_t worker) {
  while (free_[worker] > 0) {
    std::deque<Waiting>* longest = nullptr;
    for (std::size_t lane = 0; lane < waiting_.size(); ++lane) {
      const bool has_some = input_.workers[worker].can[lane] && !waiting_[lane].empty();
      if (has_some &&
          (longest == nullptr || waiting_[lane].front().since < longest->front().since)) {
        longest = &waiting_[lane];
      }
    }
    if (longest == nullptr) {
      return;
    }
    const Waiting next = longest->front();
    longest->pop_front();
    --waits_;
    begin(next, worker);
  }
}

}  // namespace jobflow::schedule
