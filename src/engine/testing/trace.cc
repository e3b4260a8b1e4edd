#include "engine/testing/trace.h"

#include <cctype>
#include <cstdio>

namespace jobflow::engine::testing {
namespace {

constexpr std::size_t kTextShown = 300;  // longer values are cut: they would hide the story

std::string cut(std::string text) {
  if (text.size() > kTextShown) {
    const std::size_t bytes = text.size();
    text.resize(60);
    text += "...(" + std::to_string(bytes) + " bytes)";
  }
  return text;
}

// name=value pairs of what differs between two rows' columns.
class Fields {
 public:
  explicit Fields(const Names& names) : names_(names) {}
  void text(const char* name, const std::string& old, const std::string& now) {
    if (old != now) {
      put(name, now.empty() ? "-" : cut(names_.in_text(now)));
    }
  }
  void number(const char* name, int old, int now) {
    if (old != now) {
      put(name, std::to_string(now));
    }
  }
  void time(const char* name, Instant old, Instant now) {
    if (old != now) {
      put(name, names_.at(now));
    }
  }
  void id(const char* name, Id old, Id now) {
    if (old != now) {
      put(name, names_.of(now));
    }
  }
  void put(const char* name, const std::string& value) {
    said_ += std::string(" ") + name + "=" + value;
  }
  const std::string& said() const { return said_; }

