// What becomes of it all when links, members and workers go.
#include "tools/conformance/play.h"
#include "tools/conformance/scenarios.h"

#include <jobflow/json.h>

#include <signal.h>

namespace jobflow::conformance {
namespace {

constexpr std::uint32_t kShortLeaseMs = 2000;

void expect_same_process(const v1::Register& before, const v1::Register& now) {
  expect(before.incarnation() == now.incarnation(), "another incarnation of the same process");
  expect(now.connection() == 0 || now.connection() > before.connection(),
         "connection " + std::to_string(now.connection()) + " after " +
             std::to_string(before.connection()));
}

std::string held(const v1::Register& hello) {
  return std::to_string(hello.holding_size()) + " held";
}

void expect_lines(const std::vector<v1::LogLine>& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    expect(lines[i].text() == "line " + std::to_string(i),
           "line " + std::to_string(i) + " says '" + lines[i].text() + "'");
    expect(lines[i].time_ms() > 0, "a line without its time");
  }
}

bool has_left(const Session& session) {
  const Session::Heard heard = session.heard();
  return heard.back().has_leaving();
}

// From the moment the worker knows that it should go.
std::string expect_drain(Play& play, const SessionPtr& session, const Order& work) {
  session->heartbeat([](const v1::Heartbeat& beat) { return beat.draining(); });
  const Order late = play.work(2, false);
  session->assign(late);
  expect_outcome(v1::OUTCOME_REFUSED, play.finished(session, late), "a run that came too late");
  session->acknowledge(late.token);
  expect(!has_left(*session), "Leaving while a body runs");
  play.release(work);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, work), "the run that was there");
  expect(!has_left(*session), "Leaving before the Ack");
  session->acknowledge(work.token);
  session->leaving();
  session->closed();
  expect(play.count("start", late) == 0, "the refused run started all the same");
  const int code = play.exit_code();
  expect(code == 0, "exit code " + std::to_string(code));
  return "draining, REFUSED, the end, Leaving, exit code 0";
}

}  // namespace

std::string tell_load_and_progress(Play& play) {
  const SessionPtr session = play.join();
  const Order work = play.work(1);
  session->assign(work);
  const v1::Heartbeat beat = session->heartbeat([&](const v1::Heartbeat& heard) {
    return heard.progress_size() > 0 && heard.progress(0).token() == work.token;
  });
  expect(beat.progress(0).run() == work.run, "progress of another run");
  expect(beat.progress(0).fraction() == 0.5,
         "progress " + std::to_string(beat.progress(0).fraction()) + " instead of 0.5");
  expect(beat.load() > 0 && beat.load() <= 1, "load " + std::to_string(beat.load()));
  expect(!beat.draining(), "draining unasked");
  const std::size_t before = session->heard().size();
  session->until("more heartbeats", [&](const Session::Heard& heard) {
    return heard.size() >= before + 3 && heard.back().has_heartbeat();
  });
  play.release(work);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, work), kWork);
  return "progress 0.5, load " + std::to_string(beat.load()).substr(0, 4);
}

std::string keep_work_over_a_lost_link(Play& play) {
  SessionPtr session = play.join();
  const v1::Register first = session->registration();
  const Order work = play.work(1);
  const Order other = play.work(2);
  session->assign(work);
  session->assign(other);
  play.until_written("start", work);
  play.until_written("start", other);
  session->cut();
  session = play.next();
  v1::Register hello = session->registration();
  expect_same_process(first, hello);
  expect(holds(hello, work) && holds(hello, other), held(hello) + " instead of two bodies");
  session->assign(work);  // as a server does that cannot know
  session->accepted(work.token);
  play.release(work);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, work), "a body over a lost link");
  session->acknowledge(work.token);
  play.round_trip(session);

  play.server().shut();
  session->closed();
  play.release(other);  // it ends while nobody is there
  play.server().reopen();
  session = play.next();
  expect_same_process(hello, session->registration());
  hello = session->registration();
  expect(holds(hello, other) && !holds(hello, work), held(hello) + " instead of the other one");
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, other), "what ended meanwhile");
  expect(play.count("start", work) == 1 && play.count("start", other) == 1, "a body ran twice");
  return "the same incarnation, both held, each ran once";
}

