#include "rehearsal/scripted_server.h"

#include "jobflow/v1/worker.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace jobflow::rehearsal {
namespace {

grpc::Status to_status(Refusal why, const std::string& message) {
  switch (why) {
    case Refusal::unauthenticated:
      return {grpc::StatusCode::UNAUTHENTICATED, message};
    case Refusal::precondition:
      return {grpc::StatusCode::FAILED_PRECONDITION, message};
    case Refusal::already_exists:
      return {grpc::StatusCode::ALREADY_EXISTS, message};
    case Refusal::invalid:
      return {grpc::StatusCode::INVALID_ARGUMENT, message};
    case Refusal::unavailable:
      return {grpc::StatusCode::UNAVAILABLE, message};
  }
  return grpc::Status::OK;
}

// The stream's reactor, kept alive until the transport has let go of it.
class LiveSession final : public Session,
                          public grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage> {
 public:
  using OnMessage = decltype(Stage::on_message);

  LiveSession(std::string authorization, std::chrono::milliseconds patience, OnMessage on_message)
      : authorization_(std::move(authorization)),
        patience_(patience),
        on_message_(std::move(on_message)) {}

  void start(std::shared_ptr<LiveSession> self) {
    self_ = std::move(self);
    StartRead(&in_);
  }

  const v1::Register& registration() const override { return registration_; }
  std::string authorization() const override { return authorization_; }

  void welcome(std::uint32_t heartbeat_ms, std::uint32_t lease_ms) override {
    v1::ServerMessage message;
    message.mutable_welcome()->set_cluster("scripted");
    message.mutable_welcome()->set_server_version("0");
    message.mutable_welcome()->set_heartbeat_ms(heartbeat_ms);
    message.mutable_welcome()->set_lease_ms(lease_ms);
    send(message);
  }

  void send(const v1::ServerMessage& message) override {
    const std::lock_guard lock(mutex_);
    out_.push_back(message);
    write_next();
  }

  void refuse(Refusal why, const std::string& message) override {
    const std::lock_guard lock(mutex_);
    end(to_status(why, message));
  }

  void fall_silent() override {
    const std::lock_guard lock(mutex_);
    silent_ = true;
  }

  void until(const std::string& what, const std::function<bool(const Heard&)>& holds) override {
    std::unique_lock lock(mutex_);
    bool held = false;
    const bool over =
        changed_.wait_for(lock, patience_, [&] { return (held = holds(heard_)) || read_over_; });
    if (!held) {
      throw std::runtime_error(over ? "the worker's stream ended before " + what
                                    : "waited in vain for " + what);
    }
  }

  Heard heard() const override {
    const std::lock_guard lock(mutex_);
    return heard_;
  }

  void closed() override {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience_, [this] { return read_over_; })) {
      throw std::runtime_error("the worker keeps its stream");
    }
  }

  void OnReadDone(bool ok) override {
    std::shared_ptr<Session> self;
    v1::WorkerMessage message;
    {
      const std::lock_guard lock(mutex_);
      if (!ok) {
        read_over_ = true;
        changed_.notify_all();
        end(grpc::Status::OK);
        return;
      }
      if (in_.has_register_()) {
        registration_ = in_.register_();
      }
      if (in_.has_heartbeat() && !silent_) {
        out_.emplace_back().mutable_heard();
        write_next();
      }
      heard_.push_back(in_);
      changed_.notify_all();
      message.Swap(&in_);
      self = self_;
    }
    on_message_(self, message);
    StartRead(&in_);
  }

  void OnWriteDone(bool) override {
    const std::lock_guard lock(mutex_);
    out_.pop_front();
    writing_ = false;
    write_next();
  }

  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    end(grpc::Status::CANCELLED);
  }

  void OnDone() override { const std::shared_ptr<LiveSession> self = std::move(self_); }

 private:
  void write_next() {
    if (!writing_ && !ended_ && !out_.empty()) {
      writing_ = true;
      StartWrite(&out_.front());
    } else if (!writing_ && !ended_ && final_) {
      ended_ = true;
      Finish(*final_);
    }
  }
  void end(const grpc::Status& status) {
    if (!final_) {
      final_ = status;
      write_next();
    }
  }

  const std::string authorization_;
  const std::chrono::milliseconds patience_;
  const OnMessage on_message_;
  v1::Register registration_;
  v1::WorkerMessage in_;
  std::shared_ptr<LiveSession> self_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Heard heard_;
  std::deque<v1::ServerMessage> out_;  // the first is on its way while writing_
  std::optional<grpc::Status> final_;
  bool writing_ = false;
  bool ended_ = false;
  bool silent_ = false;
  bool read_over_ = false;
};

