#include "store/row_rules.h"

#include <initializer_list>

namespace jobflow::store {
namespace {

struct Rule {
  bool holds;
  const char* name;
};

std::string first_broken(std::initializer_list<Rule> rules) {
  for (const Rule& rule : rules) {
    if (!rule.holds) {
      return std::string("constraint failed: ") + rule.name;
    }
  }
  return {};
}

template <class Word>
bool within(Word word, int count) {
  return static_cast<int>(word) >= 0 && static_cast<int>(word) < count;
}

}  // namespace

std::string why_refused(const RunRow& row, const RunProgress& progress) {
  return first_broken({
      {row.id.value > 0, "id"},
      {within(progress.state, kRunStates), "state"},
      {within(row.kind, 3), "kind"},
      {row.definition.value > 0, "definition"},
      {progress.attempt >= 0, "attempt"},
      {is_final(progress.state) == progress.ended.is_set(), "final_means_ended"},
      {progress.state != RunState::running || row.kind == RunKind::workflow ||
           progress.token.is_set(),
       "running_needs_token"},
      {(row.kind == RunKind::step) == row.parent.is_set(), "steps_have_parents"},
      {row.trigger.is_set() == row.planned.is_set(), "fired_means_planned"},
  });
}

std::string why_refused(const AttemptRow& row) {
  return first_broken({
      {row.number > 0, "number"},
      {within(row.state, kAttemptStates), "state"},
  });
}

std::string why_refused(const DefinitionRow& row) {
  return first_broken({
      {row.id.value > 0, "id"},
      {within(row.kind, kDefinitionKinds), "kind"},
      {!row.name.empty(), "name"},
      {row.revision > 0, "revision"},
  });
}

std::string why_refused(const TriggerRow& row) {
  return first_broken({
      {row.id.value > 0, "id"},
      {row.definition.value > 0, "definition"},
      {within(row.progress.state, kTriggerStates), "state"},
      {(row.progress.state == TriggerState::active) == row.progress.next_due.is_set(),
       "active_means_due"},
      {row.progress.skip_count >= 0, "skip_count"},
  });
}

std::string why_refused(const SkippedFiringRow& row) {
  return first_broken({
      {row.count > 0, "count"},
      {row.to >= row.from, "to_time"},
  });
}

std::string why_refused(const BackfillRow& row) {
  return first_broken({
      {row.id.value > 0, "id"},
      {within(row.progress.state, kBackfillStates), "state"},
      {row.trigger.value > 0 && row.definition.value > 0, "trigger_id"},
      {row.total > 0, "total"},
      {row.max_parallel > 0, "max_parallel"},
      {row.until > row.from, "it_has_a_span"},
      {is_final(row.progress.state) == row.progress.ended.is_set(), "final_means_ended"},
  });
}

std::string why_refused(const TokenRow& row) {
  return first_broken({
      {row.id.value > 0, "id"},
      {row.sha256_hex.size() == 64, "sha256_hex"},
  });
}

std::string why_refused(const CalendarRow& row) {
  return first_broken({
      {row.revision > 0, "revision"},
      {!row.name_space.empty(), "name_space"},
      {!row.name.empty(), "name"},
  });
}

std::string why_refused(const CommandRow& row) {
  return first_broken({{row.id.value > 0, "id"}});
}

std::string why_refused(const LetterRow& row) {
  return first_broken({
      {row.number.value > 0, "number"},
      {row.after < row.number, "after"},
  });
}

std::string why_refused(const LetterMarkRow& row) {
  return first_broken({{row.number.value > 0, "number"}});
}

std::string why_refused(const WatchRow& row) {
  return first_broken({
      {row.run.value > 0, "run"},
      {row.watcher.value > 0, "watcher"},
  });
}

std::string why_refused(const FollowRow& row) {
  return first_broken({
      {row.trigger.value > 0, "trigger_id"},
      {row.follow.value > 0, "follow"},
      {!row.name.empty(), "name"},
  });
}

std::string why_refused(const PermitRow& row) {
  return first_broken({
      {row.ask.value > 0, "ask"},
      {row.run.value > 0, "run"},
      {!row.semaphore.empty(), "semaphore"},
  });
}

std::string why_refused(const HoldRow& row) {
  return first_broken({
      {row.ask.value > 0, "ask"},
      {row.run.value > 0, "run"},
      {!row.semaphore.empty(), "semaphore"},
  });
}

}  // namespace jobflow::store
