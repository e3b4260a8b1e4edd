#include "runtime/testing/fault_world.h"

#include "runtime/hall.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jobflow::runtime::testing {
namespace {

constexpr int kShards = 8;

}  // namespace

FaultWorld::FaultWorld(std::uint64_t seed)
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
    save(DefinitionKind::job, name,
         R"({"handler":"h","retry":{"max_attempts":)" + std::to_string(attempts) +
             R"(,"initial":"500ms"}})");
  }
  save(DefinitionKind::workflow, "flow", R"({"steps":[{"id":"a","handler":"h"},
      {"id":"b","handler":"h","needs":["a"]},{"id":"c","handler":"h","needs":["a"]}]})");
  quiet_ = false;
}

void FaultWorld::live(int steps) {
  for (int i = 0; i < steps; ++i) {
    step();
    if (::testing::Test::HasFatalFailure()) {
      return;
    }
  }
}

void FaultWorld::come_to_rest() {
  quiet_ = true;
  away_ = false;
  script_faults();
  drain();
  subscribe();
  for (int round = 0; round < 400 && !is_over(); ++round) {
    drain();
    for (FaultWorker& worker : workers_) {
      if (!worker.is_connected()) {
        connect(worker);
      }
      drain();
      worker.end_all();
      say_all(worker);
    }
    drain();
    advance(milliseconds(500));
  }
  drain();
}

// --- the server

