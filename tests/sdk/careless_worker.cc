// A worker that is wrong on purpose, so that the conformance suite shows that it notices: it runs
// whatever it is given, again too, and tells each end once; cancels, epochs, timeouts and signals
// mean nothing to it. Usage: careless-worker, with JOBFLOW_SERVER and JOBFLOW_TOKEN.
#include "jobflow/v1/worker.grpc.pb.h"

#include <grpcpp/grpcpp.h>
#include <jobflow/json.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using jobflow::Json;
using Stream = grpc::ClientReaderWriter<jobflow::v1::WorkerMessage, jobflow::v1::ServerMessage>;

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

void run(const jobflow::v1::Assign& order, jobflow::v1::Finished& end) {
  const Json params = Json::parse(order.params_json());
  end.set_run(order.run());
  end.set_token(order.token());
  end.set_outcome(jobflow::v1::OUTCOME_SUCCEEDED);
  if (order.handler() == "conformance.echo") {
    end.set_result_json(order.params_json());
  } else if (order.handler() == "conformance.fail") {
    end.set_outcome(jobflow::v1::OUTCOME_FAILED);
    end.set_error(params.at("message").as_string());
    end.set_do_not_retry(true);
  } else if (order.handler() == "conformance.work") {
    std::ofstream(params.at("witness").as_string(), std::ios::app)
        << "start " + std::to_string(order.token()) + "\n";
    while (params.contains("until") && !std::filesystem::exists(params.at("until").as_string())) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  } else {
    end.set_outcome(jobflow::v1::OUTCOME_REFUSED);
  }
}

void introduce(jobflow::v1::Register& hello) {
  hello.set_protocol(1);
  hello.set_name("careless");
  hello.set_incarnation(1);
  hello.set_namespace_("default");
  hello.set_slots(4);
  for (const char* name : {"conformance.echo", "conformance.fail", "conformance.work"}) {
    hello.add_handlers()->set_name(name);
  }
}

// One stream, until it ends.
void serve(jobflow::v1::WorkerService::Stub& stub) {
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer " + setting("JOBFLOW_TOKEN"));
  const std::unique_ptr<Stream> stream = stub.Connect(&context);
  jobflow::v1::WorkerMessage hello;
  introduce(*hello.mutable_register_());
  stream->Write(hello);
  std::mutex writing;
  std::vector<std::jthread> bodies;
  jobflow::v1::ServerMessage message;
  while (stream->Read(&message)) {
    for (const jobflow::v1::Assign& order : message.assign()) {
      bodies.emplace_back([&stream, &writing, order] {
        jobflow::v1::WorkerMessage said;
        said.add_accepted()->set_run(order.run());
        said.mutable_accepted(0)->set_token(order.token());
        {
          const std::lock_guard lock(writing);
          stream->Write(said);
        }
        said.Clear();
        run(order, *said.add_finished());
        const std::lock_guard lock(writing);
        stream->Write(said);
      });
    }
  }
}

}  // namespace

int main() {
  const auto stub = jobflow::v1::WorkerService::NewStub(
      grpc::CreateChannel(setting("JOBFLOW_SERVER"), grpc::InsecureChannelCredentials()));
  while (true) {
    serve(*stub);
  }
}
