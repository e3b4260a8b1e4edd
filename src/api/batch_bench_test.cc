// Measures, not judges: disabled by default. Run it with
//   api_test --gtest_also_run_disabled_tests --gtest_filter=BatchBench.*
// It prints the door's own processor time an item of runs/batch: reading the body, making the
// commands, writing the answer. The hall answers at once and does nothing.
#include "api/routes.h"
#include "api/testing/api_stage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace jobflow::api {
namespace {

class NullHall final : public runtime::CommandDoor {
 public:
  explicit NullHall(store::Store& store) : feed_(store) {}
  void submit(std::vector<runtime::Submission> submissions) override {
    for (runtime::Submission& submission : submissions) {
      submission.answer(engine::Reply{.id = {7'398'042'579'763'212'288}, .created = true});
    }
  }
  Id make_command_ids(int) override { return {1}; }
  void find_command(Id, std::function<void(std::optional<CommandRow>)>) override {}
  void list_workers(std::function<void(std::vector<runtime::WorkerView>)>) override {}
  bool ready() const override { return true; }
  std::string not_ready_reason() const override { return ""; }
  runtime::Feed& feed() override { return feed_; }

 private:
  runtime::Feed feed_;
};

double ns_an_item(const std::string& item, int items) {
  testing::ApiStage stage;
  NullHall hall(*stage.store);
  auto doors = std::shared_ptr<const Doors>(new Doors{.hall = hall,
                                                      .store = *stage.store,
                                                      .logs = *stage.logs,
                                                      .metrics = stage.metrics,
                                                      .clock = stage.clock,
                                                      .names = *stage.names,
                                                      .version = ""});
  std::string body = R"({"items":[)";
  for (int i = 0; i < items; ++i) {
    body += (i == 0 ? "" : ",") + item;
  }
  body += "]}";
  Request like;
  like.target = "/api/v1/runs/batch";
  EXPECT_TRUE(read_target("/api/v1/runs/batch", like));
  const Handler handler = stage.router->match(Method::post, like).route->handler;
  std::vector<double> runs;
  for (int round = 0; round < 300; ++round) {
    auto exchange = std::make_shared<Exchange>();
    exchange->request.body = body;
    exchange->request.principal.name = "token:admin";
    exchange->doors = doors;
    exchange->loop = stage.loop;
    std::size_t answered = 0;
    exchange->answer = [&](const Response& response) { answered = response.body.size(); };
    const auto began = std::chrono::steady_clock::now();
    handler(exchange);
    stage.loop->settle();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    EXPECT_GT(answered, static_cast<std::size_t>(items) * 20);
    runs.push_back(took.count() / items);
  }
  std::sort(runs.begin(), runs.end());
  return runs[runs.size() / 2];
}

TEST(BatchBench, DISABLED_PrintsTheCostOfAnItem) {
  const std::string small = R"({"job":"noop"})";
  const std::string usual =
      R"({"job":"bench-noop","params":{"n":12345,"text":"some text"},"idempotency_key":"key-000123456"})";
  for (const auto& [name, item] : {std::pair("small", small), std::pair("usual", usual)}) {
    const double ns = ns_an_item(item, 1000);
    std::printf("runs/batch, %s items of %zu bytes: %.0f ns an item, %.0f k items/s on one core\n",
                name, item.size(), ns, 1e6 / ns);
  }
}

}  // namespace
}  // namespace jobflow::api
