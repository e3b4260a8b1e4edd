// House 3.7 and 8, S1.3: an id and a token are given out once, whatever the store has forgotten.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

namespace jobflow::sim {
namespace {

class Identity final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable&) override {
    if (const auto* insert = std::get_if<InsertRun>(&change)) {
      // The same batch may land again after the store forgot that it had.
      const auto [known, is_new] = runs_.try_emplace(insert->row.id, insert->row);
      if (!is_new && known->second != insert->row) {
        violated(fmt::format("run {} is made a second time", to_string(insert->row.id)),
                 {insert->row.id});
      }
      given(insert->row.id, insert->row.progress);
    } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
      given(update->run, update->progress);
    }
  }

 private:
  void given(Id run, const RunProgress& progress) {
    if (!progress.token.is_set()) {
      return;
    }
    const Attempt attempt{run, progress.attempt, progress.incarnation};
    const auto [known, is_new] = tokens_.try_emplace(progress.token, attempt);
    if (!is_new && known->second != attempt) {
      violated(fmt::format("token {} of run {} is given out a second time, to run {} (S1.3)",
                           to_string(progress.token), to_string(known->second.run), to_string(run)),
               {run, known->second.run, progress.token});
    }
  }

  struct Attempt {
    Id run;
    int number;
    Id incarnation;
    bool operator==(const Attempt&) const = default;
  };
  std::map<Id, RunRow> runs_;  // as they were made
  std::map<Id, Attempt> tokens_;
};

}  // namespace

std::unique_ptr<Checker> make_identity_checker() {
  return std::make_unique<Identity>();
}

}  // namespace jobflow::sim
