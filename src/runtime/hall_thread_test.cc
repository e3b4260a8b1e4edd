// The hall on real threads: people submit, a store answers and workers report, each from a thread
// of its own. For the sanitizers most of all.
#include "runtime/feed.h"
#include "runtime/hall.h"
#include "runtime/metrics.h"
#include "runtime/thread_executor.h"
#include "store/memory/memory_store.h"
#include "store/work_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace jobflow::runtime {
namespace {

constexpr int kThreads = 3;
constexpr int kRunsEach = 100;

// Ends at once, on the worker's thread, whatever it is sent.
class EagerWorker final : public WorkerStream {
 public:
  EagerWorker(Hall& hall, Id incarnation, store::WorkQueue& thread)
      : hall_(hall), incarnation_(incarnation), thread_(thread) {}
  bool send(ToWorker message) override {
    thread_.post([this, message = std::move(message)](std::size_t) {
      FromWorker said{.heartbeat = true};
      for (const Assignment& one : message.assignments) {
        said.finished.push_back({.run = one.run, .token = one.token, .result = "1"});
      }
      acked += static_cast<int>(message.acks.size());
      hall_.heard(incarnation_, this, std::move(said));
    });
    return true;
  }
  void close(Problem) override {}

  std::atomic<int> acked{0};

 private:
  Hall& hall_;
  const Id incarnation_;
  store::WorkQueue& thread_;
};

TEST(HallThread, TakesCommandsReportsAndAnswersFromAnyThread) {
  SystemClock clock;
  Metrics metrics;
  store::WorkQueue store_thread(1);
  const auto store = store::make_memory_store(
      8, [&](auto task) { store_thread.post([task = std::move(task)](std::size_t) { task(); }); });
  const auto logs = store::make_memory_log_store();
  ThreadExecutor executor(clock);
  Hall hall({}, *store, *logs, clock, executor, metrics);
  store::WorkQueue worker_thread(1);  // ends before the hall does
  std::promise<bool> ready;
  hall.start([&](const Outcome<Done>& outcome) { ready.set_value(outcome.ok()); });
  ASSERT_TRUE(ready.get_future().get());

  const auto ask = [&](engine::Request request) {
    std::promise<bool> answered;
    std::vector<Submission> submissions;
    submissions.push_back(
        {{.request = std::move(request), .principal = "test"},
         [&](const Outcome<engine::Reply>& reply) { answered.set_value(reply.ok()); }});
    hall.submit(std::move(submissions));
    return answered.get_future().get();
  };
  auto definition =
      read_definition(DefinitionKind::job, R"({"metadata":{"name":"j"},"spec":{"handler":"h"}})");
  ASSERT_TRUE(ask(engine::SaveDefinition{.definition = *definition}));
  const auto worker = std::make_shared<EagerWorker>(hall, Id{77}, worker_thread);
  WorkerHello hello{.name = "w", .incarnation = Id{77}, .slots = 10};
  hello.handlers.push_back({.name = "h"});
  std::promise<bool> welcomed;
  hall.connected(hello, worker,
                 [&](const Outcome<Done>& answer) { welcomed.set_value(answer.ok()); });
  ASSERT_TRUE(welcomed.get_future().get());

  std::atomic<int> heard{0};
  std::vector<std::thread> people;
  for (int person = 0; person < kThreads; ++person) {
    people.emplace_back([&, person] {
      const auto subscription = hall.feed().subscribe(
          {}, [](const Event&) { return true; },
          [&](const FeedSlice& slice) { heard += static_cast<int>(slice.events.size()); });
      for (int i = 0; i < kRunsEach; ++i) {
        EXPECT_TRUE(ask(engine::TriggerRun{
            .name_space = "default",
            .name = "j",
            .idempotency_key = std::to_string(person) + "/" + std::to_string(i)}));
      }
      hall.feed().cancel(subscription);
    });
  }
  for (std::thread& person : people) {
    person.join();
  }
  while (worker->acked < kThreads * kRunsEach) {
    std::this_thread::yield();
  }
  EXPECT_GT(heard, 0);
  std::promise<void> stopped;
  hall.stop([&] { stopped.set_value(); });
  stopped.get_future().wait();
  executor.stop();
}

}  // namespace
}  // namespace jobflow::runtime
