// The hall among faults: commits that fail, land late or lose their answer, reads that fail, links
// that break at any point, workers and servers that die. The bodies' own record, kept here outside
// the store, is what S1.2, S1.3 and S6.7 are judged by.
#include "runtime/hall.h"
#include "runtime/testing/hall_stage.h"
#include "store/fault_store.h"
#include "store/memory/memory_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

namespace jobflow::runtime {
namespace {

using testing::HallStage;

constexpr int kShards = 8;

class World;

// One stream, server side: what was sent waits here until the world delivers it.
class SimulatedStream final : public WorkerStream {
 public:
  explicit SimulatedStream(World& world) : world_(world) {}
  bool send(ToWorker message) override;
  void close(Problem) override { is_open = false; }

  std::deque<ToWorker> queue;
  bool is_open = true;   // the server may send
  bool is_heard = true;  // the worker still reads it

 private:
  World& world_;
};

struct Body {
  Assignment assignment;
};

// A worker's process and what it remembers: runs a token once, reports until acknowledged (S6.5).
struct SimulatedWorker {
  std::string name;
  Id incarnation;
  int slots = 3;
  std::shared_ptr<SimulatedStream> stream;
  std::map<Id, Body> bodies;             // by token
  std::map<Id, FinishedReport> reports;  // not acknowledged
  std::set<Id> seen;                     // tokens
  std::map<ShardNumber, std::int64_t> epochs;
};

class World {
 public:
  explicit World(std::uint64_t seed)
      : random_(seed),
        database_(store::make_memory_database(kShards)),
        truth_(store::make_memory_store(database_)) {
    for (int i = 0; i < 3; ++i) {
      workers_.push_back({.name = "w" + std::to_string(i)});
      workers_.back().incarnation = new_incarnation();
    }
    begin_life();
    quiet_ = true;
    run_until([&] { return stage_->hall->ready(); });
    for (const auto& [name, attempts] : std::map<std::string, int>{{"once", 1}, {"often", 3}}) {
      auto saved = save(DefinitionKind::job, name,
                        R"({"handler":"h","retry":{"max_attempts":)" + std::to_string(attempts) +
                            R"(,"initial":"500ms"}})");
      run_until([&] { return *saved; });
    }
    auto saved = save(DefinitionKind::workflow, "flow", R"({"steps":[{"id":"a","handler":"h"},
        {"id":"b","handler":"h","needs":["a"]},{"id":"c","handler":"h","needs":["a"]}]})");
    run_until([&] { return *saved; });
    quiet_ = false;
  }

