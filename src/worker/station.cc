#include "worker/station.h"

#include "model/limits.h"
#include "worker/utf8.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace jobflow::worker {
namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// Start time in the layout of an id, random low bits (work.h).
Id make_incarnation() {
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  std::random_device random;
  return Id{(now.count() << 22) | static_cast<std::int64_t>(random() & 0x3fffffU)};
}

std::string default_name() {
  char host[256] = "worker";
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + "-" + std::to_string(::getpid());
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

}  // namespace

Station::Station(WorkerOptions options) : options_(std::move(options)) {
  if (options_.server.empty()) {
    options_.server = from_environment("JOBFLOW_SERVER");
  }
  if (options_.server.empty()) {
    options_.server = "localhost:7701";
  }
  if (options_.name.empty()) {
    options_.name = default_name();
  }
  if (options_.token.empty() && options_.token_file.empty()) {
    options_.token = from_environment("JOBFLOW_TOKEN");
    options_.token_file =
        options_.token.empty() ? from_environment("JOBFLOW_TOKEN_FILE") : std::string();
  }
  if (options_.slots < 1 || static_cast<std::size_t>(options_.slots) > limits::kWorkerSlots) {
    throw std::invalid_argument("a worker has 1 to " + std::to_string(limits::kWorkerSlots) +
                                " slots, not " + std::to_string(options_.slots));
  }
}

Station::~Station() {
  stop();
}

void Station::tune(const Tuning& tuning) {
  check(stage_ == Stage::fresh, "tune before start");
  tuning_ = tuning;
}

void Station::handle(std::string name, Worker::Function function, HandlerOptions options) {
  check(stage_ == Stage::fresh, "handlers are registered before start");
  if (name.empty() || name.size() > limits::kNameBytes || !is_clean_text(name)) {
    throw std::invalid_argument("a handler's name has 1 to " + std::to_string(limits::kNameBytes) +
                                " bytes of UTF-8");
  }
  if (!function) {
    throw std::invalid_argument("handler '" + name + "' has no function");
  }
  auto handler = std::make_unique<Handler>(name, std::move(function), std::move(options));
  if (!handlers_.emplace(name, std::move(handler)).second) {
    throw std::invalid_argument("handler '" + name + "' is registered already");
  }
}

void Station::say(const std::string& line) const {
  if (options_.log) {
    options_.log(line);
  } else {
    std::fprintf(stderr, "jobflow worker: %s\n", line.c_str());
  }
}

// The token to show; nothing when its file cannot be read.
std::optional<std::string> Station::read_token() {
  if (!options_.token.empty() || options_.token_file.empty()) {
    return options_.token;
  }
  std::ifstream file(options_.token_file);
  if (!file) {
    return std::nullopt;
  }
  return trimmed(std::string(std::istreambuf_iterator<char>(file), {}));
}

void Station::start(std::function<void()> ended) {
  const std::lock_guard lock(mutex_);
  check(stage_ == Stage::fresh, "a worker starts once");
  on_end_ = std::move(ended);
  incarnation_ = make_incarnation();
  random_.seed(static_cast<std::minstd_rand::result_type>(incarnation_.value));
  heartbeat_ = tuning_.heartbeat;
  lease_ = tuning_.lease;
  contact_ = Clock::now();
  ledger_ = std::make_unique<Ledger>(tuning_.remembered_ends, tuning_.remembered_bytes);
  logs_ = std::make_unique<LogSpool>(tuning_.log_bytes, tuning_.log_run_bytes);
  LinkOwner& owner = *this;
  link_ = std::make_unique<Link>(owner, options_.server);
  crew_ = std::make_unique<Crew>(options_.slots, [this](Body& body) { work(body); });
  stage_ = Stage::working;
  crew_->start();
  if (!read_token()) {
    fail("cannot read the token file " + options_.token_file);
  }
  pulse_thread_ = std::thread([this] { pulse(); });
}

void Station::drain() {
  {
    const std::lock_guard lock(mutex_);
    if (stage_ != Stage::working) {
      return;
    }
    say("draining: taking nothing new");
    stage_ = Stage::draining;
    drain_since_ = Clock::now();
    heartbeat_due_ = true;
    wake();
  }
  link_->kick();
}

void Station::stop() {
  {
    std::unique_lock lock(mutex_);
    if (stage_ == Stage::fresh || stage_ == Stage::stopped) {
      stage_ = Stage::stopped;
      return;
    }
    if (!ended_) {
      if (stage_ != Stage::failing) {
        stage_ = Stage::stopping;
      }
      heartbeat_due_ = true;
      stop_bodies(StopReason::shutdown, true);
      workless_since_.reset();
      wake();
      changed_.wait(lock, [this] { return ended_; });
    }
    stage_ = Stage::stopped;
    pulse_ends_ = true;
    pulse_.notify_one();
  }
  pulse_thread_.join();
  link_->close();
  crew_->stop();  // waits for bodies that ignored their stop
}

bool Station::stop_at_once(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  if (stage_ == Stage::fresh || stage_ == Stage::stopped) {
    return true;
  }
  exit_code_ = 1;
  if (stage_ != Stage::failing) {
    stage_ = Stage::stopping;
  }
  stop_bodies(StopReason::shutdown, true);
  for (Body* body = live_; body != nullptr; body = body->next) {
    body->ask_stop(std::chrono::milliseconds(0));
  }
  wake();
  return changed_.wait_for(lock, at_most, [this] { return ended_ && abandoned_ == 0; });
}

int Station::wait() {
  std::unique_lock lock(mutex_);
  check(stage_ != Stage::fresh, "wait after start");
  changed_.wait(lock, [this] { return ended_ || stage_ == Stage::stopped; });
  return exit_code_;
}

std::optional<int> Station::wait_for(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  check(stage_ != Stage::fresh, "wait after start");
  if (!changed_.wait_for(lock, at_most, [this] { return ended_ || stage_ == Stage::stopped; })) {
    return std::nullopt;
  }
  return exit_code_;
}

bool Station::idle() const {
  const std::lock_guard lock(mutex_);
  return ledger_ == nullptr || ledger_->live() + abandoned_ == 0;
}

}  // namespace jobflow::worker
