// What a body sees and says: Context, Log and Result of the public header.
#include "worker/body.h"
#include "worker/station.h"

#include <jobflow/worker.h>

#include <algorithm>
#include <utility>

namespace jobflow {

worker::Body& body_of(Context& run) {
  return *run.body_;
}

Result succeeded(Json result) {
  Result ended;
  ended.kind_ = Result::Kind::succeeded;
  ended.result_ = std::move(result);
  return ended;
}

Result failed(std::string message) {
  Result ended;
  ended.kind_ = Result::Kind::failed;
  ended.error_ = std::move(message);
  return ended;
}

Result cancelled() {
  Result ended;
  ended.kind_ = Result::Kind::cancelled;
  return ended;
}

Result& Result::do_not_retry() & {
  do_not_retry_ = true;
  return *this;
}
Result&& Result::do_not_retry() && {
  return std::move(do_not_retry());
}

Result& Result::retry_after(std::int64_t delay_ms) & {
  retry_after_ms_ = delay_ms;
  return *this;
}
Result&& Result::retry_after(std::int64_t delay_ms) && {
  return std::move(retry_after(delay_ms));
}
Result& Result::retry_after(std::chrono::milliseconds delay) & {
  return retry_after(static_cast<std::int64_t>(delay.count()));
}
Result&& Result::retry_after(std::chrono::milliseconds delay) && {
  return std::move(retry_after(delay));
}

Result& Result::error_kind(std::string kind) & {
  error_kind_ = std::move(kind);
  return *this;
}
Result&& Result::error_kind(std::string kind) && {
  return std::move(error_kind(std::move(kind)));
}

void Log::write(int level, std::string_view text, const Json& fields) {
  std::string encoded;
  if (fields.is_object()) {
    encoded = fields.dump();
  } else if (!fields.is_null()) {
    Json wrapped = Json::object();
    wrapped["value"] = fields;
    encoded = wrapped.dump();
  }
  body_->station->log(*body_, static_cast<LogLevel>(level), text, std::move(encoded));
}

void Log::debug(std::string_view text, const Json& fields) {
  write(0, text, fields);
}
void Log::info(std::string_view text, const Json& fields) {
  write(1, text, fields);
}
void Log::warn(std::string_view text, const Json& fields) {
  write(2, text, fields);
}
void Log::error(std::string_view text, const Json& fields) {
  write(3, text, fields);
}

const Json& Context::params() {
  if (!body_->params) {
    body_->params =
        body_->assignment.params.empty() ? Json::object() : Json::parse(body_->assignment.params);
  }
  return *body_->params;
}

std::string_view Context::params_json() const {
  return body_->assignment.params;
}

void Context::progress(double fraction) {
  if (fraction == fraction) {  // not for NaN
    body_->progress.store(std::clamp(fraction, 0.0, 1.0), std::memory_order_relaxed);
  }
}

bool Context::cancelled() const {
  return body_->stop_asked.load(std::memory_order_acquire);
}

bool Context::wait_cancelled(std::chrono::milliseconds at_most) const {
  std::unique_lock lock(body_->mutex);
  return body_->stopped.wait_for(lock, at_most, [this] { return cancelled(); });
}

std::optional<std::chrono::steady_clock::time_point> Context::deadline() const {
  if (body_->assignment.timeout.ms <= 0) {
    return std::nullopt;
  }
  const std::chrono::nanoseconds started(body_->started_ns.load(std::memory_order_relaxed));
  return std::chrono::steady_clock::time_point(started) +
         std::chrono::milliseconds(body_->assignment.timeout.ms);
}

int Context::attempt() const {
  return body_->assignment.attempt;
}
std::int64_t Context::token() const {
  return body_->assignment.token.value;
}
std::int64_t Context::run_id() const {
  return body_->assignment.run.value;
}
const std::string& Context::idempotency_key() const {
  return body_->assignment.idempotency_key;
}
const std::string& Context::job() const {
  return body_->assignment.job;
}
const std::string& Context::handler() const {
  return body_->handler->name;
}

}  // namespace jobflow
