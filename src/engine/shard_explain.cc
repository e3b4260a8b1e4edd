// Why a run does not run now, and what it waits for (S5.6): read off the same facts that decide.
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

constexpr std::size_t kNamed = 10;      // workers or steps told by name; more are counted
constexpr std::size_t kCounted = 1000;  // runs ahead that are counted

std::string quoted(const std::string& text) {
  return "'" + text + "'";
}

std::string count_of(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string list_of(const std::vector<std::string>& names, const char* between = ", ") {
  std::string all;
  for (std::size_t i = 0; i < std::min(names.size(), kNamed); ++i) {
    all.append(all.empty() ? "" : between).append(names[i]);
  }
  return names.size() <= kNamed ? all
                                : all + " and " + std::to_string(names.size() - kNamed) + " more";
}

// What it is that keeps a worker from a run, if anything does: a code, and the words.
std::pair<const char*, std::string> obstacle_of(const RosterWorker& worker, const Ask& ask) {
  std::vector<std::string> missing;
  std::ranges::set_difference(ask.tags, worker.hello.tags, std::back_inserter(missing));
  if (!missing.empty()) {
    return {"tags",
            "lacks the tag" + std::string(missing.size() == 1 ? " " : "s ") + list_of(missing)};
  }
  if (!ask.workers.empty() && !std::ranges::binary_search(ask.workers, worker.hello.name)) {
    return {"designated", "is not among the named ones"};
  }
  if (!worker.connected) {
    return {"worker_away", "is out of reach"};
  }
  if (worker.draining) {
    return {"draining", "is draining"};
  }
  if (worker.free() <= 0) {
    return {"workers_busy",
            worker.credits
                ? "has lent no slot here"
                : "has " + std::to_string(worker.held.size()) + " of " +
                      count_of(
                          worker.hello.slots < 0 ? 0 : static_cast<std::size_t>(worker.hello.slots),
                          "slot") +
                      " taken"};
  }
  return {"", ""};
}

}  // namespace

void Shard::Inside::explain(Turn& turn, Id id) {
  const LiveRun* run = find_live(id);
  const RunRow* row = run != nullptr ? &run->row : finished_run(turn, id);
  if (row == nullptr) {
    return;  // it is read first, or there is none
  }
  auto why = std::make_shared<Explanation>();
  why->state = row->progress.state;
  if (run == nullptr) {
    explain_end(*row, *why);
  } else {
    const Instant bound = bound_of(*run);
    why->bound = bound == kNever || why->state == RunState::scheduled ? Instant{} : bound;
    explain_live(turn, *run, *why);
  }
  answer(turn, Reply{.id = id, .changed = false, .explanation = std::move(why)});
}

void Shard::Inside::explain_end(const RunRow& row, Explanation& why) {
  const RunProgress& at = row.progress;
  why.reasons.push_back({"ended", "it ended " + std::string(to_string(at.state)) + " at " +
                                      to_rfc3339(at.ended) +
                                      (at.error.empty() ? "" : ": " + at.error)});
}

