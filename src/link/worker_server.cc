#include "link/worker_server.h"

#include "link/call_status.h"
#include "link/worker_stream.h"

#include <grpc/support/log.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <jobflow/v1/worker.grpc.pb.h>

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

namespace jobflow::link {
namespace {

using Service = v1::WorkerService::WithRawCallbackMethod_Connect<v1::WorkerService::Service>;

// "host:port", "[::1]:port"; the port alone decides nothing.
Outcome<Done> check_address(const std::string& listen) {
  const auto wrong = [&](std::string_view why) {
    return Problem{ProblemCode::invalid, "cannot listen for workers on '" + listen +
                                             "': " + std::string(why) + ", like 127.0.0.1:7701"};
  };
  const std::size_t colon = listen.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return wrong("an address and a port are needed");
  }
  const std::string_view host = std::string_view(listen).substr(0, colon);
  const std::string_view port = std::string_view(listen).substr(colon + 1);
  int number = -1;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number < 0 || number > 65535) {
    return wrong("the port must be a number from 0 to 65535");
  }
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  if (host != "localhost" && host != "[::1]" && !(numeric && host.starts_with("127."))) {
    return wrong("without TLS only a loopback address is allowed");
  }
  return Done{};
}

// gRPC says why it cannot listen in its log only; this keeps the last line of it.
class ListenLog {
 public:
  ListenLog() {
    last() = {};
    gpr_set_log_function([](gpr_log_func_args* line) { last() = line->message; });
  }
  ~ListenLog() { gpr_set_log_function(nullptr); }
  static bool says(std::string_view words) { return last().find(words) != std::string::npos; }

 private:
  static std::string& last() {
    static thread_local std::string line;
    return line;
  }
};

std::string_view bearer_of(const grpc::CallbackServerContext& context) {
  constexpr std::string_view kScheme = "Bearer ";
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) {
    return {};
  }
  const std::string_view value(found->second.data(), found->second.size());
  return value.starts_with(kScheme) ? value.substr(kScheme.size()) : std::string_view{};
}

}  // namespace

class WorkerServer::Inside final : public Service {
 public:
  Inside(WorkerServerSettings settings, runtime::WorkerDesk& desk, const runtime::Access& access)
      : settings_(std::move(settings)), desk_(desk), access_(access) {}

  Outcome<Done> start();
  void stop();
  int port() const { return port_; }

  Reactor* Connect(grpc::CallbackServerContext* context) override;

 private:
  class Call;
  class Refusal;

  Outcome<Done> admit(const grpc::CallbackServerContext& context) const;
  // The last word of a call: nothing of this object is touched by it afterwards.
  void ended(std::int64_t call);

  const WorkerServerSettings settings_;
  runtime::WorkerDesk& desk_;
  const runtime::Access& access_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;

  std::mutex mutex_;
  std::condition_variable none_left_;
  bool stopping_ = false;
  std::int64_t last_call_ = 0;
  std::map<std::int64_t, std::weak_ptr<Stream>> calls_;  // a refused one has no stream
};

// Forwards gRPC's reactions to the stream and deletes itself at the end, as gRPC wants it.
class WorkerServer::Inside::Call final : public Reactor {
 public:
  Call(Inside& server, std::int64_t number, std::shared_ptr<Stream> stream)
      : server_(server), number_(number), stream_(std::move(stream)) {}

  void OnReadDone(bool ok) override { stream_->on_read(ok); }
  void OnWriteDone(bool ok) override { stream_->on_written(ok); }
  void OnCancel() override { stream_->on_cancel(); }
  void OnDone() override {
    stream_->on_done();
    Inside& server = server_;
    const std::int64_t number = number_;
    delete this;
    server.ended(number);
  }

 private:
  Inside& server_;
  std::int64_t number_;
  std::shared_ptr<Stream> stream_;
};

// A call that ends before it began.
class WorkerServer::Inside::Refusal final : public Reactor {
 public:
  Refusal(Inside& server, std::int64_t number, const Problem& why)
      : server_(server), number_(number) {
    Finish(to_status(why));
  }
  void OnDone() override {
    Inside& server = server_;
    const std::int64_t number = number_;
    delete this;
    server.ended(number);
  }

