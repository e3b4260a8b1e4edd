#include "engine/testing/desk.h"

#include "model/check.h"

namespace jobflow::engine::testing {
namespace {

constexpr int kReadsMax = 4;

// Of what goes on later; in which order it does is no state.
Id subject_of(const Request& request) {
  if (const auto* run = std::get_if<ContinueRun>(&request)) {
    return run->run;
  }
  if (const auto* gone = std::get_if<ContinueDelete>(&request)) {
    return gone->definition;
  }
  if (const auto* line = std::get_if<NextInLine>(&request)) {
    return line->definition;
  }
  if (const auto* others = std::get_if<CancelOthers>(&request)) {
    return others->definition;
  }
  if (const auto* backfill = std::get_if<ContinueBackfill>(&request)) {
    return backfill->backfill;
  }
  const auto* told = std::get_if<TellWatchers>(&request);
  return told == nullptr ? Id{} : told->run;
}

}  // namespace

Desk::Desk(Instant base, ShardNumber shard, int shard_count)
    : now(base), names(base), number_(shard) {
  rows.shard_count = shard_count;
  load();
  swept_ = now;
}

void Desk::load() {
  shard_ = std::make_unique<Shard>(rows.image(number_, last_id_, batch_, !sleeps), now);
  look_ahead();
}

// Not told: nothing comes of it but that timers are armed.
void Desk::look_ahead() {
  const Instant until = now + (sleeps ? seconds(2) : limits::kLookAhead);
  while (shard_->horizon() < until) {
    Command command{LookAhead{number_, until}, "system", now, nullptr};
    std::string unheard;
    decide(command, unheard);
  }
}

CommandRows Desk::read(const CommandReads& reads) {
  if (snapshot_) {
    const auto snapshot = std::move(snapshot_);
    return snapshot->first.read(reads, snapshot->second);
  }
  return rows.read(reads, batch_);
}

void Desk::keep_snapshot() {
  snapshot_ = std::make_unique<std::pair<RowTable, std::int64_t>>(rows, batch_);
}

Decision Desk::decide(Command& command, std::string& told) {
  for (int reads = 0;; ++reads) {
    shard_->set_batches(batch_ + 1, batch_);
    Decision decision = shard_->decide(command, roster);
    if (decision.reads.empty() || reads == kReadsMax) {
      return decision;
    }
    check(decision.changes.empty() && decision.events.empty() && decision.effects.empty() &&
              !decision.answer,
          "a decision reads, or decides");
    // What sleeps is where memory ends, no part of the story.
    const std::size_t woken = command.rows ? command.rows->asked.definitions.size() : 0;
    if (decision.reads.definitions.size() == woken && !decision.reads.due) {
      told += tell(decision.reads, names);
    }
    command.rows = std::make_shared<const CommandRows>(read(decision.reads));
  }
}

Decision Desk::submit(Command command) {
  if (before_each) {
    before_each(command);
  }
  if (const auto* ended = std::get_if<AttemptEnded>(&command.request)) {
    roster.give_back(ended->incarnation, ended->report.token);  // as the hall does
  }
  Decision decision = decide(command, told_);
  check(decision.reads.empty(), "a command is satisfied with what was read at some time");
  widest = std::max(widest, decision.changes.size());
  told_ += tell(decision, rows, names);
  if (after_each) {
    after_each(command, decision);
  }
  ++batch_;
  last_id_ = shard_->last_id();
  for (const Effect& effect : decision.effects) {
    effects.push_back(effect);
  }
  for (const Request& request : decision.more) {
    more.push_back(request);
  }
  // One loaded anew sends its letters at once: for ever, were it loaded anew for that.
  const auto* timer = std::get_if<TimerDue>(&command.request);
  const bool are_letters = timer != nullptr && timer->timer.kind == TimerSubject::letters;
  const bool did_something = !decision.changes.empty() || !decision.events.empty() ||
                             (!decision.effects.empty() && !are_letters) || decision.answer;
  if (reloads_after_each && did_something &&
      (batch_ % reload_interval == 0 || !decision.more.empty())) {
    reload();
  }
  return decision;
}

Decision Desk::submit(Request request, const std::string& by) {
  return submit(Command{std::move(request), by, now, nullptr});
}

void Desk::go_on() {
  while (!more.empty()) {
    const auto next = std::min_element(more.begin(), more.end(), [](const auto& a, const auto& b) {
      return std::pair(a.index(), subject_of(a)) < std::pair(b.index(), subject_of(b));
    });
    const Request request = std::move(*next);
    more.erase(next);
    submit(request, "system");
  }
}

int Desk::dispatch() {
  int given = 0;
  while (!submit(DispatchNext{}, "system").effects.empty()) {
    ++given;
  }
  return given;
}

void Desk::deliver_letters() {
  for (auto next = effects.begin(); next != effects.end();) {
    const Effect effect = *next;
    if (const auto* send = std::get_if<SendLetter>(&effect)) {
      effects.erase(next);
      submit(LetterCame{send->letter}, "system");
    } else if (const auto* ack = std::get_if<SendLetterAck>(&effect)) {
      effects.erase(next);
      submit(LetterAcked{ack->from, ack->to, ack->up_to}, "system");
    } else {
      ++next;
      continue;
    }
    go_on();
    next = effects.begin();
  }
}

void Desk::fire_timers() {
  if (now - swept_ >= Shard::kSweepEvery) {
    shard_->sweep(now, sleeps ? Span{} : hours(24 * 365));
    swept_ = now;
  }
  look_ahead();
  while (shard_->next_due() <= now) {
    std::vector<Timer> due;
    shard_->take_due(now, due);
    if (due.empty()) {
      break;  // a slot only cascaded
    }
    for (const Timer& timer : due) {
      submit(TimerDue{timer}, "system");
    }
    go_on();
  }
}

void Desk::reload() {
  ++reloads;
  const Shard::Turns turns = shard_->turns();
  load();
  shard_->take_turns(turns);
  shard_->set_calendars(std::make_shared<const schedule::CalendarBook>(calendars_));
  more.clear();
  for (const Request& request : shard_->unfinished_business()) {
    more.push_back(request);
  }
}

// Its assignments never left: their credits are free again.
void Desk::forget(const Decision& decision) {
  for (const Effect& effect : decision.effects) {
    if (const auto* send = std::get_if<SendAssignment>(&effect)) {
      roster.give_back(send->incarnation, send->assignment.token);
    }
  }
}

void Desk::refuse(Command command, const Command* next) {
  check(!std::holds_alternative<AttemptEnded>(command.request),
        "a refused report is set aside, not refused");
  const Shard::Turns turns = shard_->turns();
  std::string unheard;
  const Decision decision = decide(command, unheard);
  if (next != nullptr) {
    Command copy = *next;  // where it has to read what the first one changes, it waits in vain
    forget(decide(copy, unheard));
  }
  forget(decision);
  reload();
  shard_->take_turns(turns);
}

void Desk::save_calendar(const std::string& name, const std::string& spec, bool deleted) {
  const auto before = calendars_.find("default", name);
  calendars_.take({.number = calendars_.number() + 1,
                   .name_space = "default",
                   .name = name,
                   .revision = before ? before->newest + 1 : 1,
                   .deleted = deleted,
                   .document = R"({"spec":)" + spec + "}",
                   .updated = now});
  shard_->set_calendars(std::make_shared<const schedule::CalendarBook>(calendars_));
}

void Desk::add_worker(WorkerHello hello) {
  names.learn_worker(hello.incarnation, hello.name);
  roster.add(std::move(hello)).since = now;
}

void Desk::lose_worker(Id incarnation, const std::string& reason) {
  roster.remove(incarnation);
  for (const Shard::Held& held : shard_->held_by(incarnation)) {
    submit(AttemptLost{held.run, held.token, reason}, "system");
  }
}

}  // namespace jobflow::engine::testing
