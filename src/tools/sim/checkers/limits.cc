// S3.5: no more runs of a job begin beside each other than its newest revision says, in all and for
// each key. S3.3: no attempt begins after the total timeout of its run, which is dated once and
// anew only by a person's retry. S6.1, S6.2: a run is given to a worker that its job or step names,
// if it names any.
#include "model/json.h"
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace jobflow::sim {
namespace {

bool is_out(RunState state) {
  return state == RunState::running || state == RunState::cancelling;
}

class Limits final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* update = std::get_if<UpdateRun>(&change)) {
      const RunRow* run = now.run(update->run);
      if (run == nullptr) {
        return;
      }
      times(*run, update->progress);
      if (run->kind == RunKind::workflow) {
        return;
      }
      if (!is_out(update->progress.state)) {
        out_[run->definition].erase(run->id);
      } else if (!is_out(run->progress.state)) {
        begins(*run, update->progress.worker, now);
        out_[run->definition].insert(run->id);
      }
    } else if (const auto* insert = std::get_if<InsertRun>(&change);
               insert != nullptr && insert->row.kind != RunKind::workflow &&
               is_out(insert->row.progress.state)) {
      begins(insert->row, insert->row.progress.worker, now);
      out_[insert->row.definition].insert(insert->row.id);
    }
  }

 private:
  void begins(const RunRow& run, const std::string& worker, const Durable& now) {
    const Task& task = *library_.task_of(now, run);
    if (!task.workers.empty() && !std::ranges::binary_search(task.workers, worker)) {
      violated(fmt::format("run {} is given to {}, which is not among those named (S6.1)",
                           to_string(run.id), worker),
               {run.id});
    }
    const auto newest = now.definitions.find(run.definition);
    if (run.kind != RunKind::job || newest == now.definitions.end() || newest->second.deleted) {
      return;
    }
    const Concurrency& limit =
        library_.revision(now, run.definition, newest->second.revision).job().concurrency;
    if (!limit.is_set()) {
      return;
    }
    int all = 1, alike = 1;
    const std::string key = field_text(run.params, limit.key);
    for (const Id other : out_[run.definition]) {
      all += 1;
      alike += field_text(now.run(other)->params, limit.key) == key ? 1 : 0;
    }
    if ((limit.max_runs > 0 && all > limit.max_runs) ||
        (limit.max_runs_per_key > 0 && alike > limit.max_runs_per_key)) {
      violated(fmt::format("run {} begins as number {} of its job and number {} of its key, and {} "
                           "and {} may (S3.5)",
                           to_string(run.id), all, alike, limit.max_runs, limit.max_runs_per_key),
               {run.id, run.definition});
    }
  }

  void times(const RunRow& was, const RunProgress& now) {
    const Instant deadline = was.progress.deadline;
    const bool is_retried = now.version != was.progress.version || is_final(was.progress.state);
    if (deadline.is_set() && now.deadline != deadline && !is_retried) {
      violated(
          fmt::format("run {} gets more time than its total timeout (S3.3)", to_string(was.id)),
          {was.id});
    }
    if (now.token != was.progress.token && now.token.is_set() && now.deadline.is_set() &&
        now.started >= now.deadline) {
      violated(fmt::format("run {} is given out when its total timeout is over (S3.3)",
                           to_string(was.id)),
               {was.id});
    }
  }

  Library library_;
  std::map<Id, std::set<Id>> out_;  // by job
};

}  // namespace

std::unique_ptr<Checker> make_limits_checker() {
  return std::make_unique<Limits>();
}

}  // namespace jobflow::sim
