#include "runtime/testing/cluster_stage.h"

#include "store/log_store.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace jobflow::runtime::testing {

// One process.
struct ClusterStage::Node final : Clock, Executor, MemberLink {
  Node(ClusterStage& the_stage, std::string the_name)
      : stage(the_stage),
        name(std::move(the_name)),
        logs(store::make_memory_log_store()),
        store(std::make_unique<store::FaultStore>(
            store::make_memory_store(stage.database_,
                                     [this](auto task) { tasks.push_back(std::move(task)); }),
            store::FaultScript{})),
        hall(std::make_unique<Hall>(
            HallSettings{.member_name = name, .cluster = {.alone = false, .address = name}},
            *store,
            *logs,
            *this,
            *this,
            metrics)) {
    hall->set_link(*this);
    hall->on_fenced([this](const std::string&) { was_fenced = true; });
  }

  Instant now() const override { return stage.now(); }
  Instant monotonic() const override { return stage.monotonic_; }
  void post(std::function<void()> task) override { tasks.push_back(std::move(task)); }
  void wake_at(Instant monotonic, std::function<void()> task) override {
    timer_at = monotonic;
    timer = std::move(task);
  }
  void send(std::int64_t, const std::string& address, MemberMessage message) override {
    const auto to = stage.nodes_.find(address);
    if (to == stage.nodes_.end() || stage.cuts_.contains({name, address})) {
      hall->member_lost(0);
      return;
    }
    if (const auto delay = stage.delays_.find({name, address}); delay != stage.delays_.end()) {
      stage.under_way_.emplace(stage.monotonic_ + delay->second,
                               std::pair(address, std::move(message)));
    } else {
      to->second->hear(std::move(message));
    }
  }
  void hear(MemberMessage message) {
    tasks.emplace_back([this, message = std::move(message)] { hall->member_said(message); });
  }
  bool run_one() {
    if (is_paused) {
      return false;
    }
    if (!tasks.empty()) {
      auto task = std::move(tasks.front());
      tasks.pop_front();
      task();
      return true;
    }
    if (timer && timer_at <= stage.monotonic_) {
      timer_at = kNever;
      std::exchange(timer, nullptr)();
      return true;
    }
    return false;
  }

  ClusterStage& stage;
  const std::string name;
  bool is_paused = false;
  bool was_fenced = false;
  bool has_stopped = false;
  std::deque<std::function<void()>> tasks;
  Instant timer_at = kNever;
  std::function<void()> timer;
  Metrics metrics;
  std::unique_ptr<store::LogStore> logs;
  std::unique_ptr<store::FaultStore> store;
  std::unique_ptr<Hall> hall;
};

ClusterStage::ClusterStage(int shard_count)
    : database_(store::make_memory_database(shard_count)),
      truth_(store::make_memory_store(database_)) {}

ClusterStage::~ClusterStage() = default;

Hall& ClusterStage::start(const std::string& name, store::FaultScript faults) {
  kill(name);
  auto& made = nodes_[name] = std::make_unique<Node>(*this, name);
  made->store->set(std::move(faults));
  made->hall->start([](const Outcome<Done>& ready) { EXPECT_TRUE(ready.ok()); });
  settle();
  return *made->hall;
}

void ClusterStage::kill(const std::string& name) {
  if (const auto found = nodes_.find(name); found != nodes_.end()) {
    found->second->tasks.clear();
    dead_.push_back(std::move(found->second));
    nodes_.erase(found);
  }
}

void ClusterStage::pause(const std::string& name) {
  node(name).is_paused = true;
}
void ClusterStage::go_on(const std::string& name) {
  node(name).is_paused = false;
}
Hall& ClusterStage::hall(const std::string& name) {
  return *node(name).hall;
}
store::FaultStore& ClusterStage::store(const std::string& name) {
  return *node(name).store;
}
double ClusterStage::metric(const std::string& name, const std::string& line) {
  const std::string text = node(name).metrics.text();
  const auto at = text.find("\n" + line + " ");
  return at == std::string::npos ? -1.0 : std::stod(text.substr(at + line.size() + 2));
}

bool ClusterStage::was_fenced(const std::string& name) {
  return node(name).was_fenced;
}
bool ClusterStage::has_stopped(const std::string& name) {
  return node(name).has_stopped;
}

void ClusterStage::cut(const std::string& a, const std::string& b) {
  cuts_.insert({a, b});
  cuts_.insert({b, a});
}

