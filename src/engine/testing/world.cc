#include "engine/testing/world.h"

#include "engine/definition_check.h"
#include "engine/testing/backfill_audit.h"
#include "engine/transitions.h"
#include "model/check.h"

#include <algorithm>
#include <sstream>

namespace jobflow::engine::testing {
namespace {

constexpr std::size_t kWorkersMax = 4;
const std::vector<std::string> kHandlers{"a", "b", "c"};

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

// Which state may follow which, from the tables' page: to look a pair up would count as taking it.
std::set<std::pair<std::string, std::string>> moves_of(const std::string& machine) {
  std::set<std::pair<std::string, std::string>> moves;
  std::istringstream page(state_machines_page());
  bool here = false;
  for (std::string line; std::getline(page, line);) {
    here = line.starts_with("## ") ? line == "## " + machine : here;
    if (const auto arrow = line.find(" --> "); here && arrow != std::string::npos) {
      moves.emplace(line.substr(2, arrow - 2), line.substr(arrow + 5, line.find(':') - arrow - 5));
    }
  }
  return moves;
}

bool may_follow(RunKind kind, RunState from, RunState to) {
  static const auto kRuns = moves_of("Run of a job or a step");
  static const auto kWorkflows = moves_of("Run of a workflow");
  const auto& moves = kind == RunKind::workflow ? kWorkflows : kRuns;
  return moves.contains({std::string(to_string(from)), std::string(to_string(to))});
}

bool may_begin(RunKind kind, RunState state) {
  return state == RunState::scheduled || (state == RunState::waiting && kind != RunKind::step) ||
         (kind == RunKind::workflow ? state == RunState::running : state == RunState::queued) ||
         (kind == RunKind::step && (state == RunState::failed || state == RunState::skipped));
}

}  // namespace

World::World(unsigned seed)
    : random_(seed),
      calendars_(seed + 1'000'000),
      backfills_(seed + 2'000'000),
      permits_(seed + 3'000'000) {
  desk_.after_each = [this](const Command& command, const Decision& decision) {
    heard(decision, std::holds_alternative<RetryRun>(command.request));
  };
  change_calendar();
}

void World::expect(bool holds, const std::string& what) {
  if (!holds && broken_.empty()) {
    broken_ = what;
  }
}

void World::submit(Request request, const std::string& by) {
  desk_.submit(std::move(request), by);
  desk_.go_on();
}

// --- what happens

void World::live(int events) {
  for (int i = 0; i < events && broken().empty(); ++i) {
    something_happens();
    deliver();
    trace_ += desk_.take_told();
    look_at_rows();
  }
}

void World::something_happens() {
  const std::size_t dice = below(100);
  if (names_.size() < 2 || dice < 4) {
    save_definition();
  } else if (workers_.empty() || dice < 7) {
    worker_comes();
  } else if (dice < 32) {
    somebody_asks();
  } else if (dice < 52) {
    desk_.dispatch();
  } else if (dice < 80) {
    worker_acts();
  } else if (dice < 86) {
    links_fail();
  } else if (dice < 88) {
    the_store_refuses();
  } else if (dice < 91) {
    somebody_stops_a_trigger();
  } else if (dice < 92) {
    desk_.now = desk_.now + minutes(static_cast<std::int64_t>(below(90)));  // nobody was there
  } else {
    time_passes(chance(70)   ? milliseconds(static_cast<std::int64_t>(below(2000)))
                : chance(80) ? seconds(static_cast<std::int64_t>(below(120)))
                             : hours(static_cast<std::int64_t>(below(30))));
  }
}

void World::time_passes(Span span) {
  desk_.now = desk_.now + span;
  desk_.fire_timers();
  audit_.timers_fired(desk_.now);
}

std::string World::policies() {
  std::string text = R"("retry":{"max_attempts":)" + std::to_string(1 + below(3)) +
                     R"(,"initial":"1s","jitter":0.)" + std::to_string(below(9)) + "}";
  text += chance(40) ? R"(,"timeout":"30s")" : "";
  text += chance(40) ? R"(,"queue_timeout":"90s")" : "";
  text += chance(20) ? R"(,"total_timeout":"100s")" : "";
  text += semaphores();
  text += chance(30) ? R"(,"priority":)" + std::to_string(below(3)) : "";
  text += chance(30) ? R"(,"tags":["eu"])" : "";
  const std::vector<std::string> strategies{R"("round_robin")",
                                            R"("random")",
                                            R"("least_loaded")",
                                            R"("hash")",
                                            R"("fullest_first")",
                                            R"("hash","hash_key":"p")",
                                            R"("designated","workers":["w1","willing"])"};
  return text + R"(,"strategy":)" + strategies[below(strategies.size())];
}

std::string World::concurrency() {
  const std::string most = std::to_string(1 + below(3));
  return chance(60)   ? ""
         : chance(50) ? R"(,"concurrency":)" + most
                      : R"(,"concurrency":{"key":"p","max_runs_per_key":)" + most + "}";
}

std::string World::job_spec() {
  return R"("handler":)" + quoted(kHandlers[below(3)]) + R"(,"params":{"p":)" +
         std::to_string(below(3)) + "}," + policies() + concurrency();
}

std::string World::workflow_spec() {
  std::string text = R"("inputs":{"x":{"default":1}},"defaults":{)" + policies() + R"(},"steps":[)";
  const std::size_t count = 1 + below(7);
  for (std::size_t i = 0; i < count; ++i) {
    std::string needs;
    std::string with = R"("x":"{{ inputs.x }}")";
    for (std::size_t j = 0; j < i; ++j) {
      if (chance(35)) {
        const std::string step = "s" + std::to_string(j);
        needs += (needs.empty() ? "" : ",") + quoted(step);
        with += "," + quoted(step) + R"(:"{{ steps.)" + step + R"(.output.n }}")";
      }
    }
    text += (i == 0 ? "" : ",") + std::string(R"({"id":"s)") + std::to_string(i) +
            R"(","handler":)" + quoted(kHandlers[below(3)]) + R"(,"needs":[)" + needs +
            R"(],"with":{)" + with + "}}";
  }
  return text + R"(],"output":{"last":"{{ steps.s)" + std::to_string(count - 1) + ".output }}\"}";
}