void Shard::Inside::explain_live(Turn& turn, const LiveRun& run, Explanation& why) {
  const RunProgress& at = run.row.progress;
  switch (at.state) {
    case RunState::scheduled:
      why.earliest = at.due;
      if (is_called_off(run)) {
        why.earliest = Instant{};
        why.reasons.push_back({"disabled", "its job or trigger is disabled: it is cancelled at " +
                                               to_rfc3339(at.due) + ", when its jitter is over"});
      } else if (at.error_kind == "refused") {
        why.reasons.push_back({"refused", "a worker refused it: it is offered again in a moment"});
      } else if (!at.error_kind.empty()) {
        why.reasons.push_back({"back_off", "attempt " + std::to_string(at.attempt) + " failed (" +
                                               at.error_kind + "): the next one begins later"});
      } else if (run.row.trigger.is_set()) {
        why.reasons.push_back({"jitter", "its trigger's jitter holds it back"});
      } else {
        why.reasons.push_back({"start_time", "it was asked to start later"});
      }
      return;
    case RunState::waiting:
      if (run.row.after_run.is_set()) {
        why.reasons.push_back(
            {"dependency", "it starts when run " + to_string(run.row.after_run) + " has ended"});
      } else {
        why.reasons.push_back({"overlap",
                               "it stands in line behind other runs of its job, one of "
                               "which has not ended (overlap: queue)"});
      }
      return;
    case RunState::queued:
      explain_queued(turn, run, why);
      return;
    case RunState::running:
      if (run.graph) {
        explain_steps(run, why);
      } else {
        why.reasons.push_back({"running", "attempt " + std::to_string(at.attempt) + " is with " +
                                              at.worker + " since " + to_rfc3339(at.started)});
        explain_worker_silence(turn, run, why);
      }
      return;
    case RunState::cancelling:
      if (run.graph) {
        why.reasons.push_back({"cancelling", std::to_string(run.graph->live()) +
                                                 " of its steps are being cancelled: " + at.error});
      } else {
        why.reasons.push_back(
            {"cancelling", at.worker + " was asked to stop it and has not said that it did"});
        explain_worker_silence(turn, run, why);
      }
      return;
    case RunState::pending:
    case RunState::paused:
    case RunState::succeeded:
    case RunState::failed:
    case RunState::cancelled:
    case RunState::timed_out:
    case RunState::expired:
    case RunState::skipped:
      return;
  }
}

void Shard::Inside::explain_worker_silence(Turn& turn, const LiveRun& run, Explanation& why) {
  const RosterWorker* worker = turn.roster.find(run.row.progress.incarnation);
  if (worker == nullptr || !worker->connected) {
    why.reasons.push_back({"worker_away", run.row.progress.worker +
                                              " is out of reach: the attempt is lost when its "
                                              "lease ends before it is back"});
  }
}

void Shard::Inside::explain_queued(Turn& turn, const LiveRun& run, Explanation& why) {
  explain_limit(run, why);
  explain_permit(run, why);
  explain_workers(turn, run, why);
  explain_turn(run, why);
  if (why.reasons.empty()) {
    why.reasons.push_back({"ready", "a worker can take it: it is given out now"});
    why.earliest = turn.now;
  }
}

// The limit of its job (S3.5).
void Shard::Inside::explain_limit(const LiveRun& run, Explanation& why) {
  const Gate* gate = gate_of(run);
  if (gate == nullptr || (gate->offer && gate->offer->run == run.row.id)) {
    return;
  }
  const Concurrency& limit = gate->limit();
  if (limit.max_runs > 0 && gate->running() >= static_cast<std::size_t>(limit.max_runs)) {
    why.reasons.push_back(
        {"concurrency", "of its job as many run as may: " + std::to_string(limit.max_runs) +
                            " (concurrency.max_runs)"});
  }
  const std::size_t alike = gate->running_like(run.row.id);
  if (limit.max_runs_per_key > 0 && alike >= static_cast<std::size_t>(limit.max_runs_per_key)) {
    why.reasons.push_back(
        {"concurrency", "of those with " + limit.key + " " + quoted(gate_key(*gate, run)) +
                            " as many run as may: " + std::to_string(limit.max_runs_per_key) +
                            " (concurrency.max_runs_per_key)"});
  }
  if (why.reasons.empty()) {
    why.reasons.push_back({"priority", "other runs of its job, of " +
                                           std::to_string(gate->waiting()) +
                                           " that wait, are more urgent"});
  }
}

// The permit that it waits for (S3.5). Who holds the others only their home knows.
void Shard::Inside::explain_permit(const LiveRun& run, Explanation& why) {
  if (!run.wants_permit) {
    return;
  }
  const std::string& name_space = run.plan->definition->name_space;
  const std::string* name = missing_permit(run);
  if (name == nullptr) {
    return;
  }
  std::string words = "waits for a permit of semaphore " + quoted(*name);
  if (home_of_semaphore(name_space, *name) == number_) {
    const std::string key = name_key(DefinitionKind::semaphore, name_space, *name);
    const auto semaphore = semaphores_.find(key);
    const Known* known = find_awake({{}, DefinitionKind::semaphore, name_space, *name});
    const std::size_t held = semaphore == semaphores_.end() ? 0 : semaphore->second.held();
    words += known == nullptr
                 ? ", which does not exist"
                 : ": " + std::to_string(held) + " of " +
                       std::to_string(known->plan->definition->semaphore().permits) + " are held";
  }
  why.reasons.push_back({"semaphore", std::move(words)});
}

