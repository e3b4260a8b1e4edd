// Between the hall and the workers' streams: link implements WorkerStream, the hall WorkerDesk.
#pragma once

#include "model/outcome.h"
#include "model/work.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::runtime {

// A shard's current epoch: the worker refuses lower ones from then on (S6.5).
struct ShardEpoch {
  ShardNumber shard = 0;
  std::int64_t epoch = 1;
};

// What the hall sends to a worker in one go. Epochs go before assignments.
struct ToWorker {
  std::vector<ShardEpoch> epochs;
  std::vector<Assignment> assignments;
  std::vector<CancelOrder> cancels;
  std::vector<Id> acks;  // tokens
  bool drain = false;
  bool empty() const {
    return epochs.empty() && assignments.empty() && cancels.empty() && acks.empty() && !drain;
  }
};

// What a worker said in one go. Logs take another path (WorkerDesk::log_lines).
struct FromWorker {
  std::vector<Id> accepted;  // tokens
  std::vector<FinishedReport> finished;
  std::vector<ProgressReport> progress;
  bool heartbeat = false;
  double load = 0;
  bool draining = false;
  bool leaving = false;  // holds nothing any more
};

// One worker's stream, server side. Thread-safe; never blocks.
class WorkerStream {
 public:
  virtual ~WorkerStream() = default;
  // Queues `message`. Answers false when the stream has ended: nothing of it was or will be sent.
  // What was queued but not yet written when the stream ends is reported by WorkerDesk::closed.
  virtual bool send(ToWorker message) = 0;
  // Ends the stream with a reason the worker shows.
  virtual void close(Problem reason) = 0;
};

// Where streams report to. Thread-safe; never blocks; calls for one stream come in order.
class WorkerDesk {
 public:
  virtual ~WorkerDesk() = default;
  // Answers through `welcomed` (any thread): Done = registered, a Problem = refused
  // (already_exists: a live worker has this name). Nothing may be sent to the worker before that.
  virtual void connected(WorkerHello hello,
                         std::shared_ptr<WorkerStream> stream,
                         std::function<void(Outcome<Done>)> welcomed) = 0;
  virtual void heard(Id incarnation, const WorkerStream* stream, FromWorker said) = 0;
  // `durable` is called (any thread) once the lines are safe: then the worker gets its LogAck.
  virtual void log_lines(Id incarnation,
                         std::vector<LogChunk> chunks,
                         std::function<void(Outcome<Done>)> durable) = 0;
  // Its log leaves out so many lines. Any thread.
  virtual void lines_dropped(std::uint64_t) {}
  // The stream is over. `unsent`: assignments that were never handed to the transport.
  virtual void closed(Id incarnation,
                      const WorkerStream* stream,
                      std::vector<Assignment> unsent) = 0;
};

}  // namespace jobflow::runtime
