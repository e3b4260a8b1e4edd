// Commands that come again: each is carried out once (S12.4).
#include "engine/shard_inside.h"
#include "model/sabotage.h"

#include <algorithm>

namespace jobflow::engine {
namespace {

Reply reply_of(const CommandRow& row) {
  return {.id = row.subject,
          .revision = row.revision,
          .created = row.created,
          .changed = row.changed,
          .name = row.name};
}

// A repeat finds what the first one made, by itself.
bool has_own_key(const Request& request) {
  const auto* trigger = std::get_if<TriggerRun>(&request);
  return trigger != nullptr && !trigger->idempotency_key.empty();
}

}  // namespace

// True when the command is settled with the answer it had, or what the store says must be read.
bool Shard::Inside::answer_again(Turn& turn) {
  const Command& command = turn.command;
  if (!command.id.is_set() || sabotaged(Sabotage::commands_forgotten)) {
    return false;
  }
  if (const CommandRow* done = commands_.find(command.id)) {
    answer(turn, reply_of(*done));
    return true;
  }
  if (!keeps_commands_) {
    // Not known here, nor anywhere: it may have been done before this memory began.
    if (command.is_repeat && !has_own_key(command.request) &&
        commands_.may_be_forgotten(command.id)) {
      answer(turn, Problem{ProblemCode::wrong_state,
                           "whether this command was carried out before is not known any more: "
                           "look, and ask anew, without its id, if it was not"});
      return true;
    }
    return false;
  }
  if (!commands_.may_be_forgotten(command.id)) {
    return false;
  }
  const CommandRows* rows = command.rows.get();
  const bool was_read = rows != nullptr && std::count(rows->asked.commands.begin(),
                                                      rows->asked.commands.end(), command.id) > 0;
  if (!was_read || !commands_.may_trust(rows->batch)) {
    turn.out.reads.commands = {command.id};
    return true;
  }
  for (const CommandRow& row : rows->commands) {
    if (row.id == command.id) {
      answer(turn, reply_of(row));
      return true;
    }
  }
  return false;
}

// Nothing that was read for a command is lost when it must read more.
void Shard::Inside::read_along(Turn& turn) {
  if (turn.out.reads.empty() || !turn.command.rows) {
    return;
  }
  const auto add = [](auto& reads, const auto& before) {
    for (const auto& one : before) {
      if (std::find(reads.begin(), reads.end(), one) == reads.end()) {
        reads.push_back(one);
      }
    }
  };
  const CommandReads& before = turn.command.rows->asked;
  add(turn.out.reads.runs, before.runs);
  add(turn.out.reads.keys, before.keys);
  add(turn.out.reads.commands, before.commands);
  add(turn.out.reads.definitions, before.definitions);
}

// Also one that found all done already: what it asks for may be undone by others before it comes
// again. A refusal may be decided again.
void Shard::Inside::remember_command(Turn& turn) {
  const bool is_done = turn.out.answer && turn.out.answer->ok();
  if (!turn.command.id.is_set() || !is_done) {
    return;
  }
  const Reply& reply = **turn.out.answer;
  CommandRow row{.id = turn.command.id,
                 .shard = number_,
                 .at = turn.now,
                 .subject = reply.id,
                 .revision = reply.revision,
                 .created = reply.created,
                 .changed = reply.changed,
                 .name = reply.name};
  if (keeps_commands_) {
    turn.out.changes.emplace_back(InsertCommand{row});
  }
  commands_.remember(std::move(row), gathering_);
}

}  // namespace jobflow::engine
