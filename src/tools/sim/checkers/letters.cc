// I10: a letter is applied exactly once, in order for each pair of shards, and none is lost; what
// it asks for happens once. Today's letters ask for a run's end and tell it: who waits for a run
// goes on when that has ended, and is told so once for each time that it asked.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <set>

namespace jobflow::sim {
namespace {

class Letters final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* written = std::get_if<InsertLetter>(&change)) {
      writes(written->row);
    } else if (const auto* mark = std::get_if<MarkLetter>(&change)) {
      applies(mark->row);
    } else if (const auto* gone = std::get_if<DeleteLetters>(&change)) {
      forgets(*gone);
    } else if (const auto* insert = std::get_if<InsertRun>(&change)) {
      if (is_final(insert->row.progress.state)) {  // a step that is skipped
        ended_.insert(insert->row.id);
      }
    } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
      if (const RunRow* run = now.run(update->run)) {
        moves(*run, update->progress, now);
      }
    }
  }

  void rest(const Rest&, const Durable&) override {
    for (const auto& [pair, letters] : pairs_) {
      for (const auto& [number, letter] : letters) {
        if (!letter.is_applied || !letter.is_forgotten) {
          violated(
              fmt::format("letter {} of shard {} to shard {} is {} long after the last fault (I10)",
                          to_string(number), pair.first, pair.second,
                          letter.is_applied ? "not known to be applied" : "not applied"),
              {number}, Breach::liveness);
        }
      }
    }
  }

 private:
  struct Letter {
    bool is_applied = false;
    bool is_forgotten = false;  // by its sender
  };
  using Pair = std::pair<ShardNumber, ShardNumber>;  // from, to

  void writes(const LetterRow& row) {
    auto& letters = pairs_[{row.from, row.to}];
    if (!letters.empty() && row.number <= letters.rbegin()->first) {
      violated(
          fmt::format("letter {} of shard {} to shard {} follows letter {} (I10)",
                      to_string(row.number), row.from, row.to, to_string(letters.rbegin()->first)),
          {row.number});
    }
    letters[row.number] = {};
    if (const auto* ask = std::get_if<WatchRun>(&row.body)) {
      asked_[{ask->run, ask->watcher}] += 1;
    } else if (const auto* told = std::get_if<RunEnded>(&row.body)) {
      if (--asked_[{told->run, told->watcher}] < 0) {
        violated(fmt::format("run {} is told of the end of run {} once more than it asked (I10)",
                             to_string(told->watcher), to_string(told->run)),
                 {told->watcher, told->run});
      }
    }
  }

  void applies(const LetterMarkRow& mark) {
    auto& letters = pairs_[{mark.from, mark.to}];
    const auto wrong = [&](Id number, const char* what) {
      violated(fmt::format("letter {} of shard {} to shard {} {} (I10)", to_string(number),
                           mark.from, mark.to, what),
               {number});
    };
    const auto marked = letters.find(mark.number);
    if (marked == letters.end()) {
      wrong(mark.number, "is applied, and nobody wrote it");
      return;
    }
    for (auto earlier = letters.begin(); earlier != marked; ++earlier) {
      if (!earlier->second.is_applied) {
        wrong(earlier->first, "is left out");
      }
    }
    if (std::exchange(marked->second.is_applied, true)) {
      wrong(mark.number, "is applied twice");
    }
  }

  void forgets(const DeleteLetters& gone) {
    for (auto& [number, letter] : pairs_[{gone.from, gone.to}]) {
      if (number > gone.up_to) {
        return;
      }
      if (!letter.is_applied) {
        violated(fmt::format("letter {} of shard {} to shard {} is forgotten, and was not applied "
                             "(I10)",
                             to_string(number), gone.from, gone.to),
                 {number});
      }
      letter.is_forgotten = true;
    }
  }

  void moves(const RunRow& run, const RunProgress& to, const Durable& now) {
    if (is_final(to.state)) {
      ended_.insert(run.id);
    }
    if (run.progress.state != RunState::waiting || !run.after_run.is_set()) {
      return;
    }
    const bool goes_on = to.state == RunState::queued || to.state == RunState::running;
    if (goes_on && !ended_.contains(run.after_run)) {
      violated(fmt::format("run {} goes on before run {}, which it waits for, has ended (I10)",
                           to_string(run.id), to_string(run.after_run)),
               {run.id, run.after_run});
    }
    if (to.error_kind == "after_run" && now.run(run.after_run) != nullptr) {
      violated(fmt::format("run {} is told that there is no run {}, and there is (I10)",
                           to_string(run.id), to_string(run.after_run)),
               {run.id, run.after_run});
    }
  }

  std::map<Pair, std::map<Id, Letter>> pairs_;
  std::map<std::pair<Id, Id>, int> asked_;  // by (run, watcher): and not told yet
  std::set<Id> ended_;                      // runs that once did
};

}  // namespace

std::unique_ptr<Checker> make_letters_checker() {
  return std::make_unique<Letters>();
}

}  // namespace jobflow::sim
