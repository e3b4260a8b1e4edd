#include "tools/sim/durable.h"

#include <variant>

namespace jobflow::sim {

void Durable::apply(const store::Batch& batch, const std::function<void(const Change&)>& look) {
  for (const store::ShardPart& part : batch.parts) {
    for (const Change& change : part.changes) {
      look(change);
      apply(change);
    }
    std::vector<Event>& events = journal[part.journal.source];
    events.insert(events.end(), part.journal.events.begin(), part.journal.events.end());
  }
}

void Durable::apply(const Change& change) {
  if (const auto* insert = std::get_if<InsertRun>(&change)) {
    const RunRow& row = insert->row;
    runs[row.id] = row;
    if (row.parent.is_set()) {
      steps[{row.parent, row.step}].push_back(row.id);
    }
    if (row.progress.token.is_set()) {
      tokens[row.id].insert(row.progress.token);
    }
  } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
    runs[update->run].progress = update->progress;
    if (update->progress.token.is_set()) {
      tokens[update->run].insert(update->progress.token);
    }
  } else if (const auto* attempt = std::get_if<InsertAttempt>(&change)) {
    attempts[{attempt->row.run, attempt->row.number}] = attempt->row;
  } else if (const auto* revision = std::get_if<SaveRevision>(&change)) {
    definitions[revision->row.id] = revision->row;
    revisions[{revision->row.id, revision->row.revision}] = revision->row;
  } else if (const auto* trigger = std::get_if<SaveTrigger>(&change)) {
    triggers[trigger->row.id] = trigger->row;
  } else if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
    triggers[advance->trigger].progress = advance->progress;
  } else if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
    triggers.erase(gone->trigger);
  } else if (const auto* begun = std::get_if<InsertBackfill>(&change)) {
    backfills[begun->row.id] = begun->row;
  } else if (const auto* on = std::get_if<AdvanceBackfill>(&change)) {
    backfills[on->backfill].progress = on->progress;
  } else if (const auto* letter = std::get_if<InsertLetter>(&change)) {
    letters.emplace(letter->row.from, letter->row.to, letter->row.number);
  } else if (const auto* applied = std::get_if<DeleteLetters>(&change)) {
    std::erase_if(letters, [&](const auto& one) {
      const auto& [from, to, number] = one;
      return from == applied->from && to == applied->to && number <= applied->up_to;
    });
  }
}

}  // namespace jobflow::sim
