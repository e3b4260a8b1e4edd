// I4 and S7.3: what leaves a member for a worker was durable before.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

namespace jobflow::sim {
namespace {

const RunProgress* progress_of(const Change& change, Id& run) {
  if (const auto* insert = std::get_if<InsertRun>(&change)) {
    run = insert->row.id;
    return &insert->row.progress;
  }
  if (const auto* update = std::get_if<UpdateRun>(&change)) {
    run = update->run;
    return &update->progress;
  }
  return nullptr;
}

class Effects final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable&) override {
    Id run;
    const RunProgress* progress = progress_of(change, run);
    if (progress != nullptr && progress->token.is_set()) {
      run_of_[progress->token] = run;
    }
  }

  void record(const Record& record, const Durable& now) override {
    if (record.did != Did::told_worker) {
      return;
    }
    for (const Assignment& one : record.to_worker->assignments) {
      const auto run = run_of_.find(one.token);
      if (run == run_of_.end() || run->second != one.run) {
        violated(fmt::format("{} assigns run {} with token {}, which is not durable (I4)",
                             record.who, to_string(one.run), to_string(one.token)),
                 {one.run, one.token});
      }
    }
    for (const CancelOrder& one : record.to_worker->cancels) {
      if (is_live(now, one.token, {RunState::running})) {
        violated(fmt::format("{} cancels run {}, which is running for all that is durable (I4)",
                             record.who, to_string(one.run)),
                 {one.run, one.token});
      }
    }
    for (const Id token : record.to_worker->acks) {
      if (is_live(now, token, {RunState::running, RunState::cancelling})) {
        violated(fmt::format("{} acknowledges the end of token {}, which is not durable (S7.3)",
                             record.who, to_string(token)),
                 {run_of_[token], token});
      }
    }
  }

 private:
  bool is_live(const Durable& now, Id token, std::initializer_list<RunState> states) const {
    const auto id = run_of_.find(token);
    const RunRow* run = id == run_of_.end() ? nullptr : now.run(id->second);
    return run != nullptr && run->progress.token == token &&
           std::find(states.begin(), states.end(), run->progress.state) != states.end();
  }

  std::map<Id, Id> run_of_;  // by token
};

}  // namespace

std::unique_ptr<Checker> make_effects_checker() {
  return std::make_unique<Effects>();
}

}  // namespace jobflow::sim
