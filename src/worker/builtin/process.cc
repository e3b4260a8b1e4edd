#include "worker/builtin/process.h"

#include "worker/body.h"
#include "worker/builtin/process_tree.h"
#include "worker/builtin/spawn.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace jobflow::worker {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPause{200};        // then an unfinished line is shown
constexpr milliseconds kLinger{1000};      // for the output of what outlives the leader
constexpr milliseconds kLastWords{200};    // between the group's KILL and closing its pipes
constexpr milliseconds kWithoutPidfd{20};  // how often to look where the system cannot tell
constexpr milliseconds kTidy{30'000};      // how often orphans of a long body are reaped
constexpr std::size_t kReadBytes = 64 * 1024;

// One running child, on the way from start to reaped.
class Running {
 public:
  Running(Body& body, Child child, const std::string& input, ProcessTree& tree, ProcessSink& sink)
      : body_(body),
        child_(std::move(child)),
        input_(input),
        tree_(tree),
        sink_(sink),
        pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, child_.pid, 0))) {
    if (input_.empty()) {
      child_.in.close();
    }
  }

  ProcessEnd to_end() {
    while (!over()) {
      wait();
      tend_stop();
      look_for_exit();
      if (Clock::now() >= tidy_at_) {
        tidy_at_ = Clock::now() + kTidy;
        tree_.tidy();
      }
    }
    kill_group(SIGKILL);  // before the leader is reaped its group's number cannot be re-used
    read_rest();
    int status = 0;
    ProcessEnd end;
    end.left_some = !tree_.end(status);
    end.usage = tree_.usage();
    end.out_of_memory = tree_.ran_out_of_memory();
    if (WIFSIGNALED(status)) {
      end.kind = ProcessEnd::Kind::signalled;
      end.number = end.usage.exit_signal = WTERMSIG(status);
    } else {
      end.kind = ProcessEnd::Kind::exited;
      end.number = end.usage.exit_code = WEXITSTATUS(status);
    }
    if (stopped_at_) {
      end.kind = ProcessEnd::Kind::stopped;
    }
    return end;
  }

 private:
  bool silent() const { return !child_.out.is_open() && !child_.err.is_open(); }
  // The leader is gone, and its output at an end or long enough waited for.
  bool over() const {
    if (!exited_at_) {
      return false;
    }
    const MonotonicTime now = Clock::now();
    return silent() || now >= *exited_at_ + kLinger ||
           (killed_at_ && now >= *killed_at_ + kLastWords);
  }

  void kill_group(int signal) { ::kill(-child_.pid, signal); }

  milliseconds patience() const {
    milliseconds wait = kTidy;
    const auto by = [&wait](MonotonicTime when) {
      const auto left = std::chrono::ceil<milliseconds>(when - Clock::now());
      wait = std::clamp(left, milliseconds(0), wait);
    };
    if (!pidfd_.is_open() && !exited_at_) {
      wait = kWithoutPidfd;
    }
    if (unshown_since_) {
      by(*unshown_since_ + kPause);
    }
    if (exited_at_) {
      by(*exited_at_ + kLinger);
    }
    if (killed_at_) {
      by(*killed_at_ + kLastWords);
    } else if (stopped_at_) {
      by(*stopped_at_ + grace());
    }
    return wait;
  }

  milliseconds grace() const {
    return milliseconds(body_.kill_after_ms.load(std::memory_order_relaxed));
  }

  void wait() {
    enum Slot : std::uint8_t { out, err, in, stop, exit, slots };
    std::array<pollfd, slots> polled{};
    polled[out] = {child_.out.get(), POLLIN, 0};
    polled[err] = {child_.err.get(), POLLIN, 0};
    polled[in] = {child_.in.get(), POLLOUT, 0};
    polled[stop] = {killed_at_ ? -1 : body_.stop_descriptor(), POLLIN, 0};
    polled[exit] = {exited_at_ ? -1 : pidfd_.get(), POLLIN, 0};
    const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(patience().count()));
    if (ready < 0) {
      return;  // interrupted
    }
    if (polled[out].revents != 0) {
      read(child_.out, true);
    }
    if (polled[err].revents != 0) {
      read(child_.err, false);
    }
    if (polled[in].revents != 0) {
      write();
    }
    if (polled[stop].revents != 0) {
      std::uint64_t asked = 0;  // emptied: another, sharper order may follow
      [[maybe_unused]] const ssize_t got = ::read(polled[stop].fd, &asked, sizeof asked);
    }
    if (unshown_since_ && Clock::now() >= *unshown_since_ + kPause) {
      unshown_since_.reset();
      sink_.pause();
    }
  }

  // Reads once; false when there was nothing.
  bool read(Descriptor& from, bool is_out) {
    const ssize_t got = ::read(from.get(), buffer_.data(), buffer_.size());
    if (got > 0) {
      const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
      is_out ? sink_.out(bytes) : sink_.err(bytes);
      unshown_since_ = Clock::now();
      return true;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      from.close();
    }
    return false;
  }

  // What is in the pipes still, within reason: others may hold them and write on.
  void read_rest() {
    constexpr int kReadsMax = 64;
    for (int reads = 0; reads < kReadsMax && child_.out.is_open(); ++reads) {
      if (!read(child_.out, true)) {
        break;
      }
    }
    for (int reads = 0; reads < kReadsMax && child_.err.is_open(); ++reads) {
      if (!read(child_.err, false)) {
        break;
      }
    }
  }

  void write() {
    const ssize_t put = ::write(child_.in.get(), input_.data(), input_.size());
    if (put > 0) {
      input_.remove_prefix(static_cast<std::size_t>(put));
    }
    if (input_.empty() || (put < 0 && errno != EAGAIN && errno != EINTR)) {
      child_.in.close();
    }
  }

  void tend_stop() {
    if (!body_.stop_asked.load(std::memory_order_acquire) || killed_at_) {
      return;
    }
    const MonotonicTime now = Clock::now();
    if (!stopped_at_ && !exited_at_) {
      stopped_at_ = now;
      kill_group(SIGTERM);
      kill_group(SIGCONT);  // a stopped process could not hear it
    }
    if (now >= stopped_at_.value_or(now) + grace()) {
      killed_at_ = now;
      kill_group(SIGKILL);
    }
  }

  void look_for_exit() {
    siginfo_t info{};
    if (!exited_at_ &&
        ::waitid(P_PID, static_cast<id_t>(child_.pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == child_.pid) {
      exited_at_ = Clock::now();
    }
  }

  Body& body_;
  Child child_;
  std::string_view input_;
  ProcessTree& tree_;
  ProcessSink& sink_;
  Descriptor pidfd_;
  MonotonicTime tidy_at_ = Clock::now() + kTidy;
  std::optional<MonotonicTime> exited_at_;   // the leader, not yet reaped
  std::optional<MonotonicTime> stopped_at_;  // TERM was sent
  std::optional<MonotonicTime> killed_at_;
  std::optional<MonotonicTime> unshown_since_;  // output came then
  std::array<char, kReadBytes> buffer_;
};

}  // namespace

ProcessEnd run_process(Body& body, const ProcessSpec& spec, ProcessTree& tree, ProcessSink& sink) {
  Child child = tree.start(spec);
  if (child.pid == 0) {
    return {.trouble = std::move(child.trouble)};
  }
  return Running(body, std::move(child), spec.input, tree, sink).to_end();
}

}  // namespace jobflow::worker