template <class T, class Items>
bool find_nth(const Session::Heard& heard, std::int64_t token, int nth, Items items, T& found) {
  for (const v1::WorkerMessage& message : heard) {
    for (const T& item : items(message)) {
      if (item.token() == token && --nth == 0) {
        found = item;
        return true;
      }
    }
  }
  return false;
}

std::vector<v1::LogLine> lines_of(const Session::Heard& heard, std::int64_t run) {
  std::map<std::int64_t, v1::LogLine> by_offset;
  for (const v1::WorkerMessage& message : heard) {
    for (const v1::LogChunk& chunk : message.logs()) {
      std::int64_t offset = chunk.offset();
      for (const v1::LogLine& line : chunk.lines()) {
        if (chunk.run() == run) {
          by_offset[offset] = line;
        }
        ++offset;
      }
    }
  }
  std::vector<v1::LogLine> lines;
  for (auto& [offset, line] : by_offset) {
    lines.push_back(std::move(line));
  }
  return lines;
}

const auto kFinishedOf = [](const v1::WorkerMessage& message) { return message.finished(); };
const auto kAcceptedOf = [](const v1::WorkerMessage& message) { return message.accepted(); };

}  // namespace

void Session::assign(const Order& order) {
  v1::ServerMessage message;
  v1::Assign& assign = *message.add_assign();
  assign.set_run(order.run);
  assign.set_token(order.token);
  assign.set_attempt(order.attempt);
  assign.set_epoch(order.epoch);
  assign.set_handler(order.handler);
  assign.set_params_json(order.params);
  assign.set_timeout_ms(order.timeout_ms);
  assign.set_job(order.job);
  assign.set_idempotency_key(order.idempotency_key);
  send(message);
}

void Session::cancel(std::int64_t run, std::int64_t token) {
  v1::ServerMessage message;
  message.add_cancel()->set_run(run);
  message.mutable_cancel(0)->set_token(token);
  send(message);
}

void Session::acknowledge(std::int64_t token) {
  v1::ServerMessage message;
  message.add_acks()->set_token(token);
  send(message);
}

void Session::acknowledge_logs(std::int64_t run, std::uint32_t attempt, std::int64_t next_offset) {
  v1::ServerMessage message;
  v1::LogAck& ack = *message.add_log_acks();
  ack.set_run(run);
  ack.set_attempt(attempt);
  ack.set_next_offset(next_offset);
  send(message);
}

void Session::epoch(std::uint32_t shard, std::int64_t number) {
  v1::ServerMessage message;
  message.add_epochs()->set_shard(shard);
  message.mutable_epochs(0)->set_epoch(number);
  send(message);
}

void Session::drain() {
  v1::ServerMessage message;
  message.mutable_drain();
  send(message);
}

v1::Finished Session::finished(std::int64_t token, int nth) {
  v1::Finished found;
  until("Finished " + std::to_string(nth) + " of token " + std::to_string(token),
        [&](const Heard& heard) { return find_nth(heard, token, nth, kFinishedOf, found); });
  return found;
}

v1::Accepted Session::accepted(std::int64_t token, int nth) {
  v1::Accepted found;
  until("Accepted " + std::to_string(nth) + " of token " + std::to_string(token),
        [&](const Heard& heard) { return find_nth(heard, token, nth, kAcceptedOf, found); });
  return found;
}

