#include "runtime/testing/hall_stage.h"

#include "store/log_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

namespace jobflow::runtime::testing {

int last_seed(int few) {
  const char* wanted = std::getenv("JOBFLOW_TEST_SEEDS");
  return wanted == nullptr ? few : std::max(few, std::atoi(wanted));
}

bool PlayedWorker::send(ToWorker message) {
  if (!is_open) {
    return false;
  }
  assignments.insert(assignments.end(), message.assignments.begin(), message.assignments.end());
  cancels.insert(cancels.end(), message.cancels.begin(), message.cancels.end());
  acks.insert(acks.end(), message.acks.begin(), message.acks.end());
  epochs.insert(epochs.end(), message.epochs.begin(), message.epochs.end());
  return true;
}

HallStage::HallStage(store::Store& store, Instant start, HallSettings settings)
    : time(start),
      logs(store::make_memory_log_store()),
      hall(std::make_unique<Hall>(std::move(settings), store, *logs, time, time, metrics)),
      store_(store) {}

HallStage::~HallStage() = default;

Outcome<Done> HallStage::start() {
  std::optional<Outcome<Done>> answer;
  hall->start([&](Outcome<Done> outcome) { answer = std::move(outcome); });
  time.settle();
  if (!answer) {
    return Problem{ProblemCode::internal, "the hall did not say whether it started"};
  }
  return *answer;
}

void HallStage::stop() {
  bool stopped = false;
  hall->stop([&] { stopped = true; });
  time.settle();
  EXPECT_TRUE(stopped);
}

Answer HallStage::ask(engine::Request request) {
  auto answer = std::make_shared<Answer>();
  std::vector<Submission> submissions;
  submissions.push_back({{.request = std::move(request), .principal = "test"},
                         [answer](Outcome<engine::Reply> reply) { *answer = std::move(reply); }});
  hall->submit(std::move(submissions));
  time.settle();
  return *answer;
}

namespace {

Id save(HallStage& stage, DefinitionKind kind, const std::string& name, const std::string& spec) {
  auto definition =
      read_definition(kind, R"({"metadata":{"name":")" + name + R"("},"spec":)" + spec + "}",
                      *stage.hall->calendars());
  EXPECT_TRUE(definition.ok()) << definition.problem().fields.at(0).message;
  const auto reply = stage.ask(engine::SaveDefinition{.definition = *definition});
  EXPECT_TRUE(reply && reply->ok());
  return (*reply)->id;
}

}  // namespace

Id HallStage::save_job(const std::string& name, const std::string& spec_json) {
  return save(*this, DefinitionKind::job, name, spec_json);
}

Id HallStage::save_workflow(const std::string& name, const std::string& spec_json) {
  return save(*this, DefinitionKind::workflow, name, spec_json);
}

Answer HallStage::trigger(const std::string& name,
                          const std::string& params,
                          const std::string& key) {
  return ask(engine::TriggerRun{
      .name_space = "default", .name = name, .params = params, .idempotency_key = key});
}

std::shared_ptr<PlayedWorker> HallStage::connect(const std::string& name,
                                                 Id incarnation,
                                                 std::vector<std::string> handlers,
                                                 int slots,
                                                 std::vector<WorkerHello::Holding> holding) {
  auto stream = std::make_shared<PlayedWorker>();
  WorkerHello hello{.name = name, .incarnation = incarnation, .slots = slots};
  for (std::string& handler : handlers) {
    hello.handlers.push_back({.name = std::move(handler)});
  }
  hello.holding = std::move(holding);
  hall->connected(std::move(hello), stream,
                  [](const Outcome<Done>& welcome) { EXPECT_TRUE(welcome.ok()); });
  time.settle();
  return stream;
}

void HallStage::finish(Id incarnation, const Assignment& assignment, const std::string& result) {
  report(incarnation, {.run = assignment.run, .token = assignment.token, .result = result});
}

void HallStage::report(Id incarnation, FinishedReport report) {
  FromWorker said;
  said.finished.push_back(std::move(report));
  hall->heard(incarnation, nullptr, std::move(said));
  time.settle();
}

RunRow HallStage::row(Id run) {
  std::optional<store::RunAt> found;
  store_.read_run(run, [&](const Outcome<std::optional<store::RunAt>>& answer) {
    if (answer) {
      found = *answer;
    }
  });
  EXPECT_TRUE(found) << "no run " << run.value;
  return found ? found->row : RunRow{};
}

}  // namespace jobflow::runtime::testing