// Some of every kind and policy (S4.1, S4.6, S3.4).
std::string World::triggers(const std::string& owner) {
  const std::vector<std::string> kinds{
      R"("cron":"* * * * *")",
      R"("cron":"*/20 * * * * *")",
      R"("cron":"0 */3 * * *")",
      R"("every":"7s")",
      R"("every":"100ms")",
      R"("every":"50m","start":"2026-01-02T00:00:00Z")",
      R"("delay_after":"5s")",
      R"("in":"40s")",
      R"("at":"2026-01-03T00:00:00Z")",
      R"("after":{"job":")" + std::string(owner == "j1" ? "j0" : "j1") +
          R"(","states":["failed","succeeded","cancelled"]})",
      R"("after":{"workflow":")" + std::string(owner == "w1" ? "w0" : "w1") + R"("})"};
  const std::vector<std::string> misfires{"skip", "last", R"({"policy":"all","limit":4})",
                                          R"({"policy":"all","window":"2m"})"};
  const std::vector<std::string> overlaps{"allow", "skip", R"({"policy":"queue","limit":2})",
                                          "cancel_running"};
  const auto word = [](const std::string& text) {
    return text.starts_with("{") ? text : quoted(text);
  };
  std::string text;
  for (std::size_t count = 1 + below(3), i = 0; i < count; ++i) {
    const std::string kind = kinds[below(kinds.size())];
    text += (i == 0 ? "" : ",") + std::string(R"({"name":"t)") + std::to_string(i) + R"(",)" + kind;
    text += kind.starts_with(R"("after)") ? "" : R"(,"misfire":)" + word(misfires[below(4)]);
    text += R"(,"overlap":)" + word(overlaps[below(4)]);
    text += chance(20) ? R"(,"jitter":"9s")" : "";
    text += calendars_of_trigger();
    text += chance(10) ? R"(,"enabled":false)" : "";
    text += "}";
  }
  return text;
}