// Who offers its handler, and what keeps each of them from it (S6.1-S6.3).
void Shard::Inside::explain_workers(Turn& turn, const LiveRun& run, Explanation& why) {
  const Ask ask = asked_by(run);
  std::map<std::string, std::vector<std::string>> obstacles;  // code -> worker and words
  std::set<std::string> elsewhere;
  bool any = false, can_take = false;
  const RosterWorker* home = ask.bucket ? turn.roster.home_of(ask) : nullptr;
  for (const auto& [incarnation, worker] : turn.roster.workers()) {
    if (!worker.handlers.contains(ask.handler)) {
      continue;
    }
    if (worker.hello.name_space != ask.name_space) {
      elsewhere.insert(worker.hello.name_space);
      continue;
    }
    any = true;
    auto [code, words] = obstacle_of(worker, ask);
    if (*code == '\0' && home != nullptr && home != &worker) {
      std::tie(code, words) = std::pair("hash", "is not the one that its key belongs to");
    }
    can_take = can_take || *code == '\0';
    if (*code != '\0') {
      obstacles[code].push_back(worker.hello.name + " " + words);
    }
  }
  if (!any) {
    why.reasons.push_back(
        {"no_worker", "no worker of namespace " + quoted(ask.name_space) + " offers the handler " +
                          quoted(ask.handler) +
                          (elsewhere.empty() ? ""
                                             : "; there are some in " +
                                                   list_of({elsewhere.begin(), elsewhere.end()}))});
    return;
  }
  if (can_take && ask.custom_strategy.empty()) {
    return;
  }
  if (can_take) {
    why.reasons.push_back(
        {"strategy", "the strategy " + quoted(ask.custom_strategy) + " chooses: it may say none"});
    return;
  }
  for (const auto& [code, workers] : obstacles) {
    why.reasons.push_back({code, list_of(workers, "; ")});
  }
}

// Those that ask the same and go first (S3.6).
void Shard::Inside::explain_turn(const LiveRun& run, Explanation& why) {
  if (run.queue == nullptr) {
    return;
  }
  const auto self = std::ranges::find(run.queue->runs, run.row.id, &Waiting::run);
  std::size_t ahead = 0, looked = 0;
  for (const Waiting& other : run.queue->runs) {
    ahead += self != run.queue->runs.end() && MoreUrgentFirst()(other, *self) ? 1 : 0;
    if (++looked == kCounted) {
      break;
    }
  }
  if (ahead > 0) {
    why.reasons.push_back({"priority", (looked == kCounted ? "at least " : "") +
                                           count_of(ahead, "run") +
                                           " that ask the same of a worker go first"});
  }
}

// Of a workflow run: what it waits for.
void Shard::Inside::explain_steps(const LiveRun& run, Explanation& why) {
  const auto& steps = run.plan->definition->workflow().steps;
  std::vector<std::string> live, open;
  for (int step = 0; step < static_cast<int>(steps.size()); ++step) {
    const StepSpec& spec = steps[static_cast<std::size_t>(step)];
    const StepStanding standing = run.graph->standing(step);
    if (standing == StepStanding::live) {
      const Id id = run.graph->run_of(step);
      const LiveRun* at = find_live(id);
      live.push_back(spec.id + " (run " + to_string(id) + ", " +
                     std::string(at == nullptr ? "ending" : to_string(at->row.progress.state)) +
                     ")");
    } else if (standing == StepStanding::open) {
      std::vector<std::string> needs;
      for (const int need : spec.needs) {
        if (run.graph->standing(need) != StepStanding::succeeded) {
          needs.push_back(steps[static_cast<std::size_t>(need)].id);
        }
      }
      open.push_back(spec.id + " needs " + list_of(needs));
    }
  }
  why.reasons.push_back({"running", "its live steps: " + list_of(live)});
  if (!open.empty()) {
    why.reasons.push_back({"dependency", "not reached yet: " + list_of(open, "; ")});
  }
}

}  // namespace jobflow::engine
