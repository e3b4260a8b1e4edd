// Permits of named semaphores (S3.5): asked for and returned at the home of the runs, granted at
// the semaphore's; between two homes by letters (I10). A run asks when its turn has come, for one
// after the other in the order of their names, and returns them in the decision that ends its
// attempt, or right after it. What is due shows in the run's state and in the rows, so that nothing
// is forgotten with the memory (I4).
#include "engine/shard_inside.h"
#include "model/sabotage.h"

#include <algorithm>

namespace jobflow::engine {

void Shard::Inside::load_permits(const ShardImage& image, Instant now) {
  for (const HoldRow& hold : image.holds) {
    holds_[hold.run].push_back(hold);
    unsettled_.runs.insert(hold.run);
  }
  for (const PermitRow& row : image.permits) {
    const std::string key = name_key(DefinitionKind::semaphore, row.name_space, row.semaphore);
    semaphores_[key].add(row, Instant{});  // who knows what was told before
    unsettled_.semaphores.insert(key);
  }
  if (!semaphores_.empty()) {
    arm_permits(now);
  }
}

ShardNumber Shard::Inside::home_of_semaphore(const std::string& name_space,
                                             const std::string& name) const {
  return home_shard(name_space, to_string(DefinitionKind::semaphore), name, shard_count_);
}

void Shard::Inside::PermitWork::take(PermitWork& other) {
  runs.merge(other.runs);
  semaphores.merge(other.semaphores);
  other = {};
}

// What this decision touched. False: some of it is put off, to a decision of its own.
bool Shard::Inside::settle_permits(Turn& turn) {
  if (std::holds_alternative<ContinuePermits>(turn.command.request)) {
    unsettled_.take(put_off_);
  }
  if (unsettled_.empty() || !turn.out.reads.empty()) {
    return true;
  }
  // What the store refuses is set aside by a decision that writes nothing else (3b); to look ahead
  // writes nothing.
  const auto* letter = std::get_if<LetterCame>(&turn.command.request);
  const bool must_be_alone = std::holds_alternative<SetAside>(turn.command.request) ||
                             std::holds_alternative<LookAhead>(turn.command.request) ||
                             (letter != nullptr && letter->only_mark);
  while (!unsettled_.empty() && !must_be_alone && turn.has_row_budget()) {
    if (!unsettled_.runs.empty()) {
      settle_run(turn, *unsettled_.runs.begin());
    } else {
      grant_next(turn);
    }
  }
  const bool is_settled = unsettled_.empty();
  put_off_.take(unsettled_);
  return is_settled;
}

// --- at the run's home

// The first semaphore in order of which it has no permit; null when it has all it needs.
const std::string* Shard::Inside::missing_permit(const LiveRun& run) const {
  const auto& wanted = run.task().semaphores;
  if (wanted.empty() || sabotaged(Sabotage::permit_not_asked)) {
    return nullptr;
  }
  const auto holds = holds_.find(run.row.id);
  const auto missing = std::ranges::find_if(wanted, [&](const std::string& name) {
    return holds == holds_.end() || std::ranges::none_of(holds->second, [&](const HoldRow& hold) {
             return hold.granted && hold.semaphore == name;
           });
  });
  return missing == wanted.end() ? nullptr : &*missing;
}

void Shard::Inside::settle_run(Turn& turn, Id id) {
  unsettled_.runs.erase(id);
  LiveRun* run = find_live(id);
  const bool is_out = run != nullptr && !run->graph &&
                      (run->row.progress.state == RunState::running ||
                       run->row.progress.state == RunState::cancelling);
  const bool stands = run != nullptr && (run->wants_permit || run->queue != nullptr);
  if (!is_out && !stands) {
    return_permits(turn, id);
  } else if (run->wants_permit) {
    const std::string* missing = missing_permit(*run);
    if (missing == nullptr) {
      go_to_queue(*run);
    } else {
      ask_permit(turn, *run, *missing);
    }
  }
}

void Shard::Inside::ask_permit(Turn& turn, const LiveRun& run, const std::string& semaphore) {
  auto& holds = holds_[run.row.id];
  if (std::ranges::find(holds, semaphore, &HoldRow::semaphore) != holds.end()) {
    return;  // asked before
  }
  const std::string& name_space = run.plan->definition->name_space;
  holds.push_back({.ask = make_id(turn.now),
                   .run = run.row.id,
                   .name_space = name_space,
                   .semaphore = semaphore,
                   .granted = false});
  turn.out.changes.emplace_back(SaveHold{holds.back()});
  tell_semaphore(turn, AskPermit{.name_space = name_space,
                                 .semaphore = semaphore,
                                 .run = run.row.id,
                                 .ask = holds.back().ask,
                                 .priority = run.row.priority,
                                 .since = run.row.progress.due,
                                 .held = false});
}

void Shard::Inside::ask_permit_again(Turn& turn, const AskPermitAgain& ask) {
  const auto holds = holds_.find(ask.run);
  if (holds == holds_.end()) {
    return;
  }
  const auto hold = std::ranges::find(holds->second, ask.ask, &HoldRow::ask);
  if (hold == holds->second.end()) {
    return;
  }
  const LiveRun* run = find_live(ask.run);
  tell_semaphore(turn, AskPermit{.name_space = hold->name_space,
                                 .semaphore = hold->semaphore,
                                 .run = ask.run,
                                 .ask = ask.ask,
                                 .priority = run == nullptr ? 0 : run->row.priority,
                                 .since = ask.ask.time(),
                                 .held = hold->granted});
}

// Those that it holds, and those that it asked for.
void Shard::Inside::return_permits(Turn& turn, Id run) {
  const auto found = holds_.find(run);
  if (found == holds_.end()) {
    return;
  }
  const std::vector<HoldRow> holds = std::move(found->second);
  holds_.erase(found);
  for (const HoldRow& hold : holds) {
    turn.out.changes.emplace_back(DeleteHold{hold.ask});
    if (!sabotaged(Sabotage::permit_kept)) {
      tell_semaphore(turn, ReturnPermit{.name_space = hold.name_space,
                                        .semaphore = hold.semaphore,
                                        .run = run,
                                        .ask = hold.ask});
    }
  }
}

template <class Word>
void Shard::Inside::tell_semaphore(Turn& turn, Word word) {
  const ShardNumber home = home_of_semaphore(word.name_space, word.semaphore);
  if (home == number_) {
    take_word(turn, word);
  } else {
    write_letter(turn, home, std::move(word));
  }
}

// Said again from time to time: one who does not know of it returns it.
void Shard::Inside::permit_granted(Turn& turn, const PermitGranted& news) {
  if (const auto holds = holds_.find(news.run); holds != holds_.end()) {
    const auto hold = std::ranges::find(holds->second, news.ask, &HoldRow::ask);
    if (hold != holds->second.end()) {
      if (!hold->granted) {
        hold->granted = true;
        turn.out.changes.emplace_back(SaveHold{*hold});
        unsettled_.runs.insert(news.run);
      }
      return;
    }
  }
  if (!sabotaged(Sabotage::permit_kept)) {
    tell_semaphore(turn, ReturnPermit{.name_space = news.name_space,
                                      .semaphore = news.semaphore,
                                      .run = news.run,
                                      .ask = news.ask});
  }
}

// --- at the semaphore's home

void Shard::Inside::take_word(Turn& turn, const AskPermit& ask) {
  const std::string key = name_key(DefinitionKind::semaphore, ask.name_space, ask.semaphore);
  Semaphore& semaphore = semaphores_[key];
  if (const PermitRow* known = semaphore.find(ask.ask)) {
    if (known->granted.is_set()) {
      tell_holder(turn, *known);
    } else if (ask.held) {
      turn.out.changes.emplace_back(SavePermit{semaphore.grant(ask.ask, turn.now)});
    }
    return;
  }
  const PermitRow row{.shard = number_,
                      .ask = ask.ask,
                      .run = ask.run,
                      .name_space = ask.name_space,
                      .semaphore = ask.semaphore,
                      .priority = ask.priority,
                      .since = ask.since,
                      .granted = ask.held ? turn.now : Instant{}};
  semaphore.add(row, turn.now);
  turn.out.changes.emplace_back(SavePermit{row});
  unsettled_.semaphores.insert(key);
  arm_permits(turn.now + limits::kPermitsAgain);
}

void Shard::Inside::take_word(Turn& turn, const ReturnPermit& back) {
  const std::string key = name_key(DefinitionKind::semaphore, back.name_space, back.semaphore);
  const auto semaphore = semaphores_.find(key);
  if (semaphore == semaphores_.end() || !semaphore->second.remove(back.ask)) {
    return;
  }
  turn.out.changes.emplace_back(DeletePermit{.shard = number_, .ask = back.ask});
  if (semaphore->second.empty()) {
    semaphores_.erase(semaphore);
  } else {
    unsettled_.semaphores.insert(key);
  }
}

void Shard::Inside::wake_to_grant(Turn& turn, const GrantPermits& ask) {
  if (wake(turn, {{}, DefinitionKind::semaphore, ask.name_space, ask.semaphore}) != nullptr) {
    unsettled_.semaphores.insert(
        name_key(DefinitionKind::semaphore, ask.name_space, ask.semaphore));
  }
}

// One permit, to whose turn it is. Of a semaphore that does not exist there is none: they wait
// until it does, or their time in the queue is over.
void Shard::Inside::grant_next(Turn& turn) {
  const std::string key = *unsettled_.semaphores.begin();
  const auto found = semaphores_.find(key);
  const PermitRow* next = found == semaphores_.end() ? nullptr : found->second.next();
  if (next == nullptr) {
    unsettled_.semaphores.erase(key);
    return;
  }
  const Known* known =
      find_awake({{}, DefinitionKind::semaphore, next->name_space, next->semaphore});
  if (known == nullptr) {
    unsettled_.semaphores.erase(key);
    if (!gone_names_.contains(key)) {
      turn.out.more.emplace_back(GrantPermits{number_, next->name_space, next->semaphore});
    }
    return;
  }
  Semaphore& semaphore = found->second;
  const auto permits = static_cast<std::size_t>(known->plan->definition->semaphore().permits);
  if (semaphore.held() >= permits) {
    unsettled_.semaphores.erase(key);
    return;
  }
  const PermitRow& granted = semaphore.grant(next->ask, turn.now);
  turn.out.changes.emplace_back(SavePermit{granted});
  tell_holder(turn, granted);
}

void Shard::Inside::tell_holder(Turn& turn, const PermitRow& row) {
  PermitGranted news{
      .name_space = row.name_space, .semaphore = row.semaphore, .run = row.run, .ask = row.ask};
  if (news.run.shard() == number_) {
    permit_granted(turn, news);
  } else {
    write_letter(turn, news.run.shard(), std::move(news));
  }
}

void Shard::Inside::arm_permits(Instant due) {
  if (!permits_armed_.is_set()) {
    permits_armed_ = due;
    wheel_.arm({due, Id{}, TimerSubject::permits});
  }
}

// Whoever holds one is told so again, as many as one decision may: what it says to that heals what
// was lost with a history, or because the store refused to write it. So no permit outlives its
// holder for long (I5).
void Shard::Inside::permits_due(Turn& turn, const Timer& timer) {
  if (timer.due != permits_armed_) {
    return;  // of the memory before this one
  }
  permits_armed_ = {};
  std::vector<PermitRow> holders;
  for (const auto& [key, semaphore] : semaphores_) {
    for (const Id ask : semaphore.told_before(turn.now - limits::kPermitsAgain + milliseconds(1))) {
      holders.push_back(*semaphore.find(ask));
    }
  }
  std::ranges::sort(holders, {}, &PermitRow::ask);
  Instant again = turn.now + limits::kPermitsAgain;
  for (const PermitRow& row : holders) {
    if (!turn.has_row_budget()) {
      again = turn.now + milliseconds(1);
      break;
    }
    semaphores_.at(name_key(DefinitionKind::semaphore, row.name_space, row.semaphore))
        .told(row.ask, turn.now);
    tell_holder(turn, row);
  }
  if (!semaphores_.empty()) {
    arm_permits(again);
  }
}

}  // namespace jobflow::engine
