#include "tools/sim/worker.h"

#include "tools/sim/member.h"
#include "tools/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace jobflow::sim {
namespace {

constexpr Span kBeat = seconds(1);
constexpr Span kStopGrace = seconds(2);
constexpr Micros kSayAgain = 10'000'000;
constexpr std::size_t kRemembered = 4096;
constexpr std::size_t kRememberedBytes = 1 << 20;

const char* to_text(ReportOutcome outcome) {
  switch (outcome) {
    case ReportOutcome::succeeded:
      return "succeeded";
    case ReportOutcome::failed:
      return "failed";
    case ReportOutcome::cancelled:
      return "cancelled";
    case ReportOutcome::timed_out:
      return "timed_out";
    case ReportOutcome::refused:
      return "refused";
  }
  return "";
}

}  // namespace

Worker::Worker(World& world, int number)
    : world_(world), number_(number), node_(kWorkers + number) {
  for (const char* handler : {"h0", "h1", "h2"}) {
    if (number == 0 || world.random.chance(60)) {
      handlers_.emplace_back(handler);
    }
  }
  slots_ = static_cast<int>(world.random.between(1, 6));
}

std::string Worker::name() const {
  return fmt::format("w{}", number_);
}

std::size_t Worker::unacknowledged() const {
  return ledger_ ? ledger_->unacknowledged() + ledger_->live() : 0;
}

// --- its life

void Worker::begin() {
  if (process_) {
    return;
  }
  ++incarnations_;
  process_ =
      std::make_shared<Process>(Process{.name = fmt::format("w{}.{}", number_, incarnations_)});
  const Instant now = world_.now();
  incarnation_ = Id{(now.ms << 22) | static_cast<std::int64_t>(number_ << 12 | incarnations_)};
  ledger_ = std::make_unique<worker::Ledger>(kRemembered, kRememberedBytes);
  bodies_.clear();
  is_up_link_ = is_draining_ = is_lease_stopped_ = is_leaving_ = false;
  connections_ = 0;
  contact_ = world_.scheduler.now();
  world_.history.add(
      {.did = Did::worker_began, .who = process_->name, .number = incarnation_.value});
  connect();
  beat();
}

void Worker::crash(const std::string& why, Span back_after) {
  if (!process_) {
    return;
  }
  process_->over = true;
  for (const auto& [token, body] : bodies_) {
    world_.history.add({.did = Did::body_ended,
                        .who = process_->name,
                        .run = body.assignment.run,
                        .token = token,
                        .text = "dies"});
  }
  world_.history.add(
      {.did = Did::worker_ended, .who = process_->name, .number = incarnation_.value, .text = why});
  if (link_) {
    link_->cut();
    link_.reset();
  }
  process_.reset();
  bodies_.clear();
  world_.scheduler.after(back_after, nullptr, [this] { begin(); });
}

void Worker::drain() {
  if (process_ && !is_draining_) {
    is_draining_ = true;
    leave_if_done();
  }
}

// S7.4: with nothing in hand it says so, and goes.
void Worker::leave_if_done() {
  if (is_draining_ && is_up_link_ && ledger_->live() == 0 && ledger_->unacknowledged() == 0 &&
      bodies_.empty()) {
    world_.count("worker left");
    link_->say({.draining = true, .leaving = true});
    is_up_link_ = false;
    is_leaving_ = true;
    world_.scheduler.after(seconds(1), process_, [this] {
      crash("left", milliseconds(world_.random.between(10, 3000)));
    });
  }
}

void Worker::pause(Span span) {
  if (process_) {
    process_->paused_until = world_.scheduler.now() + micros(span);
  }
}

void Worker::cut_link() {
  if (link_) {
    link_->cut();
  }
}

void Worker::server_ended(const Life& life) {
  if (link_ && link_->is_to(life)) {
    link_->cut();
  }
}

void Worker::calm() {
  habits = {.fails = habits.fails};
  if (process_) {
    process_->paused_until = 0;
  } else {
    begin();
  }
}

// --- its link

void Worker::connect() {
  const auto life = world_.member_to_reach();
  if (!life) {
    connect_after(milliseconds(world_.random.between(20, 300)));
    return;
  }
  link_ = std::make_shared<Link>(world_, life, process_, node_, *this);
  WorkerHello hello{.name = name(), .incarnation = incarnation_, .slots = slots_};
  for (const std::string& handler : handlers_) {
    hello.handlers.push_back({.name = handler});
  }
  hello.holding = ledger_->holding();
  hello.connection = ++connections_;
  link_->open(std::move(hello));
}

void Worker::connect_after(Span pause) {
  world_.scheduler.after(pause, process_, [this] {
    if (!link_) {
      connect();
    }
  });
}

