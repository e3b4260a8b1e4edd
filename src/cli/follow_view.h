// A run as it is watched: what is known of it and its steps, as a picture that is repainted or as
// lines that are appended. Fed with events; draws text; does no I/O. Not thread-safe.
#pragma once

#include "cli/style.h"
#include "client/views.h"
#include "model/time.h"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace jobflow::cli {

class FollowView {
 public:
  // The whole truth at some moment: of a snapshot event, or read once more at the end. `skew`: this
  // machine's clock minus the server's.
  void take_snapshot(client::RunView run, std::vector<client::StepView> steps, Span skew = {});
  // A delta. Events of runs that are not part of this one change nothing.
  void take_event(const client::EventView& event);

  const client::RunView& run() const { return run_; }
  const std::vector<client::StepView>& steps() const { return steps_; }
  bool known() const { return !run_.id.empty(); }
  bool ended() const { return run_.is_final(); }

  // At most `lines` lines (0 = any), each at most `columns` wide (0 = any). When not every step has
  // room, those that move or failed come first and the rest is counted.
  std::vector<std::string> picture(Instant now,
                                   std::size_t columns,
                                   std::size_t lines,
                                   const Style& style) const;
  // What happened since the last call, a line each.
  std::vector<std::string> take_news(const Style& style);
  // "run 12 of demo: 3 of 9 steps done, 1.2 s".
  std::string summary(Instant now) const;

 private:
  struct News {
    Instant time;
    client::StepView step;  // step id "" = the run itself
  };
  std::string heading(Instant now, const Style& style) const;
  std::string footer(Instant now, std::size_t columns, const Style& style) const;
  std::string step_line(const client::StepView& step,
                        Instant now,
                        std::size_t columns,
                        const Style& style) const;
  std::vector<std::size_t> shown_steps(std::size_t room) const;
  std::size_t done_steps() const;
  std::size_t id_width() const;
  Span elapsed(Instant started, Instant ended, Instant now) const;

  client::RunView run_;
  std::vector<client::StepView> steps_;
  std::map<std::string, std::size_t, std::less<>> step_index_;
  std::vector<News> news_;
  Span skew_;
};

}  // namespace jobflow::cli
