#include "api/server.h"

#include "api/problem_json.h"
#include "api/routes.h"
#include "api/server_inside.h"
#include "api/token_access.h"
#include "runtime/clock.h"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>

#include <charconv>
#include <ctime>

namespace jobflow::api {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kAcceptPause =
    std::chrono::milliseconds(100);  // after an error, such as too many files

Outcome<tcp::endpoint> read_endpoint(const std::string& listen) {
  const Problem wrong{
      ProblemCode::invalid,
      "cannot listen on '" + listen + "': write an address and a port, for example 127.0.0.1:7700"};
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos) {
    return wrong;
  }
  std::string host = listen.substr(0, colon);
  if (host == "localhost") {
    host = "127.0.0.1";
  } else if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  std::uint16_t port = 0;
  const char* end = listen.data() + listen.size();
  const auto parsed = std::from_chars(listen.data() + colon + 1, end, port);
  error_code failed;
  const auto address = asio::ip::make_address(host, failed);
  if (failed || parsed.ec != std::errc{} || parsed.ptr != end) {
    return wrong;
  }
  return tcp::endpoint(address, port);
}

}  // namespace

Server::Inside::Inside(ServerSettings settings_in,
                       runtime::CommandDoor& hall,
                       store::Store& store,
                       store::LogStore& logs,
                       runtime::Metrics& metrics,
                       runtime::Clock& clock,
                       std::shared_ptr<const runtime::Access> access_in)
    : settings(std::move(settings_in)),
      access(std::move(access_in)),
      doors(new Doors{.hall = hall,
                      .store = store,
                      .logs = logs,
                      .metrics = metrics,
                      .clock = clock,
                      .names = names_,
                      .version = JOBFLOW_VERSION,
                      .forbidden = settings.forbidden}),
      io(settings.threads),
      names_(store),
      request_prefix_(new_token_secret().substr(3, 8) + "-") {
  metrics
      .gauge("jobflow_build_info", "Always 1; the labels say which build this is",
             "{version=\"" + std::string(JOBFLOW_VERSION) + "\"}")
      .set(1);
}

Outcome<Done> Server::Inside::start() {
  auto table = Router::make(all_routes());
  if (!table) {
    return table.problem();
  }
  router = std::make_unique<Router>(std::move(table).value());
  request_metrics = std::make_unique<RequestMetrics>(doors->metrics);
  const auto endpoint = read_endpoint(settings.listen);
  if (!endpoint) {
    return endpoint.problem();
  }
  if (!endpoint->address().is_loopback()) {
    return Problem{ProblemCode::forbidden,
                   "refused to listen on " + settings.listen +
                       ": this version speaks plain HTTP and serves loopback only; listen on "
                       "127.0.0.1:" +
                       std::to_string(endpoint->port()) +
                       " and let others in through a TLS proxy or an SSH tunnel on this machine"};
  }
  if (auto bound = bind(*endpoint); !bound) {
    return bound;
  }
  accept();
  for (int i = 0; i < settings.threads; ++i) {
    threads_.emplace_back([this] { io.run(); });
  }
  return Done{};
}

Outcome<Done> Server::Inside::bind(const tcp::endpoint& endpoint) {
  error_code failed;
  acceptor_.open(endpoint.protocol(), failed);
  if (!failed) {
    acceptor_.set_option(tcp::acceptor::reuse_address(true), failed);
  }
  if (!failed) {
    acceptor_.bind(endpoint, failed);
  }
  if (!failed) {
    acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  }
  if (!failed) {
    port = acceptor_.local_endpoint(failed).port();
  }
  if (!failed) {
    return Done{};
  }
  error_code ignored;
  acceptor_.close(ignored);
  if (failed == asio::error::address_in_use) {
    return Problem{ProblemCode::unavailable,
                   "cannot listen on " + settings.listen +
                       ": another program has the port; is a server running already? Stop it, or "
                       "choose another port with --http-listen (port 0 takes a free one)"};
  }
  if (failed == asio::error::access_denied) {
    return Problem{ProblemCode::unavailable,
                   "cannot listen on " + settings.listen +
                       ": ports below 1024 need root; choose a higher one"};
  }
  return Problem{ProblemCode::unavailable,
                 "cannot listen on " + settings.listen + ": " + failed.message()};
}

void Server::Inside::accept() {
  const auto taken = [this](error_code failed, tcp::socket socket) {
    if (!acceptor_.is_open()) {
      return;
    }
    if (failed) {
      accept_again_.expires_after(kAcceptPause);
      accept_again_.async_wait([this](error_code cancelled) {
        if (!cancelled) {
          accept();
        }
      });
      return;
    }
    take(std::move(socket));
    accept();
  };
  if (settings.threads == 1) {
    acceptor_.async_accept(taken);
  } else {
    acceptor_.async_accept(asio::make_strand(io), taken);
  }
}

