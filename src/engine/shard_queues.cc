// Where queued runs wait: at the gate of their job, for permits, or in the queue for what they ask
// of a worker (S3.5).
#include "engine/shard_inside.h"
#include "model/json.h"
#include "model/sabotage.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

Waiting waits_as(const RunRow& row) {
  return {.priority = row.priority, .since = row.progress.due, .run = row.id};
}

// Of a job's limit.
bool holds_place(RunState state) {
  return state == RunState::running || state == RunState::cancelling;
}

}  // namespace

Queue* Shard::Inside::queue_of(const LiveRun& run) {
  const Lane& lane = run.plan->lanes[static_cast<std::size_t>(run.lane)];
  return lane.task->strategy == Strategy::hash ? queues_.find(asked_by(run)) : lane.queue;
}

Ask Shard::Inside::asked_by(const LiveRun& run) {
  const Task& task = run.task();
  Ask ask = ask_of(run.plan->definition->name_space, task);
  if (task.strategy == Strategy::hash) {
    ask.bucket = bucket_of(task.hash_key.empty() ? to_string(run.row.definition) + run.row.step
                                                 : field_text(run.row.params, task.hash_key));
  }
  return ask;
}

void Shard::Inside::list_in_queue(LiveRun& run) {
  if (Gate* gate = gate_of(run)) {
    gate->enter(waits_as(run.row), gate_key(*gate, run));
    at_gates_ += 1;
    renew_offer(*gate);
    return;
  }
  stand(run);
}

void Shard::Inside::leave_queue(LiveRun& run) {
  if (Gate* gate = gate_of(run)) {
    gate->leave(run.row.id);
    at_gates_ -= 1;
    renew_offer(*gate);
    return;
  }
  step_back(run);
}

// Its turn has come: it waits for a worker, or first for the permits it needs.
void Shard::Inside::stand(LiveRun& run) {
  if (missing_permit(run) == nullptr) {
    go_to_queue(run);
    return;
  }
  run.wants_permit = true;
  wanting_.insert(waits_as(run.row));
  unsettled_.runs.insert(run.row.id);
}

void Shard::Inside::go_to_queue(LiveRun& run) {
  if (run.wants_permit) {
    run.wants_permit = false;
    wanting_.erase(waits_as(run.row));
  }
  run.queue = queue_of(run);
  queues_.enter(*run.queue, waits_as(run.row));
}

// What becomes of its permits shows in the state it is in when the decision is made.
void Shard::Inside::step_back(LiveRun& run) {
  if (run.wants_permit) {
    run.wants_permit = false;
    wanting_.erase(waits_as(run.row));
  } else {
    queues_.leave(*std::exchange(run.queue, nullptr), waits_as(run.row));
  }
  if (!run.task().semaphores.empty()) {
    unsettled_.runs.insert(run.row.id);
  }
}

// --- the gate of a job that says how many of its runs run at once

Gate* Shard::Inside::gate_of(const LiveRun& run) {
  if (gates_.empty() || run.row.kind != RunKind::job) {
    return nullptr;
  }
  const auto gate = gates_.find(run.row.definition);
  return gate == gates_.end() ? nullptr : &gate->second;
}

std::string Shard::Inside::gate_key(const Gate& gate, const LiveRun& run) {
  return gate.limit().key.empty() ? std::string{} : field_text(run.row.params, gate.limit().key);
}

// Its limit as it is now, also for runs that began under another one.
void Shard::Inside::set_gate(const Known& known) {
  const Definition& definition = *known.plan->definition;
  const Concurrency limit =
      definition.kind == DefinitionKind::job ? definition.job().concurrency : Concurrency{};
  const auto old = gates_.find(known.row.id);
  if (old == gates_.end() ? !limit.is_set() : old->second.limit() == limit) {
    return;
  }
  std::vector<LiveRun*> queued, running;
  if (const auto runs = runs_of_.find(known.row.id); runs != runs_of_.end()) {
    for (const Id id : runs->second.all) {
      LiveRun& run = *find_live(id);
      if (run.row.progress.state == RunState::queued) {
        leave_queue(run);
        queued.push_back(&run);
      } else if (holds_place(run.row.progress.state)) {
        running.push_back(&run);
      }
    }
  }
  gates_.erase(known.row.id);
  if (limit.is_set()) {
    gates_.emplace(known.row.id, Gate(limit));
  }
  for (LiveRun* run : running) {
    pass_gate(*run);
  }
  for (LiveRun* run : queued) {
    list_in_queue(*run);
  }
}

// It begins, out of its queue.
void Shard::Inside::leave_queue_to_begin(LiveRun& run) {
  Gate* gate = gate_of(run);
  if (gate == nullptr) {
    leave_queue(run);
    return;
  }
  gate->leave(run.row.id);
  at_gates_ -= 1;
  if (!sabotaged(Sabotage::place_not_taken)) {
    gate->begin(run.row.id, gate_key(*gate, run));
  }
  renew_offer(*gate);
}

// It runs, and takes a place.
void Shard::Inside::pass_gate(const LiveRun& run) {
  if (Gate* gate = gate_of(run)) {
    gate->begin(run.row.id, gate_key(*gate, run));
    renew_offer(*gate);
  }
}

// Its attempt is over: another run may begin.
void Shard::Inside::free_gate(const LiveRun& run) {
  if (Gate* gate = gate_of(run); gate != nullptr && !sabotaged(Sabotage::place_kept)) {
    gate->end(run.row.id);
    renew_offer(*gate);
  }
}

// The one whose turn it is stands before its queue, and no other one of the job.
void Shard::Inside::renew_offer(Gate& gate) {
  const std::optional<Waiting> next = gate.next();
  if (gate.offer == next) {
    return;
  }
  if (gate.offer) {
    step_back(*find_live(gate.offer->run));
    offers_ -= 1;
  }
  gate.offer = next;
  if (next) {
    stand(*find_live(next->run));
    offers_ += 1;
  }
}

// --- what others see

std::size_t Shard::waiting() const {
  return inside_->queues_.waiting() + inside_->wanting_.size() + inside_->at_gates_ -
         inside_->offers_;
}

Instant Shard::waits_since() const {
  Instant oldest = inside_->queues_.waits_since();
  for (const auto& [job, gate] : inside_->gates_) {
    oldest = std::min(oldest, gate.waits_since());
  }
  if (!inside_->wanting_.empty()) {
    oldest = std::min(oldest, engine::waits_since(inside_->wanting_));
  }
  return oldest;
}

void Shard::each_queue(const std::function<void(const Ask&, std::size_t)>& look) const {
  std::unordered_map<const Queue*, std::size_t> behind;  // the offers of gates
  for (const auto& [job, gate] : inside_->gates_) {
    const Inside::LiveRun* first = gate.offer ? inside_->find_live(gate.offer->run) : nullptr;
    if (first != nullptr && first->queue != nullptr) {
      behind[first->queue] += gate.ready() - 1;
    }
  }
  inside_->queues_.each([&](const Queue& queue) {
    const auto more = behind.find(&queue);
    look(queue.ask, queue.runs.size() + (more == behind.end() ? 0 : more->second));
  });
}

std::uint64_t Shard::arrivals() const {
  return inside_->queues_.arrivals();
}

}  // namespace jobflow::engine
