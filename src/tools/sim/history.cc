#include "tools/sim/history.h"

#include "model/states.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

namespace jobflow::sim {
namespace {

std::string_view to_string(ReportOutcome outcome) {
  switch (outcome) {
    case ReportOutcome::succeeded:
      return "succeeded";
    case ReportOutcome::failed:
      return "failed";
    case ReportOutcome::cancelled:
      return "cancelled";
    case ReportOutcome::timed_out:
      return "timed out";
    case ReportOutcome::refused:
      return "refused";
  }
  return "";
}

struct RequestText {
  std::string operator()(const engine::SaveDefinition& ask) const {
    return fmt::format("save {} {}", jobflow::to_string(ask.definition->kind),
                       ask.definition->name);
  }
  std::string operator()(const engine::DeleteDefinition& ask) const {
    return fmt::format("delete {} {}", jobflow::to_string(ask.kind), ask.name);
  }
  std::string operator()(const engine::TriggerRun& ask) const {
    return fmt::format("trigger {} {}{}{}", jobflow::to_string(ask.kind), ask.name,
                       ask.idempotency_key.empty() ? "" : " key " + ask.idempotency_key,
                       ask.start_at.is_set() ? " at " + to_rfc3339(ask.start_at) : "");
  }
  std::string operator()(const engine::CancelRun&) const { return "cancel"; }
  std::string operator()(const engine::ExplainRun&) const { return "explain"; }
  std::string operator()(const engine::RetryRun& ask) const {
    return "retry" + (ask.from_steps.empty() ? "" : " from " + ask.from_steps.front());
  }
  std::string operator()(const engine::PauseTrigger& ask) const {
    return "pause trigger " + to_string(ask.trigger);
  }
  std::string operator()(const engine::ResumeTrigger& ask) const {
    return "resume trigger " + to_string(ask.trigger);
  }
  std::string operator()(const engine::StartBackfill& ask) const {
    return fmt::format("backfill trigger {} from {} to {}", to_string(ask.trigger),
                       to_rfc3339(ask.from), to_rfc3339(ask.until));
  }
  std::string operator()(const engine::PauseBackfill& ask) const {
    return "pause backfill " + to_string(ask.backfill);
  }
  std::string operator()(const engine::ResumeBackfill& ask) const {
    return "resume backfill " + to_string(ask.backfill);
  }
  std::string operator()(const engine::CancelBackfill& ask) const {
    return "cancel backfill " + to_string(ask.backfill);
  }
  template <class Other>
  std::string operator()(const Other&) const {
    return "system";
  }
};

// What the record carries, as lines' text and the ids it speaks of.
struct Told {
  std::vector<History::Part> parts;
  void add(std::vector<Id> ids, std::string text) {
    parts.push_back({std::move(ids), std::move(text)});
  }
};

bool speaks_of(const std::vector<Id>& some, const std::vector<Id>& ids) {
  return std::ranges::any_of(
      some, [&](Id id) { return id.is_set() && std::ranges::find(ids, id) != ids.end(); });
}

std::string state_of(const Event& event) {
  if (event.type == EventType::trigger_changed) {
    return std::string(to_string(static_cast<TriggerState>(event.state)));
  }
  if (event.type == EventType::backfill_changed) {
    return std::string(to_string(static_cast<BackfillState>(event.state)));
  }
  if (event.type == EventType::run_changed) {
    return std::string(to_string(static_cast<RunState>(event.state)));
  }
  return std::string(to_string(event.type));
}

void tell(const Event& event, Told& told) {
  told.add({event.subject, event.parent},
           fmt::format("[{} {}{}{}]", to_string(event.subject), state_of(event),
                       event.text.empty() ? "" : " " + event.text,
                       event.detail.empty() ? "" : ": " + event.detail));
}

void tell(const Change& change, Told& told) {
  if (const auto* skipped = std::get_if<SaveSkippedFiring>(&change)) {
    told.add({skipped->row.trigger},
             fmt::format("[{} skips {} to {}: {}]", to_string(skipped->row.trigger),
                         to_rfc3339(skipped->row.from), to_rfc3339(skipped->row.to),
                         skipped->row.reason));
  } else if (const auto* insert = std::get_if<InsertRun>(&change);
             insert != nullptr && insert->row.trigger.is_set()) {
    told.add({insert->row.trigger}, fmt::format("[{} fires {}]", to_string(insert->row.trigger),
                                                to_rfc3339(insert->row.planned)));
  } else if (const auto* begun = std::get_if<InsertBackfill>(&change)) {
    told.add({begun->row.id, begun->row.trigger},
             fmt::format("[backfill {} of {} begins: {} instants]", to_string(begun->row.id),
                         to_string(begun->row.trigger), begun->row.total));
  } else if (const auto* on = std::get_if<AdvanceBackfill>(&change)) {
    told.add({on->backfill}, fmt::format("[backfill {} is {} at {}, {} made]",
                                         to_string(on->backfill), to_string(on->progress.state),
                                         to_rfc3339(on->progress.cursor), on->progress.made));
  } else if (const auto* trigger = std::get_if<SaveTrigger>(&change)) {
    told.add({trigger->row.id},
             fmt::format("[{} is {} {} due {}]", to_string(trigger->row.id), trigger->row.schedule,
                         to_string(trigger->row.progress.state),
                         to_rfc3339(trigger->row.progress.next_due)));
  } else if (const auto* letter = std::get_if<InsertLetter>(&change)) {
    const LetterRow& row = letter->row;
    told.add({row.number}, fmt::format("[letter {} to shard {}: {}]", to_string(row.number), row.to,
                                       encode_letter(row.body)));
  } else if (const auto* mark = std::get_if<MarkLetter>(&change)) {
    told.add({mark->row.number}, fmt::format("[letter {} of shard {} is applied]",
                                             to_string(mark->row.number), mark->row.from));
  }
}

void tell(const store::Batch& batch, Told& told) {
  for (const store::ShardPart& part : batch.parts) {
    for (const Change& change : part.changes) {
      tell(change, told);
    }
    for (const Event& event : part.journal.events) {
      tell(event, told);
    }
  }
}

void tell(const runtime::ToWorker& message, Told& told) {
  for (const runtime::ShardEpoch& epoch : message.epochs) {
    told.add({}, fmt::format("[epoch {} of shard {}]", epoch.epoch, epoch.shard));
  }
  for (const Assignment& one : message.assignments) {
    told.add({one.run, one.token},
             fmt::format("[assign {} token {} attempt {} epoch {}]", to_string(one.run),
                         to_string(one.token), one.attempt, one.epoch));
  }
  for (const CancelOrder& one : message.cancels) {
    told.add({one.run, one.token},
             fmt::format("[cancel {} token {}]", to_string(one.run), to_string(one.token)));
  }
  for (const Id token : message.acks) {
    told.add({token}, fmt::format("[ack {}]", to_string(token)));
  }
}

void tell(const runtime::FromWorker& said, Told& told) {
  for (const FinishedReport& one : said.finished) {
    told.add({one.run, one.token},
             fmt::format("[{} token {}: {} {}]", to_string(one.run), to_string(one.token),
                         to_string(one.outcome), one.error_kind));
  }
  if (said.leaving || said.draining) {
    told.add({}, said.leaving ? "[leaving]" : "[draining]");
  }
}

// What one member said to another, in a few words.
struct MessageText {
  Told& told;
  void operator()(const runtime::LookNow&) const { told.add({}, "look now"); }
  void operator()(const runtime::TermIsOver&) const { told.add({}, "its term is over"); }
  void operator()(const runtime::JournalHeads& said) const {
    for (const runtime::JournalHeads::Head& head : said.heads) {
      told.add({}, fmt::format("[journal {}: {} to {}]", head.source, head.first, head.next));
    }
  }
  void operator()(const runtime::ForwardedCommand& said) const {
    told.add({}, fmt::format("[forwards {}: {}]", said.request, to_text(said.command.request)));
  }
  void operator()(const runtime::ForwardedAnswer& said) const {
    told.add({}, fmt::format("[answers {}{}]", said.request, said.not_mine ? ": not mine" : ""));
  }
  void operator()(const runtime::WorkerDirectory& said) const {
    told.add({}, fmt::format("directory {}{}", said.version, said.in_full ? " in full" : ""));
    for (const runtime::WorkerDirectory::Entry& entry : said.here) {
      std::vector<Id> ids{entry.hello.incarnation};
      for (const WorkerHello::Holding& held : entry.hello.holding) {
        ids.push_back(held.token);
      }
      told.add(std::move(ids),
               fmt::format("[{} visit {} held {} then{}]", entry.hello.name, entry.visit,
                           entry.hello.holding.size(), entry.draining ? " draining" : ""));
    }
    for (const Id gone : said.gone) {
      told.add({gone}, fmt::format("[gone #{}]", to_string(gone)));
    }
  }
  void operator()(const runtime::AskDirectory&) const { told.add({}, "asks for the directory"); }
  void operator()(const runtime::CreditWish& said) const {
    for (const runtime::CreditWish::Want& want : said.wants) {
      told.add({}, fmt::format("[wants {} for {}]", want.runs, want.ask.handler));
    }
  }
  void operator()(const runtime::CreditGrant& said) const {
    for (const runtime::CreditGrant::Grant& grant : said.grants) {
      told.add({grant.incarnation},
               fmt::format("[lends {} of #{}]", grant.runs, to_string(grant.incarnation)));
    }
  }
  void operator()(const runtime::OrdersForWorker& said) const {
    told.add({said.incarnation}, fmt::format("orders for #{}", to_string(said.incarnation)));
    tell(said.orders, told);
  }
  void operator()(const runtime::OrdersUnsent& said) const {
    for (const engine::AssignmentUnsent& one : said.those) {
      told.add({one.run, one.token},
               fmt::format("[unsent {} token {}]", to_string(one.run), to_string(one.token)));
    }
  }
  void operator()(const runtime::SaidByWorker& said) const {
    told.add({said.incarnation}, fmt::format("said by #{}", to_string(said.incarnation)));
    for (const Id token : said.said.accepted) {
      told.add({token}, fmt::format("[accepted {}]", to_string(token)));
    }
    tell(said.said, told);
  }
  void operator()(const runtime::LetterSent& said) const {
    told.add({}, fmt::format("[letter {}]", to_string(said.letter.number)));
  }
  void operator()(const runtime::LetterApplied& said) const {
    told.add({said.up_to}, fmt::format("[letters {} to {} applied up to {}]", said.from, said.to,
                                       to_string(said.up_to)));
  }
};

void tell(const Outcome<engine::Reply>& answer, Told& told) {
  if (answer) {
    told.add({answer->id}, "ok " + to_string(answer->id));
  } else {
    told.add({}, fmt::format("{}: {}", to_string(answer.problem().code), answer.problem().detail));
  }
}

class Hash {
 public:
  explicit Hash(std::uint64_t state) : state_(state) {}
  void add(std::uint64_t value) { state_ = (state_ ^ value) * 0x100000001b3ULL; }
  void add(std::string_view text) {
    add(text.size());
    for (const char c : text) {
      state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
  }
  void add(Id id) { add(static_cast<std::uint64_t>(id.value)); }
  void add(const Event& event) {
    add(event.subject);
    add(static_cast<std::uint64_t>(event.type) << 8 | event.state);
    add(event.detail);
  }
  std::uint64_t state() const { return state_; }

 private:
  std::uint64_t state_;
};

}  // namespace

std::string_view to_string(Did did) {
  switch (did) {
    case Did::fault:
      return "fault";
    case Did::member_began:
      return "begins";
    case Did::member_ready:
      return "is ready";
    case Did::member_ended:
      return "ends";
    case Did::joined:
      return "joins";
    case Did::landed:
      return "lands";
    case Did::asked:
      return "asks";
    case Did::delivered:
      return "is asked";
    case Did::answered:
      return "answers";
    case Did::heard_answer:
      return "hears";
    case Did::gave_up:
      return "gives up";
    case Did::told_worker:
      return "tells worker";
    case Did::heard_worker:
      return "hears worker";
    case Did::told_member:
      return "tells member";
    case Did::heard_member:
      return "hears member";
    case Did::worker_told:
      return "is told";
    case Did::worker_began:
      return "begins";
    case Did::worker_ended:
      return "ends";
    case Did::connected:
      return "is connected";
    case Did::body_began:
      return "body begins";
    case Did::body_ended:
      return "body ends";
    case Did::heard_events:
      return "hears events";
    case Did::lagged:
      return "lagged";
    case Did::resumed:
      return "resumes at";
    case Did::calendar:
      return "calendar";
    case Did::calm:
      return "calm";
    case Did::settled:
      return "settled";
    case Did::at_rest:
      return "at rest";
  }
  return "";
}

std::string to_text(const engine::Request& request) {
  return std::visit(RequestText{}, request);
}

void History::add(Record record) {
  record.at = scheduler_.now();
  ++size_;
  count(record);
  if (with_text_) {
    write(record);
  }
  reader_(record);
}

void History::count(const Record& record) {
  Hash hash(hash_);
  hash.add(static_cast<std::uint64_t>(record.at));
  hash.add(static_cast<std::uint64_t>(record.did));
  hash.add(record.who);
  hash.add(record.run);
  hash.add(record.token);
  hash.add(static_cast<std::uint64_t>(record.number));
  hash.add(static_cast<std::uint64_t>(record.other));
  hash.add(record.text);
  if (record.batch != nullptr) {
    for (const store::ShardPart& part : record.batch->parts) {
      hash.add(part.changes.size());
      hash.add(part.last_id);
      for (const Event& event : part.journal.events) {
        hash.add(event);
      }
    }
  }
  if (record.to_worker != nullptr) {
    for (const Assignment& one : record.to_worker->assignments) {
      hash.add(one.token);
    }
    for (const CancelOrder& one : record.to_worker->cancels) {
      hash.add(one.token);
    }
    for (const Id token : record.to_worker->acks) {
      hash.add(token);
    }
  }
  if (record.from_worker != nullptr) {
    for (const FinishedReport& one : record.from_worker->finished) {
      hash.add(one.token);
      hash.add(static_cast<std::uint64_t>(one.outcome));
    }
  }
  if (record.message != nullptr) {
    hash.add(record.message->what.index());
    hash.add(static_cast<std::uint64_t>(record.message->number));
  }
  if (record.answer != nullptr) {
    hash.add(record.answer->ok() ? to_string((*record.answer)->id)
                                 : record.answer->problem().detail);
  }
  if (record.events != nullptr) {
    for (const runtime::NumberedEvent& one : *record.events) {
      hash.add(static_cast<std::uint64_t>(one.number));
      hash.add(one.event);
    }
  }
  hash_ = hash.state();
}

void History::write(const Record& record) {
  Told told;
  if (!record.text.empty()) {
    told.add({}, record.text);
  }
  for (const Id id : {record.run, record.token}) {
    if (id.is_set()) {
      told.add({id}, to_string(id));
    }
  }
  if (record.number != 0) {
    told.add({}, "#" + std::to_string(record.number));
  }
  if (record.batch != nullptr) {
    tell(*record.batch, told);
  }
  if (record.to_worker != nullptr) {
    tell(*record.to_worker, told);
  }
  if (record.from_worker != nullptr) {
    tell(*record.from_worker, told);
  }
  if (record.message != nullptr) {
    std::visit(MessageText{told}, record.message->what);
  }
  if (record.answer != nullptr) {
    tell(*record.answer, told);
  }
  if (record.events != nullptr) {
    for (const runtime::NumberedEvent& one : *record.events) {
      tell(one.event, told);
      told.parts.back().text.insert(0, fmt::format("{}/{}", one.source, one.number));
    }
  }
  lines_.push_back(
      {.at = record.at, .did = record.did, .who = record.who, .parts = std::move(told.parts)});
}

std::string History::text() const {
  std::string all;
  for (const Line& line : lines_) {
    all += show(line);
  }
  return all;
}

std::string History::text_about(const std::vector<Id>& ids, std::size_t lines) const {
  std::vector<std::string> chosen;
  for (auto line = lines_.rbegin(); line != lines_.rend() && chosen.size() < lines; ++line) {
    const bool is_always = line->did == Did::fault || line->did == Did::member_began ||
                           line->did == Did::member_ended || line->did == Did::joined ||
                           line->did == Did::worker_began || line->did == Did::worker_ended ||
                           line->did == Did::calm;
    if (is_always || std::ranges::any_of(
                         line->parts, [&](const Part& part) { return speaks_of(part.ids, ids); })) {
      chosen.push_back(show(*line, is_always ? nullptr : &ids));
    }
  }
  std::string all;
  for (auto line = chosen.rbegin(); line != chosen.rend(); ++line) {
    all += *line;
  }
  return all;
}

std::string History::show(const Line& line, const std::vector<Id>* ids) {
  std::string text =
      fmt::format("{:>11.3f} ms  {:<6} {:<12}", static_cast<double>(line.at) / 1000.0, line.who,
                  to_string(line.did));
  int others = 0;
  for (const Part& part : line.parts) {
    if (ids == nullptr || part.ids.empty() || speaks_of(part.ids, *ids)) {
      text += " " + part.text;
    } else {
      ++others;
    }
  }
  return text + (others > 0 ? fmt::format(" (and {} more)\n", others) : "\n");
}

}  // namespace jobflow::sim
