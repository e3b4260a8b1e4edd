// One server, put together: folder, store, hall, the workers' door, the people's door. Started in
// that order and stopped in the reverse one. Owned by a program; start, stop and destruction are
// one thread's. A part that cannot start stops those before it and says why.
#pragma once

#include "app/settings.h"
#include "model/outcome.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace jobflow::app {

// A line for the server's log, on any thread.
using LogLine = std::function<void(std::string_view level, std::string_view text)>;

class RunningServer {
 public:
  // `on_fenced` is called (any thread) when another process took the store: this one must end.
  static Outcome<std::unique_ptr<RunningServer>> start(const Settings& settings,
                                                       LogLine log,
                                                       std::function<void(std::string)> on_fenced);
  ~RunningServer();
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  const std::string& http() const { return http_; }  // http://127.0.0.1:7700
  const std::string& grpc() const { return grpc_; }  // 127.0.0.1:7701
  std::string data() const;
  std::string admin_token_path() const;
  std::string worker_token_path() const;
  bool first_start() const;  // the admin token was made just now

  void stop();

 private:
  class Parts;
  explicit RunningServer(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
  std::string http_, grpc_;
};

}  // namespace jobflow::app
