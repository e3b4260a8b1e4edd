#include "engine/graph.h"

#include "model/check.h"
#include "model/json.h"

#include <algorithm>
#include <map>

namespace jobflow::engine {
namespace {

// For each step id, the version in which a retry replaced it last; 1 when none did.
std::map<std::string, int, std::less<>> last_replacements(const std::string& versions) {
  std::map<std::string, int, std::less<>> last;
  if (versions.empty()) {
    return last;
  }
  const auto parsed = parse_json(versions);
  check(parsed.ok() && parsed->is_array(), "a workflow run's versions are a JSON array");
  for (const JsonValue& entry : parsed->as_array()) {
    const int version = entry.at("version").to_number<int>();
    for (const JsonValue& step : entry.at("steps").as_array()) {
      last[std::string(step.as_string())] = version;
    }
  }
  return last;
}

std::string failure_of(const RunRow& row) {
  if (row.progress.state == RunState::skipped) {
    return {};
  }
  return "step '" + row.step + "' " + std::string(to_string(row.progress.state)) +
         (row.progress.error.empty() ? "" : ": " + row.progress.error);
}

}  // namespace

Graph::Graph(const WorkflowSpec& spec) : spec_(&spec), steps_(spec.steps.size()) {
  recount();
}

Graph::Graph(const WorkflowSpec& spec,
             const std::vector<RunRow>& step_rows,
             const std::string& versions)
    : spec_(&spec), steps_(spec.steps.size()) {
  const auto replaced = last_replacements(versions);
  for (const RunRow& row : step_rows) {
    const int step = spec.step_index(row.step);
    const auto last = replaced.find(row.step);
    if (step < 0 || (last != replaced.end() && row.progress.version < last->second)) {
      continue;
    }
    Step& entry = steps_[index(step)];
    entry.run = row.id;
    entry.output.clear();
    entry.failure.clear();
    if (!is_final(row.progress.state)) {
      entry.standing = StepStanding::live;
    } else if (row.progress.state == RunState::succeeded) {
      entry.standing = StepStanding::succeeded;
      entry.output = row.progress.result.empty() ? "null" : row.progress.result;
    } else {
      entry.standing = StepStanding::not_succeeded;
      entry.failure = failure_of(row);
      entry.ended = row.progress.ended;
    }
  }
  recount();
}

std::size_t Graph::index(int step) const {
  check(step >= 0 && static_cast<std::size_t>(step) < steps_.size(), "step out of range");
  return static_cast<std::size_t>(step);
}

const std::string* Graph::output(int step) const {
  const Step& entry = steps_[index(step)];
  return entry.standing == StepStanding::succeeded ? &entry.output : nullptr;
}

void Graph::recount() {
  open_ = live_ = not_succeeded_ = 0;
  decidable_.clear();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    Step& entry = steps_[i];
    entry.open_needs = entry.failed_needs = 0;
    for (const int need : spec_->steps[i].needs) {
      const StepStanding standing = steps_[index(need)].standing;
      entry.open_needs += standing != StepStanding::succeeded;
      entry.failed_needs += standing == StepStanding::not_succeeded;
    }
    open_ += entry.standing == StepStanding::open;
    live_ += entry.standing == StepStanding::live;
    not_succeeded_ += entry.standing == StepStanding::not_succeeded;
  }
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    list_if_decidable(static_cast<int>(i));
  }
}

void Graph::list_if_decidable(int step) {
  const Step& entry = steps_[index(step)];
  if (entry.standing == StepStanding::open && (entry.open_needs == 0 || entry.failed_needs > 0)) {
    decidable_.insert(step);
  }
}

void Graph::start(int step, Id run) {
  Step& entry = steps_[index(step)];
  check(entry.standing == StepStanding::open, "a step starts once a version");
  entry.standing = StepStanding::live;
  entry.run = run;
  decidable_.erase(step);
  --open_;
  ++live_;
}

Graph::Step& Graph::end(int step, StepStanding standing, Id run) {
  Step& entry = steps_[index(step)];
  check(entry.standing == StepStanding::open || entry.standing == StepStanding::live,
        "a step ends once a version");
  (entry.standing == StepStanding::open ? open_ : live_) -= 1;
  entry.standing = standing;
  entry.run = run;
  decidable_.erase(step);
  for (const int dependant : spec_->steps[index(step)].dependants) {
    Step& next = steps_[index(dependant)];
    if (standing == StepStanding::succeeded) {
      --next.open_needs;
    } else {
      ++next.failed_needs;
    }
    list_if_decidable(dependant);
  }
  return entry;
}

void Graph::succeed(int step, Id run, std::string output) {
  end(step, StepStanding::succeeded, run).output = output.empty() ? "null" : std::move(output);
}

void Graph::fail(int step, const RunRow& row) {
  Step& entry = end(step, StepStanding::not_succeeded, row.id);
  entry.failure = failure_of(row);
  entry.ended = row.progress.ended;
  ++not_succeeded_;
}

std::string Graph::first_failure() const {
  const Step* first = nullptr;
  for (const Step& step : steps_) {
    if (!step.failure.empty() && (first == nullptr || step.ended < first->ended)) {
      first = &step;
    }
  }
  return first == nullptr ? "" : first->failure;
}

std::vector<int> Graph::replaced_by_retry(const std::vector<int>& from, int& live_step) const {
  std::vector<bool> chosen(steps_.size(), false);
  std::vector<int> open;
  const auto choose = [&](int step) {
    if (!chosen[index(step)]) {
      chosen[index(step)] = true;
      open.push_back(step);
    }
  };
  for (const int step : from) {
    choose(step);
  }
  for (std::size_t i = 0; from.empty() && i < steps_.size(); ++i) {
    if (steps_[i].standing == StepStanding::not_succeeded) {
      choose(static_cast<int>(i));
    }
  }
  while (!open.empty()) {
    const int step = open.back();
    open.pop_back();
    for (const int dependant : spec_->steps[index(step)].dependants) {
      choose(dependant);
    }
  }
  live_step = -1;
  std::vector<int> replaced;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (chosen[i]) {
      replaced.push_back(static_cast<int>(i));
      if (steps_[i].standing == StepStanding::live) {
        live_step = static_cast<int>(i);
      }
    }
  }
  return replaced;
}

void Graph::reopen(const std::vector<int>& steps) {
  for (const int step : steps) {
    steps_[index(step)] = Step{};
  }
  recount();
}

std::string add_version(const std::string& versions,
                        int version,
                        const std::vector<std::string>& steps) {
  JsonValue all = boost::json::array();
  if (!versions.empty()) {
    auto parsed = parse_json(versions);
    check(parsed.ok() && parsed->is_array(), "a workflow run's versions are a JSON array");
    all = std::move(parsed).value();
  }
  boost::json::array names;
  for (const std::string& step : steps) {
    names.emplace_back(step);
  }
  all.as_array().push_back(boost::json::object{{"version", version}, {"steps", std::move(names)}});
  return to_text(all);
}

}  // namespace jobflow::engine
