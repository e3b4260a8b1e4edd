// What becomes of registrations and assignments.
#include "tools/conformance/play.h"
#include "tools/conformance/scenarios.h"

#include <google/protobuf/unknown_field_set.h>
#include <jobflow/json.h>

namespace jobflow::conformance {
namespace {

constexpr std::uint32_t kSlotsMin = 2;
constexpr std::uint32_t kSlotsMax = 64;

bool offers(const v1::Register& hello, std::string_view name) {
  for (const v1::Handler& handler : hello.handlers()) {
    if (handler.name() == name) {
      return true;
    }
  }
  return false;
}

Order simple(std::uint32_t number, std::string handler, const Json& params) {
  return {.run = make_id(7, number),
          .token = make_id(7, number + 1000),
          .handler = std::move(handler),
          .params = params.dump()};
}

// Fields no version knows, of each wire type that is in use.
void add_unknown(google::protobuf::Message& message) {
  google::protobuf::UnknownFieldSet* fields =
      message.GetReflection()->MutableUnknownFields(&message);
  fields->AddVarint(1001, 42);
  fields->AddLengthDelimited(1002, "from a later version");
  fields->AddFixed64(1003, 7);
  fields->AddFixed32(1004, 7);
}

}  // namespace

std::string register_all(Play& play) {
  play.start();
  const SessionPtr session = play.server().accept();
  const v1::Register& hello = session->registration();
  expect(hello.protocol() == 1, "protocol " + std::to_string(hello.protocol()));
  expect(!hello.name().empty(), "a Register without a name");
  expect(hello.incarnation() > 0, "incarnation " + std::to_string(hello.incarnation()));
  expect(!hello.namespace_().empty(), "a Register without a namespace");
  expect(hello.slots() >= kSlotsMin && hello.slots() <= kSlotsMax,
         std::to_string(hello.slots()) + " slots; start it with 2 to 64 of them");
  for (const char* name : {kEcho, kFail, kWork}) {
    expect(offers(hello, name), std::string("the handler ") + name + " is not offered");
  }
  expect(hello.holding_size() == 0, "a new process that holds something");
  const std::string shown = session->authorization();
  expect(shown == std::string("Bearer ") + Candidate::kToken, "authorization '" + shown + "'");
  session->welcome(kHeartbeatMs, kLeaseMs);
  play.round_trip(session);
  int registrations = 0;
  for (const v1::WorkerMessage& message : session->heard()) {
    registrations += message.has_register_() ? 1 : 0;
  }
  expect(session->heard().front().has_register_(), "another first message than Register");
  expect(registrations == 1, "Register more than once on one stream");
  return "'" + hello.name() + "', " + std::to_string(hello.slots()) + " slots, " +
         std::to_string(hello.handlers_size()) + " handlers";
}

std::string end_when_refused(Play& play) {
  play.start();
  play.server().accept()->refuse(Refusal::unauthenticated, "this token is not known");
  const int code = play.exit_code();
  expect(code > 0 && code < 128, "exit code " + std::to_string(code));
  return "exit code " + std::to_string(code);
}

std::string try_a_taken_name_again(Play& play) {
  play.start();
  SessionPtr session = play.server().accept();
  const std::int64_t incarnation = session->registration().incarnation();
  session->refuse(Refusal::already_exists, "a live worker has this name");
  session = play.next();
  expect(session->registration().incarnation() == incarnation, "another incarnation");
  play.round_trip(session);
  return "welcome at the second try";
}

std::string run_assignments(Play& play) {
  const SessionPtr session = play.join();
  const Json given = {{"text", "gr\u00fc\u00df \"dich\""}};
  const Order echo = simple(1, kEcho, given);
  session->assign(echo);
  v1::Finished end = play.finished(session, echo);
  expect_outcome(v1::OUTCOME_SUCCEEDED, end, kEcho);
  expect(Json::try_parse(end.result_json()) == given,
         "the result '" + end.result_json() + "' instead of " + given.dump());

  const Order fail = simple(2, kFail, {{"message", "on purpose"}});
  session->assign(fail);
  end = play.finished(session, fail);
  expect_outcome(v1::OUTCOME_FAILED, end, kFail);
  expect(end.error().find("on purpose") != std::string::npos, "the error '" + end.error() + "'");
  expect(end.do_not_retry(), "do_not_retry is not said");

  const Order nobody = simple(3, "conformance.nobody", Json::object());
  session->assign(nobody);
  expect_outcome(v1::OUTCOME_REFUSED, play.finished(session, nobody),
                 "a handler that is not offered");

  const Order work = play.work(4);
  session->assign(work);
  session->accepted(work.token);
  play.release(work);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, work), kWork);
  return "a result, an error, a refusal, and Accepted for a body that takes its time";
}

std::string run_a_token_once(Play& play) {
  const SessionPtr session = play.join();
  const Order work = play.work(1);
  session->assign(work);
  session->accepted(work.token);
  session->assign(work);
  session->accepted(work.token, 2);
  play.release(work);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, work), kWork);
  session->assign(work);  // it has ended, unacknowledged
  const v1::Finished second = play.finished(session, work, 2);
  expect_outcome(v1::OUTCOME_SUCCEEDED, second, "a repeat after the end");
  session->acknowledge(work.token);
  play.round_trip(session);
  session->assign(work);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, work, 3), "a repeat after the Ack");
  session->acknowledge(work.token);
  play.round_trip(session);
  const int starts = play.count("start", work);
  expect(starts == 1, "the body ran " + std::to_string(starts) + " times");
  return "4 assignments of one token: 1 body, 2 Accepted, 3 Finished";
}

