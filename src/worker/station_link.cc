// The Station's half that speaks with the server (proto/jobflow/v1/worker.proto).
#include "model/limits.h"
#include "worker/station.h"
#include "worker/utf8.h"

#include <algorithm>
#include <utility>

namespace jobflow::worker {
namespace {

constexpr std::uint32_t kProtocol = 1;
constexpr int kItemsMax = 10'000;  // accepted or finished in one message
constexpr std::size_t kLogShare = 64 * 1024;
constexpr std::size_t kEndsAtOnce = 128;
constexpr std::chrono::microseconds kGather{300};

v1::Outcome to_proto(ReportOutcome outcome) {
  switch (outcome) {
    case ReportOutcome::succeeded:
      return v1::OUTCOME_SUCCEEDED;
    case ReportOutcome::failed:
      return v1::OUTCOME_FAILED;
    case ReportOutcome::cancelled:
      return v1::OUTCOME_CANCELLED;
    case ReportOutcome::timed_out:
      return v1::OUTCOME_TIMED_OUT;
    case ReportOutcome::refused:
      return v1::OUTCOME_REFUSED;
  }
  return v1::OUTCOME_UNSPECIFIED;
}

void write_report(const FinishedReport& report, v1::Finished& out) {
  out.set_run(report.run.value);
  out.set_token(report.token.value);
  out.set_outcome(to_proto(report.outcome));
  if (!report.result.empty()) {
    out.set_result_json(report.result);
  }
  if (!report.error.empty() || !report.error_kind.empty()) {
    out.set_error_kind(report.error_kind);
    out.set_error(report.error);
  }
  out.set_do_not_retry(report.do_not_retry);
  out.set_retry_after_ms(report.retry_after.ms);
  if (report.usage) {
    v1::ProcessUsage& usage = *out.mutable_usage();
    usage.set_cpu_user_ms(report.usage->cpu_user.ms);
    usage.set_cpu_system_ms(report.usage->cpu_system.ms);
    usage.set_peak_memory_bytes(report.usage->peak_memory_bytes);
    usage.set_exit_code(report.usage->exit_code);
    usage.set_exit_signal(report.usage->exit_signal);
  }
}

std::size_t bytes_of(const FinishedReport& report) {
  return report.result.size() + report.error.size() + report.error_kind.size() + 32;
}

}  // namespace

void Station::write_registration(v1::Register& out) {
  out.set_protocol(kProtocol);
  out.set_name(options_.name);
  out.set_incarnation(incarnation_.value);
  out.set_connection(++connections_);
  out.set_namespace_(options_.name_space);
  for (const std::string& tag : options_.tags) {
    out.add_tags(tag);
  }
  for (const auto& [key, value] : options_.labels) {
    (*out.mutable_labels())[key] = value;
  }
  out.set_slots(static_cast<std::uint32_t>(options_.slots));
  out.set_version(options_.version);
  for (const auto& [name, handler] : handlers_) {
    v1::Handler& offered = *out.add_handlers();
    offered.set_name(name);
    offered.set_version(handler->options.version);
    offered.set_description(handler->options.description);
    offered.set_input_schema(handler->options.input_schema);
    offered.set_output_schema(handler->options.output_schema);
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [run, token] : ledger_->holding()) {
    v1::Holding& held = *out.add_holding();
    held.set_run(run.value);
    held.set_token(token.value);
  }
}

void Station::write_heartbeat(v1::Heartbeat& out) {
  heartbeat_due_ = false;
  beats_.push_back(Clock::now());
  const auto busy = static_cast<double>(ledger_->live() + abandoned_);
  out.set_load(std::min(1.0, busy / static_cast<double>(options_.slots)));
  // Jammed by bodies that ignore their stop it takes nothing either, and the server, which was told
  // of their ends, must not think that it does.
  const bool is_jammed = abandoned_ > 0 && busy >= static_cast<double>(options_.slots);
  out.set_draining(stage_ != Stage::working || is_jammed);
  for (Body* body = live_; body != nullptr; body = body->next) {
    const double fraction = body->progress.load(std::memory_order_relaxed);
    if (fraction != body->progress_sent) {
      body->progress_sent = fraction;
      v1::Progress& progress = *out.add_progress();
      progress.set_run(body->assignment.run.value);
      progress.set_token(body->assignment.token.value);
      progress.set_fraction(fraction);
    }
  }
}

// Each end goes after all lines of its attempt.
void Station::write_ends(v1::WorkerMessage& message, std::size_t& bytes) {
  while (!finished_.empty() && bytes > 0 && message.finished_size() < kItemsMax) {
    const Due due = finished_.front();
    Ledger::Record* record = ledger_->find(due.token);
    const bool wanted =
        record != nullptr && (record->stage == Ledger::Stage::ended ||
                              (record->stage == Ledger::Stage::acknowledged && due.again));
    if (wanted) {
      const FinishedReport& report = record->report;
      if (!logs_->take_of(report.run, static_cast<int>(record->attempt), message, bytes)) {
        return;
      }
      write_report(report, *message.add_finished());
      bytes -= std::min(bytes, bytes_of(report));
      record->sent_ns =
          std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
              .count();
    }
    finished_.pop_front();
  }
}

// In a flood, ends wait a moment for more of them: a message costs far more than an end in it.
bool Station::gathers(MonotonicTime now) const {
  return !finished_.empty() && finished_.size() < kEndsAtOnce && now < last_message_at_ + kGather &&
         pace_.is_flood(now);
}

LinkOwner::Next Station::next_message(v1::WorkerMessage& message) {
  const std::lock_guard lock(mutex_);
  if (link_stage_ != LinkStage::up || left_) {
    return Next::nothing;
  }
  const MonotonicTime now = Clock::now();
  if (!heartbeat_due_ && !leave_due_ && gathers(now)) {
    return Next::nothing;
  }
  bool any = heartbeat_due_;
  if (heartbeat_due_) {
    write_heartbeat(*message.mutable_heartbeat());
  }
  std::size_t bytes = tuning_.message_bytes;
  write_ends(message, bytes);
  std::size_t taken = 0;
  for (; taken < accepted_.size() && message.accepted_size() < kItemsMax; ++taken) {
    const Ledger::Record* record = ledger_->find(accepted_[taken]);
    if (record != nullptr && record->stage == Ledger::Stage::live) {
      v1::Accepted& accepted = *message.add_accepted();
      accepted.set_run(record->report.run.value);
      accepted.set_token(record->report.token.value);
    }
  }
  accepted_.erase(accepted_.begin(), accepted_.begin() + static_cast<std::ptrdiff_t>(taken));
  logs_->take(message, std::max(bytes, kLogShare));
  any =
      any || message.finished_size() > 0 || message.accepted_size() > 0 || message.logs_size() > 0;
  if (leave_due_ && finished_.empty() && ledger_->unacknowledged() == 0) {
    message.mutable_leaving();
    left_ = true;
    return Next::last_message;
  }
  if (any) {
    last_message_at_ = now;
  }
  return any ? Next::message : Next::nothing;
}

void Station::link_up(const v1::Welcome& welcome) {
  const std::lock_guard lock(mutex_);
  link_stage_ = LinkStage::up;
  registered_once_ = true;
  refused_since_.reset();
  if (welcome.heartbeat_ms() > 0) {
    heartbeat_ = std::chrono::milliseconds(std::max(welcome.heartbeat_ms(), 10U));
  }
  if (welcome.lease_ms() > 0) {
    lease_ = std::chrono::milliseconds(std::max(welcome.lease_ms(), 50U));
  }
  up_at_ = Clock::now();
  contact_ = opened_at_;
  lease_stopped_ = false;
  dropped_ = false;
  beats_.clear();
  heartbeat_due_ = true;
  next_heartbeat_ = up_at_ + heartbeat_;
  accepted_.clear();  // the registration stated what is held
  finished_.clear();
  for (const Ledger::Record* end = ledger_->first_ended(); end != nullptr; end = end->next) {
    finished_.push_back({end->report.token, false});
  }
  logs_->rewind();
  say("connected to " + options_.server + " as '" + options_.name + "'" +
      (welcome.cluster().empty() ? "" : ", cluster " + welcome.cluster()) +
      (welcome.server_version().empty() ? "" : ", server " + welcome.server_version()));
  trouble_.clear();
  wake();
}

void Station::link_message(v1::ServerMessage& message) {
  std::vector<Body*> started;
  bool answer = false;
  {
    const std::lock_guard lock(mutex_);
    for (const v1::Epoch& epoch : message.epochs()) {
      if (epoch.shard() < static_cast<std::uint32_t>(kShardsMax)) {
        ledger_->raise_epoch(static_cast<ShardNumber>(epoch.shard()), epoch.epoch());
      }
    }
    const std::size_t accepted = accepted_.size();
    const std::size_t finished = finished_.size();
    for (v1::Assign& order : *message.mutable_assign()) {
      assign(order, started);
    }
    for (const v1::Ack& ack : message.acks()) {
      acknowledge(Id{ack.token()});
    }
    for (const v1::Cancel& order : message.cancel()) {
      cancel(order);
    }
    // An end leaves at once; that a body starts may wait for the tick, unless it was asked again.
    answer = finished_.size() > finished || accepted_.size() - accepted > started.size();
    if (message.has_heard() && !beats_.empty()) {
      contact_ = std::max(contact_, beats_.front());
      lease_stopped_ = false;
      beats_.pop_front();
    }
    if (message.has_drain() && stage_ == Stage::working) {
      say("the server asks to drain");
      stage_ = Stage::draining;
      drain_since_ = Clock::now();
      heartbeat_due_ = true;
      answer = true;
      wake();
    }
    if (stage_ != Stage::working && ledger_->live() + ledger_->unacknowledged() == 0) {
      wake();
    }
  }
  for (const v1::LogAck& ack : message.log_acks()) {
    logs_->acknowledge(Id{ack.run()}, static_cast<int>(ack.attempt()), ack.next_offset());
  }
  if (!started.empty()) {
    crew_->submit(started);
    const std::lock_guard lock(mutex_);
    assigned_lately_ = true;
    if (!ticking_ || crew_->wants_tending()) {
      wake();
    }
  }
  if (answer) {
    link_->kick();
  }
}

void Station::assign(v1::Assign& order, std::vector<Body*>& started) {
  const Id run{order.run()};
  const Id token{order.token()};
  if (run.value <= 0 || token.value <= 0) {
    return;  // no order of this protocol; an answer could not be told apart
  }
  if (const Ledger::Record* known = ledger_->find(token)) {
    answer_again(*known);
    return;
  }
  const auto handler = handlers_.find(order.handler());
  const Handler* offered = handler == handlers_.end() ? nullptr : handler->second.get();
  std::string why;
  const std::string_view kind = refusal(order, offered, why);
  if (!kind.empty()) {
    refuse(run, token, static_cast<int>(order.attempt()), std::string(kind), std::move(why));
    return;
  }
  Body& body = take_body();
  Assignment& assignment = body.assignment;
  assignment.run = run;
  assignment.token = token;
  assignment.attempt = static_cast<int>(order.attempt());
  assignment.epoch = order.epoch();
  assignment.params.swap(*order.mutable_params_json());
  assignment.timeout = milliseconds(order.timeout_ms());
  assignment.job.swap(*order.mutable_job());
  assignment.idempotency_key.swap(*order.mutable_idempotency_key());
  body.handler = offered;
  ledger_->open(run, token, assignment.attempt, &body);
  accepted_.push_back(token);
  started.push_back(&body);
}

// Why it is not started here; empty when it is.
std::string_view Station::refusal(const v1::Assign& order,
                                  const Handler* handler,
                                  std::string& why) {
  if (ledger_->outdated(Id{order.run()}, order.epoch())) {
    why = "the shard has a newer epoch than " + std::to_string(order.epoch());
    return "old_epoch";
  }
  if (stage_ != Stage::working) {
    why = "the worker is draining";
    return "draining";
  }
  if (handler == nullptr) {
    why = "this worker has no handler '" + clean_text(order.handler()) + "'";
    return "unknown_handler";
  }
  if (ledger_->live() + abandoned_ >= static_cast<std::size_t>(options_.slots)) {
    why = "all " + std::to_string(options_.slots) + " slots are taken";
    return "no_slot";
  }
  return {};
}

void Station::refuse(Id run, Id token, int attempt, std::string kind, std::string why) {
  FinishedReport report;
  report.outcome = ReportOutcome::refused;
  report.error_kind = std::move(kind);
  report.error = std::move(why);
  ledger_->end(ledger_->open(run, token, attempt, nullptr), std::move(report));
  finished_.push_back({token, false});
}

void Station::answer_again(const Ledger::Record& record) {
  if (record.stage == Ledger::Stage::live) {
    accepted_.push_back(record.report.token);
  } else {
    finished_.push_back({record.report.token, true});
  }
}

void Station::cancel(const v1::Cancel& order) {
  if (order.run() <= 0 || order.token() <= 0) {
    return;
  }
  Ledger::Record* record = ledger_->find(Id{order.token()});
  if (record == nullptr) {
    // It never came here, and now never will.
    refuse(Id{order.run()}, Id{order.token()}, 1, "unknown_token", "this worker never had it");
    return;
  }
  if (record->stage != Ledger::Stage::live) {
    answer_again(*record);
    return;
  }
  stop_body(*record->body, StopReason::cancel);
}

void Station::acknowledge(Id token) {
  if (ledger_->acknowledge(token)) {
    return;
  }
  // The server gave up an attempt that still runs here: it will never count.
  Ledger::Record* record = ledger_->find(token);
  if (record != nullptr && record->stage == Ledger::Stage::live) {
    record->body->forgotten = true;
    stop_body(*record->body, StopReason::cancel);
  }
}

void Station::link_down(LinkEnd end) {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = Clock::now();
  const bool lasted = link_stage_ == LinkStage::up && now - up_at_ > tuning_.backoff_last;
  link_stage_ = LinkStage::down;
  backoff_ = lasted || backoff_.count() == 0 ? tuning_.backoff_first
                                             : std::min(backoff_ * 2, tuning_.backoff_last);
  std::uniform_int_distribution<std::int64_t> jitter(backoff_.count() / 2, backoff_.count());
  retry_at_ = now + std::chrono::milliseconds(jitter(random_));
  if (left_ || stage_ == Stage::stopped) {
    wake();
    return;
  }
  if (!end.welcomed && end.kind != LinkEnd::Kind::lost) {
    const MonotonicTime since = refused_since_.value_or(now);
    refused_since_ = since;
    const bool patient = end.kind == LinkEnd::Kind::name_taken || registered_once_;
    if (!patient || now - since > lease_ + heartbeat_) {
      fail("the server at " + options_.server + " refuses this worker: " +
           (end.kind == LinkEnd::Kind::another_service
                ? "no jobflow server answers there (" + end.reason + ")"
                : end.reason));
      return;
    }
  }
  const std::string trouble =
      (end.welcomed ? "lost the server at " : "cannot reach the server at ") + options_.server +
      ": " + end.reason;
  if (trouble != trouble_) {
    say(trouble + "; trying again");
    trouble_ = trouble;
  }
  wake();
}

}  // namespace jobflow::worker
