// What the server's sessions share: the loop, the table, the doors and their own register. Includes
// Asio: for server.cc and the sessions only. Lives as long as its last session.
#pragma once

#include "api/name_book.h"
#include "api/request_metrics.h"
#include "api/router.h"
#include "api/server.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace jobflow::api {

// Something that holds a connection.
class Session {
 public:
  virtual ~Session() = default;
  virtual void close_soon() = 0;  // any thread: after what is under way
  virtual void cut() = 0;         // at once; when no thread runs the loop any more
};

class Server::Inside : public std::enable_shared_from_this<Server::Inside> {
 public:
  Inside(ServerSettings settings_in,
         runtime::CommandDoor& hall,
         store::Store& store,
         store::LogStore& logs,
         runtime::Metrics& metrics,
         runtime::Clock& clock,
         std::shared_ptr<const runtime::Access> access_in);

  Outcome<Done> start();
  void stop();

  // The register of sessions; stop() waits until it is empty.
  bool enter(Session* session, std::weak_ptr<Session> weak);  // false when stopping
  void leave(Session* session);

  // Runs `task` on `executor` after `wait`; drops it when the server stops before that.
  void run_later(const boost::asio::any_io_executor& executor,
                 Span wait,
                 std::function<void()> task);

  std::string next_request_id();
  const std::string& date();  // the Date header's value; on a session's thread

  const ServerSettings settings;
  const std::shared_ptr<const runtime::Access> access;
  const std::shared_ptr<const Doors> doors;
  std::unique_ptr<Router> router;
  std::unique_ptr<RequestMetrics> request_metrics;
  boost::asio::io_context io;
  std::atomic<bool> stopping{false};
  std::atomic<bool> ended{false};  // nothing runs any more: late answers are dropped
  std::atomic<int> streams{0};
  int port = 0;

 private:
  Outcome<Done> bind(const boost::asio::ip::tcp::endpoint& endpoint);
  void accept();
  void take(boost::asio::ip::tcp::socket socket);
  void drop_leftovers();
  std::vector<std::shared_ptr<Session>> open_sessions();

  // A request that waits for the hall's answer is no work of the loop's own: without this the loop
  // would end at stop with nobody left to write the answer.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open_for_answers_{
      io.get_executor()};
  boost::asio::ip::tcp::acceptor acceptor_{io};
  boost::asio::steady_timer accept_again_{io};
  std::vector<std::thread> threads_;
  NameBook names_;
  std::string request_prefix_;
  std::atomic<std::uint64_t> requests_{0};

  std::mutex mutex_;
  std::condition_variable emptied_;
  std::unordered_map<Session*, std::weak_ptr<Session>> sessions_;
  std::set<std::shared_ptr<boost::asio::steady_timer>> timers_;
};

// Makes a session of a fresh connection; http_session.cc.
void begin_http_session(const std::shared_ptr<Server::Inside>& inside,
                        boost::asio::ip::tcp::socket socket);

}  // namespace jobflow::api