v1::Heartbeat Session::heartbeat(const std::function<bool(const v1::Heartbeat&)>& holds) {
  v1::Heartbeat found;
  until("a heartbeat", [&](const Heard& heard) {
    for (const v1::WorkerMessage& message : heard) {
      if (message.has_heartbeat() && holds(message.heartbeat())) {
        found = message.heartbeat();
        return true;
      }
    }
    return false;
  });
  return found;
}

void Session::leaving() {
  until("Leaving", [](const Heard& heard) { return !heard.empty() && heard.back().has_leaving(); });
}

std::vector<v1::LogLine> Session::lines(std::int64_t run, std::size_t count) {
  std::vector<v1::LogLine> found;
  until(std::to_string(count) + " log lines of run " + std::to_string(run),
        [&](const Heard& heard) {
          found = lines_of(heard, run);
          return found.size() >= count;
        });
  return found;
}

std::vector<v1::LogLine> Session::lines_now(std::int64_t run) const {
  return lines_of(heard(), run);
}

int Session::count_finished(std::int64_t token) const {
  int count = 0;
  for (const v1::WorkerMessage& message : heard()) {
    for (const v1::Finished& finished : message.finished()) {
      count += finished.token() == token ? 1 : 0;
    }
  }
  return count;
}

class ScriptedServer::Service final : public v1::WorkerService::CallbackService {
 public:
  explicit Service(Stage stage) : stage_(std::move(stage)) {
    if (!stage_.on_message) {
      stage_.on_message = [this](const std::shared_ptr<Session>& session,
                                 const v1::WorkerMessage& message) {
        if (message.has_register_()) {
          const std::lock_guard lock(mutex_);
          waiting_.push_back(session);
          arrived_.notify_all();
        }
      };
    }
    listen(stage_.listen);
  }
  ~Service() override { shut(); }

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* Connect(
      grpc::CallbackServerContext* context) override {
    std::string authorization;
    const auto& metadata = context->client_metadata();
    if (const auto found = metadata.find("authorization"); found != metadata.end()) {
      authorization.assign(found->second.data(), found->second.size());
    }
    auto session =
        std::make_shared<LiveSession>(std::move(authorization), stage_.patience, stage_.on_message);
    session->start(session);
    return session.get();
  }

  std::shared_ptr<Session> accept() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, stage_.patience, [this] { return !waiting_.empty(); })) {
      throw std::runtime_error("no worker connected");
    }
    std::shared_ptr<Session> session = std::move(waiting_.front());
    waiting_.pop_front();
    return session;
  }

  void shut() {
    const std::lock_guard lock(port_mutex_);
    if (server_ != nullptr) {
      server_->Shutdown(std::chrono::system_clock::now());
      server_.reset();
    }
  }
  void reopen() {
    const std::string where = address();
    const std::lock_guard lock(port_mutex_);
    if (server_ == nullptr) {
      listen(where);
    }
  }
  std::string address() const {
    const std::lock_guard lock(port_mutex_);
    return stage_.listen.substr(0, stage_.listen.rfind(':') + 1) + std::to_string(port_);
  }

 private:
  void listen(const std::string& where) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port that is taken is an error
    builder.AddListeningPort(where, grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) {
      throw std::runtime_error("cannot listen on " + where);
    }
  }

  Stage stage_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::shared_ptr<Session>> waiting_;
  mutable std::mutex port_mutex_;  // no stream takes it
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

ScriptedServer::ScriptedServer(Stage stage)
    : service_(std::make_unique<Service>(std::move(stage))) {}
ScriptedServer::~ScriptedServer() = default;
std::string ScriptedServer::address() const {
  return service_->address();
}
std::shared_ptr<Session> ScriptedServer::accept() {
  return service_->accept();
}
void ScriptedServer::shut() {
  service_->shut();
}
void ScriptedServer::reopen() {
  service_->reopen();
}

}  // namespace jobflow::rehearsal
