// The public face over the Station, and the signals of run().
#include "model/check.h"
#include "worker/station.h"

#include <jobflow/worker.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <signal.h>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace jobflow {
namespace {

constexpr char kSignal = 's';
constexpr char kEnded = 'e';
constexpr auto kLastMoment = std::chrono::seconds(2);

// Where the signal handler writes; -1 while no worker runs.
std::atomic<int> signal_pipe{-1};

void on_signal(int) {
  const int saved = errno;
  const int pipe = signal_pipe.load();
  if (pipe >= 0) {
    [[maybe_unused]] const ssize_t written = ::write(pipe, &kSignal, 1);
  }
  errno = saved;
}

// SIGTERM and SIGINT become bytes of a pipe for as long as it lives. One at a time.
class SignalPipe {
 public:
  SignalPipe() {
    check(::pipe2(ends_, O_CLOEXEC | O_NONBLOCK) == 0, "a pipe for signals");
    ::fcntl(ends_[0], F_SETFL, 0);
    int free = -1;
    check(signal_pipe.compare_exchange_strong(free, ends_[1]), "one worker runs at a time");
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGTERM, &action, &old_term_);
    ::sigaction(SIGINT, &action, &old_int_);
  }
  ~SignalPipe() {
    ::sigaction(SIGTERM, &old_term_, nullptr);
    ::sigaction(SIGINT, &old_int_, nullptr);
    signal_pipe.store(-1);
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;

  void write_end() const { [[maybe_unused]] const ssize_t n = ::write(ends_[1], &kEnded, 1); }
  char read() const {
    char byte = kEnded;
    while (::read(ends_[0], &byte, 1) < 0 && errno == EINTR) {
    }
    return byte;
  }

 private:
  int ends_[2] = {-1, -1};
  struct sigaction old_term_{};
  struct sigaction old_int_{};
};

}  // namespace

Worker::Worker(WorkerOptions options)
    : station_(std::make_unique<worker::Station>(std::move(options))) {}

Worker::~Worker() = default;

Worker& Worker::handle(std::string name, Function function, HandlerOptions options) {
  station_->handle(std::move(name), std::move(function), std::move(options));
  return *this;
}

int Worker::run() {
  const SignalPipe signals;
  station_->start([&signals] { signals.write_end(); });
  bool at_once = false;
  if (signals.read() == kSignal) {
    station_->drain();
    if (signals.read() == kSignal) {
      at_once = true;
      station_->stop_at_once(kLastMoment);
    }
  }
  const int code = at_once ? 1 : station_->wait();
  if (!station_->idle()) {
    // A body ignores its stop: its thread cannot be joined, only ended with the process.
    std::fprintf(stderr, "jobflow worker: a body ignores its stop; ending the process\n");
    std::fflush(nullptr);
    ::_exit(code == 0 ? 1 : code);
  }
  station_->stop();
  return code;
}

void Worker::start() {
  station_->start();
}
void Worker::drain() {
  station_->drain();
}
void Worker::stop() {
  station_->stop();
}
int Worker::wait() {
  return station_->wait();
}
std::optional<int> Worker::wait_for(std::chrono::milliseconds at_most) {
  return station_->wait_for(at_most);
}

void tune(Worker& worker, const worker::Tuning& tuning) {
  worker.station_->tune(tuning);
}

}  // namespace jobflow
