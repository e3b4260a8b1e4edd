// What workers say and hear, as messages and as values; what is refused, cut or turned into a
// failure.
#include "link/wire.h"

#include "model/limits.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace jobflow::link {
namespace {

v1::Register registration() {
  v1::Register message;
  message.set_protocol(kProtocol);
  message.set_name("w1");
  message.set_incarnation(77);
  message.set_namespace_("eu");
  message.add_tags("gpu");
  message.add_tags("ssd");
  message.set_slots(16);
  message.set_version("1.2");
  auto* handler = message.add_handlers();
  handler->set_name("image.resize");
  handler->set_version("3");
  handler->set_description("makes images smaller");
  auto* holding = message.add_holding();
  holding->set_run(5);
  holding->set_token(6);
  return message;
}

std::string problem_of(v1::Register message) {
  const auto hello = take_hello(message);
  return hello.ok() ? "" : hello.problem().detail;
}

v1::WorkerMessage finished(v1::Outcome outcome, const std::string& result = "") {
  v1::WorkerMessage message;
  auto* one = message.add_finished();
  one->set_run(1);
  one->set_token(2);
  one->set_outcome(outcome);
  one->set_result_json(result);
  return message;
}

FinishedReport report_of(v1::WorkerMessage message) {
  auto said = take_reports(message);
  return said->finished.at(0);
}

TEST(Wire, TakesEverythingARegistrationSays) {  // S7.1
  auto message = registration();
  const auto hello = take_hello(message);
  ASSERT_TRUE(hello.ok()) << hello.problem().detail;
  EXPECT_EQ(hello->name, "w1");
  EXPECT_EQ(hello->incarnation, Id{77});
  EXPECT_EQ(hello->name_space, "eu");
  EXPECT_EQ(hello->tags, (std::vector<std::string>{"gpu", "ssd"}));
  EXPECT_EQ(hello->slots, 16);
  EXPECT_EQ(hello->version, "1.2");
  ASSERT_EQ(hello->handlers.size(), 1U);
  EXPECT_EQ(hello->handlers[0].name, "image.resize");
  EXPECT_EQ(hello->handlers[0].version, "3");
  EXPECT_EQ(hello->handlers[0].description, "makes images smaller");
  ASSERT_EQ(hello->holding.size(), 1U);
  EXPECT_EQ(hello->holding[0].run, Id{5});
  EXPECT_EQ(hello->holding[0].token, Id{6});
}

TEST(Wire, AnEmptyNamespaceIsTheDefaultOne) {
  auto message = registration();
  message.clear_namespace_();
  EXPECT_EQ(take_hello(message)->name_space, "default");
}

TEST(Wire, TellsEveryProblemOfARegistrationAtOnce) {
  auto message = registration();
  message.clear_name();
  message.set_slots(0);
  message.set_incarnation(-1);
  message.add_handlers()->set_name("image.resize");
  const auto hello = take_hello(message);
  ASSERT_FALSE(hello.ok());
  EXPECT_EQ(hello.problem().code, ProblemCode::invalid);
  EXPECT_EQ(hello.problem().fields.size(), 4U);
  EXPECT_NE(hello.problem().detail.find("/name is missing"), std::string::npos);
  EXPECT_NE(hello.problem().detail.find("/slots is 0"), std::string::npos);
  EXPECT_NE(hello.problem().detail.find("/incarnation is missing"), std::string::npos);
  EXPECT_NE(hello.problem().detail.find("/handlers/1/name"), std::string::npos);
}

TEST(Wire, RefusesRegistrationsOverALimit) {  // I7
  auto message = registration();
  message.set_slots(limits::kWorkerSlots + 1);
  EXPECT_NE(problem_of(message).find("/slots"), std::string::npos);
  message = registration();
  message.set_name(std::string(limits::kNameBytes + 1, 'n'));
  EXPECT_NE(problem_of(message).find("/name is longer"), std::string::npos);
  message = registration();
  message.set_name("a\nb");
  EXPECT_NE(problem_of(message).find("control"), std::string::npos);
  message = registration();
  for (int i = 0; i < limits::kTagsMax; ++i) {
    message.add_tags("t" + std::to_string(i));
  }
  EXPECT_NE(problem_of(message).find("/tags are more"), std::string::npos);
  message = registration();
  for (std::size_t i = 0; i < limits::kHandlersPerWorker; ++i) {
    message.add_handlers()->set_name("h" + std::to_string(i));
  }
  EXPECT_NE(problem_of(message).find("/handlers are more"), std::string::npos);
  message = registration();
  message.add_holding()->set_run(5);
  EXPECT_NE(problem_of(message).find("/holding/1"), std::string::npos);
}

TEST(Wire, TakesEveryOutcome) {
  EXPECT_EQ(report_of(finished(v1::OUTCOME_SUCCEEDED, "{\"a\":1}")).result, "{\"a\":1}");
  EXPECT_EQ(report_of(finished(v1::OUTCOME_SUCCEEDED)).outcome, ReportOutcome::succeeded);
  EXPECT_EQ(report_of(finished(v1::OUTCOME_FAILED)).outcome, ReportOutcome::failed);
  EXPECT_EQ(report_of(finished(v1::OUTCOME_CANCELLED)).outcome, ReportOutcome::cancelled);
  EXPECT_EQ(report_of(finished(v1::OUTCOME_TIMED_OUT)).outcome, ReportOutcome::timed_out);
  EXPECT_EQ(report_of(finished(v1::OUTCOME_REFUSED)).outcome, ReportOutcome::refused);
}

TEST(Wire, AnUnknownOutcomeIsAFailureThatSaysSo) {
  for (const int outcome : {0, 99}) {
    const auto report = report_of(finished(static_cast<v1::Outcome>(outcome)));
    EXPECT_EQ(report.outcome, ReportOutcome::failed);
    EXPECT_EQ(report.error_kind, "protocol");
    EXPECT_NE(report.error.find(std::to_string(outcome)), std::string::npos);
  }
}

TEST(Wire, AResultThatCannotBeKeptNeverBreaksTheEnd) {  // S5.4
  const std::string large = '"' + std::string(limits::kResultBytes, 'x') + '"';
  const auto too_large = report_of(finished(v1::OUTCOME_SUCCEEDED, large));
  EXPECT_EQ(too_large.outcome, ReportOutcome::failed);
  EXPECT_EQ(too_large.error_kind, "result_too_large");
  EXPECT_TRUE(too_large.do_not_retry);
  EXPECT_TRUE(too_large.result.empty());
  const auto bad = report_of(finished(v1::OUTCOME_SUCCEEDED, "{\"a\":"));
  EXPECT_EQ(bad.outcome, ReportOutcome::failed);
  EXPECT_EQ(bad.error_kind, "bad_result");
}

TEST(Wire, CutsLongErrorsAtWholeCharacters) {
  auto message = finished(v1::OUTCOME_FAILED);
  std::string text;
  while (text.size() <= limits::kErrorMessageBytes) {
    text.append("\xe4\xbd\xa0");  // three bytes each
  }
  message.mutable_finished(0)->set_error(text);
  const auto report = report_of(message);
  EXPECT_LE(report.error.size(), limits::kErrorMessageBytes);
  const auto marker = report.error.find(" ... [cut: " + std::to_string(text.size()) + " bytes]");
  ASSERT_NE(marker, std::string::npos);
  EXPECT_EQ(marker % 3, 0U);
}

TEST(Wire, TakesTheRestOfAFinishedReport) {
  auto message = finished(v1::OUTCOME_FAILED);
  auto* one = message.mutable_finished(0);
  one->set_error_kind("exit_code");
  one->set_error("exit 3");
  one->set_do_not_retry(true);
  one->set_retry_after_ms(1500);
  const auto report = report_of(message);
  EXPECT_EQ(report.run, Id{1});
  EXPECT_EQ(report.token, Id{2});
  EXPECT_EQ(report.error_kind, "exit_code");
  EXPECT_EQ(report.error, "exit 3");
  EXPECT_TRUE(report.do_not_retry);
  EXPECT_EQ(report.retry_after, milliseconds(1500));
  one->set_retry_after_ms(INT64_MAX);  // later sums must not overflow
  EXPECT_EQ(report_of(message).retry_after, limits::kSpanMax);
  one->set_retry_after_ms(-1);
  EXPECT_EQ(report_of(message).retry_after, Span{});
}

TEST(Wire, TakesWhatProcessesUsedInBounds) {  // S7.5
  auto message = finished(v1::OUTCOME_SUCCEEDED);
  EXPECT_FALSE(report_of(message).usage);
  auto& usage = *message.mutable_finished(0)->mutable_usage();
  usage.set_cpu_user_ms(INT64_MAX);
  usage.set_cpu_system_ms(-1);
  usage.set_peak_memory_bytes(4096);
  usage.set_exit_signal(9);
  const auto report = report_of(message);
  EXPECT_TRUE(report.usage);
  const auto told = report.usage.value_or(decltype(report.usage)::value_type{});
  EXPECT_EQ(told.cpu_user, limits::kSpanMax);
  EXPECT_EQ(told.cpu_system, Span{});
  EXPECT_EQ(told.peak_memory_bytes, 4096);
  EXPECT_EQ(told.exit_signal, 9);
}

TEST(Wire, TakesHeartbeatsWithProgressInBounds) {  // S7.2
  v1::WorkerMessage message;
  auto* heartbeat = message.mutable_heartbeat();
  heartbeat->set_load(7);
  heartbeat->set_draining(true);
  for (const double fraction : {0.25, -3.0, 9.0, std::numeric_limits<double>::quiet_NaN()}) {
    auto* progress = heartbeat->add_progress();
    progress->set_run(1);
    progress->set_token(2);
    progress->set_fraction(fraction);
  }
  message.add_accepted()->set_token(9);
  message.mutable_leaving();
  const auto said = take_reports(message);
  ASSERT_TRUE(said.ok());
  EXPECT_TRUE(said->heartbeat);
  EXPECT_EQ(said->load, 1.0);
  EXPECT_TRUE(said->draining);
  EXPECT_TRUE(said->leaving);
  EXPECT_EQ(said->accepted, std::vector<Id>{Id{9}});
  ASSERT_EQ(said->progress.size(), 4U);
  EXPECT_EQ(said->progress[0].progress, 0.25);
  EXPECT_EQ(said->progress[1].progress, 0.0);
  EXPECT_EQ(said->progress[2].progress, 1.0);
  EXPECT_EQ(said->progress[3].progress, 0.0);
}

TEST(Wire, RefusesReportsThatNameNothing) {
  v1::WorkerMessage message;
  message.add_accepted();
  EXPECT_FALSE(take_reports(message).ok());
  message.Clear();
  message.add_finished()->set_run(1);
  EXPECT_FALSE(take_reports(message).ok());
  message.Clear();
  message.mutable_heartbeat()->add_progress()->set_token(1);
  EXPECT_FALSE(take_reports(message).ok());
  message.Clear();
  message.add_logs()->set_run(1);
  EXPECT_FALSE(take_logs(message).ok());
}

TEST(Wire, TakesLogLinesWithinTheirLimits) {  // S10.2
  v1::WorkerMessage message;
  auto* chunk = message.add_logs();
  chunk->set_run(3);
  chunk->set_attempt(2);
  chunk->set_offset(100);
  auto* line = chunk->add_lines();
  line->set_time_ms(1234);
  line->set_level(3);
  line->set_text("hello");
  line->set_fields_json("{\"k\":1}");
  chunk->add_lines()->set_text(std::string(limits::kLogLineBytes * 2, 'x'));
  auto* odd = chunk->add_lines();
  odd->set_level(250);
  odd->set_fields_json("{");
  odd->set_dropped(7);
  EXPECT_EQ(dropped_lines(message), 7U);
  const auto logs = take_logs(message);
  ASSERT_TRUE(logs.ok());
  ASSERT_EQ(logs->size(), 1U);
  const LogChunk& taken = (*logs)[0];
  EXPECT_EQ(taken.run, Id{3});
  EXPECT_EQ(taken.attempt, 2);
  EXPECT_EQ(taken.offset, 100);
  ASSERT_EQ(taken.lines.size(), 3U);
  EXPECT_EQ(taken.lines[0].time.ms, 1234);
  EXPECT_EQ(taken.lines[0].level, LogLevel::error);
  EXPECT_EQ(taken.lines[0].text, "hello");
  EXPECT_EQ(taken.lines[0].fields, "{\"k\":1}");
  EXPECT_EQ(taken.lines[1].text.size(), limits::kLogLineBytes);
  EXPECT_TRUE(taken.lines[1].text.ends_with(" bytes]"));
  EXPECT_EQ(taken.lines[2].level, LogLevel::error);
  EXPECT_TRUE(taken.lines[2].fields.empty());
  EXPECT_NE(taken.lines[2].text.find("not JSON"), std::string::npos);
}

TEST(Wire, AnAssignmentKeepsEveryField) {  // S6.5
  Assignment assignment{.run = Id{1},
                        .token = Id{2},
                        .attempt = 3,
                        .epoch = 4,
                        .handler = "h",
                        .params = "{\"x\":1}",
                        .timeout = milliseconds(5),
                        .job = "j",
                        .idempotency_key = "k"};
  v1::Assign message;
  put(std::move(assignment), message);
  EXPECT_EQ(message.run(), 1);
  EXPECT_EQ(message.token(), 2);
  EXPECT_EQ(message.attempt(), 3U);
  EXPECT_EQ(message.epoch(), 4);
  EXPECT_EQ(message.handler(), "h");
  EXPECT_EQ(message.params_json(), "{\"x\":1}");
  EXPECT_EQ(message.timeout_ms(), 5);
  EXPECT_EQ(message.job(), "j");
  EXPECT_EQ(message.idempotency_key(), "k");
}

}  // namespace
}  // namespace jobflow::link