std::string World::calendars_of_trigger() {
  const auto dice = calendars_() % 100;
  return !has_calendars || dice < 70 ? ""
         : dice < 90                 ? R"(,"exclude":["c"])"
                                     : R"(,"include":["c"])";
}

// Another stretch of the day; now and then it is gone by force.
void World::change_calendar() {
  const auto number = [&](std::size_t below) { return std::to_string(10 + calendars_() % below); };
  const std::string from = number(14) + ":" + number(50);
  const std::string to = number(14) + ":" + number(50) + ":01";
  desk_.save_calendar("c", R"({"weekly":[{"from":")" + from + R"(","to":")" + to + R"("}]})",
                      calendars_() % 20 == 0);
}

void World::somebody_stops_a_trigger() {
  if (has_calendars && calendars_() % 5 == 0) {
    change_calendar();
  }
  const auto& triggers = desk_.rows.triggers;
  if (triggers.empty()) {
    return;
  }
  const Id trigger =
      std::next(triggers.begin(), static_cast<std::ptrdiff_t>(below(triggers.size())))->first;
  if (has_backfills && backfills_() % 2 == 0) {
    somebody_fills_in(trigger);
  }
  if (chance(50)) {
    submit(PauseTrigger{trigger, "so"}, "token:ann");
  } else {
    submit(ResumeTrigger{trigger});
  }
}

// Or does something about what was begun.
void World::somebody_fills_in(Id trigger) {
  const auto number = [&](std::size_t below) {
    return static_cast<std::int64_t>(backfills_() % below);
  };
  const auto& begun = desk_.rows.backfills;
  if (!begun.empty() && number(2) == 0) {
    const Id id = std::next(begun.begin(), number(begun.size()))->first;
    switch (number(5)) {
      case 0:
        submit(CancelBackfill{id}, "token:ann");
        return;
      case 1:
      case 2:
        submit(PauseBackfill{id, "so"}, "token:ann");
        return;
      default:
        submit(ResumeBackfill{id});
        return;
    }
  }
  StartBackfill ask{.trigger = trigger};
  ask.until = desk_.now - seconds(number(20));
  ask.from = ask.until - seconds(number(number(2) == 0 ? 30 : 300));
  ask.newest_first = number(2) == 0;
  ask.max_parallel = static_cast<int>(1 + number(4));
  ask.waits = number(3) == 0;
  ask.pauses_on_failure = number(3) == 0;
  ask.params = number(2) == 0 ? R"({"x":"again"})" : "";
  submit(std::move(ask));
}

void World::save_definition() {
  save_semaphore();
  const auto kind = chance(50) ? DefinitionKind::job : DefinitionKind::workflow;
  const std::string name = (kind == DefinitionKind::job ? "j" : "w") + std::to_string(below(3));
  std::string spec = kind == DefinitionKind::job ? job_spec() : workflow_spec();
  spec += chance(60) ? R"(,"triggers":[)" + triggers(name) + "]" : "";
  spec += chance(10) ? R"(,"enabled":false)" : "";
  auto decoded = decode_definition(
      kind, R"({"metadata":{"name":)" + quoted(name) + R"(},"spec":{)" + spec + "}}");
  check(decoded.problems.empty() && check_definition(decoded.definition).empty(),
        "the world writes valid definitions");
  if (std::find(names_.begin(), names_.end(), std::pair(kind, name)) == names_.end()) {
    names_.emplace_back(kind, name);
  }
  submit(SaveDefinition{std::make_shared<const Definition>(std::move(decoded.definition))});
}

Id World::any_run() {
  const auto& runs = desk_.rows.runs;
  if (runs.empty() || chance(1)) {
    return {4711};
  }
  // Mostly one of the latest.
  const std::size_t back = below(std::min<std::size_t>(runs.size(), chance(80) ? 12 : 200));
  return std::prev(runs.end(), static_cast<std::ptrdiff_t>(back) + 1)->first;
}

