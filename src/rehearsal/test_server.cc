// The public test server over the scripted one: it welcomes, acknowledges and sends again by
// itself.
#include "rehearsal/scripted_server.h"

#include <jobflow/test_server.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

namespace jobflow {
namespace {

using rehearsal::Order;
using rehearsal::ScriptedServer;
using rehearsal::Session;
using SessionPtr = std::shared_ptr<Session>;

// Runs and tokens are beyond 2^53, as a server's are.
constexpr std::int64_t kFirstRun = std::int64_t{1'700'000'000'000} << 22;

struct Record {
  Order order;
  std::int64_t incarnation = 0;  // of the worker that has it
  bool started = false;
  bool cancel_asked = false;
  double progress = -1;
  std::map<std::int64_t, TestLogLine> lines;  // by offset
  std::optional<TestEnd> end;
  int reports = 0;
};

TestEnd::Kind to_kind(int outcome) {
  switch (outcome) {
    case v1::OUTCOME_SUCCEEDED:
      return TestEnd::Kind::succeeded;
    case v1::OUTCOME_CANCELLED:
      return TestEnd::Kind::cancelled;
    case v1::OUTCOME_TIMED_OUT:
      return TestEnd::Kind::timed_out;
    case v1::OUTCOME_REFUSED:
      return TestEnd::Kind::refused;
    default:
      return TestEnd::Kind::failed;
  }
}

// Of a worker that sends no JSON, the text.
Json parse(const std::string& text) {
  return text.empty() ? Json() : Json::try_parse(text).value_or(Json(text));
}

TestEnd to_end(const v1::Finished& report) {
  return {.kind = to_kind(report.outcome()),
          .result = parse(report.result_json()),
          .error_kind = report.error_kind(),
          .error = report.error(),
          .do_not_retry = report.do_not_retry(),
          .retry_after = std::chrono::milliseconds(report.retry_after_ms())};
}

TestLogLine to_line(const v1::LogLine& line) {
  return {.level = static_cast<TestLogLine::Level>(std::min(line.level(), 3U)),
          .text = line.text(),
          .fields = parse(line.fields_json())};
}

std::string offered_by(const v1::Register& hello) {
  std::string names;
  for (const v1::Handler& handler : hello.handlers()) {
    names += (names.empty() ? "" : ", ") + handler.name();
  }
  return "'" + hello.name() + "' offers " + (names.empty() ? "none" : names);
}

bool offers(const v1::Register& hello, std::string_view handler) {
  return std::any_of(hello.handlers().begin(), hello.handlers().end(),
                     [&](const v1::Handler& offered) { return offered.name() == handler; });
}

}  // namespace

// All the state there is. What comes from the worker is told on the transport's threads.
class TestRun::Stage {
 public:
  explicit Stage(TestServerOptions options)
      : options_(options),
        server_({.patience = options.patience,
                 .on_message = [this](const SessionPtr& session, const v1::WorkerMessage& message) {
                   hear(session, message);
                 }}) {}

  ScriptedServer& server() { return server_; }

  std::int64_t trigger(std::string_view handler,
                       const Json& params,
                       const TestRunOptions& options) {
    std::unique_lock lock(mutex_);
    const auto offered = [&] {
      return session_ != nullptr && offers(session_->registration(), handler);
    };
    if (!changed_.wait_for(lock, options_.patience, offered)) {
      throw std::runtime_error(
          "no worker offers '" + std::string(handler) + "': " +
          (session_ == nullptr ? "none is connected" : offered_by(session_->registration())));
    }
    const std::int64_t run = kFirstRun + static_cast<std::int64_t>(records_.size()) * 2;
    Record& record = records_[run];
    record.order = {.run = run,
                    .token = run + 1,
                    .handler = std::string(handler),
                    .params = params.dump(),
                    .attempt = static_cast<std::uint32_t>(options.attempt),
                    .timeout_ms = options.timeout.count(),
                    .job = options.job,
                    .idempotency_key = options.idempotency_key};
    record.incarnation = session_->registration().incarnation();
    session_->assign(record.order);
    return run;
  }

  // Waits until `holds` is true of the run, and returns what `read` makes of it.
  template <class Read>
  auto await(std::int64_t run,
             const std::string& what,
             const std::function<bool(const Record&)>& holds,
             Read read) {
    std::unique_lock lock(mutex_);
    const Record& record = records_.at(run);
    if (!changed_.wait_for(lock, options_.patience, [&] { return holds(record); })) {
      throw std::runtime_error("waited in vain for " + what + " of the run of '" +
                               record.order.handler + "'");
    }
    return read(record);
  }

  void cancel(std::int64_t run) {
    const std::lock_guard lock(mutex_);
    Record& record = records_.at(run);
    record.cancel_asked = true;
    tell([&](Session& session) { session.cancel(run, record.order.token); });
  }
  void assign_again(std::int64_t run) {
    const std::lock_guard lock(mutex_);
    tell([&](Session& session) { session.assign(records_.at(run).order); });
  }
  void acknowledge(bool on) {
    const std::lock_guard lock(mutex_);
    acknowledges_ = on;
    tell([&](Session& session) {
      for (const auto& [run, record] : records_) {
        acknowledge_all(record, session);
      }
    });
  }
  void drain() {
    const std::lock_guard lock(mutex_);
    tell([](Session& session) { session.drain(); });
  }

  void drop_link() {
    std::unique_lock lock(mutex_);
    if (session_ == nullptr) {
      throw std::runtime_error("no worker is connected");
    }
    const int before = registrations_;
    session_->cut();
    if (!changed_.wait_for(lock, options_.patience, [&] { return registrations_ > before; })) {
      throw std::runtime_error("the worker did not connect again");
    }
  }