 private:
  Inside& server_;
  std::int64_t number_;
};

Outcome<Done> WorkerServer::Inside::start() {
  if (auto address = check_address(settings_.listen); !address.ok()) {
    return address;
  }
  grpc::ServerBuilder builder;
  // Two servers must not share a port by accident.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer whose machine died is noticed within 15 s even if nothing is sent; the lease goes first.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 100);
  builder.SetMaxReceiveMessageSize(static_cast<int>(settings_.message_bytes_max));
  builder.SetMaxSendMessageSize(static_cast<int>(settings_.message_bytes_max));
  builder.AddListeningPort(settings_.listen, grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  const ListenLog log;
  server_ = builder.BuildAndStart();
  if (server_ && port_ != 0) {
    return Done{};
  }
  server_.reset();
  const std::string taken =
      "another program listens there already; stop it, or choose another port";
  const std::string denied = "this port is not allowed for this user; choose one above 1023";
  const std::string gone = "this machine has no such address";
  return Problem{ProblemCode::unavailable, "cannot listen for workers on '" + settings_.listen +
                                               "': " +
                                               (ListenLog::says("ermission denied") ? denied
                                                : ListenLog::says("annot assign")   ? gone
                                                                                    : taken)};
}

void WorkerServer::Inside::stop() {
  if (!server_) {
    return;
  }
  std::vector<std::shared_ptr<Stream>> streams;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& [number, stream] : calls_) {
      if (auto live = stream.lock()) {
        streams.push_back(std::move(live));
      }
    }
  }
  for (const auto& stream : streams) {
    stream->close({ProblemCode::unavailable, "this server is stopping; connect again"});
  }
  server_->Shutdown(std::chrono::system_clock::now() +
                    std::chrono::milliseconds(settings_.stop_within.ms));
  {
    std::unique_lock lock(mutex_);
    none_left_.wait(lock, [this] { return calls_.empty(); });
  }
  server_.reset();
}

Outcome<Done> WorkerServer::Inside::admit(const grpc::CallbackServerContext& context) const {
  const std::string_view bearer = bearer_of(context);
  if (bearer.empty()) {
    return Problem{ProblemCode::unauthenticated,
                   "a token is needed: metadata 'authorization: Bearer <token>'; the server's data "
                   "folder holds one in worker.token"};
  }
  const Outcome<runtime::Principal> principal = access_.authenticate(bearer);
  if (!principal.ok()) {
    return principal.problem();
  }
  if (principal->role != "worker" && principal->role != "admin") {
    return Problem{ProblemCode::forbidden,
                   "a worker needs a token of role worker, this one has '" + principal->role + "'"};
  }
  return Done{};
}

Reactor* WorkerServer::Inside::Connect(grpc::CallbackServerContext* context) {
  Outcome<Done> admitted = admit(*context);
  std::shared_ptr<Stream> stream;
  std::int64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      admitted = Problem{ProblemCode::unavailable, "this server is stopping; connect again"};
    } else if (calls_.size() >= static_cast<std::size_t>(settings_.streams_max)) {
      admitted = Problem{ProblemCode::queue_full, "this server has as many workers as it may have"};
    }
    if (admitted.ok()) {
      stream = std::make_shared<Stream>(settings_, desk_);
    }
    number = ++last_call_;
    calls_.emplace(number, stream);
  }
  if (!stream) {
    return new Refusal(*this, number, admitted.problem());
  }
  auto* call = new Call(*this, number, stream);
  stream->begin(call, context);
  return call;
}

void WorkerServer::Inside::ended(std::int64_t call) {
  const std::lock_guard lock(mutex_);
  calls_.erase(call);
  none_left_.notify_all();  // under the lock: stop() may destroy it right after
}

WorkerServer::WorkerServer(WorkerServerSettings settings,
                           runtime::WorkerDesk& desk,
                           const runtime::Access& access)
    : inside_(std::make_unique<Inside>(std::move(settings), desk, access)) {}

WorkerServer::~WorkerServer() {
  stop();
}

Outcome<Done> WorkerServer::start() {
  return inside_->start();
}

int WorkerServer::port() const {
  return inside_->port();
}

void WorkerServer::stop() {
  inside_->stop();
}

}  // namespace jobflow::link
