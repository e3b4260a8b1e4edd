// The server under measurement: a throw-away one of our own on loopback, or one that is there.
#pragma once

#include "client/http_transport.h"

#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

namespace jobflow::bench {

struct Target {
  std::string http;  // http://127.0.0.1:port
  std::string grpc;  // 127.0.0.1:port
  std::string admin_token;
  std::string worker_token;
  pid_t pid = 0;  // of a server on this machine, 0 = elsewhere

  // A connection of its own; throws std::runtime_error when the address is no good.
  std::unique_ptr<client::HttpTransport> connect() const;
};

// A string member of an answer's JSON object; throws std::runtime_error when there is none.
std::string text_member(const std::string& json, const std::string& name);

// A server on SQLite in a folder of its own, fsync on; ended and removed with this object.
class ThrowawayServer {
 public:
  // `program`: the jobflow binary. `prepare` is given its data folder before it starts. Throws
  // std::runtime_error when it does not become ready.
  explicit ThrowawayServer(const std::string& program,
                           const std::function<void(const std::string&)>& prepare = {});
  ~ThrowawayServer();
  ThrowawayServer(const ThrowawayServer&) = delete;
  ThrowawayServer& operator=(const ThrowawayServer&) = delete;

  const Target& target() const { return target_; }
  double ready_ms() const { return ready_ms_; }  // from fork to ready
  double resident_mib() const;
  double cpu_seconds() const;  // so far
  // Ends it and starts it again on the same data.
  void restart();

 private:
  void start();
  void stop();

  const std::string program_;
  std::string folder_;
  Target target_;
  double ready_ms_ = 0;
};

}  // namespace jobflow::bench
