#include "link/worker_stream.h"

#include "link/call_status.h"
#include "link/wire.h"
#include "model/check.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <chrono>
#include <string>
#include <utility>

namespace jobflow::link {
namespace {

std::chrono::system_clock::time_point in(Span span) {
  return std::chrono::system_clock::now() + std::chrono::milliseconds(span.ms);
}

// A stream that ended gets this long to take the write that is under way.
constexpr Span kLastWrite = seconds(2);

bool parse(grpc::ByteBuffer& bytes, v1::WorkerMessage& message) {
  grpc::ProtoBufferReader reader(&bytes);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader) && reader.status().ok();
}

void serialize(const v1::ServerMessage& message, grpc::ByteBuffer& bytes) {
  bool own = false;
  const grpc::Status done =
      grpc::GenericSerialize<grpc::ProtoBufferWriter, v1::ServerMessage>(message, &bytes, &own);
  check(done.ok(), "a message of ours that cannot be serialised");
}

OutboxLimits outbox_limits(const WorkerServerSettings& settings) {
  OutboxLimits limits;
  limits.queued_items = settings.queued_items_max;
  limits.queued_bytes = settings.queued_bytes_max;
  return limits;
}

}  // namespace

Stream::Stream(const WorkerServerSettings& settings, runtime::WorkerDesk& desk)
    : settings_(settings), desk_(desk), outbox_(outbox_limits(settings)) {}

bool Stream::send(runtime::ToWorker message) {
  Lock lock(mutex_);
  if (phase_ == Phase::ended) {
    return false;
  }
  if (!outbox_.put(std::move(message))) {
    end(lock, to_status({ProblemCode::queue_full, "the worker does not read what it is sent"}));
    cut(lock);
    return false;
  }
  write_next(lock);
  return true;
}

void Stream::close(Problem reason) {
  Lock lock(mutex_);
  end(lock, to_status(reason));
}

void Stream::begin(Reactor* reactor, grpc::CallbackServerContext* context) {
  Lock lock(mutex_);
  reactor_ = reactor;
  context_ = context;
  register_alarm_.Set(in(settings_.register_within), [self = weak_from_this()](bool expired) {
    const auto stream = expired ? self.lock() : nullptr;
    if (stream) {
      stream->refuse({ProblemCode::invalid, "no Register came in time; send it first"});
    }
  });
  read_next(lock);
}

void Stream::on_read(bool ok) {
  Lock lock(mutex_);
  if (phase_ == Phase::ended) {
    return;
  }
  if (!ok) {  // the worker has said all, or is gone
    end(lock, grpc::Status::OK);
    return;
  }
  const Phase phase = phase_;
  lock.unlock();

  const std::size_t bytes = in_bytes_.Length();
  const bool understood = parse(in_bytes_, in_.get());
  in_bytes_.Clear();
  if (!understood) {
    refuse({ProblemCode::invalid, "these bytes are not a WorkerMessage of jobflow.v1"});
  } else if (phase == Phase::awaits_register) {
    register_worker();  // reading goes on when it is welcomed
  } else {
    hear();
    in_.used(bytes);
    lock.lock();
    read_next(lock);
  }
}

void Stream::on_written(bool ok) {
  Lock lock(mutex_);
  writing_ = false;
  if (!ok) {  // the worker is gone: what is still queued must not look as if it had been sent
    end(lock, grpc::Status::CANCELLED);
  }
  write_next(lock);
  settle(lock);
}

void Stream::on_cancel() {
  Lock lock(mutex_);
  end(lock, grpc::Status::CANCELLED);
}

void Stream::on_done() {
  Lock lock(mutex_);
  phase_ = Phase::ended;
  reactor_ = nullptr;
  context_ = nullptr;
  register_alarm_.Cancel();
  end_alarm_.Cancel();
  const bool known = incarnation_.is_set() && !refused_;
  std::vector<Assignment> unsent = outbox_.take_unsent();
  lock.unlock();
  if (known) {
    desk_.closed(incarnation_, this, std::move(unsent));
  }
}

void Stream::read_next(Lock& lock) {
  if (phase_ == Phase::ended) {
    return;
  }
  if (log_bytes_waiting_ > settings_.log_bytes_waiting_max) {
    read_parked_ = true;
    return;
  }
  ++pins_;
  lock.unlock();
  reactor_->StartRead(&in_bytes_);
  lock.lock();
  --pins_;
  settle(lock);
}

void Stream::write_next(Lock& lock) {
  if (phase_ != Phase::open || writing_ || outbox_.empty()) {
    return;
  }
  writing_ = true;
  ++pins_;
  outbox_.fill(out_.get());
  lock.unlock();
  out_bytes_.Clear();
  serialize(out_.get(), out_bytes_);
  out_.used(out_bytes_.Length());
  reactor_->StartWrite(&out_bytes_);
  lock.lock();
  --pins_;
  settle(lock);
}

// From here on nothing is written; the first reason stands.
void Stream::end(Lock& lock, grpc::Status status) {
  if (phase_ == Phase::ended) {
    return;
  }
  phase_ = Phase::ended;
  status_ = std::move(status);
  register_alarm_.Cancel();
  if (writing_) {
    end_alarm_.Set(in(kLastWrite), [self = weak_from_this()](bool expired) {
      const auto stream = expired ? self.lock() : nullptr;
      if (stream) {
        Lock late(stream->mutex_);
        stream->cut(late);
      }
    });
  }
  settle(lock);
}

// Ends the write under way: the worker does not take it.
void Stream::cut(Lock& lock) {
  if (finished_) {
    return;
  }
  ++pins_;
  lock.unlock();
  context_->TryCancel();
  lock.lock();
  --pins_;
  settle(lock);
}