void FaultWorld::begin_life() {
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

void FaultWorld::subscribe() {
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

void FaultWorld::script_faults() {
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

void FaultWorld::run_store_task() {
  auto task = std::move(store_tasks_.front());
  store_tasks_.pop_front();
  task();
}

// kill -9 at whatever point this is: what the store had begun may have landed or not.
void FaultWorld::crash() {
  if (chance(50) && !store_tasks_.empty()) {
    run_store_task();
  }
  store_tasks_.clear();
  for (FaultWorker& worker : workers_) {
    lose_link(worker, /*told=*/false);
  }
  late_closings_.clear();
  stage_.reset();
  store_.reset();
  subscription_ = 0;
  away_ = false;
  begin_life();
}

void FaultWorld::stop_and_start() {
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

void FaultWorld::advance(Span span) {
  stage_->time.advance(span);
  now_ = stage_->time.now();
}

void FaultWorld::drain() {
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
    for (FaultWorker& worker : workers_) {
      while (deliver(worker)) {
        any = true;
      }
    }
    stage_->time.settle();
    any = any || !store_tasks_.empty();
  }
}

void FaultWorld::run_until(const std::function<bool()>& condition) {
  for (int round = 0; round < 200 && !condition(); ++round) {
    drain();
    advance(milliseconds(100));
  }
  ASSERT_TRUE(condition());
}

// --- people

void FaultWorld::save(DefinitionKind kind, const std::string& name, const std::string& spec) {
  auto definition =
      read_definition(kind, R"({"metadata":{"name":")" + name + R"("},"spec":)" + spec + "}");
  const auto saved = std::make_shared<bool>(false);
  submit(engine::SaveDefinition{.definition = *definition},
         [saved](const Outcome<engine::Reply>& reply) { *saved = reply.ok(); });
  run_until([&] { return *saved; });
}

void FaultWorld::submit(engine::Request request,
                        std::function<void(Outcome<engine::Reply>)> answer) {
  std::vector<Submission> submissions;
  submissions.push_back({{.request = std::move(request), .principal = "test"}, std::move(answer)});
  stage_->hall->submit(std::move(submissions));
}

void FaultWorld::trigger() {
  const std::string name = chance(50) ? "once" : chance(50) ? "often" : "flow";
  const std::string key = chance(20) ? "k" + std::to_string(below(6)) : "";
  submit(engine::TriggerRun{.kind = name == "flow" ? DefinitionKind::workflow : DefinitionKind::job,
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

void FaultWorld::ask_about_some_run() {
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

void FaultWorld::connect(FaultWorker& worker) {
  if (worker.stream) {
    lose_link(worker, true);
  }
  worker.stream =
      std::make_shared<FaultStream>([this](const ToWorker& message) { check_effects(message); });
  auto stream = worker.stream;
  stage_->hall->connected(worker.hello(), stream, [stream](const Outcome<Done>& welcome) {
    if (!welcome) {
      stream->is_open = false;
    }
  });
  say_all(worker);
}

// The link is gone. Of what was queued some may still have arrived; what the transport never took
// the server is told, when it is still there, sooner or later.
void FaultWorld::lose_link(FaultWorker& worker, bool told) {
  if (!worker.stream) {
    return;
  }
  auto stream = std::exchange(worker.stream, nullptr);
  int written = stream->queue.empty() ? 0 : below(static_cast<int>(stream->queue.size()) + 1);
  const int arrived = written == 0 ? 0 : below(written + 1);
  for (int i = 0; i < arrived && stream->is_heard; ++i) {
    receive(worker, stream->queue[static_cast<std::size_t>(i)]);
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

void FaultWorld::hear_closing() {
  auto closing = std::move(late_closings_.front());
  late_closings_.pop_front();
  stage_->hall->closed(closing.incarnation, closing.stream.get(), std::move(closing.unsent));
}

void FaultWorld::die(FaultWorker& worker) {
  lose_link(worker, true);
  worker = {.name = worker.name};
  worker.incarnation = new_incarnation();
}

void FaultWorld::leave(FaultWorker& worker) {
  if (worker.stream && worker.bodies.empty() && worker.reports.empty() &&
      worker.stream->queue.empty()) {
    stage_->hall->heard(worker.incarnation, worker.stream.get(), FromWorker{.leaving = true});
    die(worker);
  }
}

bool FaultWorld::deliver(FaultWorker& worker) {
  if (!worker.stream || worker.stream->queue.empty()) {
    return false;
  }
  const ToWorker message = std::move(worker.stream->queue.front());
  worker.stream->queue.pop_front();
  receive(worker, message);
  say_all(worker);
  return true;
}

void FaultWorld::receive(FaultWorker& worker, const ToWorker& message) {
  for (const Assignment& begun : worker.receive(message)) {
    executions_[begun.run].push_back(begun.token);
  }
}

// Everything unacknowledged, once more, and a sign of life.
void FaultWorld::say_all(FaultWorker& worker) {
  if (!worker.is_connected()) {
    return;
  }
  FromWorker said{.heartbeat = true};
  for (const auto& [token, report] : worker.reports) {
    run_of_token_[token] = report.run;
    said.finished.push_back(report);
  }
  stage_->hall->heard(worker.incarnation, worker.stream.get(), std::move(said));
}

void FaultWorld::step() {
  if (has_lagged_) {
    subscribe();
  }
  FaultWorker& worker = workers_[static_cast<std::size_t>(below(3))];
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

void FaultWorld::step_of(FaultWorker& worker, int dice) {
  if (dice < 725) {
    deliver(worker);
  } else if (dice < 785) {
    end_some_body(worker);
  } else if (dice < 825) {
    if (!worker.is_connected() || chance(20)) {
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

void FaultWorld::end_some_body(FaultWorker& worker) {
  if (worker.bodies.empty()) {
    return;
  }
  auto chosen = worker.bodies.begin();
  std::advance(chosen, below(static_cast<int>(worker.bodies.size())));
  worker.end_body(chosen->first, chance(70) ? ReportOutcome::succeeded : ReportOutcome::failed);
  if (chance(80)) {
    say_all(worker);
  }
}

void FaultWorld::step_of_the_world(int dice) {
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
    for (FaultWorker& each : workers_) {
      if (chance(70)) {
        say_all(each);
      }
    }
    advance(milliseconds(below(150)));
  }
}

}  // namespace jobflow::runtime::testing
