// S4.8: at the end the audit reads the store alone, as an operator's would: from the revisions that
// it holds it derives what was due, and looks for each instant in the ledger. What the store has
// forgotten in between it has forgotten whole, so this holds whatever became of its history.
#include "schedule/ledger_audit.h"
#include "tools/sim/checkers/checkers.h"
#include "tools/sim/shut.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace jobflow::sim {
namespace {

constexpr int kAll = 1'000'000;

// The store of a simulation answers before the call returns.
template <class T>
auto into(T& place) {
  return [&place](Outcome<T> answer) { place = std::move(answer).value(); };
}

class Ledger final : public Checker {
 public:
  void rest(const Rest& rest, const Durable&) override {
    clocks_are_right_ = rest.clocks_are_right;
    read_calendars(*rest.store);
    std::vector<DefinitionRow> definitions;
    rest.store->list_definitions({.limit = kAll}, into(definitions));
    for (const DefinitionRow& definition : definitions) {
      std::vector<TriggerRow> triggers;
      rest.store->list_triggers(definition.id, into(triggers));
      if (triggers.empty()) {
        continue;
      }
      const std::vector<Revision> revisions = revisions_of(*rest.store, definition);
      for (const TriggerRow& trigger : triggers) {
        audit(*rest.store, trigger, reigns_of(revisions, trigger.name));
      }
    }
  }

 private:
  struct Revision {
    Instant since;
    Definition definition;
  };

  // All that they ever said.
  void read_calendars(store::Store& store) {
    std::vector<CalendarRow> rows;
    store.list_calendars({.newest = kAll, .limit = kAll}, into(rows));
    calendars_ = schedule::CalendarBook(kAll);
    for (const CalendarRow& row : rows) {
      calendars_.take(row);
    }
  }

  static std::vector<Revision> revisions_of(store::Store& store, const DefinitionRow& current) {
    std::vector<Revision> revisions;
    for (int number = 1; number <= current.revision; ++number) {
      std::vector<DefinitionRow> rows;
      store.list_definitions(
          {.id = current.id, .revision = number, .with_deleted = true, .limit = 1}, into(rows));
      const DefinitionRow& row = rows.at(0);
      revisions.push_back({row.updated, decode_definition(row.kind, row.document).definition});
    }
    return revisions;
  }

  // Since the revision that brought the trigger in: an earlier one of that name was another.
  std::vector<schedule::Reign> reigns_of(const std::vector<Revision>& revisions,
                                         const std::string& name) const {
    std::vector<schedule::Reign> reigns;
    for (const Revision& revision : revisions) {
      const TriggerSpec* spec = revision.definition.find_trigger(name);
      if (spec == nullptr) {
        reigns.clear();
      } else if (reigns.empty() || reigns.back().schedule != spec->schedule) {
        reigns.push_back({revision.since, spec->schedule, schedule_hash(revision.definition, name),
                          schedule::Openings::past(spec->schedule, "default", calendars_)});
      }
    }
    return reigns;
  }

  // Up to there its ledger is complete.
  static Instant complete_until(const TriggerProgress& at) {
    switch (at.state) {
      case TriggerState::active:
        return at.next_due;
      case TriggerState::paused:
      case TriggerState::set_aside:
        return at.since + milliseconds(1);
      case TriggerState::finished:
      case TriggerState::waiting:
        break;
    }
    return kNever;
  }

  void audit(store::Store& store,
             const TriggerRow& trigger,
             const std::vector<schedule::Reign>& reigns) {
    store::Firings firings;
    store.list_firings({.trigger = trigger.id, .limit = kAll}, into(firings));
    std::vector<schedule::LedgerEntry> ledger;
    for (const store::FiredRow& run : firings.ran) {
      if (!run.occasion.is_set()) {
        ledger.push_back({run.planned, run.planned, 1, true});
      }
    }
    for (const SkippedFiringRow& row : firings.skipped) {
      ledger.push_back({row.from, row.to, row.count, false, row.reason == "calendar"});
    }
    std::ranges::sort(ledger, {}, &schedule::LedgerEntry::from);
    const schedule::AuditResult result =
        schedule::audit_ledger(reigns, ledger, Instant{}, complete_until(trigger.progress));
    const bool is_moving = std::ranges::any_of(reigns, [](const schedule::Reign& reign) {
      return names_moving(jobflow::to_json(reign.schedule));
    });
    for (const schedule::Finding& finding : result.findings) {
      if (finding.flaw == schedule::Flaw::calendar && !clocks_are_right_ && is_moving) {
        continue;  // it holds from when the clock of who changed it said
      }
      violated(
          fmt::format("the audit of trigger {} ({}) finds {} to {} ({}) {} (S4.8)",
                      to_string(trigger.id), trigger.name, to_rfc3339(finding.from),
                      to_rfc3339(finding.to), finding.count, schedule::to_string(finding.flaw)),
          {trigger.id});
    }
  }

  schedule::CalendarBook calendars_;
  bool clocks_are_right_ = true;
};

}  // namespace

std::unique_ptr<Checker> make_ledger_checker() {
  return std::make_unique<Ledger>();
}

}  // namespace jobflow::sim