 private:
  void tell(const std::function<void(Session&)>& say) {
    if (session_ != nullptr) {
      say(*session_);
    }
  }

  void hear(const SessionPtr& session, const v1::WorkerMessage& message) {
    const std::lock_guard lock(mutex_);
    if (message.has_register_()) {
      welcome(session);
    }
    for (const v1::Accepted& accepted : message.accepted()) {
      if (Record* record = find(accepted.run(), accepted.token())) {
        record->started = true;
      }
    }
    for (const v1::Progress& progress : message.heartbeat().progress()) {
      if (Record* record = find(progress.run(), progress.token())) {
        record->progress = progress.fraction();
      }
    }
    for (const v1::LogChunk& chunk : message.logs()) {
      take_lines(chunk, *session);
    }
    for (const v1::Finished& report : message.finished()) {
      if (Record* record = find(report.run(), report.token())) {
        record->started = record->started || report.outcome() != v1::OUTCOME_REFUSED;
        record->reports += 1;
        record->end = record->end ? record->end : to_end(report);
        acknowledge_all(*record, *session);
      }
    }
    if (message.has_leaving() && session == session_) {
      session_.reset();
    }
    changed_.notify_all();
  }

  // A stream begins: what its worker does not hold may never have arrived.
  void welcome(const SessionPtr& session) {
    session_ = session;
    registrations_ += 1;
    session->welcome(static_cast<std::uint32_t>(options_.heartbeat.count()),
                     static_cast<std::uint32_t>(options_.lease.count()));
    const v1::Register& hello = session->registration();
    std::set<std::int64_t> held;
    for (const v1::Holding& holding : hello.holding()) {
      held.insert(holding.token());
    }
    for (auto& [run, record] : records_) {
      if (record.end) {
        continue;
      }
      if (record.incarnation != hello.incarnation()) {
        record.end = TestEnd{.kind = TestEnd::Kind::lost, .error = "another worker came"};
        continue;
      }
      if (!held.contains(record.order.token)) {
        session->assign(record.order);
      }
      if (record.cancel_asked) {
        session->cancel(run, record.order.token);
      }
    }
  }

  void take_lines(const v1::LogChunk& chunk, Session& session) {
    const auto found = records_.find(chunk.run());
    if (found == records_.end()) {
      return;
    }
    std::int64_t offset = chunk.offset();
    for (const v1::LogLine& line : chunk.lines()) {
      found->second.lines.insert_or_assign(offset++, to_line(line));
    }
    acknowledge_all(found->second, session);
  }

  // What is known of the run; on the stream that told it, or the newest.
  void acknowledge_all(const Record& record, Session& session) const {
    if (!acknowledges_) {
      return;
    }
    std::int64_t next = 0;
    while (record.lines.contains(next)) {
      ++next;
    }
    if (next > 0) {
      session.acknowledge_logs(record.order.run, record.order.attempt, next);
    }
    if (record.end) {
      session.acknowledge(record.order.token);
    }
  }

  Record* find(std::int64_t run, std::int64_t token) {
    const auto found = records_.find(run);
    return found == records_.end() || found->second.order.token != token ? nullptr : &found->second;
  }

  const TestServerOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, Record> records_;
  SessionPtr session_;  // of the worker that connected last
  int registrations_ = 0;
  bool acknowledges_ = true;
  ScriptedServer server_;  // ends first
};

void TestRun::wait_started() const {
  stage_->await(
      id_, "the start", [](const Record& run) { return run.started || run.end; },
      [](const Record&) {});
}

TestEnd TestRun::wait() const {
  return stage_->await(
      id_, "the end", [](const Record& run) { return run.end.has_value(); },
      [](const Record& run) { return run.end.value_or(TestEnd{}); });
}

std::vector<TestLogLine> TestRun::log(std::size_t at_least) const {
  return stage_->await(
      id_, std::to_string(at_least) + " log lines",
      [&](const Record& run) { return run.lines.size() >= at_least; },
      [](const Record& run) {
        std::vector<TestLogLine> lines;
        for (const auto& [offset, line] : run.lines) {
          lines.push_back(line);
        }
        return lines;
      });
}

double TestRun::wait_progress(double at_least) const {
  return stage_->await(
      id_, "progress of " + std::to_string(at_least),
      [&](const Record& run) { return run.progress >= at_least; },
      [](const Record& run) { return run.progress; });
}

void TestRun::cancel() const {
  stage_->cancel(id_);
}
void TestRun::assign_again() const {
  stage_->assign_again(id_);
}
int TestRun::wait_reports(int at_least) const {
  return stage_->await(
      id_, std::to_string(at_least) + " reports of the end",
      [&](const Record& run) { return run.reports >= at_least; },
      [](const Record& run) { return run.reports; });
}

TestServer::TestServer(TestServerOptions options)
    : stage_(std::make_shared<TestRun::Stage>(options)) {}

TestServer::~TestServer() {
  stage_->server().shut();
}

std::string TestServer::address() const {
  return stage_->server().address();
}
TestRun TestServer::trigger(std::string_view handler,
                            const Json& params,
                            const TestRunOptions& options) {
  return {stage_, stage_->trigger(handler, params, options)};
}
void TestServer::drop_link() {
  stage_->drop_link();
}
void TestServer::go_away() {
  stage_->server().shut();
}
void TestServer::come_back() {
  stage_->server().reopen();
}
void TestServer::acknowledge(bool on) {
  stage_->acknowledge(on);
}
void TestServer::drain() {
  stage_->drain();
}

}  // namespace jobflow
