// One outbound stream to a member. The Station opens it again whenever it ended; at most one is
// open. Thread-safe; never blocks except in close().
//
// A message is written whenever the one before is on its way, and carries whatever has gathered
// meanwhile: the busier the worker, the larger its messages. Nothing but the registration is
// written before the server's Welcome.
#pragma once

#include "jobflow/v1/worker.pb.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

namespace jobflow::worker {

// How a stream ended.
struct LinkEnd {
  enum class Kind : unsigned char {
    lost,             // connect again
    refused,          // credentials, protocol version or registration: trying again is no use
    name_taken,       // a live worker has this name
    another_service,  // whoever answers there is no jobflow server
  };
  Kind kind = Kind::lost;
  bool welcomed = false;  // it ended after the Welcome
  std::string reason;
};

// What the Link asks of its owner. Called on threads of the transport, one call at a time except
// next_message(), which may come beside the others.
class LinkOwner {
 public:
  enum class Next : unsigned char { nothing, message, last_message };
  virtual ~LinkOwner() = default;
  virtual void write_registration(v1::Register& registration) = 0;
  // Fills the (empty) message with what waits to be sent.
  virtual Next next_message(v1::WorkerMessage& message) = 0;
  virtual void link_up(const v1::Welcome& welcome) = 0;
  // The message may be plundered.
  virtual void link_message(v1::ServerMessage& message) = 0;
  virtual void link_down(LinkEnd end) = 0;
};

class Link {
 public:
  Link(LinkOwner& owner, std::string server);
  ~Link();

  // Opens a stream. The one before must have ended.
  void open(const std::string& bearer_token);
  // Something waits to be sent.
  void kick();
  // Ends the stream, if there is one; link_down follows.
  void drop();
  // Drops it and waits until nothing of it is left (I7).
  void close();

 private:
  class Stream;
  void stream_over(LinkEnd end);

  LinkOwner& owner_;
  const std::string server_;
  std::mutex mutex_;
  std::condition_variable over_;
  std::shared_ptr<Stream> stream_;
  // The one that ended last. Its channel must not die on the transport's own threads, which it may
  // be the last to need: it goes with the next open() or close().
  std::shared_ptr<Stream> last_;
};

}  // namespace jobflow::worker
