// The Station's half that runs bodies: start, stop, end.
#include "model/check.h"
#include "model/limits.h"
#include "worker/station.h"
#include "worker/utf8.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace jobflow::worker {
namespace {

constexpr std::size_t kSpareBodies = 4096;
constexpr std::size_t kKeptCapacity = 4096;

std::int64_t to_ns(MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

// True when a sender should be told.
bool write_line(
    LogSpool& logs, Body& body, LogLevel level, std::string_view text, std::string fields) {
  RunSpool* spool = body.spool.load(std::memory_order_acquire);
  if (spool == nullptr) {
    spool = logs.open(body.assignment.run, body.assignment.attempt);
    body.spool.store(spool, std::memory_order_release);
  }
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return logs.append(spool, {Instant{now.count()}, level, std::string(text), std::move(fields)});
}

std::string bounded(std::string message) {
  if (message.size() > limits::kErrorMessageBytes) {
    message.resize(cut_text(message, limits::kErrorMessageBytes - 16).size());
    message += " [cut]";
  }
  return clean_text(std::move(message));
}

}  // namespace

Body& Station::take_body() {
  std::unique_ptr<Body> body;
  if (spare_.empty()) {
    body = std::make_unique<Body>();
    body->station = this;
  } else {
    body = std::move(spare_.back());
    spare_.pop_back();
  }
  body->next = live_;
  if (live_ != nullptr) {
    live_->previous = body.get();
  }
  live_ = body.get();
  return *body.release();  // recycle() takes it back
}

void Station::recycle(Body& body) {
  std::unique_ptr<Body> owned(&body);
  if (spare_.size() >= kSpareBodies) {
    return;
  }
  if (body.assignment.params.capacity() > kKeptCapacity) {
    body.assignment.params = std::string();
  }
  body.reset();
  spare_.push_back(std::move(owned));
}

// On a thread of the crew.
void Station::work(Body& body) {
  Body::Phase waits = Body::Phase::waits;
  if (!body.phase.compare_exchange_strong(waits, Body::Phase::runs)) {
    const std::lock_guard lock(mutex_);
    recycle(body);
    return;
  }
  if (body.assignment.timeout.ms > 0) {
    const std::int64_t deadline_ns =
        body.started_ns.load(std::memory_order_relaxed) + body.assignment.timeout.ms * 1'000'000;
    if (expect_by(deadline_ns)) {
      const std::lock_guard lock(mutex_);
      wake();
    }
  }
  Result result;
  FinishedReport report = run_body(body, result);
  finish(body, result, std::move(report));
}

FinishedReport Station::run_body(Body& body, Result& result) {
  FinishedReport report;
  Context context(body);
  try {
    result = body.handler->function(context);
  } catch (const std::exception& error) {
    result = failed(error.what()).error_kind("exception");
  } catch (...) {
    result =
        failed("the handler threw something that is no std::exception").error_kind("exception");
  }
  if (result.kind_ == Result::Kind::succeeded) {
    if (!result.result_.is_null()) {
      report.result = clean_text(result.result_.dump());
    }
    if (report.result.size() > limits::kResultBytes) {
      const std::size_t size = report.result.size();
      result = failed("the result has " + std::to_string(size) + " bytes, the limit is " +
                      std::to_string(limits::kResultBytes) +
                      ": store it elsewhere and return where it lies")
                   .error_kind("result_too_large")
                   .do_not_retry();
      report.result.clear();
    }
  }
  if (result.kind_ == Result::Kind::failed) {
    report.error_kind = result.error_kind_.empty()
                            ? "handler"
                            : clean_text(result.error_kind_.substr(0, limits::kNameBytes));
    report.error = bounded(std::move(result.error_));
    report.do_not_retry = result.do_not_retry_;
    report.retry_after = milliseconds(std::max<std::int64_t>(result.retry_after_ms_, 0));
  }
  report.usage = body.usage;
  return report;
}

// What the server is told, seen that the body was asked to stop. A body that succeeded all the
// same has done its work: saying otherwise would have it done twice.
void Station::settle(const Body& body, Result::Kind kind, FinishedReport& report) const {
  if (kind == Result::Kind::succeeded) {
    report.outcome = ReportOutcome::succeeded;
    return;
  }
  switch (body.reason) {
    case StopReason::none:
      report.outcome =
          kind == Result::Kind::failed ? ReportOutcome::failed : ReportOutcome::cancelled;
      return;
    case StopReason::cancel:
      report.outcome = ReportOutcome::cancelled;
      return;
    case StopReason::timeout:
      report.outcome = ReportOutcome::timed_out;
      report.error_kind = "timeout";
      report.error = "the execution timeout of " + std::to_string(body.assignment.timeout.ms) +
                     " ms has passed";
      return;
    case StopReason::lease:
      report.outcome = ReportOutcome::failed;
      report.error_kind = "lease_lost";
      report.error = "stopped by the worker: it could not reach any server for most of its lease";
      return;
    case StopReason::shutdown:
      report.outcome = ReportOutcome::failed;
      report.error_kind = "worker_stopped";
      report.error = "stopped by the worker: its process ends";
      return;
  }
}

void Station::finish(Body& body, const Result& result, FinishedReport report) {
  bool send = false;
  {
    const std::lock_guard lock(mutex_);
    if (RunSpool* spool = body.spool.load(std::memory_order_acquire)) {
      logs_->close(spool);  // under the mutex: abandon() writes into it, too
    }
    const MonotonicTime now = Clock::now();
    pace_.count(now);
    if (body.reported) {
      --abandoned_;
      heartbeat_due_ = true;  // it may take something new again
      wake();
    } else {
      settle(body, result.kind_, report);
      end(body, std::move(report));
    }
    recycle(body);
    if (stage_ != Stage::working) {
      wake();
      changed_.notify_all();
    }
    send = !gathers(now);
    if (!send && !gathering_) {
      gathering_ = true;  // the pulse sends what nobody else does
      wake();
    }
  }
  if (send) {
    link_->kick();
  }
}

// Live -> ended. The body stays with the thread that runs it.
void Station::end(Body& body, FinishedReport report) {
  Ledger::Record* record = ledger_->find(body.assignment.token);
  check(record != nullptr && record->body == &body, "a live body has its record");
  (body.previous != nullptr ? body.previous->next : live_) = body.next;
  if (body.next != nullptr) {
    body.next->previous = body.previous;
  }
  ledger_->end(*record, std::move(report));
  if (body.forgotten) {
    ledger_->acknowledge(body.assignment.token);
  } else {
    finished_.push_back({body.assignment.token, false});
  }
}

// The mutex is held.
void Station::stop_body(Body& body, StopReason reason) {
  if (body.reason == StopReason::none) {
    body.reason = reason;
    body.stopped_at = Clock::now();
  }
  Body::Phase waits = Body::Phase::waits;
  if (body.phase.compare_exchange_strong(waits, Body::Phase::dropped)) {
    FinishedReport report;
    report.outcome =
        reason == StopReason::cancel ? ReportOutcome::cancelled : ReportOutcome::refused;
    report.error_kind = "not_started";
    report.error = "it waited for a thread when the worker had to stop it";
    end(body, std::move(report));
    return;
  }
  body.ask_stop(reason == StopReason::lease ? std::min(tuning_.process_grace, lease_ / 10)
                                            : tuning_.process_grace);
  // After a lost lease the truth is told when the body ends: it may yet succeed.
  if (reason != StopReason::lease && expect_by(to_ns(body.stopped_at + tuning_.stop_grace))) {
    wake();
  }
}

void Station::stop_bodies(StopReason reason, bool detached_too) {
  for (Body* body = live_; body != nullptr;) {
    Body* next = body->next;  // stop_body may take it off the list
    if (body->reason == StopReason::none && (detached_too || !body->handler->options.detached)) {
      stop_body(*body, reason);
    }
    body = next;
  }
}

// It ignores its stop: the end is reported, its thread and slot stay taken until it returns.
void Station::abandon(Body& body) {
  // Here too: of a cancelled run the server tells who cancelled it, not what became of the body.
  write_line(*logs_, body, LogLevel::error,
             "the body ignores its stop and goes on: only its token protects what it writes to",
             {});
  FinishedReport report;
  settle(body, Result::Kind::cancelled, report);
  report.error += report.error.empty() ? "" : "; ";
  report.error += "the body ignores its stop and goes on";
  body.reported = true;
  ++abandoned_;
  heartbeat_due_ = true;
  say("run " + std::to_string(body.assignment.run.value) + " of '" + body.assignment.job +
      "' ignores its stop: " + std::to_string(abandoned_) + " of " +
      std::to_string(options_.slots) + " slots are taken by such");
  end(body, std::move(report));
}

// The pulse must look after the bodies at that time; true when it would sleep longer.
bool Station::expect_by(std::int64_t when_ns) {
  std::int64_t known = next_body_check_ns_.load();
  while (when_ns < known && !next_body_check_ns_.compare_exchange_weak(known, when_ns)) {
  }
  return when_ns < next_wake_ns_.load();
}

void Station::log(Body& body, LogLevel level, std::string_view text, std::string fields) {
  if (write_line(*logs_, body, level, text, std::move(fields))) {
    link_->kick();
  }
}

void Station::wait_log_room(Body& body, std::chrono::milliseconds at_most) {
  if (RunSpool* spool = body.spool.load(std::memory_order_acquire)) {
    logs_->wait_room(spool, at_most);
  }
}

}  // namespace jobflow::worker
