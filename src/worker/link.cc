#include "worker/link.h"

#include "jobflow/v1/worker.grpc.pb.h"
#include "model/check.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <utility>

namespace jobflow::worker {
namespace {

constexpr int kMessageBytesMax = 64 * 1024 * 1024;

bool is_local(const std::string& server) {
  return server.starts_with("localhost") || server.starts_with("127.") ||
         server.starts_with("[::1]") || server.starts_with("unix:");
}

// A channel of its own for each stream: the Station's back-off is the only one.
std::shared_ptr<grpc::Channel> make_channel(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, is_local(server) ? 0 : 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

LinkEnd explain(const grpc::Status& status, bool welcomed) {
  LinkEnd end;
  end.welcomed = welcomed;
  end.reason = status.ok() ? "the server ended the stream" : status.error_message();
  const grpc::StatusCode code = status.error_code();
  if (code == grpc::StatusCode::UNAUTHENTICATED || code == grpc::StatusCode::PERMISSION_DENIED ||
      code == grpc::StatusCode::FAILED_PRECONDITION || code == grpc::StatusCode::INVALID_ARGUMENT) {
    end.kind = LinkEnd::Kind::refused;
  } else if (code == grpc::StatusCode::ALREADY_EXISTS) {
    end.kind = LinkEnd::Kind::name_taken;
  } else if (code == grpc::StatusCode::UNIMPLEMENTED) {
    end.kind = LinkEnd::Kind::another_service;
  }
  return end;
}

}  // namespace

// The right to write is one token (`turn_`): free, taken, or taken with more to say. Whoever holds
// it writes, or, once the stream is closing, lets go of the hold that keeps the stream alive, and
// keeps the token for ever.
class Link::Stream final : public grpc::ClientBidiReactor<v1::WorkerMessage, v1::ServerMessage> {
 public:
  Stream(Link& link, const std::string& bearer_token)
      : link_(link), stub_(v1::WorkerService::NewStub(make_channel(link.server_))) {
    if (!bearer_token.empty()) {
      context_.AddMetadata("authorization", "Bearer " + bearer_token);
    }
  }

  void start() {
    link_.owner_.write_registration(*out_.mutable_register_());
    stub_->async()->Connect(&context_, this);
    AddHold();
    StartRead(&in_);
    StartWrite(&out_);
    StartCall();
  }

  void cancel() { context_.TryCancel(); }

  void kick() {
    Turn turn = turn_.load();
    while (true) {
      if (turn == Turn::more) {
        return;
      }
      const Turn wanted = turn == Turn::free ? Turn::taken : Turn::more;
      if (turn_.compare_exchange_weak(turn, wanted)) {
        if (wanted == Turn::taken) {
          write_next();
        }
        return;
      }
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      closing_.store(true);
      welcomed_ ? kick() : half_open();
      return;
    }
    if (!welcomed_) {
      if (!in_.has_welcome()) {
        cancel();
      } else {
        welcomed_ = true;
        link_.owner_.link_up(in_.welcome());
        half_open();
      }
    }
    if (welcomed_) {
      link_.owner_.link_message(in_);
    }
    in_.Clear();
    StartRead(&in_);
  }

  void OnWriteDone(bool) override {
    if (!registered_) {
      registered_ = true;
      half_open();
      return;
    }
    write_next();
  }

  void OnDone(const grpc::Status& status) override {
    link_.stream_over(explain(status, welcomed_));  // may be deleted from here on
  }

 private:
  enum class Turn : unsigned char { free, taken, more };

  // The turn is ours from the start; it is passed on once the registration is written and the
  // Welcome has come, or the stream has closed before it.
  void half_open() {
    if (halves_.fetch_sub(1) == 1) {
      write_next();
    }
  }

  // The turn is ours.
  void write_next() {
    while (true) {
      turn_.store(Turn::taken);  // before the look at closing_: a kick may be wiped, its cause not
      if (closing_.load()) {
        turn_.store(Turn::more);
        RemoveHold();
        return;
      }
      out_.Clear();
      const LinkOwner::Next next =
          last_written_ ? LinkOwner::Next::nothing : link_.owner_.next_message(out_);
      if (next == LinkOwner::Next::message) {
        StartWrite(&out_);
        return;
      }
      if (next == LinkOwner::Next::last_message) {
        last_written_ = true;
        StartWriteLast(&out_, grpc::WriteOptions());
        return;
      }
      Turn expected = Turn::taken;
      if (turn_.compare_exchange_strong(expected, Turn::free)) {
        return;
      }
    }
  }

  Link& link_;
  const std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  v1::ServerMessage in_;
  v1::WorkerMessage out_;
  bool welcomed_ = false;    // read side only
  bool registered_ = false;  // write side only
  bool last_written_ = false;
  std::atomic<int> halves_{2};
  std::atomic<bool> closing_{false};
  std::atomic<Turn> turn_{Turn::taken};
};

Link::Link(LinkOwner& owner, std::string server) : owner_(owner), server_(std::move(server)) {}

Link::~Link() {
  close();
}

void Link::open(const std::string& bearer_token) {
  auto stream = std::make_shared<Stream>(*this, bearer_token);
  std::shared_ptr<Stream> over;
  {
    std::unique_lock lock(mutex_);
    over_.wait(lock, [this] { return stream_ == nullptr; });  // link_down is about to return
    over = std::move(last_);
    stream_ = stream;
  }
  stream->start();
}

void Link::kick() {
  std::shared_ptr<Stream> stream;
  {
    const std::lock_guard lock(mutex_);
    stream = stream_;
  }
  if (stream != nullptr) {
    stream->kick();
  }
}

void Link::drop() {
  const std::lock_guard lock(mutex_);
  if (stream_ != nullptr) {
    stream_->cancel();
  }
}

void Link::close() {
  std::shared_ptr<Stream> over;
  std::unique_lock lock(mutex_);
  if (stream_ != nullptr) {
    stream_->cancel();
  }
  over_.wait(lock, [this] { return stream_ == nullptr; });
  over = std::move(last_);
  lock.unlock();
}

void Link::stream_over(LinkEnd end) {
  owner_.link_down(std::move(end));
  const std::lock_guard lock(mutex_);
  last_ = std::move(stream_);
  over_.notify_all();
}

}  // namespace jobflow::worker