void World::somebody_asks() {
  const std::size_t dice = below(100);
  if (dice < 60) {
    ask_to_trigger();
  } else if (dice < 65) {
    submit(ExplainRun{any_run()}, "token:ann");
  } else if (dice < 78) {
    submit(CancelRun{any_run()}, "token:ann");
  } else if (dice < 97) {
    RetryRun ask{any_run(), {}};
    if (chance(30)) {
      ask.from_steps.push_back("s" + std::to_string(below(3)));
    }
    submit(std::move(ask));
  } else {
    const auto& [kind, name] = names_[below(names_.size())];
    submit(DeleteDefinition{kind, "default", name, 0});
  }
}

void World::ask_to_trigger() {
  const auto& [kind, name] = names_[below(names_.size())];
  TriggerRun ask{.kind = kind, .name_space = "default", .name = name};
  if (chance(30)) {
    ask.params = R"({"x":)" + std::to_string(below(9)) + "}";
  }
  if (chance(20)) {
    ask.start_at = desk_.now + seconds(static_cast<std::int64_t>(below(100)));
  }
  if (chance(20)) {
    ask.priority = static_cast<int>(below(5));
  }
  if (chance(25)) {
    ask.idempotency_key = "k" + std::to_string(below(4));
  }
  if (chance(25)) {
    ask_to_wait(ask);
  }
  submit(std::move(ask));
}

// For a run of this shard's, here or gone or never heard of.
void World::ask_to_wait(TriggerRun& ask) {
  ask.start_at = {};
  ask.after_run = chance(5) ? Id{Desk::kShard << 12 | 7} : any_run();
  if (ask.after_run.shard() != Desk::kShard) {
    ask.after_run = {};
  }
}

// A report or a firing that the store can never write (3b).
void World::the_store_refuses() {
  const auto& triggers = desk_.rows.triggers;
  if (chance(30) && !triggers.empty()) {
    const auto chosen =
        std::next(triggers.begin(), static_cast<std::ptrdiff_t>(below(triggers.size())));
    submit(SetAside{.subject = chosen->first, .what = SetAside::What::trigger, .incident = "1"},
           "system");
  } else {
    submit(SetAside{.subject = any_run(), .incident = "1"}, "system");
  }
}

Request World::intruder(std::mt19937_64& random) const {
  const auto& runs = desk_.rows.runs;
  const auto run = [&] {
    const auto back = static_cast<std::ptrdiff_t>(random() % std::min<std::size_t>(runs.size(), 9));
    return runs.empty() ? Id{4711} : std::prev(runs.end(), back + 1)->first;
  };
  const auto& [kind, name] = names_[random() % names_.size()];
  switch (runs.empty() ? 0 : random() % 6) {
    case 0:
      return TriggerRun{.kind = kind,
                        .name_space = "default",
                        .name = name,
                        .idempotency_key = random() % 2 == 0 ? "" : "k1"};
    case 1:
      return CancelRun{run()};
    case 2:
      return RetryRun{run(), {}};
    case 3:
      return DeleteDefinition{kind, "default", name, 0};
    case 4:
      return SetAside{.subject = run(), .incident = "1"};
    default:
      return DispatchNext{};
  }
}

// --- workers

void World::worker_comes() {
  if (workers_.size() >= kWorkersMax) {
    return;
  }
  WorkerHello hello{.name = "worker" + std::to_string(incarnations_),
                    .incarnation = {++incarnations_},
                    .slots = 1 + static_cast<int>(below(4))};
  for (const std::string& handler : kHandlers) {
    if (chance(75)) {
      hello.handlers.push_back({handler, "", ""});
    }
  }
  if (chance(60)) {
    hello.tags = {"eu"};
  }
  workers_.push_back(hello.incarnation);
  desk_.add_worker(std::move(hello));
}

