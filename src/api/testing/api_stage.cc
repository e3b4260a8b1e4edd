#include "api/testing/api_stage.h"

#include "api/routes.h"
#include "model/definition.h"

#include <gtest/gtest.h>

namespace jobflow::api::testing {
Outcome<runtime::Principal> RoleAccess::authenticate(std::string_view token) const {
  if (token == "nobody") {
    return Problem{ProblemCode::unauthenticated, "the access token is unknown or expired"};
  }
  return runtime::Principal{.name = "token:" + std::string(token), .role = std::string(token)};
}

void ManualLoop::settle() {
  while (!tasks.empty()) {
    auto task = std::move(tasks.front());
    tasks.pop_front();
    task();
  }
}

bool ManualLoop::fire_timer() {
  if (timers.empty()) {
    return false;
  }
  auto task = std::move(timers.front());
  timers.pop_front();
  task();
  settle();
  return true;
}

void PlayedHall::submit(std::vector<runtime::Submission> taken) {
  submissions.push_back(taken.size());
  for (runtime::Submission& submission : taken) {
    commands.push_back(submission.command);
    if (holds_answers) {
      held.push_back(std::move(submission));
      ++holding;
    } else {
      submission.answer(says ? says(commands.back())
                             : Outcome<engine::Reply>(engine::Reply{
                                   .id = {static_cast<std::int64_t>(1000 + commands.size())},
                                   .revision = 1,
                                   .created = true}));
    }
  }
}

void PlayedLogs::append(std::vector<LogChunk> chunks, store::Callback<Outcome<Done>> done) {
  written_->append(std::exchange(waiting_, {}), [](const Outcome<Done>&) {});
  if (is_behind && !chunks.empty()) {
    waiting_ = std::move(chunks);
    return done(Done{});
  }
  written_->append(std::move(chunks), std::move(done));
}

void PlayedSink::send(std::string_view type,
                      std::string_view id,
                      std::string_view json,
                      std::shared_ptr<const void> held_by) {
  sent.push_back({std::string(type), std::string(id), std::string(json)});
  held.push_back(std::move(held_by));
}

void PlayedSink::close() {
  if (!std::exchange(is_closed, true)) {
    if (const auto told = std::exchange(told_, nullptr)) {
      told();
    }
  }
}

ApiStage::ApiStage()
    : store(store::make_memory_store()),
      hall(std::make_unique<PlayedHall>(*store)),
      names(std::make_unique<NameBook>(*store)),
      doors(new Doors{.hall = *hall,
                      .store = *store,
                      .logs = *logs,
                      .metrics = metrics,
                      .clock = clock,
                      .names = *names,
                      .version = "0.0.0"}) {
  auto table = Router::make(all_routes());
  EXPECT_TRUE(table) << (table ? "" : table.problem().detail);
  router = std::make_unique<Router>(std::move(table).value());
  store->join({"stage"}, [this](Outcome<store::Ticket> ticket) { ticket_ = *ticket; });
}

ApiStage::~ApiStage() {
  for (const auto& sink : sinks_) {
    sink->close();
  }
}

ExchangePtr ApiStage::begin(const Asked& asked) {
  answered_.reset();
  sink_.reset();
  auto exchange = std::make_shared<Exchange>();
  exchange->doors = doors;
  exchange->loop = loop;
  exchange->answer = [this](Response response) {
    EXPECT_FALSE(answered_) << "answered twice";
    answered_ = std::move(response);
  };
  exchange->stream = [this](const std::function<void(std::shared_ptr<Sink>)>& ready) {
    sink_ = sinks_.emplace_back(std::make_shared<PlayedSink>());
    ready(sink_);
  };
  Request& request = exchange->request;
  request.id = "r-1";
  request.content_type = asked.content_type;
  request.idempotency_key = asked.idempotency_key;
  request.if_match = asked.if_match;
  request.if_none_match = asked.if_none_match;
  request.last_event_id = asked.last_event_id;
  request.body = asked.body;
  const std::string authorization = asked.token.empty() ? "" : "Bearer " + asked.token;
  auto admitted = admit(
      *router, RoleAccess(),
      {.method = asked.method, .authorization = authorization, .has_body = !asked.body.empty()},
      asked.target, request);
  if (auto* refused = std::get_if<Refused>(&admitted)) {
    answered_ = std::move(refused->response);
    return exchange;
  }
  std::get<Admitted>(admitted).route->handler(exchange);
  loop->settle();
  return exchange;
}

std::optional<Response> ApiStage::try_call(const Asked& asked) {
  begin(asked);
  return answered_;
}

Response ApiStage::call(const Asked& asked) {
  auto response = try_call(asked);
  EXPECT_TRUE(response) << asked.method << " " << asked.target << " was not answered";
  return response.value_or(Response{.status = 0});
}

std::shared_ptr<PlayedSink> ApiStage::stream(const Asked& asked) {
  begin(asked);
  return sink_;
}

Id ApiStage::next_id() {
  last_id_ = jobflow::next_id(last_id_, 3, clock.now());
  return last_id_;
}

void ApiStage::commit(std::vector<Change> changes, std::vector<Event> events, ShardNumber shard) {
  const std::int64_t first = next_event_[shard];
  next_event_[shard] += static_cast<std::int64_t>(events.size());
  auto batch = std::make_shared<store::Batch>();
  batch->member = ticket_.member;
  batch->term = ticket_.term;
  batch->number = ++ticket_.batch;
  batch->time = clock.now();
  batch->parts.push_back({.shard = shard,
                          .last_id = last_id_,
                          .journal = {.source = shard, .first = first, .events = events},
                          .changes = std::move(changes)});
  store->commit(batch, [](const store::CommitAnswer& answer) {
    EXPECT_EQ(answer.result, store::CommitResult::landed) << answer.detail;
  });
  if (!events.empty()) {
    hall->feed().publish(std::vector<JournalPart>{batch->parts[0].journal});
  }
  loop->settle();
}

DefinitionRow ApiStage::add_definition(DefinitionKind kind,
                                       const std::string& name,
                                       const std::string& spec) {
  DefinitionRow row{.id = next_id(),
                    .kind = kind,
                    .name_space = "default",
                    .name = name,
                    .document = R"({"metadata":{"name":")" + name + R"("},"spec":)" + spec + "}",
                    .created = clock.now(),
                    .updated = clock.now(),
                    .principal = "token:admin"};
  commit({SaveRevision{row}});
  return row;
}

DefinitionRow ApiStage::add_job(const std::string& name, const std::string& spec) {
  return add_definition(DefinitionKind::job, name, spec);
}

DefinitionRow ApiStage::add_workflow(const std::string& name, const std::string& steps) {
  return add_definition(DefinitionKind::workflow, name, R"({"steps":)" + steps + "}");
}

RunRow ApiStage::add_run(const DefinitionRow& definition, RunProgress progress) {
  RunRow row{.id = next_id(),
             .kind = definition.kind == DefinitionKind::job ? RunKind::job : RunKind::workflow,
             .definition = definition.id,
             .handler = definition.kind == DefinitionKind::job ? "noop" : "",
             .params = "{}",
             .created = clock.now(),
             .principal = "token:admin",
             .progress = std::move(progress)};
  if (row.kind == RunKind::job) {
    row.progress = plausible(row.progress);
  } else if (is_final(row.progress.state)) {
    row.progress.ended = clock.now();
  }
  commit({InsertRun{row}});
  return row;
}

RunProgress plausible(RunProgress progress) {
  const bool runs = progress.state == RunState::running || progress.state == RunState::cancelling;
  if (is_final(progress.state)) {
    progress.ended = {1'763'830'800'000};
  }
  if (runs || progress.attempt > 0) {
    progress.attempt = std::max(progress.attempt, 1);
    progress.token = progress.token.is_set() ? progress.token : Id{100 + progress.attempt};
    progress.worker = progress.worker.empty() ? "w1" : progress.worker;
    progress.incarnation = {9};
    progress.started = {1'763'830'800'000};
  }
  return progress;
}

std::string must_hold(const std::string& text, const std::string& part) {
  return text.find(part) == std::string::npos ? "'" + part + "' is not in: " + text : "";
}

}  // namespace jobflow::api::testing
