#include "model/definition_parts.h"

#include <algorithm>
#include <numeric>

namespace jobflow {
namespace {

// Follows needs depth first, without recursion: graphs may be 10,000 steps deep. A need that leads
// back to a step still being followed closes a circle.
class CircleSearch {
 public:
  CircleSearch(const WorkflowSpec& workflow,
               const std::vector<std::vector<std::string>>& need_pointers,
               ProblemList& problems)
      : steps_(workflow.steps),
        need_pointers_(need_pointers),
        problems_(problems),
        marks_(workflow.steps.size(), Mark::unseen) {}

  void run() {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (marks_[i] == Mark::unseen) {
        follow(i);
      }
    }
  }

 private:
  enum class Mark : unsigned char { unseen, open, done };
  struct Place {
    std::size_t step;
    std::size_t next_need = 0;
  };
  static constexpr int kCirclesTold = 10;
  static constexpr std::size_t kStepsTold = 12;

  void follow(std::size_t root) {
    enter(root);
    while (!path_.empty()) {
      Place& place = path_.back();
      if (place.next_need == steps_[place.step].needs.size()) {
        marks_[place.step] = Mark::done;
        path_.pop_back();
        continue;
      }
      const auto need = static_cast<std::size_t>(steps_[place.step].needs[place.next_need++]);
      if (marks_[need] == Mark::open) {
        tell(need);
      } else if (marks_[need] == Mark::unseen) {
        enter(need);
      }
    }
  }

  void enter(std::size_t step) {
    marks_[step] = Mark::open;
    path_.push_back({step});
  }

  void tell(std::size_t first) {
    if (++told_ > kCirclesTold) {
      return;
    }
    const auto start = std::find_if(path_.begin(), path_.end(),
                                    [&](const Place& place) { return place.step == first; });
    const auto length = static_cast<std::size_t>(path_.end() - start);
    std::string circle;
    for (std::size_t i = 0; i < length; ++i) {
      if (length > kStepsTold && i == kStepsTold - 2) {
        circle += "... -> ";
        i = length - 1;
      }
      circle += steps_[(start + static_cast<std::ptrdiff_t>(i))->step].id + " -> ";
    }
    circle += steps_[first].id;
    const Place& last = path_.back();
    problems_.add(need_pointers_[last.step][last.next_need - 1],
                  "these " + std::to_string(length) + " steps need each other in a circle: " +
                      circle + " (each needs the next): remove one need");
  }

  const std::vector<StepSpec>& steps_;
  const std::vector<std::vector<std::string>>& need_pointers_;
  ProblemList& problems_;
  std::vector<Mark> marks_;
  std::vector<Place> path_;
  int told_ = 0;
};

}  // namespace

void link_steps(WorkflowSpec& workflow,
                const std::vector<std::vector<std::string>>& need_pointers,
                ProblemList& problems) {
  auto& steps = workflow.steps;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (const int need : steps[i].needs) {
      steps[static_cast<std::size_t>(need)].dependants.push_back(static_cast<int>(i));
    }
  }
  workflow.steps_by_id.resize(steps.size());
  std::iota(workflow.steps_by_id.begin(), workflow.steps_by_id.end(), 0);
  std::stable_sort(workflow.steps_by_id.begin(), workflow.steps_by_id.end(), [&](int a, int b) {
    return steps[static_cast<std::size_t>(a)].id < steps[static_cast<std::size_t>(b)].id;
  });
  CircleSearch(workflow, need_pointers, problems).run();
}

}  // namespace jobflow