 private:
  const Names& names_;
  std::string said_;
};

std::string difference(const RunProgress& old, const RunProgress& now, const Names& names) {
  Fields fields(names);
  fields.number("version", old.version, now.version);
  fields.number("attempt", old.attempt, now.attempt);
  fields.id("token", old.token, now.token);
  fields.text("worker", old.worker, now.worker);
  fields.time("due", old.due, now.due);
  fields.time("started", old.started, now.started);
  fields.time("deadline", old.deadline, now.deadline);
  fields.time("ended", old.ended, now.ended);
  if (old.progress != now.progress) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", now.progress);
    fields.put("progress", text);
  }
  fields.text("result", old.result, now.result);
  fields.text("error_kind", old.error_kind, now.error_kind);
  fields.text("error", old.error, now.error);
  fields.text("versions", old.versions, now.versions);
  return fields.said();
}

std::string tell_run(const RunRow& row, const Names& names) {
  Fields fields(names);
  fields.number("rev", 1, row.revision);
  fields.text("params", "{}", row.params);
  fields.number("priority", 0, row.priority);
  fields.id("trigger", {}, row.trigger);
  fields.time("planned", {}, row.planned);
  fields.id("occasion", {}, row.occasion);
  fields.text("key", "", row.idempotency_key);
  fields.id("after", {}, row.after_run);
  return "+ run " + names.of(row.id) + " " + std::string(to_string(row.progress.state)) +
         fields.said() + difference({}, row.progress, names) + " by=" + row.principal;
}

std::string tell_attempt(const AttemptRow& row, const Names& names) {
  Fields fields(names);
  fields.text("error_kind", "", row.error_kind);
  fields.text("error", "", row.error);
  fields.time("retry_at", {}, row.retry_at);
  return "+ attempt " + names.of(row.run) + " " + std::to_string(row.number) + " " +
         std::string(to_string(row.state)) + " token=" + names.of(row.token) +
         " worker=" + row.worker + " " + names.at(row.started) + ".." + names.at(row.ended) +
         fields.said();
}

std::string tell_trigger(const TriggerProgress& at, const Names& names) {
  Fields fields(names);
  fields.time("due", {}, at.next_due);
  fields.text("paused_by", "", at.paused_by);
  fields.text("note", "", at.note);
  return std::string(to_string(at.state)) + fields.said();
}

std::string words_of(const LetterBody& body, const Names& names) {
  if (const auto* watch = std::get_if<WatchRun>(&body)) {
    return "watch " + names.of(watch->run) + " for " + names.of(watch->watcher);
  }
  if (const auto* ended = std::get_if<RunEnded>(&body)) {
    return names.of(ended->run) + " " +
           (ended->state ? std::string(to_string(*ended->state)) : "does not exist") + " for " +
           names.of(ended->watcher);
  }
  if (const auto* follow = std::get_if<FollowRuns>(&body)) {
    return names.of(follow->trigger) + " follows " + std::string(to_string(follow->kind)) + " " +
           follow->name;
  }
  if (const auto* stop = std::get_if<StopFollowing>(&body)) {
    return names.of(stop->trigger) + " follows no more";
  }
  if (const auto* news = std::get_if<UpstreamEnded>(&body)) {
    return "upstream " + names.of(news->run) + " " +
           (news->state ? std::string(to_string(*news->state)) : "is followed by too many") +
           " for " + names.of(news->trigger);
  }
  if (const auto* ask = std::get_if<AskPermit>(&body)) {
    return names.of(ask->run) + " asks for a permit of " + ask->semaphore;
  }
  if (const auto* back = std::get_if<ReturnPermit>(&body)) {
    return names.of(back->run) + " returns its permit of " + back->semaphore;
  }
  if (const auto* granted = std::get_if<PermitGranted>(&body)) {
    return names.of(granted->run) + " is granted a permit of " + granted->semaphore;
  }
  return std::get<UnknownLetter>(body).text;
}

std::string tell_letters(const Change& change, const Names& names) {
  if (const auto* letter = std::get_if<InsertLetter>(&change)) {
    return "+ letter to " + std::to_string(letter->row.to) + ": " +
           words_of(letter->row.body, names);
  }
  if (const auto* gone = std::get_if<DeleteLetters>(&change)) {
    return "- letters to " + std::to_string(gone->to);
  }
  if (const auto* mark = std::get_if<MarkLetter>(&change)) {
    return "~ mark of " + std::to_string(mark->row.from);
  }
  if (const auto* watch = std::get_if<SaveWatch>(&change)) {
    return "+ watch " + names.of(watch->row.run) + " for " + names.of(watch->row.watcher);
  }
  if (const auto* follow = std::get_if<SaveFollow>(&change)) {
    return "+ follow of " + follow->row.name + " by " + names.of(follow->row.trigger);
  }
  if (const auto* left = std::get_if<DeleteFollow>(&change)) {
    return "- follow by " + names.of(left->trigger);
  }
  if (const auto* permit = std::get_if<SavePermit>(&change)) {
    return "+ permit of " + permit->row.semaphore + " for " + names.of(permit->row.run) +
           (permit->row.granted.is_set() ? ": granted" : ": waits");
  }
  if (const auto* back = std::get_if<DeletePermit>(&change)) {
    return "- permit of " + names.of(back->ask);
  }
  if (const auto* hold = std::get_if<SaveHold>(&change)) {
    return "+ " + names.of(hold->row.run) + (hold->row.granted ? " holds " : " wants ") +
           hold->row.semaphore;
  }
  if (const auto* loose = std::get_if<DeleteHold>(&change)) {
    return "- hold of " + names.of(loose->ask);
  }
  const WatchRow& row = std::get<DeleteWatch>(change).row;
  return "- watch " + names.of(row.run) + " for " + names.of(row.watcher);
}

std::string tell_backfill(const BackfillRow& row, const Names& names) {
  return "+ backfill " + names.of(row.id) + " of " + names.of(row.trigger) + " " +
         names.at(row.from) + ".." + names.at(row.until) + " x" + std::to_string(row.total) +
         (row.newest_first ? " newest-first" : "") + (row.waits ? " waits" : "") +
         " parallel=" + std::to_string(row.max_parallel) +
         (row.params == "{}" ? "" : " params=" + row.params) + " by=" + row.principal;
}

std::string tell_backfill(Id backfill, const BackfillProgress& at, const Names& names) {
  Fields fields(names);
  fields.number("made", 0, at.made);
  fields.number("kept_off", 0, at.kept_off);
  fields.number("succeeded", 0, at.succeeded);
  fields.number("failed", 0, at.failed);
  fields.text("note", "", at.note);
  return "~ backfill " + names.of(backfill) + " " + std::string(to_string(at.state)) +
         (at.cursor.is_set() ? " at=" + names.at(at.cursor) : "") + fields.said();
}

std::string tell_change(const Change& change, const RowTable& rows, const Names& names) {
  if (const auto* insert = std::get_if<InsertRun>(&change)) {
    return tell_run(insert->row, names);
  }
  if (const auto* update = std::get_if<UpdateRun>(&change)) {
    const RunProgress& old = rows.runs.at(update->run).progress;
    const auto from = std::string(to_string(old.state));
    const auto to = std::string(to_string(update->progress.state));
    return "~ run " + names.of(update->run) + " " + (from == to ? to : from + " -> " + to) +
           difference(old, update->progress, names);
  }
  if (const auto* attempt = std::get_if<InsertAttempt>(&change)) {
    return tell_attempt(attempt->row, names);
  }
  if (const auto* save = std::get_if<SaveRevision>(&change)) {
    const DefinitionRow& row = save->row;
    return "+ revision " + std::string(to_string(row.kind)) + " " + row.name + " " +
           std::to_string(row.revision) + (row.enabled ? "" : " disabled") +
           (row.deleted ? " deleted" : "") + " by=" + row.principal;
  }
  if (const auto* save = std::get_if<SaveTrigger>(&change)) {
    const TriggerRow& row = save->row;
    return "+ trigger " + names.of(row.id) + " " + row.schedule + " " +
           (row.params == "{}" ? "" : "params=" + row.params + " ") +
           tell_trigger(row.progress, names);
  }
  if (const auto* advance = std::get_if<AdvanceTrigger>(&change)) {
    return "~ trigger " + names.of(advance->trigger) + " " + tell_trigger(advance->progress, names);
  }
  if (const auto* gone = std::get_if<DeleteTrigger>(&change)) {
    return "- trigger " + names.of(gone->trigger);
  }
  if (const auto* firing = std::get_if<SaveSkippedFiring>(&change)) {
    const SkippedFiringRow& row = firing->row;
    return "+ skipped " + names.of(row.trigger) + " " + names.at(row.from) + ".." +
           names.at(row.to) + " x" + std::to_string(row.count) + " " + row.reason;
  }
  if (const auto* command = std::get_if<InsertCommand>(&change)) {
    return "+ command " + to_string(command->row.id) + " -> " + names.of(command->row.subject);
  }
  if (const auto* begun = std::get_if<InsertBackfill>(&change)) {
    return tell_backfill(begun->row, names);
  }
  if (const auto* advance = std::get_if<AdvanceBackfill>(&change)) {
    return tell_backfill(advance->backfill, advance->progress, names);
  }
  const auto* key = std::get_if<InsertIdempotency>(&change);
  if (key == nullptr) {
    return tell_letters(change, names);
  }
  const IdempotencyRow& row = key->row;
  return "+ key " + row.key + " of " + names.of(row.definition) + " -> " + names.of(row.run) +
         " until " + names.at(row.expires);
}

std::string tell_event(const Event& event, const Names& names) {
  std::string text = "! " + std::string(to_string(event.type)) + " " + names.of(event.subject);
  if (event.type == EventType::trigger_changed) {
    text += " " + std::string(to_string(static_cast<TriggerState>(event.state)));
  } else if (event.type == EventType::backfill_changed) {
    text += " " + std::string(to_string(static_cast<BackfillState>(event.state)));
  } else if (event.type == EventType::run_changed) {
    text += " " + std::string(to_string(static_cast<RunState>(event.state)));
  }
  Fields fields(names);
  fields.number("attempt", 0, event.attempt);
  fields.number("version", 1, event.version);
  fields.text("detail", "", event.detail);
  return text + fields.said();
}

std::string tell_effect(const Effect& effect, const Names& names) {
  if (const auto* send = std::get_if<SendAssignment>(&effect)) {
    const Assignment& to_do = send->assignment;
    Fields fields(names);
    fields.number("attempt", 0, to_do.attempt);
    fields.text("handler", "", to_do.handler);
    fields.text("params", "{}", to_do.params);
    fields.text("timeout", "0ms", to_text(to_do.timeout));
    fields.text("job", "", to_do.job);
    fields.text("key", "", to_do.idempotency_key);
    return "> assign " + names.of(send->incarnation) + " " + names.of(to_do.run) + " " +
           names.of(to_do.token) + fields.said();
  }
  if (const auto* send = std::get_if<SendCancel>(&effect)) {
    return "> cancel " + names.of(send->incarnation) + " " + names.of(send->order.run) + " " +
           names.of(send->order.token);
  }
  if (const auto* send = std::get_if<SendLetter>(&effect)) {
    return "> letter to " + std::to_string(send->letter.to) + ": " +
           words_of(send->letter.body, names);
  }
  if (const auto* send = std::get_if<SendLetterAck>(&effect)) {
    return "> letter-ack to " + std::to_string(send->from);
  }
  const auto& send = std::get<SendAck>(effect);
  return "> ack " + names.of(send.incarnation) + " " + names.of(send.token);
}

std::string tell_answer(const Outcome<Reply>& answer, const Names& names) {
  if (!answer) {
    const Problem& problem = answer.problem();
    std::string text =
        "= problem " + std::string(to_string(problem.code)) + ": " + names.in_text(problem.detail);
    for (const FieldProblem& field : problem.fields) {
      text += "; " + field.pointer + " " + field.message;
    }
    return text;
  }
  if (answer->explanation) {
    const Explanation& why = *answer->explanation;
    std::string text = "= " + names.of(answer->id) + " " + std::string(to_string(why.state)) +
                       " earliest=" + names.at(why.earliest) + " bound=" + names.at(why.bound);
    for (const auto& reason : why.reasons) {
      text += "\n. " + reason.code + ": " + reason.text;
    }
    return text;
  }
  return "= " + names.of(answer->id) +
         (answer->revision > 0 ? " revision " + std::to_string(answer->revision) : "") +
         (answer->created ? " created" : "") + (answer->changed ? "" : " unchanged");
}

}  // namespace