std::string report_until_acknowledged(Play& play) {
  SessionPtr session = play.join();
  const Order work = play.work(1, false);
  session->assign(work);
  const v1::Finished first = play.finished(session, work);
  for (int stream = 2; stream <= 3; ++stream) {
    session->cut();
    session = play.next();
    expect(holds(session->registration(), work),
           held(session->registration()) + " on stream " + std::to_string(stream));
    const v1::Finished again = play.finished(session, work);
    expect(again.outcome() == first.outcome() && again.result_json() == first.result_json(),
           "another end than the first time");
  }
  session->acknowledge(work.token);
  session->acknowledge(work.token);
  play.round_trip(session);
  session->cut();
  session = play.next();
  expect(!holds(session->registration(), work), "held after its Ack");
  play.round_trip(session);
  expect(session->count_finished(work.token) == 0, "sent again after its Ack");
  expect(play.count("start", work) == 1, "the body ran again");
  return "sent on 3 streams, on the one after the Ack no more";
}

std::string take_a_late_acknowledgement(Play& play) {
  SessionPtr session = play.join();
  const Order work = play.work(1, false);
  session->assign(work);
  play.finished(session, work);
  session->cut();
  session = play.server().accept();
  v1::ServerMessage message;  // the Ack comes with the Welcome
  message.mutable_welcome()->set_heartbeat_ms(kHeartbeatMs);
  message.mutable_welcome()->set_lease_ms(kLeaseMs);
  message.add_acks()->set_token(work.token);
  session->send(message);
  play.round_trip(session);
  session->cut();
  session = play.next();
  expect(!holds(session->registration(), work), "held after its late Ack");
  play.round_trip(session);
  expect(session->count_finished(work.token) == 0, "sent again after its late Ack");
  return "nothing held on the stream after it";
}

std::string send_logs_until_acknowledged(Play& play) {
  constexpr std::size_t kLines = 3;
  SessionPtr session = play.join();
  Order work = play.work(1);
  Json params = Json::parse(work.params);
  params["lines"] = kLines;
  work.params = params.dump();
  session->assign(work);
  expect_lines(session->lines(work.run, kLines));
  session->cut();
  session = play.next();
  expect_lines(session->lines(work.run, kLines));
  session->acknowledge_logs(work.run, 1, kLines);
  play.round_trip(session);
  session->cut();
  session = play.next();
  play.release(work);
  expect_outcome(v1::OUTCOME_SUCCEEDED, play.finished(session, work), kWork);
  play.round_trip(session);
  expect(session->lines_now(work.run).empty(), "lines sent again after their LogAck");
  return std::to_string(kLines) + " lines on each of 2 streams, none after the LogAck";
}

std::string stop_before_the_lease_ends(Play& play) {
  play.start();
  SessionPtr session = play.server().accept();
  session->welcome(kHeartbeatMs, kShortLeaseMs);
  const Order work = play.work(1);
  session->assign(work);
  play.until_written("start", work);
  session->heartbeat([](const v1::Heartbeat& beat) { return beat.load() > 0; });
  const auto silent = std::chrono::steady_clock::now();
  session->fall_silent();  // the stream stands, but nobody is behind it
  session->closed();
  play.server().shut();
  play.until_written("stop", work);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - silent);
  expect(took.count() < 2 * kShortLeaseMs, "stopped only after " + std::to_string(took.count()) +
                                               " ms of a lease of " +
                                               std::to_string(kShortLeaseMs) + " ms");
  play.server().reopen();
  session = play.next();
  expect(holds(session->registration(), work), held(session->registration()));
  expect_outcome(v1::OUTCOME_FAILED, play.finished(session, work), "a body stopped for its lease");
  return "stopped after " + std::to_string(took.count()) + " ms of a lease of " +
         std::to_string(kShortLeaseMs) + " ms, then reported";
}

std::string drain_when_ordered(Play& play) {
  const SessionPtr session = play.join();
  const Order work = play.work(1);
  session->assign(work);
  play.until_written("start", work);
  session->drain();
  return expect_drain(play, session, work);
}

std::string drain_on_sigterm(Play& play) {
  const SessionPtr session = play.join();
  const Order work = play.work(1);
  session->assign(work);
  play.until_written("start", work);
  play.send_signal(SIGTERM);
  return expect_drain(play, session, work);
}

}  // namespace jobflow::conformance
