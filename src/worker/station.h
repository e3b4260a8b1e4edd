// A worker's process in one object: it takes assignments from the Link, has the Crew run them,
// keeps the Ledger, and sees to timeouts, leases, heartbeats, drain and stop on its pulse thread.
// Owned by Worker. Thread-safe; the mutex guards everything below it unless said otherwise.
// Order of locks: Station, then Body or LogSpool; none is held when calling Link or Crew.
#pragma once

#include "worker/body.h"
#include "worker/crew.h"
#include "worker/ledger.h"
#include "worker/link.h"
#include "worker/log_spool.h"
#include "worker/pace.h"
#include "worker/tuning.h"

#include <jobflow/worker.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace jobflow::worker {

class Station final : private LinkOwner {
 public:
  explicit Station(WorkerOptions options);
  ~Station() override;

  void tune(const Tuning& tuning);
  void handle(std::string name, Worker::Function function, HandlerOptions options);
  // `ended` is called once, on the pulse thread, when wait() would answer.
  void start(std::function<void()> ended = {});
  void drain();
  void stop();
  // Kills instead of asking; false when bodies still run after `at_most`.
  bool stop_at_once(std::chrono::milliseconds at_most);
  int wait();
  std::optional<int> wait_for(std::chrono::milliseconds at_most);
  bool idle() const;  // no thread is in a body

  void log(Body& body, LogLevel level, std::string_view text, std::string fields);
  // Lets a body that writes faster than the server takes wait for room in its log.
  void wait_log_room(Body& body, std::chrono::milliseconds at_most);
  const Tuning& tuning() const { return tuning_; }
  std::size_t threads() const { return crew_->threads(); }

 private:
  enum class Stage : unsigned char { fresh, working, draining, failing, stopping, stopped };
  enum class LinkStage : unsigned char { down, opening, up };
  struct Due {
    Id token;
    bool again;  // also when it is acknowledged already
  };

  // station_link.cc: what the server says and hears.
  void write_registration(v1::Register& registration) override;
  Next next_message(v1::WorkerMessage& message) override;
  void link_up(const v1::Welcome& welcome) override;
  void link_message(v1::ServerMessage& message) override;
  void link_down(LinkEnd end) override;
  bool gathers(MonotonicTime now) const;
  void write_heartbeat(v1::Heartbeat& heartbeat);
  void write_ends(v1::WorkerMessage& message, std::size_t& bytes);
  void assign(v1::Assign& order, std::vector<Body*>& started);
  std::string_view refusal(const v1::Assign& order, const Handler* handler, std::string& why);
  void cancel(const v1::Cancel& order);
  void acknowledge(Id token);
  void answer_again(const Ledger::Record& record);
  void refuse(Id run, Id token, int attempt, std::string kind, std::string why);

  // station_body.cc: a body's life.
  void work(Body& body);
  FinishedReport run_body(Body& body, Result& result);
  void finish(Body& body, const Result& result, FinishedReport report);
  void settle(const Body& body, Result::Kind kind, FinishedReport& report) const;
  void stop_body(Body& body, StopReason reason);
  void stop_bodies(StopReason reason, bool detached_too);
  void abandon(Body& body);
  void end(Body& body, FinishedReport report);
  Body& take_body();
  void recycle(Body& body);
  bool expect_by(std::int64_t when_ns);

  // station_pulse.cc: what time brings.
  void pulse();
  bool tend_link(MonotonicTime now, std::unique_lock<std::mutex>& lock);
  bool tend_lease(MonotonicTime now);
  void tend_bodies(MonotonicTime now);
  void tend_leave(MonotonicTime now);
  void finish_waiting();
  bool something_to_send(MonotonicTime now);
  MonotonicTime next_wake(MonotonicTime now);
  void wake();
  void fail(std::string why);
  void say(const std::string& line) const;
  std::optional<std::string> read_token();

  // Set before start().
  WorkerOptions options_;
  Tuning tuning_;
  Id incarnation_;
  std::unordered_map<std::string, std::unique_ptr<Handler>> handlers_;
  std::function<void()> on_end_;

  std::unique_ptr<Link> link_;
  std::unique_ptr<Crew> crew_;
  std::unique_ptr<LogSpool> logs_;
  std::thread pulse_thread_;
  std::atomic<std::int64_t> next_body_check_ns_{INT64_MAX};
  std::atomic<std::int64_t> next_wake_ns_{0};

  mutable std::mutex mutex_;
  std::condition_variable pulse_;
  std::condition_variable changed_;  // for wait() and stop()
  Stage stage_ = Stage::fresh;
  bool woken_ = false;
  bool pulse_ends_ = false;
  bool ended_ = false;
  int exit_code_ = 0;

  std::unique_ptr<Ledger> ledger_;
  std::vector<std::unique_ptr<Body>> spare_;
  Body* live_ = nullptr;       // bodies not reported yet
  std::size_t abandoned_ = 0;  // reported, but a thread is still in them
  std::vector<Id> accepted_;   // tokens
  std::deque<Due> finished_;
  Pace pace_;
  MonotonicTime last_message_at_{};
  bool gathering_ = false;  // ends are held back for a larger message
  bool assigned_lately_ = false;
  bool ticking_ = false;

  LinkStage link_stage_ = LinkStage::down;
  bool registered_once_ = false;
  std::int64_t connections_ = 0;  // tried, so that servers can tell which is the newest
  bool dropped_ = false;          // this stream is being given up
  bool heartbeat_due_ = false;
  bool leave_due_ = false;
  bool left_ = false;
  std::deque<MonotonicTime> beats_;  // sent, not yet heard
  MonotonicTime contact_{};          // a member was certainly reached then
  MonotonicTime opened_at_{};
  MonotonicTime up_at_{};
  MonotonicTime next_heartbeat_{};
  MonotonicTime retry_at_{};
  std::optional<MonotonicTime> refused_since_;
  std::optional<MonotonicTime> workless_since_;  // while draining or stopping
  MonotonicTime drain_since_{};
  bool lease_stopped_ = false;
  std::chrono::milliseconds backoff_{};
  std::chrono::milliseconds heartbeat_{};
  std::chrono::milliseconds lease_{};
  std::string token_;
  std::string trouble_;  // the last link trouble said aloud
  std::minstd_rand random_;
};

}  // namespace jobflow::worker