void Server::Inside::take(tcp::socket socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  std::size_t connections = 0;
  {
    const std::lock_guard lock(mutex_);
    connections = sessions_.size();
  }
  if (connections >= static_cast<std::size_t>(settings.limits.connections)) {
    // A fresh socket's buffer takes this much without waiting.
    socket.non_blocking(true, ignored);
    const Response full = problem_response(
        {ProblemCode::unavailable, "the server has as many connections as it may: try later"},
        next_request_id());
    socket.write_some(
        asio::buffer("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: " +
                     full.content_type + "\r\nContent-Length: " + std::to_string(full.body.size()) +
                     "\r\nConnection: close\r\n\r\n" + full.body),
        ignored);
    return;
  }
  begin_http_session(shared_from_this(), std::move(socket));
}

void Server::Inside::stop() {
  if (threads_.empty()) {
    return;
  }
  stopping = true;
  asio::post(io, [this] {
    error_code ignored;
    acceptor_.close(ignored);
    accept_again_.cancel();
  });
  for (const auto& session : open_sessions()) {
    session->close_soon();
  }
  {
    std::unique_lock lock(mutex_);
    emptied_.wait_for(lock, std::chrono::milliseconds(settings.limits.stop_time.ms),
                      [this] { return sessions_.empty(); });
  }
  ended = true;
  io.stop();
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
  drop_leftovers();
}

std::vector<std::shared_ptr<Session>> Server::Inside::open_sessions() {
  std::vector<std::shared_ptr<Session>> open;
  const std::lock_guard lock(mutex_);
  for (const auto& [session, weak] : sessions_) {
    if (auto alive = weak.lock()) {
      open.push_back(std::move(alive));
    }
  }
  return open;
}

// What the loop still holds holds this, which holds the loop: let go of it here.
void Server::Inside::drop_leftovers() {
  for (const auto& session : open_sessions()) {
    session->cut();
  }
  std::set<std::shared_ptr<asio::steady_timer>> timers;
  {
    const std::lock_guard lock(mutex_);
    timers.swap(timers_);
  }
  for (const auto& timer : timers) {
    timer->cancel();
  }
  timers.clear();
  io.restart();
  io.poll();
}

void Server::Inside::run_later(const asio::any_io_executor& executor,
                               Span wait,
                               std::function<void()> task) {
  if (stopping) {
    return;
  }
  auto timer = std::make_shared<asio::steady_timer>(executor, std::chrono::milliseconds(wait.ms));
  {
    const std::lock_guard lock(mutex_);
    timers_.insert(timer);
  }
  timer->async_wait([this, timer, task = std::move(task)](error_code cancelled) {
    {
      const std::lock_guard lock(mutex_);
      timers_.erase(timer);
    }
    if (!cancelled) {
      task();
    }
  });
}

bool Server::Inside::enter(Session* session, std::weak_ptr<Session> weak) {
  const std::lock_guard lock(mutex_);
  sessions_.emplace(session, std::move(weak));
  return !stopping;
}

void Server::Inside::leave(Session* session) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(session);
  if (sessions_.empty()) {
    emptied_.notify_all();
  }
}

std::string Server::Inside::next_request_id() {
  return request_prefix_ + std::to_string(requests_.fetch_add(1, std::memory_order_relaxed) + 1);
}

const std::string& Server::Inside::date() {
  thread_local std::time_t second = 0;
  thread_local std::string text;
  const auto now = static_cast<std::time_t>(doors->clock.now().ms / 1000);
  if (now != second || text.empty()) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char buffer[40];
    const std::size_t size =
        std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    text.assign(buffer, size);
    second = now;
  }
  return text;
}

Server::Server(ServerSettings settings,
               runtime::CommandDoor& hall,
               store::Store& store,
               store::LogStore& logs,
               runtime::Metrics& metrics,
               runtime::Clock& clock,
               std::shared_ptr<const runtime::Access> access)
    : inside_(std::make_shared<Inside>(
          std::move(settings), hall, store, logs, metrics, clock, std::move(access))) {}

// A stop that cannot be finished ends the process: its threads must not outlive it (I7).
Server::~Server() {  // NOLINT(bugprone-exception-escape)
  stop();
}

Outcome<Done> Server::start() {
  return inside_->start();
}

int Server::port() const {
  return inside_->port;
}

void Server::stop() {
  inside_->stop();
}

}  // namespace jobflow::api
