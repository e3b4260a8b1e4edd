// The server's end of the worker protocol: a gRPC server on one address, one stream a worker.
//
// It turns messages into calls of the WorkerDesk and what the desk sends into messages; it knows
// nothing of runs. start() and stop() are the owner's, once each, not from within a desk call; the
// desk and the access must outlive it. After stop() no call is under way and none comes.
#pragma once

#include "model/handler_rules.h"
#include "model/limits.h"
#include "model/outcome.h"
#include "runtime/access.h"
#include "runtime/worker_door.h"

#include <cstddef>
#include <memory>
#include <string>

namespace jobflow::link {

struct WorkerServerSettings {
  std::string listen = "127.0.0.1:7701";  // loopback only until TLS is set up; port 0 = any
  std::string cluster;                    // what Welcome says
  std::string server_version;
  Span heartbeat = limits::kWorkerHeartbeat;
  Span lease = limits::kWorkerLease;
  Span register_within = seconds(10);  // a stream that does not register is ended
  Span stop_within = seconds(2);       // afterwards streams are cut
  int streams_max = 10'000;
  HandlerRules forbidden = {};  // handlers that no worker of a namespace is known by (S7.6)
  std::size_t message_bytes_max = 16UL * 1024 * 1024;     // that a worker may send
  std::size_t queued_bytes_max = 64UL * 1024 * 1024;      // for a worker that does not read
  std::size_t queued_items_max = 250'000;                 // ... more than slots there may be
  std::size_t log_bytes_waiting_max = 4UL * 1024 * 1024;  // not yet durable: then reading pauses
};

class WorkerServer {
 public:
  WorkerServer(WorkerServerSettings settings,
               runtime::WorkerDesk& desk,
               const runtime::Access& access);
  ~WorkerServer();  // stops
  WorkerServer(const WorkerServer&) = delete;
  WorkerServer& operator=(const WorkerServer&) = delete;

  Outcome<Done> start();
  int port() const;  // the one it listens on
  // Tells every stream to connect again elsewhere, and ends within `stop_within` or soon after.
  void stop();

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace jobflow::link
