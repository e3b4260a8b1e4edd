// What is durable at this moment: a mirror of the rows, kept from the batches that landed and from
// nothing else. Checkers judge by it; at the end it is held against what the store really has.
#pragma once

#include "model/change.h"
#include "model/event.h"
#include "store/batch.h"
#include "tools/sim/scheduler.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace jobflow::sim {

struct Durable {
  Micros at = 0;  // since the newest batch
  std::map<Id, RunRow> runs;
  std::map<std::pair<Id, std::string>, std::vector<Id>> steps;  // by (workflow run, step), in order
  std::map<Id, std::set<Id>> tokens;                            // by run: all it ever had
  std::map<std::pair<Id, int>, AttemptRow> attempts;
  std::map<Id, DefinitionRow> definitions;  // the newest revision, deleted or not
  std::map<std::pair<Id, int>, DefinitionRow> revisions;
  std::map<Id, TriggerRow> triggers;
  std::map<Id, BackfillRow> backfills;
  std::set<std::tuple<ShardNumber, ShardNumber, Id>>
      letters;                                        // from, to, number: not yet forgotten
  std::map<ShardNumber, std::vector<Event>> journal;  // number 1 first

  // Shows `look` each change before it holds.
  void apply(const store::Batch& batch, const std::function<void(const Change&)>& look);

  const RunRow* run(Id id) const {
    const auto found = runs.find(id);
    return found == runs.end() ? nullptr : &found->second;
  }

 private:
  void apply(const Change& change);
};

}  // namespace jobflow::sim
