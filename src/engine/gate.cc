#include "engine/gate.h"

#include "model/check.h"

#include <algorithm>

namespace jobflow::engine {

bool Gate::has_room(const Line& line) const {
  return limit_.max_runs_per_key == 0 ||
         line.running < static_cast<std::size_t>(limit_.max_runs_per_key);
}

template <class Change>
void Gate::change(std::map<std::string, Line>::iterator line, Change make) {
  if (!line->second.runs.empty()) {
    heads_.erase(most_urgent(line->second.runs));
  }
  make(line->second);
  if (!line->second.runs.empty() && has_room(line->second)) {
    heads_.insert(most_urgent(line->second.runs));
  }
  if (line->second.runs.empty() && line->second.running == 0) {
    lines_.erase(line);
  }
}

void Gate::enter(const Waiting& run, const std::string& key) {
  const auto line = lines_.try_emplace(key).first;
  check(places_.try_emplace(run.run, Place{line, run}).second, "a run is at its gate once");
  change(line, [&](Line& one) { one.runs.insert(run); });
  ++waiting_;
}

void Gate::leave(Id run) {
  const auto place = places_.find(run);
  check(place != places_.end() && place->second.waits, "a run that waits is at its gate");
  const Place was = place->second;
  places_.erase(place);
  change(was.line, [&](Line& one) { one.runs.erase(*was.waits); });
  --waiting_;
}

void Gate::begin(Id run, const std::string& key) {
  const auto line = lines_.try_emplace(key).first;
  check(places_.try_emplace(run, Place{line, std::nullopt}).second, "a run begins once");
  change(line, [](Line& one) { ++one.running; });
  ++running_;
}

void Gate::end(Id run) {
  const auto place = places_.find(run);
  if (place == places_.end() || place->second.waits) {
    return;
  }
  const auto line = place->second.line;
  places_.erase(place);
  change(line, [](Line& one) { --one.running; });
  --running_;
}

std::optional<Waiting> Gate::next() const {
  const bool is_full = limit_.max_runs > 0 && running_ >= static_cast<std::size_t>(limit_.max_runs);
  return is_full || heads_.empty() ? std::nullopt : std::optional(*heads_.begin());
}

std::size_t Gate::ready() const {
  std::size_t may = waiting_;
  if (limit_.max_runs > 0) {
    const auto most = static_cast<std::size_t>(limit_.max_runs);
    may = std::min(may, most - std::min(running_, most));
  }
  return limit_.max_runs_per_key == 0 ? may : std::min(may, heads_.size());
}

Instant Gate::waits_since() const {
  Instant oldest = kNever;
  for (const auto& [key, line] : lines_) {
    oldest = std::min(oldest, engine::waits_since(line.runs));
  }
  return oldest;
}

std::size_t Gate::running_like(Id run) const {
  const auto place = places_.find(run);
  return place == places_.end() ? 0 : place->second.line->second.running;
}

}  // namespace jobflow::engine