// What the desk released reaches the workers, most of it.
void World::deliver() {
  for (desk_.deliver_letters(); !desk_.effects.empty(); desk_.deliver_letters()) {
    const Effect effect = std::move(desk_.effects.front());
    desk_.effects.pop_front();
    if (const auto* send = std::get_if<SendAssignment>(&effect)) {
      const RosterWorker* worker = desk_.roster.find(send->incarnation);
      if (worker == nullptr || !worker->connected || chance(5)) {
        submit(AssignmentUnsent{send->assignment.run, send->assignment.token}, "system");
      } else if (std::none_of(bodies_.begin(), bodies_.end(), [&](const Body& body) {
                   return body.assignment.token == send->assignment.token;
                 })) {
        bodies_.push_back({send->incarnation, send->assignment});
      }
    } else if (const auto* cancel = std::get_if<SendCancel>(&effect)) {
      const auto body = std::find_if(bodies_.begin(), bodies_.end(), [&](const Body& one) {
        return one.assignment.token == cancel->order.token;
      });
      if (body != bodies_.end() && chance(60)) {
        const Body stopped = *body;
        bodies_.erase(body);
        submit(AttemptEnded{{.run = stopped.assignment.run,
                             .token = stopped.assignment.token,
                             .outcome = ReportOutcome::cancelled},
                            stopped.incarnation},
               "worker");
      }
    }
  }
}

FinishedReport World::report_of(const Body& body, bool well) {
  FinishedReport report{.run = body.assignment.run, .token = body.assignment.token};
  const std::size_t dice = well ? 0 : below(100);
  if (dice < 60) {
    report.result = dice < 50 ? R"({"n":)" + std::to_string(below(9)) + "}" : "";
  } else if (dice < 85) {
    report.outcome = ReportOutcome::failed;
    report.error_kind = "handler";
    report.error = "no";
    report.do_not_retry = chance(10);
    report.retry_after = seconds(chance(20) ? 3 : 0);
  } else {
    report.outcome = dice < 90   ? ReportOutcome::timed_out
                     : dice < 95 ? ReportOutcome::refused
                                 : ReportOutcome::cancelled;
  }
  return report;
}

void World::worker_acts() {
  if (!reports_.empty() && chance(10)) {  // the acknowledgement was lost
    const auto& [incarnation, report] = reports_[below(reports_.size())];
    submit(AttemptEnded{report, incarnation}, "worker");
    return;
  }
  if (bodies_.empty()) {
    return;
  }
  const std::size_t chosen = below(bodies_.size());
  const Body body = bodies_[chosen];
  if (chance(10)) {
    submit(ProgressMade{{body.assignment.run, body.assignment.token, 0.5}}, "system");
    return;
  }
  bodies_.erase(bodies_.begin() + static_cast<std::ptrdiff_t>(chosen));
  const FinishedReport report = report_of(body, false);
  reports_.emplace_back(body.incarnation, report);
  submit(AttemptEnded{report, body.incarnation}, "worker");
}

void World::lose(Id incarnation) {
  std::erase(workers_, incarnation);
  std::erase_if(bodies_, [&](const Body& body) { return body.incarnation == incarnation; });
  desk_.lose_worker(incarnation, "gone");
  desk_.go_on();
}

void World::links_fail() {
  if (workers_.empty()) {
    return;
  }
  const Id incarnation = workers_[below(workers_.size())];
  RosterWorker* worker = desk_.roster.find(incarnation);
  if (!worker->connected) {
    come_back(incarnation);
  } else if (chance(40)) {
    lose(incarnation);
  } else if (chance(80)) {
    worker->connected = false;
    if (steady_links) {
      come_back(incarnation);
    }
  } else {
    worker->draining = !worker->draining;
  }
}

// As the dealer and the hall do it: what it says it holds takes its slots, the rest is reconciled.
void World::come_back(Id incarnation) {
  RosterWorker* worker = desk_.roster.find(incarnation);
  worker->held.clear();
  worker->connected = true;
  worker->since = steady_links ? worker->since : desk_.now;
  std::map<Id, Id> holding;  // run by token
  for (const Body& body : bodies_) {
    if (body.incarnation == incarnation) {
      holding[body.assignment.token] = body.assignment.run;
      desk_.roster.take(incarnation, body.assignment.token);
    }
  }
  for (const Shard::Held& held : desk_.shard().held_by(incarnation)) {
    const bool is_held = holding.erase(held.token) > 0;
    submit(AttemptReclaimed{held.run, held.token, incarnation, is_held}, "system");
  }
  for (const auto& [token, run] : holding) {
    submit(AttemptReclaimed{run, token, incarnation, true}, "system");
  }
}

