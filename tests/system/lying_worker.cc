// A worker that knows the protocol and does not keep to it, as the system tests use one: it tells
// an end twice and then another one, or tells the end of what is another worker's.
// Usage: lying-worker HOST:PORT TOKEN-FILE
#include "jobflow/v1/worker.grpc.pb.h"

#include <grpcpp/grpcpp.h>
#include <jobflow/json.h>

#include <chrono>
#include <condition_variable>
#include <fstream>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

namespace {

using jobflow::Json;
using jobflow::v1::Assign;
using jobflow::v1::Finished;
using jobflow::v1::Outcome;
using jobflow::v1::ServerMessage;
using jobflow::v1::WorkerMessage;

class Liar {
 public:
  explicit Liar(grpc::ClientReaderWriter<WorkerMessage, ServerMessage>& stream) : stream_(stream) {}

  void say(const WorkerMessage& message) {
    const std::lock_guard lock(writing_);
    stream_.Write(message);
  }
  void introduce() {
    WorkerMessage message;
    auto& hello = *message.mutable_register_();
    hello.set_protocol(1);
    hello.set_name("liar");
    hello.set_incarnation(4711);
    hello.set_namespace_("default");
    hello.set_slots(4);
    for (const char* name : {"lies.twice", "lies.about"}) {
      hello.add_handlers()->set_name(name);
    }
    say(message);
  }
  void obey(const Assign& order) {
    if (order.handler() == "lies.twice") {
      tell_twice(order);
    } else {
      tell_about(order, Json::parse(order.params_json()));
    }
  }

 private:
  static void add(WorkerMessage& message,
                  std::int64_t run,
                  std::int64_t token,
                  Outcome outcome,
                  const Json& result) {
    Finished& end = *message.add_finished();
    end.set_run(run);
    end.set_token(token);
    end.set_outcome(outcome);
    end.set_result_json(result.dump());
    end.set_error("a lie");
  }

  // In one message, in another, and at last otherwise.
  void tell_twice(const Assign& order) {
    WorkerMessage message;
    add(message, order.run(), order.token(), jobflow::v1::OUTCOME_SUCCEEDED, "first");
    add(message, order.run(), order.token(), jobflow::v1::OUTCOME_SUCCEEDED, "second");
    say(message);
    say(message);
    message.Clear();
    add(message, order.run(), order.token(), jobflow::v1::OUTCOME_FAILED, "third");
    say(message);
  }

  // {run, token}: of another worker's attempt. Then its own end, in order.
  void tell_about(const Assign& order, const Json& params) {
    const std::int64_t run = std::stoll(params.at("run").as_string());
    const std::int64_t token = std::stoll(params.at("token").as_string());
    WorkerMessage message;
    for (const std::int64_t claimed : {token, token + 1, order.token()}) {
      for (const Outcome outcome : {jobflow::v1::OUTCOME_SUCCEEDED, jobflow::v1::OUTCOME_FAILED,
                                    jobflow::v1::OUTCOME_CANCELLED, jobflow::v1::OUTCOME_REFUSED}) {
        add(message, run, claimed, outcome, "stolen");
      }
    }
    add(message, run + 1, token, jobflow::v1::OUTCOME_SUCCEEDED, "of nobody");
    say(message);
    message.Clear();
    add(message, order.run(), order.token(), jobflow::v1::OUTCOME_SUCCEEDED, "told");
    say(message);
  }

  grpc::ClientReaderWriter<WorkerMessage, ServerMessage>& stream_;
  std::mutex writing_;
};

}  // namespace

int main(int count, char** words) {
  if (count != 3) {
    std::cerr << "usage: lying-worker HOST:PORT TOKEN-FILE\n";
    return 2;
  }
  std::string token;
  std::getline(std::ifstream(words[2]) >> std::ws, token);
  const auto stub = jobflow::v1::WorkerService::NewStub(
      grpc::CreateChannel(words[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + token);
  const auto stream = stub->Connect(&context);
  Liar liar(*stream);
  liar.introduce();
  std::mutex mutex;
  std::condition_variable_any ended;
  const std::jthread pulse([&](const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (!ended.wait_for(lock, stop, std::chrono::milliseconds(500), [] { return false; }) &&
           !stop.stop_requested()) {
      WorkerMessage beat;
      beat.mutable_heartbeat();
      liar.say(beat);
    }
  });
  ServerMessage message;
  while (stream->Read(&message)) {
    for (const Assign& order : message.assign()) {
      liar.obey(order);
    }
  }
  std::cout << stream->Finish().error_message() << '\n';
  return 0;
}