void Worker::welcomed() {
  is_up_link_ = true;
  refused_ = 0;
  contact_ = world_.scheduler.now();
  is_lease_stopped_ = false;
  runtime::FromWorker said{.heartbeat = true, .draining = is_draining_};
  for (auto* record = ledger_->first_ended(); record != nullptr; record = record->next) {
    said.finished.push_back(record->report);
    record->sent_ns = std::max<std::int64_t>(world_.scheduler.now() * 1000, 1);
  }
  link_->say(std::move(said));
  leave_if_done();
}

void Worker::link_down(const std::string&) {
  link_.reset();
  is_up_link_ = false;
  if (is_leaving_) {
    return;
  }
  refused_ = std::min(refused_ + 1, 5);
  connect_after(milliseconds(world_.random.between(10, 50 << refused_)));
}

void Worker::heartbeat_heard(Micros sent) {
  contact_ = std::max(contact_, sent);
  is_lease_stopped_ = false;
}

void Worker::beat() {
  world_.scheduler.after(kBeat, process_, [this] { beat(); });
  look_at_lease();
  if (is_up_link_) {
    link_->say({.heartbeat = true,
                .load = static_cast<double>(bodies_.size()) / slots_,
                .draining = is_draining_});
    // S7.3: an end that nobody acknowledged is said again, by and by.
    std::vector<Id> old;
    for (auto* record = ledger_->first_ended(); record != nullptr; record = record->next) {
      if (record->sent_ns != 0 && world_.scheduler.now() - record->sent_ns / 1000 > kSayAgain) {
        old.push_back(record->report.token);
      }
    }
    for (const Id token : old) {
      tell(token);
    }
  }
}

// S7.7: its bodies stop before the lease ends; a silent link is given up.
void Worker::look_at_lease() {
  const Micros silent = world_.scheduler.now() - contact_;
  if (silent >= micros(world_.plan.lease) * 8 / 10 && !is_lease_stopped_ && !bodies_.empty()) {
    is_lease_stopped_ = true;
    world_.count("bodies stopped for the lease");
    std::vector<Id> tokens;
    for (const auto& [token, body] : bodies_) {
      tokens.push_back(token);
    }
    for (const Id token : tokens) {
      stop_body(token, Stop::lease);
    }
  }
  if (link_ && silent >= micros(world_.plan.lease) / 2) {
    contact_ = std::max(contact_, world_.scheduler.now() - micros(world_.plan.lease) / 2);
    link_->cut();
  }
}

// --- its orders

void Worker::received(const runtime::ToWorker& message) {
  for (const runtime::ShardEpoch& epoch : message.epochs) {
    ledger_->raise_epoch(epoch.shard, epoch.epoch);
  }
  for (const Assignment& one : message.assignments) {
    assign(one);
  }
  for (const Id token : message.acks) {
    acknowledge(token);
  }
  for (const CancelOrder& one : message.cancels) {
    cancel(one);
  }
  if (message.drain) {
    drain();
  }
  leave_if_done();
}

void Worker::assign(const Assignment& order) {
  if (ledger_->find(order.token) != nullptr) {
    tell(order.token);  // what is known of it
  } else if (ledger_->outdated(order.run, order.epoch)) {
    world_.count("old epoch refused");
    refuse(order.run, order.token, order.attempt, "old_epoch");
  } else if (is_draining_) {
    refuse(order.run, order.token, order.attempt, "draining");
  } else if (std::ranges::find(handlers_, order.handler) == handlers_.end()) {
    refuse(order.run, order.token, order.attempt, "unknown_handler");
  } else if (bodies_.size() >= static_cast<std::size_t>(slots_)) {
    refuse(order.run, order.token, order.attempt, "no_slot");
  } else {
    begin_body(order);
  }
}

void Worker::refuse(Id run, Id token, int attempt, const char* why) {
  world_.count("assignment refused");
  ledger_->end(ledger_->open(run, token, attempt, nullptr),
               {.outcome = ReportOutcome::refused, .error_kind = why});
  tell(token);
}

void Worker::cancel(const CancelOrder& order) {
  const auto* record = ledger_->find(order.token);
  if (record == nullptr) {
    refuse(order.run, order.token, 1, "unknown_token");
  } else if (record->stage == worker::Ledger::Stage::live) {
    stop_body(order.token, Stop::cancel);
  } else {
    tell(order.token);
  }
}

void Worker::acknowledge(Id token) {
  if (ledger_->acknowledge(token)) {
    return;
  }
  // Given up by the server: whatever comes of it counts no more.
  if (const auto body = bodies_.find(token); body != bodies_.end() && !body->second.reported) {
    body->second.forgotten = true;
    stop_body(token, Stop::cancel);
  }
}

// --- its bodies

