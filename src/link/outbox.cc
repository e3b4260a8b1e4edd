#include "link/outbox.h"

#include "link/wire.h"

#include <utility>

namespace jobflow::link {
namespace {

std::size_t size_of(const Assignment& assignment) {
  return 64 + assignment.handler.size() + assignment.params.size() + assignment.job.size() +
         assignment.idempotency_key.size();
}

}  // namespace

bool Outbox::room(std::size_t items, std::size_t bytes) const {
  const std::size_t queued =
      epochs_.size() + assignments_.size() + cancels_.size() + acks_.size() + log_acks_.size();
  return queued + items <= limits_.queued_items && bytes_ + bytes <= limits_.queued_bytes;
}

bool Outbox::put(runtime::ToWorker&& message) {
  std::size_t bytes = 0;
  for (const Assignment& assignment : message.assignments) {
    bytes += size_of(assignment);
  }
  const std::size_t items = message.epochs.size() + message.assignments.size() +
                            message.cancels.size() + message.acks.size();
  if (!room(items, bytes)) {
    return false;
  }
  bytes_ += bytes;
  for (const runtime::ShardEpoch& epoch : message.epochs) {
    epochs_.push(epoch);
  }
  assignments_in_ += message.assignments.size();
  for (Assignment& assignment : message.assignments) {
    assignments_.push(std::move(assignment));
  }
  for (const CancelOrder& order : message.cancels) {
    cancels_.push({order, assignments_in_});
  }
  for (const Id token : message.acks) {
    acks_.push(token);
  }
  drain_ = drain_ || message.drain;
  return true;
}

bool Outbox::log_ack(Id run, int attempt, std::int64_t next_offset) {
  if (!room(1, 0)) {
    return false;
  }
  log_acks_.push({run, attempt, next_offset});
  return true;
}

bool Outbox::empty() const {
  return !welcome_ && heard_ == 0 && !drain_ && epochs_.empty() && assignments_.empty() &&
         cancels_.empty() && acks_.empty() && log_acks_.empty();
}

void Outbox::fill(v1::ServerMessage& message) {
  message.Clear();
  if (welcome_) {
    *message.mutable_welcome() = std::move(*welcome_);
    welcome_.reset();
  }
  if (heard_ > 0) {  // each answers one heartbeat, so they are not merged
    message.mutable_heard();
    --heard_;
  }
  const std::size_t most = limits_.message_items;
  for (std::size_t i = 0; i < most && !epochs_.empty(); ++i, epochs_.pop()) {
    link::put(epochs_.front(), *message.add_epochs());
  }
  if (epochs_.empty()) {
    fill_assignments(message);
  }
  for (std::size_t i = 0;
       i < most && !cancels_.empty() && cancels_.front().after <= assignments_out_;
       ++i, cancels_.pop()) {
    link::put(cancels_.front().order, *message.add_cancel());
  }
  for (std::size_t i = 0; i < most && !acks_.empty(); ++i, acks_.pop()) {
    message.add_acks()->set_token(acks_.front().value);
  }
  for (std::size_t i = 0; i < most && !log_acks_.empty(); ++i, log_acks_.pop()) {
    v1::LogAck& ack = *message.add_log_acks();
    ack.set_run(log_acks_.front().run.value);
    ack.set_attempt(static_cast<std::uint32_t>(log_acks_.front().attempt));
    ack.set_next_offset(log_acks_.front().next_offset);
  }
  if (drain_ && assignments_.empty()) {
    message.mutable_drain();
    drain_ = false;
  }
}

void Outbox::fill_assignments(v1::ServerMessage& message) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < limits_.message_items && !assignments_.empty(); ++i) {
    const std::size_t size = size_of(assignments_.front());
    if (i > 0 && bytes + size > limits_.message_bytes) {
      return;
    }
    bytes += size;
    bytes_ -= size;
    link::put(std::move(assignments_.front()), *message.add_assign());
    assignments_.pop();
    ++assignments_out_;
  }
}

std::vector<Assignment> Outbox::take_unsent() {
  std::vector<Assignment> unsent;
  unsent.reserve(assignments_.size());
  for (; !assignments_.empty(); assignments_.pop()) {
    unsent.push_back(std::move(assignments_.front()));
  }
  bytes_ = 0;
  return unsent;
}

}  // namespace jobflow::link
