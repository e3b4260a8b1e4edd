// A worker of another protocol version, as the system tests use one: registers with the given
// version and prints the status that ended its stream, as CODE, a blank and the message. Usage:
// foreign-worker HOST:PORT PROTOCOL TOKEN-FILE
#include "jobflow/v1/worker.grpc.pb.h"

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

int main(int count, char** words) {
  if (count != 4) {
    std::cerr << "usage: foreign-worker HOST:PORT PROTOCOL TOKEN-FILE\n";
    return 2;
  }
  std::string token;
  std::getline(std::ifstream(words[3]) >> std::ws, token);
  const auto stub = jobflow::v1::WorkerService::NewStub(
      grpc::CreateChannel(words[1], grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  context.AddMetadata("authorization", "Bearer " + token);
  const auto stream = stub->Connect(&context);
  jobflow::v1::WorkerMessage message;
  auto& hello = *message.mutable_register_();
  hello.set_protocol(static_cast<unsigned>(std::strtoul(words[2], nullptr, 10)));
  hello.set_name("foreign");
  hello.set_incarnation(1);
  hello.set_namespace_("default");
  hello.set_slots(1);
  stream->Write(message);
  jobflow::v1::ServerMessage answer;
  if (stream->Read(&answer) && answer.has_welcome()) {
    std::cout << "WELCOME\n";
    return 0;
  }
  const grpc::Status status = stream->Finish();
  std::cout << status.error_code() << ' ' << status.error_message() << '\n';
  return 0;
}
