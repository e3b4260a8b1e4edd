// A worker on gRPC's blocking client, as the tests of the worker's door play it.
#pragma once

#include "link/testing/fake_desk.h"
#include "link/wire.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <gtest/gtest.h>
#include <jobflow/v1/worker.grpc.pb.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace jobflow::link {

inline v1::WorkerMessage registration(std::int64_t incarnation = 42) {
  v1::WorkerMessage message;
  auto* hello = message.mutable_register_();
  hello->set_protocol(kProtocol);
  hello->set_name("w" + std::to_string(incarnation));
  hello->set_incarnation(incarnation);
  hello->set_slots(8);
  hello->add_handlers()->set_name("noop");
  return message;
}

class Client {
 public:
  explicit Client(int port, const std::string& token = "worker-secret")
      : channel_(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port),
                                           grpc::InsecureChannelCredentials(),
                                           small_window())),
        stub_(v1::WorkerService::NewStub(channel_)) {
    if (!token.empty()) {
      context_.AddMetadata("authorization", "Bearer " + token);
    }
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream_ = stub_->Connect(&context_);
  }
  ~Client() {
    if (stream_) {
      context_.TryCancel();
      stream_->Finish();
    }
  }

  bool say(const v1::WorkerMessage& message) { return stream_->Write(message); }
  bool read(v1::ServerMessage& message) { return stream_->Read(&message); }
  v1::ServerMessage next() {
    v1::ServerMessage message;
    EXPECT_TRUE(stream_->Read(&message));
    return message;
  }
  void join(std::int64_t incarnation = 42) {
    EXPECT_TRUE(say(registration(incarnation)));
    EXPECT_TRUE(next().has_welcome());
  }
  void half_close() { stream_->WritesDone(); }
  void cancel() { context_.TryCancel(); }
  // Reads to the end.
  grpc::Status finish() {
    v1::ServerMessage message;
    while (stream_->Read(&message)) {
    }
    const grpc::Status status = stream_->Finish();
    stream_.reset();
    return status;
  }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  // What is sent and not read is bounded by 64 KiB, so that a write can be made to block.
  static grpc::ChannelArguments small_window() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 64 * 1024);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return arguments;
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::WorkerService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::ServerMessage>> stream_;
};

}  // namespace jobflow::link