// --- ends

std::set<Id> World::unfinished() const {
  std::set<Id> ids;
  for (const auto& [id, row] : desk_.rows.runs) {
    if (!is_final(row.progress.state)) {
      ids.insert(id);
    }
  }
  return ids;
}

std::size_t World::calm_down() {
  // Who waits in line does so for as long as others of its job come past it.
  for (const auto& [trigger, row] : std::map<Id, TriggerRow>(desk_.rows.triggers)) {
    submit(PauseTrigger{trigger, "calm"});
  }
  keep_semaphores();
  std::set<Id> left = unfinished();
  while (!workers_.empty()) {
    lose(workers_.front());
  }
  WorkerHello hello{.name = "willing", .incarnation = {++incarnations_}, .tags = {"eu"}};
  hello.slots = 100'000;
  for (const std::string& handler : kHandlers) {
    hello.handlers.push_back({handler, "", ""});
  }
  desk_.add_worker(std::move(hello));
  for (const auto& [id, row] : std::map<Id, BackfillRow>(desk_.rows.backfills)) {
    submit(PauseBackfill{id, "calm"});
  }
  // Behind a limit they go on one after another: what counts is that some do (S3.5).
  for (int idle = 0; idle < 100 && !left.empty() && broken().empty(); ++idle) {
    desk_.dispatch();
    deliver();
    for (const Body& body : std::exchange(bodies_, {})) {
      submit(AttemptEnded{report_of(body, true), body.incarnation}, "worker");
    }
    deliver();
    time_passes(seconds(10));
    trace_ += desk_.take_told();
    look_at_rows();
    if (std::erase_if(left,
                      [&](Id id) { return is_final(desk_.rows.runs.at(id).progress.state); }) > 0) {
      idle = 0;
    }
  }
  return left.size();
}

std::size_t World::fall_silent() {
  std::set<Id> left = unfinished();
  for (const Id incarnation : std::vector<Id>(workers_)) {
    RosterWorker* worker = desk_.roster.find(incarnation);
    if (worker->connected) {
      worker->draining = true;  // its process lives, its bodies hang
    } else {
      lose(incarnation);  // its lease ends
    }
  }
  for (int week = 0; week < 10 && !left.empty() && broken().empty(); ++week) {
    desk_.effects.clear();
    time_passes(days(7));
    trace_ += desk_.take_told();
    look_at_rows();
    std::erase_if(left, [&](Id id) { return is_final(desk_.rows.runs.at(id).progress.state); });
  }
  return left.size();
}

// --- what must hold

void World::heard(const Decision& decision, bool is_retry) {
  expect(decision.changes.size() <= limits::kDecisionRows, "a decision is too wide (house 3.8)");
  for (const Change& change : decision.changes) {
    look_at_change(change, is_retry);
  }
  audit_.heard(decision, desk_.rows, desk_.now);
  for (const auto& [incarnation, worker] : desk_.roster.workers()) {
    expect(worker.free() >= 0, "a worker holds more than its slots (S6.2)");
  }
}

void World::look_at_change(const Change& change, bool is_retry) {
  if (const auto* insert = std::get_if<InsertRun>(&change)) {
    const RunRow& row = insert->row;
    expect(row.id > greatest_run_, "ids grow (house 3.7)");
    expect(may_begin(row.kind, row.progress.state), "a run begins as it may");
    expect(!row.backfilled || !has_too_many(desk_.rows, row.occasion),
           "a backfill has more live runs than it may");
    greatest_run_ = row.id;
    states_[row.id] = row.progress.state;
  } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
    const RunRow& row = desk_.rows.runs.at(update->run);
    const RunState to = update->progress.state;
    const RunState from = std::exchange(states_.at(update->run), to);
    const std::string words = desk_.names.of(row.id) + ": " + std::string(to_string(from)) +
                              " -> " + std::string(to_string(to));
    expect(from == to || may_follow(row.kind, from, to), "no such move: " + words);
    expect(!is_final(from) || (is_retry && from != to), "a run ends once: " + words);
    if (to == RunState::running && from == RunState::queued) {
      expect(update->progress.token > greatest_token_, "tokens grow (I3)");
      greatest_token_ = update->progress.token;
      look_at_start(row, update->progress);
    }
  } else if (const auto* permit = std::get_if<SavePermit>(&change)) {
    look_at_permit(permit->row);
  }
}

