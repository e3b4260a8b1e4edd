// One worker's stream: the protocol's order, merged writes, bounded queues, one end.
//
// Shared by the desk, which may keep it after its end, and by the call's reactor, which forwards
// gRPC's reactions (on_...) to it. Its mutex guards everything and is never held around a call into
// gRPC or the desk. While such a call into gRPC is made, a pin keeps the call from being finished
// under it: gRPC frees reactor and context soon after Finish.
#pragma once

#include "link/outbox.h"
#include "link/worker_server.h"

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>
#include <jobflow/v1/worker.pb.h>

#include <memory>
#include <mutex>
#include <vector>

namespace jobflow::link {

using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

// A message object used again and again: its parts are allocated once. Given back when what passed
// through it could have left it large.
template <class T>
class Reused {
 public:
  T& get() { return message_; }
  void used(std::size_t bytes) {
    passed_ += bytes;
    if (passed_ > 8UL * 1024 * 1024) {
      message_ = T();
      passed_ = 0;
    }
  }

 private:
  T message_;
  std::size_t passed_ = 0;
};

class Stream final : public runtime::WorkerStream, public std::enable_shared_from_this<Stream> {
 public:
  // Both outlive the call, not necessarily the stream.
  Stream(const WorkerServerSettings& settings, runtime::WorkerDesk& desk);

  bool send(runtime::ToWorker message) override;
  void close(Problem reason) override;

  void begin(Reactor* reactor, grpc::CallbackServerContext* context);
  void on_read(bool ok);
  void on_written(bool ok);
  void on_cancel();
  void on_done();

 private:
  enum class Phase : unsigned char { awaits_register, awaits_welcome, open, ended };
  using Lock = std::unique_lock<std::mutex>;
  struct LogEnd {
    Id run;
    int attempt;
    std::int64_t next_offset;
  };

  // Taken with the mutex held; they let go of it around calls into gRPC.
  void read_next(Lock& lock);
  void write_next(Lock& lock);
  void end(Lock& lock, grpc::Status status);
  void cut(Lock& lock);
  void settle(Lock& lock);

  void refuse(Problem problem);
  void register_worker();
  void welcomed(const Outcome<Done>& answer);
  void hear();
  bool hear_logs();
  void logs_durable(const std::vector<LogEnd>& ends, std::size_t bytes, bool durable);

  const WorkerServerSettings& settings_;
  runtime::WorkerDesk& desk_;

  // The reader's own: one read at a time.
  grpc::ByteBuffer in_bytes_;
  Reused<v1::WorkerMessage> in_;
  // The writer's own: whoever set writing_.
  grpc::ByteBuffer out_bytes_;
  Reused<v1::ServerMessage> out_;

  std::mutex mutex_;
  Phase phase_ = Phase::awaits_register;
  Reactor* reactor_ = nullptr;  // both until on_done()
  grpc::CallbackServerContext* context_ = nullptr;
  int pins_ = 0;
  bool writing_ = false;
  bool finished_ = false;
  bool refused_ = false;      // the desk did not want it
  bool read_parked_ = false;  // until logs are durable
  std::size_t log_bytes_waiting_ = 0;
  Id incarnation_;
  grpc::Status status_;
  Outbox outbox_;
  grpc::Alarm register_alarm_;
  grpc::Alarm end_alarm_;
};

}  // namespace jobflow::link
