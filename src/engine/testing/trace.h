// Decisions as text that people can read and compare: ids become names, instants become seconds
// since the story began, updates show only what they change.
#pragma once

#include "engine/decision.h"
#include "engine/testing/row_table.h"

#include <map>
#include <string>
#include <string_view>

namespace jobflow::engine::testing {

// Names of what decisions speak of: "resize#1" a job's first run, "flow#1/a" a step's run,
// "flow#1/a#2" the one that replaced it, "resize/cron-1" a trigger, "t3" the third token.
class Names {
 public:
  explicit Names(Instant base) : base_(base) {}
  Instant base() const { return base_; }
  void set_base(Instant base) { base_ = base; }

  void learn(const Change& change);
  void learn_worker(Id incarnation, const std::string& name) { name_it(incarnation, name); }

  std::string of(Id id) const;           // the number itself when it has no name
  Id find(std::string_view name) const;  // unset when nothing has it
  std::string at(Instant instant) const;
  // Ids inside a message, replaced by their names.
  std::string in_text(const std::string& text) const;

 private:
  void name_it(Id id, const std::string& name);

  Instant base_;
  std::map<Id, std::string> names_;
  std::map<std::string, Id, std::less<>> ids_;
  std::map<std::string, int> counts_;
  int tokens_ = 0;
};

// One line a change, event, effect and answer. Applies the changes to `rows`: a row that a store
// would refuse is a line that begins with "REFUSED".
std::string tell(const Decision& decision, RowTable& rows, Names& names);
std::string tell(const CommandReads& reads, const Names& names);

}  // namespace jobflow::engine::testing