void Names::name_it(Id id, const std::string& name) {
  names_[id] = name;
  ids_[name] = id;
}

void Names::learn(const Change& change) {
  if (const auto* save = std::get_if<SaveRevision>(&change)) {
    name_it(save->row.id, save->row.name);
  } else if (const auto* save_trigger = std::get_if<SaveTrigger>(&change)) {
    const TriggerRow& row = save_trigger->row;
    name_it(row.id, of(row.definition) + "/" + row.name);
  } else if (const auto* begun = std::get_if<InsertBackfill>(&change)) {
    const std::string name = of(begun->row.definition) + "/backfill";
    name_it(begun->row.id, name + "#" + std::to_string(++counts_[name]));
  } else if (const auto* insert = std::get_if<InsertRun>(&change)) {
    const RunRow& row = insert->row;
    if (row.kind == RunKind::step) {
      const std::string name = of(row.parent) + "/" + row.step;
      const int count = ++counts_[name];
      name_it(row.id, count == 1 ? name : name + "#" + std::to_string(count));
    } else {
      const std::string name = of(row.definition);
      name_it(row.id, name + "#" + std::to_string(++counts_[name]));
    }
  } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
    const Id token = update->progress.token;
    if (token.is_set() && !names_.contains(token)) {
      name_it(token, "t" + std::to_string(++tokens_));
    }
  } else if (const auto* hold = std::get_if<SaveHold>(&change)) {
    name_it(hold->row.ask, of(hold->row.run) + ":" + hold->row.semaphore);
  }
}