void ClusterStage::settle() {
  while (!under_way_.empty() && under_way_.begin()->first <= monotonic_) {
    auto [to, message] = std::move(under_way_.begin()->second);
    under_way_.erase(under_way_.begin());
    node(to).hear(std::move(message));
  }
  for (bool any = true; any;) {
    any = false;
    for (auto& [name, node] : nodes_) {
      any = node->run_one() || any;
    }
  }
}

void ClusterStage::advance(Span span) {
  const Instant end = monotonic_ + span;
  for (;;) {
    settle();
    Instant next = under_way_.empty() ? end : std::min(end, under_way_.begin()->first);
    for (auto& [name, node] : nodes_) {
      if (!node->is_paused && node->timer) {
        next = std::min(next, node->timer_at);
      }
    }
    if (next >= end) {
      break;
    }
    monotonic_ = std::max(monotonic_, next);
  }
  monotonic_ = end;
  settle();
}

void ClusterStage::stop(const std::string& name) {
  Node& leaving = node(name);
  leaving.hall->stop([&leaving] { leaving.has_stopped = true; });
  settle();
}

ClusterImage ClusterStage::image() {
  ClusterImage seen;
  truth_->read_cluster([&](const Outcome<ClusterImage>& image) { seen = *image; });
  return seen;
}

std::map<std::int64_t, std::string> ClusterStage::names() {
  std::map<std::int64_t, std::string> names{{0, "nobody"}};
  for (const MemberRow& member : image().members) {
    names[member.id] = member.name;
  }
  return names;
}

std::map<std::string, int> ClusterStage::shares() {
  const auto known = names();
  std::map<std::string, int> shares;
  for (const ShardOwner& shard : image().shards) {
    ++shares[known.at(shard.owner)];
  }
  return shares;
}

Answered ClusterStage::submit(const std::string& at, engine::Request request, Id command) {
  auto answer = std::make_shared<Answer>();
  engine::Command asked{.request = std::move(request),
                        .principal = "test",
                        .id = command,
                        .is_repeat = command.is_set()};
  std::vector<Submission> submissions;
  submissions.push_back({std::move(asked), [answer](Outcome<engine::Reply> reply) {
                           EXPECT_FALSE(answer->has_value()) << "answered twice";
                           *answer = std::move(reply);
                         }});
  hall(at).submit(std::move(submissions));
  settle();
  return answer;
}

Answered ClusterStage::save_job(const std::string& at,
                                const std::string& name,
                                const std::string& spec_json) {
  auto definition = read_definition(
      DefinitionKind::job, R"({"metadata":{"name":")" + name + R"("},"spec":)" + spec_json + "}",
      *hall(at).calendars());
  return submit(at, engine::SaveDefinition{.definition = *definition});
}

Answered ClusterStage::trigger(const std::string& at,
                               const std::string& name,
                               const std::string& key) {
  return submit(at,
                engine::TriggerRun{.name_space = "default", .name = name, .idempotency_key = key});
}

std::shared_ptr<PlayedWorker> ClusterStage::connect(const std::string& at,
                                                    const std::string& name,
                                                    Id incarnation,
                                                    std::vector<std::string> handlers,
                                                    int slots,
                                                    std::vector<WorkerHello::Holding> holding,
                                                    std::int64_t connection) {
  auto stream = std::make_shared<PlayedWorker>();
  WorkerHello hello{.name = name, .incarnation = incarnation, .slots = slots};
  for (std::string& handler : handlers) {
    hello.handlers.push_back({.name = std::move(handler)});
  }
  hello.holding = std::move(holding);
  hello.connection = connection;
  hall(at).connected(std::move(hello), stream,
                     [](const Outcome<Done>& welcome) { EXPECT_TRUE(welcome.ok()); });
  settle();
  return stream;
}

void ClusterStage::finish(const std::string& at, Id incarnation, const Assignment& assignment) {
  FromWorker said;
  said.finished.push_back({.run = assignment.run, .token = assignment.token});
  hall(at).heard(incarnation, nullptr, std::move(said));
  settle();
}

std::vector<RunRow> ClusterStage::runs() {
  std::vector<RunRow> all;
  truth_->list_runs({.with_steps = true, .limit = 100'000},
                    [&](const Outcome<std::vector<RunRow>>& runs) { all = *runs; });
  return all;
}

}  // namespace jobflow::runtime::testing
