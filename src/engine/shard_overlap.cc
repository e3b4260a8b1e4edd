// What a firing does when a run of the same job is live (S3.4): decided from live runs, each of
// which has a bound (I5).
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {

Shard::Inside::Place Shard::Inside::place_of(Id definition, const Overlap& overlap) const {
  const auto runs = runs_of_.find(definition);
  const bool is_free =
      runs == runs_of_.end() || (!runs->second.any_busy() && runs->second.in_line.empty());
  switch (overlap.policy) {
    case Overlap::Policy::allow:
      return Place::at_once;
    case Overlap::Policy::skip:
      return is_free ? Place::at_once : Place::nowhere;
    case Overlap::Policy::queue:
      return is_free ? Place::at_once
             : runs->second.in_line.size() < static_cast<std::size_t>(overlap.limit)
                 ? Place::in_line
                 : Place::nowhere;
    case Overlap::Policy::cancel_running:
      return is_free ? Place::at_once : Place::in_line;  // until they have stopped
  }
  return Place::at_once;
}

// As many as one decision may (house 3.8). When that is not all, the run in line says so in its
// row.
void Shard::Inside::cancel_others(Turn& turn, const CancelOthers& ask) {
  const auto runs = runs_of_.find(ask.definition);
  if (runs == runs_of_.end() || !runs->second.in_line.contains(ask.before)) {
    return;  // it was cancelled itself
  }
  std::vector<Id> others;
  for (auto run = runs->second.all.upper_bound(ask.after);
       *run < ask.before && others.size() < limits::kDecisionRows; ++run) {
    others.push_back(*run);
  }
  const bool is_all = others.size() < limits::kDecisionRows;
  CancelOthers next = ask;
  for (const Id id : others) {
    if (!turn.has_row_budget()) {
      break;
    }
    next.after = id;
    if (!runs_of_.at(ask.definition).aside.contains(id)) {
      ask_cancel(turn, *find_live(id), "cancelled: run " + to_string(ask.before) + " is due");
    }
  }
  const bool goes_on = !others.empty() && (next.after != others.back() || !is_all);
  LiveRun& in_line = live_.at(ask.before);
  std::string& said = in_line.row.progress.error_kind;
  if (goes_on) {
    turn.out.more.emplace_back(next);
  }
  if (goes_on == said.empty()) {
    said = goes_on ? kCancelsOthers : "";
    write(turn, in_line);
  }
}

// Nothing is live that it waited for: the first in line begins.
void Shard::Inside::next_in_line(Turn& turn, Id definition) {
  const auto runs = runs_of_.find(definition);
  if (runs == runs_of_.end() || runs->second.in_line.empty() || runs->second.any_busy()) {
    return;
  }
  LiveRun& run = *find_live(*runs->second.in_line.begin());
  if (run.graph) {
    begin_workflow(turn, run);
  } else {
    move(run, RunEvent::go_on);
    enter_queue(turn, run);
  }
}

// What goes on after loading.
void Shard::Inside::add_line_business(std::vector<Request>& requests) const {
  std::vector<Id> with_line;
  for (const auto& [definition, runs] : runs_of_) {
    if (!runs.in_line.empty() && known_.contains(definition)) {
      with_line.push_back(definition);
    }
  }
  std::sort(with_line.begin(), with_line.end());
  for (const Id definition : with_line) {
    const Runs& runs = runs_of_.at(definition);
    const Id newest = *runs.in_line.rbegin();
    if (live_.at(newest).row.progress.error_kind == kCancelsOthers) {
      requests.emplace_back(CancelOthers{.definition = definition, .before = newest});
    }
    requests.emplace_back(NextInLine{definition});
  }
}

}  // namespace jobflow::engine