std::string Names::of(Id id) const {
  const auto found = names_.find(id);
  return !id.is_set() ? "-" : found == names_.end() ? to_string(id) : found->second;
}

Id Names::find(std::string_view name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? Id{} : found->second;
}

std::string Names::at(Instant instant) const {
  if (!instant.is_set()) {
    return "-";
  }
  const std::int64_t ms = (instant - base_).ms;
  char text[48];
  if (ms % 1000 == 0) {
    std::snprintf(text, sizeof text, "%llds", static_cast<long long>(ms / 1000));
  } else {
    std::snprintf(text, sizeof text, "%.3fs", static_cast<double>(ms) / 1000.0);
  }
  return text;
}

std::string Names::in_text(const std::string& text) const {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) {
      ++end;
    }
    constexpr std::size_t kDigitsOfAnId = 16;
    const auto id =
        end - i >= kDigitsOfAnId ? parse_id(text.substr(i, end - i)) : Outcome<Id>(Problem{});
    end = end == i ? i + 1 : end;
    out += id ? of(*id) : text.substr(i, end - i);
    i = end;
  }
  return out;
}

std::string tell(const Decision& decision, RowTable& rows, Names& names) {
  std::string text;
  for (const Change& change : decision.changes) {
    names.learn(change);
    text += tell_change(change, rows, names) + "\n";
    if (const std::string why = rows.apply(change); !why.empty()) {
      text += "REFUSED by the store: " + why + "\n";
    }
  }
  for (const Event& event : decision.events) {
    text += tell_event(event, names) + "\n";
  }
  for (const Effect& effect : decision.effects) {
    text += tell_effect(effect, names) + "\n";
  }
  if (decision.answer) {
    text += tell_answer(*decision.answer, names) + "\n";
  }
  return text;
}

std::string tell(const CommandReads& reads, const Names& names) {
  std::string text = "? read";
  for (const Id run : reads.runs) {
    text += " run " + names.of(run);
  }
  for (const auto& [definition, key] : reads.keys) {
    text += " key " + key + " of " + names.of(definition);
  }
  for (const Id command : reads.commands) {
    text += " command " + to_string(command);
  }
  return text + "\n";
}

}  // namespace jobflow::engine::testing