// Finishes the call once it has ended and nobody is within gRPC on its behalf.
void Stream::settle(Lock& lock) {
  if (phase_ != Phase::ended || writing_ || pins_ != 0 || finished_) {
    return;
  }
  finished_ = true;
  Reactor* const reactor = reactor_;
  const grpc::Status status = status_;
  lock.unlock();
  reactor->Finish(status);  // the reactor may be gone when this returns
  lock.lock();
}

void Stream::refuse(Problem problem) {
  Lock lock(mutex_);
  end(lock, to_status(problem));
}

void Stream::register_worker() {
  v1::WorkerMessage& message = in_.get();
  if (!message.has_register_()) {
    refuse({ProblemCode::invalid, "the first message must be Register"});
    return;
  }
  const unsigned protocol = message.register_().protocol();
  if (protocol != kProtocol) {
    refuse({ProblemCode::incompatible,
            "this server speaks worker protocol " + std::to_string(kProtocol) +
                ", the worker speaks " + std::to_string(protocol) + "; " +
                (protocol > kProtocol ? "upgrade the server" : "upgrade the worker") +
                " so that both speak the same"});
    return;
  }
  if (message.has_heartbeat() || message.accepted_size() > 0 || message.finished_size() > 0 ||
      message.logs_size() > 0 || message.has_leaving()) {
    refuse({ProblemCode::invalid, "the first message must hold Register alone"});
    return;
  }
  Outcome<WorkerHello> hello = take_hello(*message.mutable_register_());
  in_ = {};  // registrations are large and come once
  if (!hello.ok()) {
    refuse(hello.problem());
    return;
  }
  // Nobody hears of them, so nothing is given out for them.
  std::erase_if(hello->handlers, [&](const WorkerHello::Handler& handler) {
    return settings_.forbidden.forbids(hello->name_space, handler.name);
  });
  {
    const Lock lock(mutex_);
    if (phase_ == Phase::ended) {
      return;
    }
    phase_ = Phase::awaits_welcome;
    incarnation_ = hello->incarnation;
    register_alarm_.Cancel();
  }
  desk_.connected(
      std::move(*hello), shared_from_this(),
      [self = shared_from_this()](const Outcome<Done>& answer) { self->welcomed(answer); });
}

void Stream::welcomed(const Outcome<Done>& answer) {
  Lock lock(mutex_);
  if (phase_ != Phase::awaits_welcome) {
    return;
  }
  if (!answer.ok()) {
    refused_ = true;
    end(lock, to_status(answer.problem()));
    return;
  }
  phase_ = Phase::open;
  v1::Welcome welcome;
  welcome.set_cluster(settings_.cluster);
  welcome.set_server_version(settings_.server_version);
  welcome.set_heartbeat_ms(static_cast<std::uint32_t>(settings_.heartbeat.ms));
  welcome.set_lease_ms(static_cast<std::uint32_t>(settings_.lease.ms));
  outbox_.welcome(std::move(welcome));
  write_next(lock);
  read_next(lock);
}

void Stream::hear() {
  v1::WorkerMessage& message = in_.get();
  if (message.has_register_()) {
    refuse({ProblemCode::invalid, "Register may only be the first message"});
    return;
  }
  if (message.logs_size() > 0 && !hear_logs()) {
    return;
  }
  const bool only_logs = message.logs_size() > 0 && !message.has_heartbeat() &&
                         message.accepted_size() == 0 && message.finished_size() == 0 &&
                         !message.has_leaving();
  if (only_logs) {
    return;
  }
  Outcome<runtime::FromWorker> said = take_reports(message);
  if (!said.ok()) {
    refuse(said.problem());
    return;
  }
  const bool heartbeat = said->heartbeat;
  desk_.heard(incarnation_, this, std::move(*said));
  if (heartbeat) {
    Lock lock(mutex_);
    outbox_.heard();
    write_next(lock);
  }
}

bool Stream::hear_logs() {
  const std::uint64_t dropped = dropped_lines(in_.get());
  Outcome<std::vector<LogChunk>> chunks = take_logs(in_.get());
  if (!chunks.ok()) {
    refuse(chunks.problem());
    return false;
  }
  std::vector<LogEnd> ends;
  std::size_t bytes = 0;
  for (const LogChunk& chunk : *chunks) {
    ends.push_back(
        {chunk.run, chunk.attempt, chunk.offset + static_cast<std::int64_t>(chunk.lines.size())});
    for (const LogLine& line : chunk.lines) {
      bytes += sizeof(LogLine) + line.text.size() + line.fields.size();
    }
  }
  {
    const Lock lock(mutex_);
    log_bytes_waiting_ += bytes;
  }
  if (dropped > 0) {
    desk_.lines_dropped(dropped);
  }
  desk_.log_lines(
      incarnation_, std::move(*chunks),
      [self = shared_from_this(), ends = std::move(ends), bytes](const Outcome<Done>& result) {
        self->logs_durable(ends, bytes, result.ok());
      });
  return true;
}

void Stream::logs_durable(const std::vector<LogEnd>& ends, std::size_t bytes, bool durable) {
  Lock lock(mutex_);
  log_bytes_waiting_ -= bytes;
  if (phase_ != Phase::open) {
    return;
  }
  // Not durable: no acknowledgement, the worker sends them again.
  for (std::size_t i = 0; durable && i < ends.size(); ++i) {
    if (!outbox_.log_ack(ends[i].run, ends[i].attempt, ends[i].next_offset)) {
      end(lock, to_status({ProblemCode::queue_full, "the worker does not read what it is sent"}));
      cut(lock);
      return;
    }
  }
  write_next(lock);
  if (read_parked_ && log_bytes_waiting_ <= settings_.log_bytes_waiting_max) {
    read_parked_ = false;
    read_next(lock);
  }
}

}  // namespace jobflow::link