void World::look_at_rows() {
  expect(trace_.find("REFUSED") == std::string::npos, "the store refuses a row");
  std::size_t queued = 0;
  std::size_t unfinished = 0;
  std::size_t held = 0;
  std::map<Id, int> live_steps;
  for (const auto& [id, row] : desk_.rows.runs) {
    live_steps[row.parent] += !is_final(row.progress.state);
  }
  for (const auto& [id, row] : desk_.rows.runs) {
    const RunProgress& progress = row.progress;
    if (is_final(progress.state)) {
      continue;
    }
    ++unfinished;
    queued += progress.state == RunState::queued;
    const bool has_begun =
        progress.state != RunState::scheduled && progress.state != RunState::waiting;
    if (row.kind == RunKind::workflow && has_begun) {
      expect(live_steps[id] > 0, "a workflow run waits for nothing: " + desk_.names.of(id));
    } else if (progress.state == RunState::running) {
      expect(progress.started.is_set() && progress.token.is_set(), "a running run has its bound");
      ++held;
    } else {
      expect(progress.due.is_set(), "every live run has a bound (I5): " + desk_.names.of(id));
      held += progress.state == RunState::cancelling;
    }
  }
  const std::string wrong = wrong_backfill(desk_.rows);
  expect(wrong.empty(), wrong);
  expect(desk_.shard().waiting() == queued, "waiting() counts the queued");
  expect(desk_.shard().live_runs() == unfinished, "memory holds what is live, and nothing else");
  std::size_t known = 0;
  for (const Id incarnation : desk_.shard().incarnations()) {
    known += desk_.shard().held_by(incarnation).size();
  }
  expect(known == held, "who holds what is known");
  look_at_permits();
}

// S3.5: as its job says now, whatever it began under. S6.1: it is one of the named workers.
void World::look_at_start(const RunRow& run, const RunProgress& begun) {
  const auto& own = desk_.rows.revisions.at({run.definition, run.revision});
  const Definition began_as = decode_definition(own.kind, own.document).definition;
  look_at_holds(run,
                run.kind == RunKind::job
                    ? began_as.job().task
                    : began_as.workflow()
                          .steps[static_cast<std::size_t>(began_as.workflow().step_index(run.step))]
                          .task);
  const auto& row = desk_.rows.revisions.at({run.definition, desk_.rows.current[run.definition]});
  if (run.kind != RunKind::job || row.deleted) {
    return;
  }
  const JobSpec job = decode_definition(row.kind, row.document).definition.job();
  int all = 1, alike = 1;
  for (const auto& [id, other] : desk_.rows.runs) {
    const RunState state = other.progress.state;
    if (other.definition == run.definition && id != run.id &&
        (state == RunState::running || state == RunState::cancelling)) {
      ++all;
      alike += field_text(other.params, job.concurrency.key) ==
               field_text(run.params, job.concurrency.key);
    }
  }
  expect(job.concurrency.max_runs == 0 || all <= job.concurrency.max_runs,
         "more runs of a job run at once than may (S3.5)");
  expect(job.concurrency.max_runs_per_key == 0 || alike <= job.concurrency.max_runs_per_key,
         "more runs of a key run at once than may (S3.5)");
  expect(row.revision != run.revision || job.task.workers.empty() ||
             std::ranges::count(job.task.workers, begun.worker) == 1,
         "a run is given to a worker that was not named (S6.1)");
}

}  // namespace jobflow::engine::testing
