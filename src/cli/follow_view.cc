#include "cli/follow_view.h"

#include "cli/text_width.h"
#include "cli/time_text.h"
#include "model/states.h"

#include <fmt/format.h>

#include <algorithm>

namespace jobflow::cli {
namespace {

constexpr std::size_t kIdWidthMax = 32;
constexpr std::size_t kBarWidth = 24;

bool is_over(std::string_view state) {
  const auto known = parse_run_state(state);
  return known && is_final(*known);
}

bool is_moving(std::string_view state) {
  return state == "running" || state == "cancelling" || state == "waiting";
}

// What to keep when there is no room for all: failures, then what moves, then what comes.
int urgency(std::string_view state) {
  if (state == "failed" || state == "timed_out" || state == "expired") {
    return 0;
  }
  if (is_moving(state) || state == "scheduled") {
    return 1;
  }
  if (state == "queued" || state == "paused") {
    return 2;
  }
  return is_over(state) ? 3 : 4;
}

std::string one_line(std::string_view text) {
  return printable(text.substr(0, text.find('\n')));
}

}  // namespace

void FollowView::take_snapshot(client::RunView run,
                               std::vector<client::StepView> steps,
                               Span skew) {
  const bool first = !known();
  if (!first && run.state != run_.state) {
    news_.push_back({.time = run.ended.is_set() ? run.ended : run.started,
                     .step = {.state = run.state, .error = run.error}});
  }
  for (const client::StepView& step : steps) {
    const auto before = step_index_.find(step.step);
    const bool changed = before == step_index_.end() || steps_[before->second].state != step.state;
    if (changed && step.state != "pending") {
      news_.push_back({.time = step.ended.is_set() ? step.ended : step.started, .step = step});
    }
  }
  run_ = std::move(run);
  steps_ = std::move(steps);
  skew_ = skew;
  step_index_.clear();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    step_index_[steps_[i].step] = i;
  }
}

void FollowView::take_event(const client::EventView& event) {
  const client::RunView& change = event.run;
  if (change.state.empty() || (change.id != run_.id && change.parent_id != run_.id)) {
    return;
  }
  const auto move = [&](auto& target) {
    const bool starts = change.state == "running" &&
                        (target.state != "running" || change.attempt != target.attempt);
    if (starts) {
      target.started = event.time;
      target.ended = {};
      target.progress = 0;
    }
    if (is_over(change.state)) {
      target.ended = event.time;
    }
    target.state = change.state;
    target.attempt = change.attempt;
    target.version = change.version;
    // A start tells its worker, everything else its reason.
    if (change.state == "running") {
      target.worker = change.error;
      target.error.clear();
    } else {
      target.error = change.error;
    }
  };
  if (change.id == run_.id) {
    const bool changed = change.state != run_.state;
    const Instant first_start = run_.started;
    move(run_);
    if (run_.kind == "workflow" && first_start.is_set()) {
      run_.started = first_start;
    }
    if (changed) {
      news_.push_back({event.time, {.state = run_.state, .error = run_.error}});
    }
    return;
  }
  auto found = step_index_.find(change.step);
  if (found == step_index_.end()) {
    steps_.push_back({.step = change.step});
    found = step_index_.emplace(change.step, steps_.size() - 1).first;
  }
  client::StepView& step = steps_[found->second];
  const bool changed = step.state != change.state || step.attempt != change.attempt;
  step.run_id = change.id;
  step.due = change.due;
  move(step);
  if (changed) {
    news_.push_back({event.time, step});
  }
}

Span FollowView::elapsed(Instant started, Instant ended_at, Instant now) const {
  const Span span = (ended_at.is_set() ? ended_at : now - skew_) - started;
  return std::max(span, Span{});
}

std::size_t FollowView::done_steps() const {
  return static_cast<std::size_t>(std::count_if(
      steps_.begin(), steps_.end(), [](const auto& step) { return is_over(step.state); }));
}

std::size_t FollowView::id_width() const {
  std::size_t width = 0;
  for (const client::StepView& step : steps_) {
    width = std::max(width, text_width(step.step));
  }
  return std::min(width, kIdWidthMax);
}

std::string FollowView::heading(Instant now, const Style& style) const {
  std::string line = glyph_of_state(run_.state, style) + " " +
                     style.paint(Colour::bold, printable(run_.name.empty() ? "run" : run_.name)) +
                     "  " + style.paint(Colour::dim, "run " + run_.id) + "  " +
                     style.paint(colour_of_state(run_.state), run_.state);
  if (run_.version > 1) {
    line += fmt::format("  version {}", run_.version);
  }
  if (steps_.empty() && run_.started.is_set()) {
    line += "  " + span_text(elapsed(run_.started, run_.ended, now));
    if (run_.attempt > 1) {
      line += fmt::format("  attempt {}", run_.attempt);
    }
    if (!run_.is_final() && run_.progress > 0) {
      line += fmt::format("  {:.0f} %", run_.progress * 100);
    }
  }
  return line;
}

std::string FollowView::footer(Instant now, std::size_t columns, const Style& style) const {
  const std::size_t done = done_steps();
  const Instant begun = run_.started.is_set() ? run_.started : run_.created;
  const std::string counts = fmt::format("{}/{} steps  {}", done, steps_.size(),
                                         span_text(elapsed(begun, run_.ended, now)));
  if (columns > 0 && columns < kBarWidth + counts.size() + 4) {
    return "  " + counts;
  }
  const std::size_t full = steps_.empty() ? 0 : kBarWidth * done / steps_.size();
  std::string bar;
  std::string rest;
  for (std::size_t i = 0; i < kBarWidth; ++i) {
    (i < full ? bar : rest) += style.unicode ? "━" : (i < full ? "#" : "-");
  }
  const Colour colour = run_.is_final() ? colour_of_state(run_.state) : Colour::cyan;
  return "  " + style.paint(colour, bar) + style.paint(Colour::dim, rest) + "  " + counts;
}