  void live(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      if (::testing::Test::HasFatalFailure()) {
        return;
      }
    }
  }

  // No more faults: everything must come to its end.
  void come_to_rest() {
    quiet_ = true;
    away_ = false;
    script_faults();
    drain();
    subscribe();
    for (int round = 0; round < 400 && !is_over(); ++round) {
      drain();
      for (SimulatedWorker& worker : workers_) {
        if (!worker.stream || !worker.stream->is_open) {
          connect(worker);
        }
        drain();
        while (!worker.bodies.empty()) {
          end_body(worker, worker.bodies.begin()->first, ReportOutcome::succeeded);
        }
        say_all(worker);
      }
      drain();
      advance(milliseconds(500));
    }
    drain();
  }

  void judge() {
    EXPECT_TRUE(is_over()) << "runs that never ended";
    for (const Id run : acknowledged_) {
      const auto row = row_of(run);
      if (!row) {
        FAIL() << "acknowledged run " << run.value << " is lost (S1.5)";
      }
      EXPECT_TRUE(is_final(row->progress.state)) << "run " << run.value;
    }
    for (const RunRow& row : all_runs()) {
      const auto& tokens = executions_[row.id];
      if (row.kind != RunKind::workflow && row.progress.state == RunState::succeeded) {
        EXPECT_FALSE(tokens.empty()) << "succeeded without a body: " << row.id.value;
      }
      if (once_.contains(row.id) || row.kind == RunKind::step) {
        EXPECT_LE(tokens.size(), 1U + by_hand_[row.id])
            << "max_attempts 1 (S1.2), run " << row.id.value;
      }
      EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end())) << "tokens grow (S1.3)";
      EXPECT_EQ(std::adjacent_find(tokens.begin(), tokens.end()), tokens.end()) << "a token twice";
      for (const Id token : tokens) {
        EXPECT_LE(token, newest_token(row)) << "a token that no row knows";
      }
    }
    judge_credits();
    judge_journal();
  }

  std::size_t executions() const { return executions_.size(); }
  int lives() const { return lives_; }

  // I4: what a worker is told is durable at that moment.
  void check_effects(const ToWorker& message) {
    for (const Assignment& one : message.assignments) {
      const auto row = row_of(one.run);
      if (!row) {
        FAIL() << "an assignment of a run that is not durable (I4)";
      }
      EXPECT_EQ(row->progress.token, one.token) << "an assignment that is not durable (I4)";
      EXPECT_TRUE(row->progress.state == RunState::running ||
                  row->progress.state == RunState::cancelling);
    }
    for (const CancelOrder& one : message.cancels) {
      const auto row = row_of(one.run);
      EXPECT_TRUE(!row || row->progress.token != one.token ||
                  row->progress.state != RunState::running)
          << "a cancel that is not durable (I4)";
    }
    for (const Id token : message.acks) {
      const Id run = run_of_token_[token];
      const auto row = row_of(run);
      EXPECT_TRUE(!row || row->progress.token != token || is_final(row->progress.state))
          << "an acknowledgement before the commit (I4), run " << run.value;
    }
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  Id new_incarnation() { return Id{0x7000 + ++incarnations_}; }

  // --- the server

  void begin_life() {
    ++lives_;
    store_ = std::make_unique<store::FaultStore>(
        store::make_memory_store(database_, [this](auto task) { store_tasks_.push_back(task); }),
        store::FaultScript{});
    script_faults();
    stage_ = std::make_unique<HallStage>(*store_, now_);
    stage_->hall->start([](const Outcome<Done>&) {});
    stage_->hall->on_fenced([](const std::string& why) { ADD_FAILURE() << "fenced: " << why; });
    stage_->time.settle();
    while (!store_tasks_.empty()) {
      run_store_task();
    }
    stage_->time.settle();
    subscribe();
  }

  void subscribe() {
    has_lagged_ = false;
    stage_->hall->feed().cancel(subscription_);
    Cursor cursor;
    for (ShardNumber source = 0; source < kShards; ++source) {
      cursor.next[source] = static_cast<std::int64_t>(heard_[source].size()) + 1;
    }
    cursor.next[kMemberSource] = static_cast<std::int64_t>(heard_[kMemberSource].size()) + 1;
    subscription_ = stage_->hall->feed().subscribe(
        cursor, [](const Event&) { return true; },
        [this](const FeedSlice& slice) {
          has_lagged_ |= slice.lagged;  // a read of the journal failed
          for (const NumberedEvent& one : slice.events) {
            auto& of_source = heard_[one.source];
            EXPECT_EQ(one.number, static_cast<std::int64_t>(of_source.size()) + 1)
                << "a gap or a repeat (S9.1), source " << one.source;
            of_source.push_back(one.event);
          }
        });
  }

  void script_faults() {
    store::FaultScript script;
    script.commit = [this](const store::Batch&) {
      using enum store::CommitFault;
      if (quiet_) {
        return none;
      }
      if (away_) {
        return unavailable;
      }
      const int dice = below(100);
      return dice < 70 ? none : dice < 80 ? lost : dice < 90 ? answer_lost : lands_late;
    };
    script.read = [this] {
      return quiet_ || chance(90) ? store::ReadFault::none
             : chance(50)         ? store::ReadFault::fails
                                  : store::ReadFault::stale;
    };
    store_->set(std::move(script));
  }

  void run_store_task() {
    auto task = std::move(store_tasks_.front());
    store_tasks_.pop_front();
    task();
  }

  // kill -9 at whatever point this is: what the store had begun may have landed or not.
  void crash() {
    if (chance(50) && !store_tasks_.empty()) {
      run_store_task();
    }
    store_tasks_.clear();
    for (SimulatedWorker& worker : workers_) {
      lose_link(worker, /*told=*/false);
    }
    late_closings_.clear();
    stage_.reset();
    store_.reset();
    subscription_ = 0;
    away_ = false;
    begin_life();
  }

  void stop_and_start() {
    bool stopped = false;
    stage_->hall->stop([&] { stopped = true; });
    const bool was_quiet = std::exchange(quiet_, true);
    script_faults();
    for (int round = 0; round < 100 && !stopped; ++round) {
      drain();
      advance(milliseconds(100));
    }
    EXPECT_TRUE(stopped) << "stop() ends";
    quiet_ = was_quiet;
    crash();
  }

  void advance(Span span) {
    stage_->time.advance(span);
    now_ = stage_->time.now();
  }

  void drain() {
    for (bool any = true; any;) {
      any = false;
      stage_->time.settle();
      while (!store_tasks_.empty()) {
        run_store_task();
        stage_->time.settle();
        any = true;
      }
      store_->release_reads();
      while (!late_closings_.empty()) {
        hear_closing();
        any = true;
      }
      for (SimulatedWorker& worker : workers_) {
        while (deliver(worker)) {
          any = true;
        }
      }
      stage_->time.settle();
      any = any || !store_tasks_.empty();
    }
  }

  void run_until(const std::function<bool()>& condition) {
    for (int round = 0; round < 200 && !condition(); ++round) {
      drain();
      advance(milliseconds(100));
    }
    ASSERT_TRUE(condition());
  }

  // --- people

  std::shared_ptr<bool> save(DefinitionKind kind,
                             const std::string& name,
                             const std::string& spec) {
    auto definition =
        read_definition(kind, R"({"metadata":{"name":")" + name + R"("},"spec":)" + spec + "}");
    auto saved = std::make_shared<bool>(false);
    submit(engine::SaveDefinition{.definition = *definition},
           [saved](const Outcome<engine::Reply>& reply) { *saved = reply.ok(); });
    return saved;
  }

  void submit(engine::Request request, std::function<void(Outcome<engine::Reply>)> answer) {
    std::vector<Submission> submissions;
    submissions.push_back(
        {{.request = std::move(request), .principal = "test"}, std::move(answer)});
    stage_->hall->submit(std::move(submissions));
  }

  void trigger() {
    const std::string name = chance(50) ? "once" : chance(50) ? "often" : "flow";
    const std::string key = chance(20) ? "k" + std::to_string(below(6)) : "";
    submit(
        engine::TriggerRun{.kind = name == "flow" ? DefinitionKind::workflow : DefinitionKind::job,
                           .name_space = "default",
                           .name = name,
                           .idempotency_key = key},
        [this, name, key](const Outcome<engine::Reply>& reply) {
          if (!reply.ok()) {
            return;
          }
          EXPECT_TRUE(row_of(reply->id).has_value()) << "answered before the commit (I4)";
          acknowledged_.insert(reply->id);
          if (name == "once") {
            once_.insert(reply->id);
          }
          if (!key.empty()) {
            const auto [bound, is_new] = keys_.emplace(name + key, reply->id);
            EXPECT_EQ(bound->second, reply->id) << "one key, one run (S5.2)";
          }
        });
  }

  void ask_about_some_run() {
    if (acknowledged_.empty()) {
      return;
    }
    auto chosen = acknowledged_.begin();
    std::advance(chosen, below(static_cast<int>(acknowledged_.size())));
    const Id run = *chosen;
    if (chance(50)) {
      submit(engine::CancelRun{run}, [](const Outcome<engine::Reply>&) {});
      return;
    }
    by_hand_[run] += 1;  // it may land even when its answer does not come
    submit(engine::RetryRun{.run = run, .from_steps = {}}, [](const Outcome<engine::Reply>&) {});
  }

  // --- workers

  void connect(SimulatedWorker& worker) {
    if (worker.stream) {
      lose_link(worker, true);
    }
    worker.stream = std::make_shared<SimulatedStream>(*this);
    WorkerHello hello{
        .name = worker.name, .incarnation = worker.incarnation, .slots = worker.slots};
    hello.handlers.push_back({.name = "h"});
    for (const auto& [token, body] : worker.bodies) {
      hello.holding.push_back({body.assignment.run, token});
    }
    for (const auto& [token, report] : worker.reports) {
      hello.holding.push_back({report.run, token});
    }
    auto stream = worker.stream;
    stage_->hall->connected(std::move(hello), stream, [stream](const Outcome<Done>& welcome) {
      if (!welcome) {
        stream->is_open = false;
      }
    });
    say_all(worker);
  }

  // The link is gone. Of what was queued some may still have arrived; what the transport never took
  // the server is told, when it is still there, sooner or later.
  void lose_link(SimulatedWorker& worker, bool told) {
    if (!worker.stream) {
      return;
    }
    auto stream = std::exchange(worker.stream, nullptr);
    int written = stream->queue.empty() ? 0 : below(static_cast<int>(stream->queue.size()) + 1);
    const int arrived = written == 0 ? 0 : below(written + 1);
    for (int i = 0; i < arrived && stream->is_heard; ++i) {
      receive(worker, stream->queue[static_cast<std::size_t>(i)], nullptr);
    }
    stream->is_open = false;
    stream->is_heard = false;
    std::vector<Assignment> unsent;
    for (std::size_t i = static_cast<std::size_t>(written); i < stream->queue.size(); ++i) {
      const auto& some = stream->queue[i].assignments;
      unsent.insert(unsent.end(), some.begin(), some.end());
    }
    stream->queue.clear();
    if (told) {
      late_closings_.push_back({worker.incarnation, stream, std::move(unsent)});
    }
  }

  void hear_closing() {
    auto closing = std::move(late_closings_.front());
    late_closings_.pop_front();
    stage_->hall->closed(closing.incarnation, closing.stream.get(), std::move(closing.unsent));
  }

  void die(SimulatedWorker& worker) {
    lose_link(worker, true);
    worker = {.name = worker.name};
    worker.incarnation = new_incarnation();
  }

  void leave(SimulatedWorker& worker) {
    if (worker.stream && worker.bodies.empty() && worker.reports.empty() &&
        worker.stream->queue.empty()) {
      stage_->hall->heard(worker.incarnation, worker.stream.get(), FromWorker{.leaving = true});
      die(worker);
    }
  }

  bool deliver(SimulatedWorker& worker) {
    if (!worker.stream || worker.stream->queue.empty()) {
      return false;
    }
    const ToWorker message = std::move(worker.stream->queue.front());
    worker.stream->queue.pop_front();
    receive(worker, message, worker.stream.get());
    return true;
  }

  void receive(SimulatedWorker& worker, const ToWorker& message, SimulatedStream* answer_to) {
    for (const ShardEpoch& epoch : message.epochs) {
      worker.epochs[epoch.shard] = std::max(worker.epochs[epoch.shard], epoch.epoch);
    }
    for (const Assignment& one : message.assignments) {
      auto& highest = worker.epochs[one.run.shard()];
      if (!worker.seen.insert(one.token).second) {
        continue;  // a token runs once
      }
      if (one.epoch < highest || worker.bodies.size() >= static_cast<std::size_t>(worker.slots)) {
        worker.reports[one.token] = {
            .run = one.run, .token = one.token, .outcome = ReportOutcome::refused};
        continue;
      }
      highest = one.epoch;
      worker.bodies[one.token] = {one};
      executions_[one.run].push_back(one.token);
    }
    for (const CancelOrder& one : message.cancels) {
      if (worker.bodies.contains(one.token)) {
        end_body(worker, one.token, ReportOutcome::cancelled);
      } else if (!worker.reports.contains(one.token)) {
        worker.reports[one.token] = {
            .run = one.run, .token = one.token, .outcome = ReportOutcome::cancelled};
      }
    }
    for (const Id token : message.acks) {
      worker.reports.erase(token);
    }
    if (answer_to != nullptr) {
      say_all(worker);
    }
  }

  void end_body(SimulatedWorker& worker, Id token, ReportOutcome outcome) {
    const Assignment& assignment = worker.bodies.at(token).assignment;
    worker.reports[token] = {.run = assignment.run, .token = token, .outcome = outcome};
    worker.bodies.erase(token);
  }

  // Everything unacknowledged, once more, and a sign of life.
  void say_all(SimulatedWorker& worker) {
    if (!worker.stream || !worker.stream->is_open) {
      return;
    }
    FromWorker said{.heartbeat = true};
    for (const auto& [token, report] : worker.reports) {
      run_of_token_[token] = report.run;
      said.finished.push_back(report);
    }
    stage_->hall->heard(worker.incarnation, worker.stream.get(), std::move(said));
  }

  void step() {
    if (has_lagged_) {
      subscribe();
    }
    SimulatedWorker& worker = workers_[static_cast<std::size_t>(below(3))];
    const int dice = below(1000);
    if (dice < 250) {
      stage_->time.settle();
    } else if (dice < 500) {
      if (!store_tasks_.empty()) {
        run_store_task();
      }
    } else if (dice < 600) {
      trigger();
    } else if (dice < 625) {
      ask_about_some_run();
    } else if (dice < 880) {
      step_of(worker, dice);
    } else {
      step_of_the_world(dice);
    }
  }

  void step_of(SimulatedWorker& worker, int dice) {
    if (dice < 725) {
      deliver(worker);
    } else if (dice < 785) {
      end_some_body(worker);
    } else if (dice < 825) {
      if (!worker.stream || !worker.stream->is_open || chance(20)) {
        connect(worker);
      }
    } else if (dice < 845) {
      lose_link(worker, true);
    } else if (dice < 865) {
      if (!late_closings_.empty()) {
        hear_closing();
      }
    } else if (dice < 870) {
      die(worker);
    } else {
      leave(worker);
    }
  }

  void end_some_body(SimulatedWorker& worker) {
    if (worker.bodies.empty()) {
      return;
    }
    auto chosen = worker.bodies.begin();
    std::advance(chosen, below(static_cast<int>(worker.bodies.size())));
    end_body(worker, chosen->first, chance(70) ? ReportOutcome::succeeded : ReportOutcome::failed);
    if (chance(80)) {
      say_all(worker);
    }
  }

  void step_of_the_world(int dice) {
    if (dice < 884) {
      crash();
    } else if (dice < 886) {
      stop_and_start();
    } else if (dice < 894) {
      away_ = !away_ && chance(50);
    } else if (dice < 900) {
      store_->release_reads();
    } else if (dice < 902) {
      advance(seconds(4));  // a stall, or a worker that is silent for long
    } else {
      for (SimulatedWorker& each : workers_) {
        if (chance(70)) {
          say_all(each);
        }
      }
      advance(milliseconds(below(150)));
    }
  }

  // --- judging

  std::optional<RunRow> row_of(Id run) {
    std::optional<RunRow> row;
    truth_->read_run(run, [&](const Outcome<std::optional<store::RunAt>>& found) {
      if (*found) {
        row = (*found)->row;
      }
    });
    return row;
  }

  std::vector<RunRow> all_runs() {
    std::vector<RunRow> all;
    truth_->list_runs({.with_steps = true, .limit = 100'000},
                      [&](const Outcome<std::vector<RunRow>>& runs) { all = *runs; });
    return all;
  }

  bool is_over() {
    const auto runs = all_runs();
    return store_tasks_.empty() && std::all_of(runs.begin(), runs.end(), [](const RunRow& row) {
             return is_final(row.progress.state);
           });
  }

  Id newest_token(const RunRow& row) {
    Id newest = row.progress.token;
    truth_->list_attempts(row.id, [&](const Outcome<std::vector<AttemptRow>>& attempts) {
      for (const AttemptRow& attempt : *attempts) {
        newest = std::max(newest, attempt.token);
      }
    });
    return newest;
  }

  void judge_credits() {
    for (int round = 0; round < 5; ++round) {
      for (SimulatedWorker& worker : workers_) {
        if (!worker.stream || !worker.stream->is_open) {
          connect(worker);
        }
        while (!worker.bodies.empty()) {
          end_body(worker, worker.bodies.begin()->first, ReportOutcome::succeeded);
        }
        say_all(worker);
      }
      drain();
    }
    bool called = false;
    stage_->hall->list_workers([&](const std::vector<WorkerView>& views) {
      called = true;
      for (const WorkerView& view : views) {
        EXPECT_EQ(view.busy, 0) << view.hello.name << " holds credits for nothing";
      }
    });
    drain();
    EXPECT_TRUE(called);
    for (const SimulatedWorker& worker : workers_) {
      EXPECT_TRUE(worker.reports.empty()) << "a report is never acknowledged (S7.3)";
    }
  }

  // S9.1: gapless, what the feed told is what the journal holds, and it ends where the rows stand.
  void judge_journal() {
    std::map<Id, Event> last;
    for (const auto& [source, heard] : heard_) {
      std::vector<Event> stored;
      truth_->read_journal(source, 1, 1'000'000,
                           [&, number = source](const Outcome<std::vector<JournalPart>>& parts) {
                             for (const JournalPart& part : *parts) {
                               EXPECT_EQ(part.first, static_cast<std::int64_t>(stored.size()) + 1)
                                   << "source " << number;
                               stored.insert(stored.end(), part.events.begin(), part.events.end());
                             }
                           });
      EXPECT_EQ(heard, stored) << "source " << source;
      for (const Event& event : stored) {
        if (event.type == EventType::run_changed) {
          last[event.subject] = event;
        }
      }
    }
    for (const RunRow& row : all_runs()) {
      ASSERT_TRUE(last.contains(row.id));
      EXPECT_EQ(last[row.id].state, static_cast<std::uint8_t>(row.progress.state));
      EXPECT_EQ(last[row.id].attempt, row.progress.attempt);
    }
  }

  struct Closing {
    Id incarnation;
    std::shared_ptr<SimulatedStream> stream;
    std::vector<Assignment> unsent;
  };

  std::mt19937_64 random_;
  std::shared_ptr<store::MemoryDatabase> database_;
  std::unique_ptr<store::Store> truth_;  // reads at once what is durable
  std::deque<std::function<void()>> store_tasks_;
  std::unique_ptr<store::FaultStore> store_;
  std::unique_ptr<HallStage> stage_;
  Instant now_{1'700'000'000'000};
  bool quiet_ = false;
  bool away_ = false;
  bool has_lagged_ = false;
  std::int64_t subscription_ = 0;
  int lives_ = 0;
  std::int64_t incarnations_ = 0;
  std::vector<SimulatedWorker> workers_;
  std::deque<Closing> late_closings_;
  std::set<Id> acknowledged_, once_;
  std::map<std::string, Id> keys_;
  std::map<Id, std::size_t> by_hand_;
  std::map<Id, std::vector<Id>> executions_;  // run -> tokens, in the order the bodies began
  std::map<Id, Id> run_of_token_;
  std::map<ShardNumber, std::vector<Event>> heard_;
};

bool SimulatedStream::send(ToWorker message) {
  if (!is_open) {
    return false;
  }
  world_.check_effects(message);
  queue.push_back(std::move(message));
  return true;
}

class HallFault : public ::testing::TestWithParam<int> {};

TEST_P(HallFault, KeepsItsPromisesWhateverFails) {
  const auto seed = static_cast<std::uint64_t>(GetParam());
  SCOPED_TRACE("seed " + std::to_string(seed));
  World world(seed);
  world.live(3000);
  world.come_to_rest();
  world.judge();
  EXPECT_GT(world.executions(), 10U);
  EXPECT_GT(world.lives(), 1);
}

INSTANTIATE_TEST_SUITE_P(Seeds, HallFault, ::testing::Range(1, testing::last_seed(24) + 1));

}  // namespace
}  // namespace jobflow::runtime