std::string keep_to_the_slots(Play& play) {
  const SessionPtr session = play.join();
  const std::uint32_t slots = session->registration().slots();
  std::vector<Order> taken;
  for (std::uint32_t number = 1; number <= slots; ++number) {
    taken.push_back(play.work(number));
    session->assign(taken.back());
    session->accepted(taken.back().token);
  }
  const Order more = play.work(slots + 1, false);
  session->assign(more);
  expect_outcome(v1::OUTCOME_REFUSED, play.finished(session, more), "one run more than slots");
  session->acknowledge(more.token);
  for (const Order& order : taken) {
    play.release(order);
    expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, order), "a run in a slot");
    session->acknowledge(order.token);
  }
  expect(play.count("start", more) == 0, "the refused run started all the same");
  play.round_trip(session);
  return std::to_string(slots) + " at a time; one more was refused";
}

std::string cancel_bodies(Play& play) {
  const SessionPtr session = play.join();
  const Order work = play.work(1);
  session->assign(work);
  play.until_written("start", work);
  session->cancel(work.run, work.token);
  expect_outcome(v1::OUTCOME_CANCELLED, play.finished(session, work), "a cancelled body");
  expect(play.count("stop", work) == 1, "the body was not asked to stop");
  session->acknowledge(work.token);

  const Order never = play.work(2, false);  // the Cancel overtakes its assignment
  session->cancel(never.run, never.token);
  expect_outcome(v1::OUTCOME_REFUSED, play.finished(session, never), "a token that never came");
  session->assign(never);
  expect_outcome(v1::OUTCOME_REFUSED, play.finished(session, never, 2), "that token, assigned");
  session->acknowledge(never.token);

  const Order over = play.work(3, false);
  session->assign(over);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, over), kWork);
  session->cancel(over.run, over.token);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, over, 2), "a Cancel after the end");
  play.round_trip(session);
  expect(play.count("start", never) == 0, "a cancelled token started");
  return "CANCELLED while it ran, REFUSED before it came, the known end after it";
}

std::string heed_the_timeout(Play& play) {
  const SessionPtr session = play.join();
  Order work = play.work(1);
  work.timeout_ms = 200;
  session->assign(work);
  expect_outcome(v1::OUTCOME_TIMED_OUT, play.finished(session, work), "a body with a timeout");
  expect(play.count("stop", work) == 1, "the body was not asked to stop");
  return "TIMED_OUT, and the body was asked to stop";
}

std::string refuse_old_epochs(Play& play) {
  SessionPtr session = play.join();
  const auto assigned = [&](std::uint32_t number, std::uint32_t shard, std::int64_t epoch) {
    Order order = play.work(number, false);
    order.run = make_id(shard, number);
    order.epoch = epoch;
    session->assign(order);
    const v1::Finished end = play.finished(session, order);
    session->acknowledge(order.token);
    const bool started = play.count("start", order) > 0;
    expect(started == (end.outcome() == v1::OUTCOME_SUCCEEDED),
           name_of(end.outcome()) + (started ? ", but it ran" : ", but it never ran"));
    return end;
  };
  session->epoch(5, 8);
  expect_outcome(v1::OUTCOME_REFUSED, assigned(1, 5, 7), "epoch 7 after an Epoch of 8");
  expect_outcome(v1::OUTCOME_SUCCEEDED, assigned(2, 5, 8), "epoch 8 after an Epoch of 8");
  expect_outcome(v1::OUTCOME_SUCCEEDED, assigned(3, 6, 1), "epoch 1 of another shard");
  expect_outcome(v1::OUTCOME_SUCCEEDED, assigned(4, 5, 12), "a higher epoch in an assignment");
  expect_outcome(v1::OUTCOME_REFUSED, assigned(5, 5, 11), "epoch 11 after an assignment of 12");
  session->epoch(5, 3);  // of an owner that came late: it lowers nothing
  session->cut();
  session = play.next();
  expect_outcome(v1::OUTCOME_REFUSED, assigned(6, 5, 11), "epoch 11, on the next stream");
  expect_outcome(v1::OUTCOME_SUCCEEDED, assigned(7, 5, 12), "epoch 12, on the next stream");
  return "lower ones refused and not run, also on the next stream; other shards not touched";
}

std::string tolerate_the_unknown(Play& play) {
  play.start();
  const SessionPtr session = play.server().accept();
  v1::ServerMessage message;
  message.mutable_welcome()->set_heartbeat_ms(kHeartbeatMs);
  message.mutable_welcome()->set_lease_ms(kLeaseMs);
  add_unknown(*message.mutable_welcome());
  add_unknown(message);
  session->send(message);

  session->send(v1::ServerMessage());
  message.Clear();
  add_unknown(message);
  session->send(message);
  session->acknowledge(make_id(1, 1));  // of nothing it ever had
  session->acknowledge_logs(make_id(1, 1), 1, 100);
  play.round_trip(session);

  message.Clear();
  v1::Assign& assign = *message.add_assign();
  assign.set_run(make_id(1, 2));
  assign.set_token(make_id(1, 3));
  assign.set_attempt(1);
  assign.set_epoch(1);
  assign.set_handler(kEcho);
  assign.set_params_json("{}");
  add_unknown(assign);
  session->send(message);
  expect_outcome(v1::OUTCOME_SUCCEEDED, session->finished(assign.token()),
                 "an assignment with unknown fields");
  play.round_trip(session);
  return "unknown fields, a message of nothing else and an empty one: the stream went on";
}

}  // namespace jobflow::conformance
