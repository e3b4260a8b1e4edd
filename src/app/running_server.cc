#include "app/running_server.h"

#include "api/server.h"
#include "api/token_access.h"
#include "app/data_folder.h"
#include "link/worker_server.h"
#include "runtime/clock.h"
#include "runtime/feed.h"
#include "runtime/hall.h"
#include "runtime/metrics.h"
#include "runtime/thread_executor.h"
#include "store/sqlite/sqlite_store.h"

#include <future>
#include <sys/stat.h>
#include <utility>

namespace jobflow::app {
namespace {

// Waits for what is answered through a callback on another thread.
template <class T, class Ask>
T wait_for(Ask ask) {
  std::promise<T> promise;
  auto answered = promise.get_future();
  ask([&promise](T answer) { promise.set_value(std::move(answer)); });
  return answered.get();
}

// host:port with the port that was really taken.
std::string with_port(const std::string& listen, int port) {
  return listen.substr(0, listen.rfind(':') + 1) + std::to_string(port);
}

Problem for_flag(Problem problem, const std::string& flag) {
  problem.detail += " (" + flag + ")";
  return problem;
}

}  // namespace

// In the order of their birth; stop() ends them in the reverse one.
class RunningServer::Parts {
 public:
  Outcome<Done> open(const Settings& settings,
                     const LogLine& log,
                     std::function<void(std::string)> on_fenced) {
    auto folder = DataFolder::open(settings.text("data"));
    if (!folder.ok()) {
      return folder.problem();
    }
    folder_ = std::move(*folder);
    // The store's files are their owner's alone, whoever may look into the folder.
    const mode_t before = ::umask(0077);
    auto opened = open_stores(log);
    ::umask(before);
    if (!opened.ok()) {
      return opened;
    }
    if (auto started = start_hall(settings, std::move(on_fenced)); !started.ok()) {
      return started;
    }
    return open_doors(settings);
  }

  void stop() {
    if (api_) {
      api_->stop();
    }
    if (link_) {
      link_->stop();
    }
    if (hall_started_) {
      std::promise<void> stopped;
      hall_->stop([&stopped] { stopped.set_value(); });
      stopped.get_future().wait();
      hall_started_ = false;
    }
    if (executor_) {
      executor_->stop();  // what the stores still answer is dropped from here on
    }
    api_.reset();
    link_.reset();
    access_.reset();
    hall_.reset();
    logs_.reset();
    store_.reset();
    executor_.reset();
    folder_.reset();
  }
  ~Parts() { stop(); }

  Outcome<Done> announce(const std::string& http, const std::string& grpc) {
    return folder_->announce(http, grpc, clock_.now());
  }

  const DataFolder& folder() const { return *folder_; }
  const api::FirstTokens& tokens() const { return tokens_; }
  int http_port() const { return api_->port(); }
  int grpc_port() const { return link_->port(); }

 private:
  Outcome<Done> open_stores(const LogLine& log) {
    auto store = store::open_sqlite_store(folder_->file("jobflow.db"));
    if (!store.ok()) {
      return store.problem();
    }
    store_ = std::move(*store);
    auto logs = store::open_sqlite_log_store(folder_->file("jobflow-logs.db"));
    if (!logs.ok()) {
      return logs.problem();
    }
    logs_ = std::move(*logs);
    for (const std::string& promise : store_->facts().voided_promises) {
      log("warn", "the store's settings void a promise: " + promise);
    }
    return Done{};
  }

  Outcome<Done> start_hall(const Settings& settings, std::function<void(std::string)> on_fenced) {
    executor_ = std::make_unique<runtime::ThreadExecutor>(clock_);
    runtime::HallSettings hall;
    hall.member_name = settings.text("member.name");
    hall.worker_lease = settings.span("lease");
    hall.logs_kept = settings.span("retention.logs");
    hall_ = std::make_unique<runtime::Hall>(std::move(hall), *store_, *logs_, clock_, *executor_,
                                            metrics_);
    hall_->on_fenced(std::move(on_fenced));
    hall_started_ = true;
    return wait_for<Outcome<Done>>([&](auto ready) { hall_->start(std::move(ready)); });
  }

  Outcome<Done> open_doors(const Settings& settings) {
    auto tokens = api::ensure_first_tokens(*store_, clock_, folder_->path());
    if (!tokens.ok()) {
      return tokens.problem();
    }
    tokens_ = *tokens;
    auto rows = api::TokenAccess::read(*store_);
    if (!rows.ok()) {
      return rows.problem();
    }
    access_ = std::make_shared<api::TokenAccess>(std::move(*rows), clock_);
    const auto forbidden = HandlerRules::parse(settings.words("forbid_handlers"));
    if (!forbidden.ok()) {
      return forbidden.problem();
    }
    const std::string& grpc = settings.text("grpc.listen");
    link_ = std::make_unique<link::WorkerServer>(
        link::WorkerServerSettings{.listen = grpc,
                                   .cluster = store_->facts().cluster_id,
                                   .server_version = JOBFLOW_VERSION,
                                   .lease = settings.span("lease"),
                                   .forbidden = *forbidden},
        *hall_, *access_);
    if (auto started = link_->start(); !started.ok()) {
      link_.reset();
      return for_flag(started.problem(), "--grpc-listen");
    }
    const std::string& http = settings.text("http.listen");
    api_ =
        std::make_unique<api::Server>(api::ServerSettings{.listen = http, .forbidden = *forbidden},
                                      *hall_, *store_, *logs_, metrics_, clock_, access_);
    if (auto started = api_->start(); !started.ok()) {
      api_.reset();
      return for_flag(started.problem(), "--http-listen");
    }
    return Done{};
  }

  runtime::SystemClock clock_;
  runtime::Metrics metrics_;
  std::unique_ptr<DataFolder> folder_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::LogStore> logs_;
  std::unique_ptr<runtime::ThreadExecutor> executor_;
  std::unique_ptr<runtime::Hall> hall_;
  bool hall_started_ = false;
  api::FirstTokens tokens_;
  std::shared_ptr<api::TokenAccess> access_;
  std::unique_ptr<link::WorkerServer> link_;
  std::unique_ptr<api::Server> api_;
};

Outcome<std::unique_ptr<RunningServer>> RunningServer::start(
    const Settings& settings, LogLine log, std::function<void(std::string)> on_fenced) {
  auto parts = std::make_unique<Parts>();
  if (auto opened = parts->open(settings, log, std::move(on_fenced)); !opened.ok()) {
    return opened.problem();
  }
  std::unique_ptr<RunningServer> server(new RunningServer(std::move(parts)));
  server->http_ = "http://" + with_port(settings.text("http.listen"), server->parts_->http_port());
  server->grpc_ = with_port(settings.text("grpc.listen"), server->parts_->grpc_port());
  if (auto announced = server->parts_->announce(server->http_, server->grpc_); !announced.ok()) {
    return announced.problem();
  }
  return server;
}

RunningServer::RunningServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
RunningServer::~RunningServer() = default;

void RunningServer::stop() {
  parts_->stop();
}
std::string RunningServer::data() const {
  return parts_->folder().path();
}
std::string RunningServer::admin_token_path() const {
  return parts_->tokens().admin.path;
}
std::string RunningServer::worker_token_path() const {
  return parts_->tokens().worker.path;
}
bool RunningServer::first_start() const {
  return parts_->tokens().admin.is_new;
}

}  // namespace jobflow::app
