// The HTTP door: JSON over HTTP/1.1, live events over SSE and WebSocket, on threads of its own.
//
// start() binds and returns; a Problem says what to do. stop() takes nothing new, lets requests
// under way end within a bound, closes streams, joins its threads; late answers of the hall are
// dropped. Made and stopped by one thread; the doors it is given must outlive stop().
#pragma once

#include "model/handler_rules.h"
#include "model/limits.h"
#include "model/outcome.h"
#include "model/time.h"
#include "runtime/access.h"

#include <memory>
#include <string>

namespace jobflow::store {
class Store;
class LogStore;
}  // namespace jobflow::store
namespace jobflow::runtime {
class Clock;
class CommandDoor;
class Metrics;
}  // namespace jobflow::runtime

namespace jobflow::api {

struct ServerLimits {
  int connections = 1024;
  int streams = 256;  // SSE and WebSocket, among the connections
  std::size_t header_bytes = 16 * 1024;
  int headers = 100;
  Span head_time = seconds(10);        // to send a request's head, and before the first request
  Span idle_time = seconds(75);        // between requests
  Span body_time = seconds(30);        // to send a body
  Span write_time = seconds(30);       // to take an answer, or the next piece of a stream
  Span answer_time = seconds(5);       // for the hall's answer while it is not ready (S12.4)
  Span answer_time_max = seconds(60);  // and in any case
  Span heartbeat = seconds(15);        // of streams
  Span stop_time = seconds(5);         // for requests under way at stop()
};

struct ServerSettings {
  std::string listen = "127.0.0.1:7700";  // an address and a port; port 0 takes a free one
  int threads = 1;
  ServerLimits limits = {};
  HandlerRules forbidden = {};  // handlers that definitions may not name (S7.6)
};

class Server {
 public:
  Server(ServerSettings settings,
         runtime::CommandDoor& hall,
         store::Store& store,
         store::LogStore& logs,
         runtime::Metrics& metrics,
         runtime::Clock& clock,
         std::shared_ptr<const runtime::Access> access);
  ~Server();  // stops
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Outcome<Done> start();
  int port() const;  // the bound one; 0 before start()
  void stop();

  class Inside;

 private:
  std::shared_ptr<Inside> inside_;
};

}  // namespace jobflow::api