std::string FollowView::step_line(const client::StepView& step,
                                  Instant now,
                                  std::size_t columns,
                                  const Style& style) const {
  std::string detail;
  if (step.attempt > 1) {
    detail = fmt::format("attempt {}", step.attempt);
  }
  const auto add = [&](const std::string& what) { detail += (detail.empty() ? "" : "  ") + what; };
  if (step.state == "running" && step.progress > 0) {
    add(fmt::format("{:.0f} %", step.progress * 100));
  }
  if (step.state == "scheduled" && step.due.is_set()) {
    add("tries again " + relative_text(step.due, now - skew_));
  }
  if (!step.error.empty()) {
    add(one_line(step.error));
  } else if (!step.handler.empty()) {
    add(printable(step.worker.empty() ? step.handler : step.handler + " on " + step.worker));
  }
  const std::string time = step.started.is_set() && (is_over(step.state) || is_moving(step.state))
                               ? span_text(elapsed(step.started, step.ended, now))
                               : std::string();
  const std::size_t width = id_width();
  const std::string id = cut_to_width(printable(step.step), width);
  const std::string pad(width - text_width(id), ' ');
  std::string line = "  " + glyph_of_state(step.state, style) + " " + id + pad + "  " +
                     style.paint(colour_of_state(step.state), fmt::format("{:<10}", step.state)) +
                     fmt::format("{:>9}", time);
  const std::size_t used = 4 + width + 2 + 10 + 9;
  if (!detail.empty() && (columns == 0 || columns > used + 8)) {
    line += "  " + style.paint(step.error.empty() ? Colour::dim : colour_of_state(step.state),
                               columns == 0 ? detail : cut_to_width(detail, columns - used - 3));
  }
  return line;
}

std::vector<std::size_t> FollowView::shown_steps(std::size_t room) const {
  std::vector<std::size_t> order(steps_.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  if (order.size() <= room) {
    return order;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const int urgent_a = urgency(steps_[a].state);
    const int urgent_b = urgency(steps_[b].state);
    // Of the ended ones, the latest.
    return urgent_a != urgent_b ? urgent_a < urgent_b
                                : urgent_a == 3 && steps_[a].ended > steps_[b].ended;
  });
  order.resize(room);
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<std::string> FollowView::picture(Instant now,
                                             std::size_t columns,
                                             std::size_t lines,
                                             const Style& style) const {
  std::vector<std::string> out = {heading(now, style)};
  if (!run_.error.empty() && (lines == 0 || lines > 4)) {
    const std::string error = one_line(run_.error);
    out.push_back("  " +
                  style.paint(Colour::red, columns > 3 ? cut_to_width(error, columns - 3) : error));
  }
  if (steps_.empty()) {
    return out;
  }
  std::size_t room = steps_.size();
  if (lines > 0 && room + out.size() + 1 > lines) {
    room = lines > out.size() + 2 ? lines - out.size() - 2 : 0;
  }
  for (const std::size_t index : shown_steps(room)) {
    out.push_back(step_line(steps_[index], now, columns, style));
  }
  if (room < steps_.size()) {
    out.push_back(style.paint(Colour::dim, fmt::format("    … {} more", steps_.size() - room)));
  }
  out.push_back(footer(now, columns, style));
  return out;
}

std::vector<std::string> FollowView::take_news(const Style& style) {
  std::vector<std::string> out;
  const std::size_t width = std::max<std::size_t>(id_width(), 3);
  for (const News& news : news_) {
    if (news.step.state == "queued" || news.step.state == "pending") {
      continue;  // it tells itself once something comes of it
    }
    const std::string id =
        cut_to_width(printable(news.step.step.empty() ? "run" : news.step.step), width);
    std::string line = (news.time.is_set() ? local_clock_text(news.time) : std::string(12, ' ')) +
                       "  " + glyph_of_state(news.step.state, style) + " " + id +
                       std::string(width - text_width(id), ' ') + "  " +
                       style.paint(colour_of_state(news.step.state), news.step.state);
    if (news.step.ended.is_set() && news.step.started.is_set() && is_over(news.step.state)) {
      line += "  " + span_text(elapsed(news.step.started, news.step.ended, news.time));
    }
    if (news.step.attempt > 1) {
      line += fmt::format("  attempt {}", news.step.attempt);
    }
    if (!news.step.error.empty()) {
      line += "  " + one_line(news.step.error);
    }
    out.push_back(std::move(line));
  }
  news_.clear();
  return out;
}

std::string FollowView::summary(Instant now) const {
  std::string text = "run " + run_.id;
  if (!run_.name.empty()) {
    text += " of " + printable(run_.name);
  }
  text += ": " + run_.state;
  if (!steps_.empty()) {
    text += fmt::format(", {} of {} steps done", done_steps(), steps_.size());
  }
  const Instant begun = run_.started.is_set() ? run_.started : run_.created;
  if (begun.is_set()) {
    text += ", " + span_text(elapsed(begun, run_.ended, now));
  }
  return text;
}

}  // namespace jobflow::cli
