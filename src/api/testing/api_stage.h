// The door without sockets: requests go through admission and their handler on one thread, against
// a memory store and a hall that the test plays.
#pragma once

#include "api/admission.h"
#include "api/name_book.h"
#include "runtime/clock.h"
#include "runtime/feed.h"
#include "runtime/metrics.h"
#include "store/log_store.h"
#include "store/memory/memory_store.h"

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jobflow::api::testing {

class StillClock final : public runtime::Clock {
 public:
  Instant now() const override { return time; }
  Instant monotonic() const override { return {time.ms - 1'000'000}; }
  Instant time{1'763'830'800'000};  // 2025-11-22T17:00:00Z
};

// The token is the role; "nobody" is unknown.
class RoleAccess final : public runtime::Access {
 public:
  Outcome<runtime::Principal> authenticate(std::string_view token) const override;
};

// Tasks wait until the test runs them; timers fire when run_all() finds nothing else to do.
class ManualLoop final : public Loop {
 public:
  void post(std::function<void()> task) override { tasks.push_back(std::move(task)); }
  void after(Span, std::function<void()> task) override { timers.push_back(std::move(task)); }
  void settle();
  bool fire_timer();  // the oldest one; false when there is none

  std::deque<std::function<void()>> tasks;
  std::deque<std::function<void()>> timers;
};

// A hall that answers as the test says, at once.
class PlayedHall final : public runtime::CommandDoor {
 public:
  explicit PlayedHall(store::Store& store) : feed_(store, {.queued_events = 200}) {}

  void submit(std::vector<runtime::Submission> submissions) override;
  Id make_command_ids(int) override { return new_command; }
  void find_command(Id command, std::function<void(std::optional<CommandRow>)> done) override {
    done(done_command.id == command ? std::optional(done_command) : std::nullopt);
  }
  void list_workers(std::function<void(std::vector<runtime::WorkerView>)> done) override {
    done(workers);
  }
  bool ready() const override { return reason.empty(); }
  std::string not_ready_reason() const override { return reason; }
  runtime::Feed& feed() override { return feed_; }

  std::function<Outcome<engine::Reply>(const engine::Command&)> says;
  bool holds_answers = false;  // keep them in `held` for the test to give
  std::vector<runtime::Submission> held;
  std::atomic<std::size_t> holding{0};  // how many, for a test on another thread
  std::vector<engine::Command> commands;
  std::vector<std::size_t> submissions;  // how many commands each call brought
  std::vector<runtime::WorkerView> workers;
  std::string reason;
  Id new_command = {5'000};
  CommandRow done_command;

 private:
  runtime::Feed feed_;
};

// Logs whose writer can be behind: then lines are there once the next append was answered.
class PlayedLogs final : public store::LogStore {
 public:
  void append(std::vector<LogChunk> chunks, store::Callback<Outcome<Done>> done) override;
  void read(store::LogQuery query,
            store::Callback<Outcome<std::vector<store::StoredLine>>> done) override {
    written_->read(query, std::move(done));
  }
  void trim(store::LogTrim limits, store::Callback<Outcome<store::LogTrimmed>> done) override {
    written_->trim(limits, std::move(done));
  }
  bool is_behind = false;

 private:
  std::unique_ptr<store::LogStore> written_ = store::make_memory_log_store();
  std::vector<LogChunk> waiting_;
};

struct Sent {
  std::string type, id, json;
};

class PlayedSink final : public Sink {
 public:
  void send(std::string_view type,
            std::string_view id,
            std::string_view json,
            std::shared_ptr<const void> held) override;
  std::size_t waiting_bytes() const override { return waiting; }
  bool closed() const override { return is_closed; }
  void end() override { close(); }
  void on_closed(std::function<void()> told) override { told_ = std::move(told); }
  void close();

  std::vector<Sent> sent;
  std::vector<std::shared_ptr<const void>> held;
  std::size_t waiting = 0;
  bool is_closed = false;

 private:
  std::function<void()> told_;
};

struct Asked {
  std::string method = "GET";
  std::string target;
  std::string body = {};
  std::string content_type = {};
  std::string token = "admin";  // the role it stands for
  std::string idempotency_key = {};
  std::string if_match = {};
  std::string if_none_match = {};
  std::string last_event_id = {};
};

class ApiStage {
 public:
  ApiStage();
  ~ApiStage();  // closes the streams, as a server does
  ApiStage(const ApiStage&) = delete;
  ApiStage& operator=(const ApiStage&) = delete;

  // The answer, when there is one by the time nothing is left to run.
  std::optional<Response> try_call(const Asked& asked);
  Response call(const Asked& asked);  // there must be one
  Response get(const std::string& target) { return call({.target = target}); }
  Response post(const std::string& target, const std::string& body) {
    return call({.method = "POST", .target = target, .body = body});
  }
  // A stream: its sink, or nullptr when the answer was a response.
  std::shared_ptr<PlayedSink> stream(const Asked& asked);

  // Writes rows, and publishes their events, as the hall would.
  void commit(std::vector<Change> changes, std::vector<Event> events = {}, ShardNumber shard = 3);
  DefinitionRow add_job(const std::string& name, const std::string& spec = R"({"noop":{}})");
  DefinitionRow add_workflow(const std::string& name, const std::string& steps);
  RunRow add_run(const DefinitionRow& definition, RunProgress progress);
  Id next_id();

  StillClock clock;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<PlayedLogs> logs = std::make_unique<PlayedLogs>();
  runtime::Metrics metrics;
  std::shared_ptr<ManualLoop> loop = std::make_shared<ManualLoop>();
  std::unique_ptr<PlayedHall> hall;
  std::unique_ptr<NameBook> names;
  std::shared_ptr<Doors> doors;
  std::unique_ptr<Router> router;

 private:
  DefinitionRow add_definition(DefinitionKind kind,
                               const std::string& name,
                               const std::string& spec);
  ExchangePtr begin(const Asked& asked);

  store::Ticket ticket_;
  std::vector<std::int64_t> next_event_ = std::vector<std::int64_t>(kShardsMax, 1);
  Id last_id_;
  std::optional<Response> answered_;
  std::shared_ptr<PlayedSink> sink_;
  std::vector<std::shared_ptr<PlayedSink>> sinks_;
};

// `progress` with what the store asks of its state: an end when final, a token when running.
RunProgress plausible(RunProgress progress);

// Whether `text` holds `part`, for readable failures.
std::string must_hold(const std::string& text, const std::string& part);

}  // namespace jobflow::api::testing
