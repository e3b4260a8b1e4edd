// A hall on virtual time over any store, with workers played by the test.
#pragma once

#include "runtime/feed.h"
#include "runtime/hall.h"
#include "runtime/metrics.h"
#include "runtime/testing/answer.h"
#include "runtime/testing/virtual_time.h"
#include "store/memory/memory_store.h"
#include "store/store.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace jobflow::runtime::testing {

// What the hall sent to one worker, in order.
class PlayedWorker final : public WorkerStream {
 public:
  bool send(ToWorker message) override;
  void close(Problem reason) override { closed = std::move(reason); }

  std::vector<Assignment> assignments;
  std::vector<CancelOrder> cancels;
  std::vector<Id> acks;
  std::vector<ShardEpoch> epochs;
  std::optional<Problem> closed;
  bool is_open = true;
};

// How many seeds a property runs with: JOBFLOW_TEST_SEEDS, or that few. One seed alone again:
// --gtest_filter=*/<seed - 1>.
int last_seed(int few);

class HallStage {
 public:
  explicit HallStage(store::Store& store,
                     Instant start = {1'700'000'000'000},
                     HallSettings settings = {});
  ~HallStage();

  VirtualTime time;
  Metrics metrics;
  std::unique_ptr<store::LogStore> logs;
  std::unique_ptr<Hall> hall;

  Outcome<Done> start();
  void stop();
  // Submits and settles; the answer, when there is one by then.
  Answer ask(engine::Request request);
  Id save_job(const std::string& name, const std::string& spec_json);
  Id save_workflow(const std::string& name, const std::string& spec_json);
  Answer trigger(const std::string& name,
                 const std::string& params = "",
                 const std::string& key = "");
  std::shared_ptr<PlayedWorker> connect(const std::string& name,
                                        Id incarnation,
                                        std::vector<std::string> handlers,
                                        int slots = 10,
                                        std::vector<WorkerHello::Holding> holding = {});
  void finish(Id incarnation, const Assignment& assignment, const std::string& result = "");
  void report(Id incarnation, FinishedReport report);
  RunRow row(Id run);

 private:
  store::Store& store_;
};

}  // namespace jobflow::runtime::testing
