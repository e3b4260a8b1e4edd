// The worker's door, knocked at by real gRPC clients on loopback; the desk behind it is a fake.
#include "link/worker_server.h"

#include "link/testing/client.h"
#include "link/testing/fake_desk.h"

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace jobflow::link {
namespace {

runtime::ToWorker assignments(std::int64_t from, std::int64_t to, std::size_t params = 2) {
  runtime::ToWorker message;
  for (auto token = from; token <= to; ++token) {
    Assignment one;
    one.run = Id{token};
    one.token = Id{token};
    one.handler = "noop";
    one.params = std::string(params, ' ');
    message.assignments.push_back(std::move(one));
  }
  return message;
}

class WorkerServerTest : public ::testing::Test {
 protected:
  WorkerServerTest() {
    settings.listen = "127.0.0.1:0";
    settings.cluster = "c1";
    settings.server_version = "0.1";
  }

  void start() {
    server = std::make_unique<WorkerServer>(settings, desk, access);
    const auto started = server->start();
    ASSERT_TRUE(started.ok()) << started.problem().detail;
    ASSERT_GT(server->port(), 0);
  }

  grpc::Status refusal_of(const v1::WorkerMessage& first) {
    Client client(server->port());
    EXPECT_TRUE(client.say(first));
    return client.finish();
  }

  // A write that cannot end while the client reads nothing: larger than its window, and too large
  // to share its message. It may still wait for the write of the Welcome when this returns.
  void block(const std::shared_ptr<runtime::WorkerStream>& stream) {
    ASSERT_TRUE(stream->send(assignments(1, 1, 1'200'000)));
  }

  // The last `queued` assignments in order, behind the blocking one if that had to wait as well.
  void expect_unsent(std::int64_t from, std::int64_t queued) {
    ASSERT_TRUE(desk.until([&] { return desk.closings.size() == 1; }));
    auto unsent = desk.closings[0].unsent;
    if (!unsent.empty() && unsent.front().token == Id{1}) {
      unsent.erase(unsent.begin());
    }
    ASSERT_EQ(unsent.size(), static_cast<std::size_t>(queued));
    for (std::size_t i = 0; i < unsent.size(); ++i) {
      EXPECT_EQ(unsent[i].token, Id{from + static_cast<std::int64_t>(i)});
    }
  }

  FakeDesk desk;
  FakeAccess access;
  WorkerServerSettings settings;
  std::unique_ptr<WorkerServer> server;
};

TEST_F(WorkerServerTest, WelcomesAWorkerAndCarriesBothWays) {  // S7.1, S7.3
  start();
  Client client(server->port());
  ASSERT_TRUE(client.say(registration()));
  const auto welcome = client.next();
  EXPECT_EQ(welcome.welcome().cluster(), "c1");
  EXPECT_EQ(welcome.welcome().server_version(), "0.1");
  EXPECT_EQ(welcome.welcome().lease_ms(), 10'000U);
  EXPECT_EQ(desk.hellos.at(0).name, "w42");

  auto stream = desk.stream();
  runtime::ToWorker told = assignments(7, 8);
  told.acks.push_back(Id{3});
  ASSERT_TRUE(stream->send(std::move(told)));
  const auto assigned = client.next();
  ASSERT_EQ(assigned.assign_size(), 2);
  EXPECT_EQ(assigned.assign(0).token(), 7);
  EXPECT_EQ(assigned.acks(0).token(), 3);

  v1::WorkerMessage said;
  said.add_accepted()->set_token(7);
  auto* finished = said.add_finished();
  finished->set_run(7);
  finished->set_token(7);
  finished->set_outcome(v1::OUTCOME_SUCCEEDED);
  said.mutable_heartbeat()->set_load(0.5);
  ASSERT_TRUE(client.say(said));
  ASSERT_TRUE(desk.until([&] { return desk.finished.size() == 1; }));
  EXPECT_EQ(desk.accepted, std::vector<Id>{Id{7}});
  EXPECT_TRUE(client.next().has_heard());

  client.half_close();
  EXPECT_TRUE(client.finish().ok());
  ASSERT_TRUE(desk.until([&] { return desk.closings.size() == 1; }));
  EXPECT_EQ(desk.closings[0].incarnation, Id{42});
  EXPECT_EQ(desk.closings[0].stream, stream.get());
  EXPECT_TRUE(desk.closings[0].unsent.empty());
  EXPECT_EQ(desk.order, (std::vector<std::string>{"connected", "heard", "closed"}));
  EXPECT_FALSE(stream->send(assignments(9, 9)));
  stream->close({ProblemCode::unavailable, "late"});  // harmless
}

TEST_F(WorkerServerTest, S76_WhatIsForbiddenInItsNamespaceNoWorkerIsKnownBy) {
  settings.forbidden = HandlerRules::parse({"prod/shell", "*/sql"}).value();
  start();
  const auto known_in = [&](const std::string& name_space) {
    auto message = registration();
    message.mutable_register_()->set_namespace_(name_space);
    message.mutable_register_()->clear_handlers();
    for (const char* name : {"shell", "sql", "noop"}) {
      message.mutable_register_()->add_handlers()->set_name(name);
    }
    Client client(server->port());
    EXPECT_TRUE(client.say(message));
    EXPECT_TRUE(client.next().has_welcome()) << "it is welcome with the others";
    std::vector<std::string> names;
    for (const auto& handler : desk.hellos.back().handlers) {
      names.push_back(handler.name);
    }
    return names;
  };
  EXPECT_EQ(known_in("prod"), (std::vector<std::string>{"noop"}));
  EXPECT_EQ(known_in("default"), (std::vector<std::string>{"shell", "noop"}));
}

TEST_F(WorkerServerTest, AsksForATokenOfTheRightRole) {  // S13.5
  start();
  EXPECT_EQ(Client(server->port(), "").finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Client(server->port(), "wrong").finish().error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Client(server->port(), "viewer-secret").finish().error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_TRUE(desk.order.empty());
}

TEST_F(WorkerServerTest, RefusesAnotherProtocolVersionAndSaysBoth) {
  start();
  auto message = registration();
  message.mutable_register_()->set_protocol(2);
  const auto status = refusal_of(message);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(status.error_message().find("protocol 1"), std::string::npos);
  EXPECT_NE(status.error_message().find("speaks 2"), std::string::npos);
  EXPECT_NE(status.error_message().find("upgrade the server"), std::string::npos);
  EXPECT_TRUE(desk.order.empty());
}

TEST_F(WorkerServerTest, RefusesWhatIsNoRegistration) {
  start();
  v1::WorkerMessage early;
  early.add_accepted()->set_token(1);
  EXPECT_EQ(refusal_of(early).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  auto mixed = registration();
  mixed.mutable_leaving();
  EXPECT_EQ(refusal_of(mixed).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  auto nameless = registration();
  nameless.mutable_register_()->clear_name();
  const auto status = refusal_of(nameless);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("/name is missing"), std::string::npos);
  EXPECT_TRUE(desk.order.empty());
}

TEST_F(WorkerServerTest, RefusesASecondRegistration) {
  start();
  Client client(server->port());
  client.join();
  ASSERT_TRUE(client.say(registration()));
  EXPECT_EQ(client.finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(desk.until([&] { return desk.closings.size() == 1; }));
}

TEST_F(WorkerServerTest, PassesOnTheDesksRefusal) {
  desk.judge = [](const WorkerHello&, FakeDesk::Welcomed answer) {
    answer(Problem{ProblemCode::already_exists, "w42 is connected already"});
  };
  start();
  const auto status = refusal_of(registration());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(status.error_message(), "w42 is connected already");
  server->stop();
  EXPECT_TRUE(desk.closings.empty());  // it never was one of the desk's
}

TEST_F(WorkerServerTest, SendsNothingBeforeTheWelcome) {
  FakeDesk::Welcomed answer;
  desk.judge = [&](const WorkerHello&, FakeDesk::Welcomed given) { answer = std::move(given); };
  start();
  Client client(server->port());
  ASSERT_TRUE(client.say(registration()));
  auto stream = desk.stream();
  ASSERT_TRUE(desk.until([&] { return !desk.streams.empty(); }));
  ASSERT_TRUE(stream->send(assignments(1, 1)));
  server->stop();  // every call has ended, the judge's own included
  ASSERT_TRUE(desk.until([&] { return desk.closings.size() == 1; }));
  EXPECT_EQ(desk.closings[0].unsent.size(), 1U);
  EXPECT_EQ(client.finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  answer(Done{});  // too late, and harmless
}

TEST_F(WorkerServerTest, EndsAStreamThatNeverRegisters) {
  settings.register_within = milliseconds(30);
  start();
  Client client(server->port());
  const auto status = client.finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("Register"), std::string::npos);
}

TEST_F(WorkerServerTest, MergesInOrderWhatWasQueuedDuringAWrite) {
  start();
  Client client(server->port());
  client.join();
  auto stream = desk.stream();
  block(stream);
  for (std::int64_t token = 101; token <= 200; ++token) {
    ASSERT_TRUE(stream->send(assignments(token, token)));
  }
  EXPECT_EQ(client.next().assign_size(), 1);
  const auto merged = client.next();
  ASSERT_EQ(merged.assign_size(), 100);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(merged.assign(i).token(), 101 + i);
  }
}

TEST_F(WorkerServerTest, TellsExactlyWhatWasNeverHandedOver) {  // S6.7
  start();
  auto client = std::make_unique<Client>(server->port());
  client->join();
  auto stream = desk.stream();
  block(stream);
  for (std::int64_t token = 101; token <= 150; ++token) {
    ASSERT_TRUE(stream->send(assignments(token, token)));
  }
  client.reset();  // gone
  expect_unsent(101, 50);
  EXPECT_FALSE(stream->send(assignments(1, 1)));
}

TEST_F(WorkerServerTest, AWorkerThatDoesNotReadIsALostLink) {  // I7
  settings.queued_bytes_max = 2'000'000;
  start();
  Client client(server->port());
  client.join();
  auto stream = desk.stream();
  block(stream);
  std::int64_t queued = 0;
  while (queued < 100 && stream->send(assignments(101 + queued, 101 + queued, 100'000))) {
    ++queued;
  }
  EXPECT_GE(queued, 7);
  EXPECT_LE(queued, 19);
  expect_unsent(101, queued);
  EXPECT_FALSE(client.finish().ok());
}

TEST_F(WorkerServerTest, CloseReachesTheWorkerWithItsReason) {
  start();
  Client client(server->port());
  client.join();
  desk.stream()->close({ProblemCode::already_exists, "a newer stream of this worker is here"});
  const auto status = client.finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(status.error_message(), "a newer stream of this worker is here");
  EXPECT_TRUE(desk.until([&] { return desk.closings.size() == 1; }));
}

TEST_F(WorkerServerTest, AcknowledgesLogsOnceTheyAreDurable) {  // S7.3, S10.2
  start();
  Client client(server->port());
  client.join();
  v1::WorkerMessage said;
  for (int i = 0; i < 2; ++i) {
    auto* chunk = said.add_logs();
    chunk->set_run(5 + i);
    chunk->set_attempt(1);
    chunk->set_offset(10);
    chunk->add_lines()->set_text("one");
    chunk->add_lines()->set_text("two");
  }
  ASSERT_TRUE(client.say(said));
  ASSERT_TRUE(client.say(said));  // as after a re-connect
  ASSERT_TRUE(desk.until([&] { return desk.durables.size() == 2; }));
  EXPECT_EQ(desk.logs.at(1).lines.at(1).text, "two");
  desk.durables[0](Problem{ProblemCode::unavailable, "disk full"});  // no acknowledgement
  desk.durables[1](Done{});
  const auto acks = client.next();
  ASSERT_EQ(acks.log_acks_size(), 2);
  EXPECT_EQ(acks.log_acks(1).run(), 6);
  EXPECT_EQ(acks.log_acks(1).attempt(), 1U);
  EXPECT_EQ(acks.log_acks(1).next_offset(), 12);
}

TEST_F(WorkerServerTest, ReadingPausesWhileTooManyLogBytesAreNotDurable) {
  settings.log_bytes_waiting_max = 10'000;
  start();
  Client client(server->port());
  client.join();
  v1::WorkerMessage said;
  auto* chunk = said.add_logs();
  chunk->set_run(5);
  chunk->set_attempt(1);
  chunk->add_lines()->set_text(std::string(15'000, 'x'));
  ASSERT_TRUE(client.say(said));
  v1::WorkerMessage after;
  after.add_accepted()->set_token(1);
  ASSERT_TRUE(client.say(after));
  ASSERT_TRUE(desk.until([&] { return desk.durables.size() == 1; }));
  EXPECT_TRUE(desk.accepted.empty());
  desk.durables[0](Done{});
  EXPECT_TRUE(desk.until([&] { return desk.accepted.size() == 1; }));
}

TEST_F(WorkerServerTest, IgnoresUnknownFields) {
  start();
  Client client(server->port());
  auto hello = registration();
  hello.GetReflection()->MutableUnknownFields(&hello)->AddVarint(999, 1);
  hello.mutable_register_()
      ->GetReflection()
      ->MutableUnknownFields(hello.mutable_register_())
      ->AddLengthDelimited(998, "later");
  ASSERT_TRUE(client.say(hello));
  EXPECT_TRUE(client.next().has_welcome());
  v1::WorkerMessage said;
  said.GetReflection()->MutableUnknownFields(&said)->AddFixed64(997, 1);
  said.add_accepted()->set_token(4);
  ASSERT_TRUE(client.say(said));
  EXPECT_TRUE(desk.until([&] { return desk.accepted.size() == 1; }));
}

TEST_F(WorkerServerTest, RefusesBytesThatAreNoMessage) {
  start();
  Client other(server->port());  // its channel only
  grpc::GenericStub stub(other.channel());
  grpc::ClientContext context;
  context.AddMetadata("authorization", "Bearer worker-secret");
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  grpc::CompletionQueue queue;
  const auto wait = [&] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  auto call = stub.PrepareCall(&context, "/jobflow.v1.WorkerService/Connect", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(wait());
  const grpc::Slice slice("\xff\xff\xff\xffgarbage");
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  ASSERT_TRUE(wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(wait());
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  queue.Shutdown();
}

TEST_F(WorkerServerTest, RefusesMessagesOverTheLimit) {  // I7
  settings.message_bytes_max = 1'000'000;
  start();
  Client client(server->port());
  client.join();
  v1::WorkerMessage large;
  large.add_logs()->add_lines()->set_text(std::string(1'500'000, 'x'));
  client.say(large);
  EXPECT_EQ(client.finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(desk.until([&] { return desk.closings.size() == 1; }));
}

TEST_F(WorkerServerTest, StopTellsEveryStream) {  // I7
  start();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<Client>(server->port()));
    clients.back()->join(100 + i);
  }
  server->stop();
  EXPECT_EQ(desk.closings.size(), 3U);
  for (auto& client : clients) {
    EXPECT_EQ(client->finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  for (const auto& stream : desk.streams) {
    EXPECT_FALSE(stream->send(assignments(1, 1)));
  }
}

TEST_F(WorkerServerTest, StopCutsAStreamThatDoesNotRead) {  // I7
  settings.stop_within = milliseconds(50);
  start();
  Client client(server->port());
  client.join();
  block(desk.stream());
  ASSERT_TRUE(desk.stream()->send(assignments(9, 9)));
  server->stop();
  expect_unsent(9, 1);
}

TEST_F(WorkerServerTest, AStreamOutlivesItsServer) {
  start();
  Client client(server->port());
  client.join();
  v1::WorkerMessage said;
  auto* chunk = said.add_logs();
  chunk->set_run(5);
  chunk->set_attempt(1);
  chunk->add_lines()->set_text("x");
  ASSERT_TRUE(client.say(said));
  ASSERT_TRUE(desk.until([&] { return desk.durables.size() == 1; }));
  server.reset();
  desk.durables[0](Done{});
  EXPECT_FALSE(desk.stream()->send(assignments(1, 1)));
}

TEST_F(WorkerServerTest, SaysThatThePortIsTaken) {
  start();
  WorkerServerSettings same = settings;
  same.listen = "127.0.0.1:" + std::to_string(server->port());
  WorkerServer second(same, desk, access);
  const auto started = second.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.problem().code, ProblemCode::unavailable);
  EXPECT_NE(started.problem().detail.find(same.listen), std::string::npos);
  EXPECT_NE(started.problem().detail.find("another program"), std::string::npos);
}

TEST_F(WorkerServerTest, RefusesAddressesThatCannotBe) {  // S13.1
  for (const char* listen : {"", "7701", ":7701", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:99999",
                             "0.0.0.0:7701", "[::]:7701", "10.1.2.3:7701", "example.org:7701"}) {
    settings.listen = listen;
    WorkerServer wrong(settings, desk, access);
    const auto started = wrong.start();
    ASSERT_FALSE(started.ok()) << listen;
    EXPECT_EQ(started.problem().code, ProblemCode::invalid);
  }
}

// Every assignment taken by send() was read by the worker, is among the unsent, or was on its way;
// never two of these. Streams end from both sides while others send.
TEST_F(WorkerServerTest, NothingIsLostOrDoubledWhileStreamsComeAndGo) {
  start();
  for (int round = 0; round < 20; ++round) {
    auto client = std::make_unique<Client>(server->port());
    client->join(1000 + round);
    auto stream = desk.stream(static_cast<std::size_t>(round));
    std::atomic<std::int64_t> taken{0};
    std::vector<std::thread> senders;
    for (int sender = 0; sender < 2; ++sender) {
      senders.emplace_back([&, sender] {
        for (int i = 0; i < 500; ++i) {
          const std::int64_t token = 1 + sender * 1000 + i;
          if (!stream->send(assignments(token, token))) {
            return;
          }
          ++taken;
        }
      });
    }
    std::set<std::int64_t> seen;
    v1::ServerMessage message;
    while (seen.size() < static_cast<std::size_t>(round * 40) && client->read(message)) {
      for (const auto& one : message.assign()) {
        EXPECT_TRUE(seen.insert(one.token()).second);
      }
    }
    if (round % 2 == 0) {
      client.reset();
    } else {
      stream->close({ProblemCode::unavailable, "enough"});
      EXPECT_EQ(client->finish().error_code(), grpc::StatusCode::UNAVAILABLE);
    }
    for (auto& sender : senders) {
      sender.join();
    }
    ASSERT_TRUE(
        desk.until([&] { return desk.closings.size() == static_cast<std::size_t>(round) + 1; }));
    for (const Assignment& unsent : desk.closings.back().unsent) {
      EXPECT_TRUE(seen.insert(unsent.token.value).second) << "read and unsent";
    }
    EXPECT_LE(seen.size(), static_cast<std::size_t>(taken.load()));
  }
}

}  // namespace
}  // namespace jobflow::link
