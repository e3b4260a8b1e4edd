// Definitions that sleep in the store and wake: for a command that names them, and as the time
// comes near at which a trigger of theirs is due (S4.10, house 3.1). So memory holds what is live,
// not all that there is.
#include "engine/shard_inside.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

DuePlace due_place_of(const TriggerRow& trigger) {
  return {trigger.progress.next_due, trigger.id};
}

bool is_key_of(const DefinitionKey& key,
               const DefinitionRow& row,
               const std::vector<TriggerRow>& triggers) {
  if (!key.id.is_set()) {
    return row.kind == key.kind && row.name_space == key.name_space && row.name == key.name;
  }
  return row.id == key.id || std::any_of(triggers.begin(), triggers.end(), [&](const auto& one) {
           return one.id == key.id && one.definition == row.id;
         });
}

// Where a turn among workers begins again (S6.1): not always at the same one.
std::uint32_t any_turn(Id id) {
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;  // 2^64 / phi: Fibonacci hashing (Knuth)
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(id.value) * kGolden >> 33);
}

}  // namespace

Shard::Inside::Known* Shard::Inside::find_awake(const DefinitionKey& key) {
  Id id = key.id;
  if (!id.is_set()) {
    const auto named = by_name_.find(name_key(key.kind, key.name_space, key.name));
    id = named == by_name_.end() ? Id{} : named->second;
  } else if (const auto owner = trigger_owner_.find(id); owner != trigger_owner_.end()) {
    id = owner->second;
  }
  const auto known = known_.find(id);
  return known == known_.end() ? nullptr : &touch(known->second);
}

// It was of use now, and what the next batch brings may change it.
Shard::Inside::Known& Shard::Inside::touch(Known& known) {
  known.used = now_;
  known.batch = gathering_;
  return known;
}

// Null: there is none; or, with `reads` set, it is to be read first.
Shard::Inside::Known* Shard::Inside::wake(Turn& turn, const DefinitionKey& key) {
  if (Known* awake = find_awake(key)) {
    return awake;
  }
  if (key.id.is_set() ? gone_ids_.contains(key.id)
                      : gone_names_.contains(name_key(key.kind, key.name_space, key.name))) {
    return nullptr;
  }
  const CommandRows* rows = turn.command.rows.get();
  const bool was_read = rows != nullptr && std::count(rows->asked.definitions.begin(),
                                                      rows->asked.definitions.end(), key) > 0;
  if (!was_read || !may_trust(*rows)) {
    turn.out.reads.definitions.push_back(key);
    return nullptr;
  }
  for (const DefinitionRow& row : rows->definitions) {
    if (is_key_of(key, row, rows->triggers)) {
      wake_from(*rows, row);
      return find_awake(key);
    }
  }
  return nullptr;
}

// Does the snapshot hold all that was decided about those that are not in memory?
bool Shard::Inside::may_trust(const CommandRows& rows) const {
  return rows.batch >= asleep_floor_ && recent_.may_trust(rows.batch);
}

// What memory knows is newer, and that it is deleted, too.
void Shard::Inside::wake_from(const CommandRows& rows, const DefinitionRow& row) {
  if (known_.contains(row.id) || gone_ids_.contains(row.id)) {
    return;
  }
  Known& known = enter_known(row);
  for (Lane& lane : known.plan->lanes) {
    lane.turn = any_turn(last_id_);
  }
  for (const TriggerRow& trigger : rows.triggers) {
    if (trigger.definition == row.id) {
      enter_known_trigger(known, trigger);
    }
  }
}

Shard::Inside::Known& Shard::Inside::enter_known(const DefinitionRow& row) {
  by_name_[name_key(row.kind, row.name_space, row.name)] = row.id;
  Known& known = known_[row.id];
  known.plan = plan_of(row);
  known.row = row;
  known.used = now_;
  set_gate(known);
  return known;
}

void Shard::Inside::enter_known_trigger(Known& known, const TriggerRow& row) {
  trigger_owner_[row.id] = row.definition;
  known.triggers.push_back({.row = row, .times = {}});
  arm_trigger(row);
}

// Those beyond the horizon are armed as it reaches them.
void Shard::Inside::arm_trigger(const TriggerRow& trigger) {
  if (trigger.progress.state == TriggerState::active && due_place_of(trigger) <= horizon_) {
    wheel_.arm({trigger.progress.next_due, trigger.id, TimerSubject::trigger});
  }
}

// A page at a time; what is due in it wakes.
void Shard::Inside::look_ahead(Turn& turn, const LookAhead& ask) {
  if (ask.until <= horizon_.due) {
    return;
  }
  const DueStretch wanted{.shard = number_, .after = horizon_, .until = ask.until};
  const CommandRows* rows = turn.command.rows.get();
  if (rows == nullptr || rows->asked.due != wanted || !may_trust(*rows)) {
    turn.out.reads.due = wanted;
    return;
  }
  for (const DefinitionRow& row : rows->definitions) {
    wake_from(*rows, row);
  }
  const DuePlace before = std::exchange(horizon_, rows->due_up_to);
  for (const auto& [id, known] : known_) {
    for (const Trigger& trigger : known.triggers) {
      if (due_place_of(trigger.row) > before) {
        arm_trigger(trigger.row);
      }
    }
  }
  if (horizon_.due < ask.until) {
    turn.out.more.emplace_back(ask);
  }
}

// Nothing of it goes on, or is near.
bool Shard::Inside::may_sleep(const Known& known) const {
  return !runs_of_.contains(known.row.id) &&
         !semaphores_.contains(name_key(known.row.kind, known.row.name_space, known.row.name)) &&
         std::none_of(backfills_.begin(), backfills_.end(),
                      [&](const auto& one) { return one.second.row.definition == known.row.id; }) &&
         std::none_of(known.triggers.begin(), known.triggers.end(), [&](const Trigger& trigger) {
           const TriggerProgress& at = trigger.row.progress;
           const bool is_near =
               at.state == TriggerState::active && due_place_of(trigger.row) <= horizon_;
           return is_near || at.follow.is_set() || at.state == TriggerState::waiting;
         });
}

// Only what is durable may be forgotten: whoever reads it later sees it.
void Shard::Inside::put_to_sleep(Instant unused_since) {
  const auto is_durable = [&](std::int64_t batch) { return batch <= landed_; };
  const auto fold = [&](auto& gone) {
    std::erase_if(gone, [&](const auto& one) {
      if (is_durable(one.second)) {
        asleep_floor_ = std::max(asleep_floor_, one.second);
      }
      return is_durable(one.second);
    });
  };
  fold(gone_names_);
  fold(gone_ids_);
  std::erase_if(known_, [&](const auto& entry) {
    const Known& known = entry.second;
    if (known.used > unused_since || !is_durable(known.batch) || !may_sleep(known)) {
      return false;
    }
    asleep_floor_ = std::max(asleep_floor_, known.batch);
    by_name_.erase(name_key(known.row.kind, known.row.name_space, known.row.name));
    plans_.erase({known.row.id, known.row.revision});
    gates_.erase(known.row.id);
    for (const Trigger& trigger : known.triggers) {
      trigger_owner_.erase(trigger.row.id);
    }
    return true;
  });
}

}  // namespace jobflow::engine