void Worker::begin_body(const Assignment& order) {
  Random& random = world_.random;
  ledger_->open(order.run, order.token, order.attempt, nullptr);
  bodies_[order.token] = {.assignment = order, .ignores = random.chance(habits.ignores_cancel)};
  world_.history.add({.did = Did::body_began,
                      .who = process_->name,
                      .run = order.run,
                      .token = order.token,
                      .number = order.attempt,
                      .text = order.job});
  const bool hangs = random.chance(habits.hangs);
  const bool is_slow = random.chance(habits.slow);
  const bool fails = random.chance(habits.fails);
  const bool kills = random.chance(habits.crashes);
  const Micros takes = is_slow ? random.between(1'000'000, 8'000'000)
                               : random.between(100, random.chance(50) ? 5'000 : 600'000);
  if (hangs) {
    world_.count("body hangs");
  } else {
    world_.scheduler.after(takes, process_, [this, token = order.token, fails, kills] {
      if (kills) {
        world_.count("worker crash");
        crash("killed by a body", milliseconds(world_.random.between(10, 12'000)));
      } else {
        body_ends(token, fails ? ReportOutcome::failed : ReportOutcome::succeeded);
      }
    });
  }
  if (order.timeout.ms > 0) {
    world_.scheduler.after(order.timeout, process_,
                           [this, token = order.token] { stop_body(token, Stop::timeout); });
  }
}

void Worker::stop_body(Id token, Stop why) {
  const auto found = bodies_.find(token);
  if (found == bodies_.end() || found->second.stop != Stop::none) {
    return;
  }
  SimBody& body = found->second;
  body.stop = why;
  const Span takes =
      body.ignores ? kStopGrace + seconds(20) : milliseconds(world_.random.between(0, 200));
  world_.scheduler.after(takes, process_,
                         [this, token] { body_ends(token, ReportOutcome::cancelled); });
  if (body.ignores && why != Stop::lease) {
    world_.count("body ignores cancel");
    // It is abandoned: the server is told of its end while it still runs.
    world_.scheduler.after(kStopGrace, process_, [this, token, why] {
      const auto abandoned = bodies_.find(token);
      if (abandoned != bodies_.end() && !abandoned->second.reported) {
        report(token, {.outcome = why == Stop::timeout ? ReportOutcome::timed_out
                                                       : ReportOutcome::cancelled,
                       .error_kind = why == Stop::timeout ? "timeout" : ""});
      }
    });
  }
}

// `outcome`: of the body itself; what the server is told also depends on who asked it to stop.
void Worker::body_ends(Id token, ReportOutcome outcome) {
  const auto found = bodies_.find(token);
  if (found == bodies_.end()) {
    return;
  }
  const SimBody body = found->second;
  if (body.stop != Stop::none && outcome == ReportOutcome::failed) {
    outcome = ReportOutcome::cancelled;
  }
  world_.history.add({.did = Did::body_ended,
                      .who = process_->name,
                      .run = body.assignment.run,
                      .token = token,
                      .text = to_text(outcome)});
  if (!body.reported) {
    FinishedReport said{.outcome = outcome};
    if (outcome == ReportOutcome::succeeded) {
      said.result = fmt::format(R"({{"token":"{}"}})", to_string(token));
      if (world_.random.chance(habits.poison)) {
        said.result = fmt::format(R"({{"token":"{}","is":"{}"}})", to_string(token), kPoison);
      }
    } else if (outcome == ReportOutcome::failed) {
      said.error_kind = "handler";
      said.error = "drawn to fail";
    } else if (body.stop == Stop::timeout) {
      said.outcome = ReportOutcome::timed_out;
      said.error_kind = "timeout";
    } else if (body.stop == Stop::lease) {
      said.outcome = ReportOutcome::failed;
      said.error_kind = "lease_lost";
    }
    report(token, std::move(said));
  }
  bodies_.erase(token);
  leave_if_done();
}

void Worker::report(Id token, FinishedReport report) {
  bodies_.at(token).reported = true;
  worker::Ledger::Record* record = ledger_->find(token);
  ledger_->end(*record, std::move(report));
  if (bodies_.at(token).forgotten) {
    ledger_->acknowledge(token);
    return;
  }
  if (world_.random.chance(habits.late)) {
    world_.count("report late");
    world_.scheduler.after(milliseconds(world_.random.between(500, 15'000)), process_,
                           [this, token] { tell(token); });
    return;
  }
  tell(token);
  if (world_.random.chance(habits.twice)) {
    world_.count("report twice");
    world_.scheduler.after(milliseconds(world_.random.between(0, 500)), process_,
                           [this, token] { tell(token); });
  }
}

// Says what the ledger holds of a token, or that it was accepted.
void Worker::tell(Id token) {
  worker::Ledger::Record* record = ledger_->find(token);
  if (!is_up_link_ || record == nullptr) {
    return;  // the next welcome says it
  }
  runtime::FromWorker said;
  if (record->stage == worker::Ledger::Stage::live) {
    said.accepted.push_back(token);
  } else {
    said.finished.push_back(record->report);
    record->sent_ns = std::max<std::int64_t>(world_.scheduler.now() * 1000, 1);
  }
  link_->say(std::move(said));
}

}  // namespace jobflow::sim
