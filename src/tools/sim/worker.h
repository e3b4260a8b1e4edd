// A worker as the protocol knows it: it runs a token once, reports an end until it is acknowledged,
// refuses old epochs (the real ledger decides both), beats, drains, and dies. What its bodies do is
// drawn, and written into the history: they are the witnesses of S1.2, S1.3 and S6.7.
#pragma once

#include "tools/sim/link.h"
#include "worker/ledger.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace jobflow::sim {

// How a worker's bodies and reports misbehave; 0 to 100 each.
struct Habits {
  int crashes = 0;         // a body takes its process with it
  int hangs = 0;           // a body never ends by itself
  int ignores_cancel = 0;  // a body that is asked to stop goes on
  int slow = 0;            // a body takes very long
  int twice = 0;           // a report is said twice
  int late = 0;            // a report waits
  int fails = 20;          // a body fails
  int poison = 0;          // its result is one that the store refuses
};

class Worker final : public LinkEnd {
 public:
  Worker(World& world, int number);

  Habits habits;

  void begin();
  void crash(const std::string& why, Span back_after);
  void drain();
  void pause(Span span);
  void cut_link();
  void server_ended(const Life& life);
  void calm();
  bool is_linked_to(const Life& life) const { return link_ && link_->is_to(life); }
  bool is_up() const { return process_ != nullptr; }
  std::string name() const;
  std::size_t unacknowledged() const;

  void welcomed() override;
  void received(const runtime::ToWorker& message) override;
  void heartbeat_heard(Micros sent) override;
  void link_down(const std::string& why) override;

 private:
  enum class Stop : std::uint8_t { none, cancel, timeout, lease };
  struct SimBody {
    Assignment assignment;
    Stop stop = Stop::none;
    bool reported = false;  // the server was told of an end; the body may still run
    bool ignores = false;
    bool forgotten = false;
  };

  void connect();
  void connect_after(Span pause);
  void beat();
  void look_at_lease();
  void assign(const Assignment& order);
  void cancel(const CancelOrder& order);
  void acknowledge(Id token);
  void refuse(Id run, Id token, int attempt, const char* why);
  void begin_body(const Assignment& order);
  void body_ends(Id token, ReportOutcome outcome);
  void stop_body(Id token, Stop why);
  void report(Id token, FinishedReport report);
  void tell(Id token);
  void leave_if_done();

  World& world_;
  const int number_;
  const Node node_;
  std::vector<std::string> handlers_;
  int slots_ = 1;
  int incarnations_ = 0;
  // Of one process.
  std::shared_ptr<Process> process_;
  Id incarnation_;
  std::unique_ptr<worker::Ledger> ledger_;
  std::map<Id, SimBody> bodies_;
  std::shared_ptr<Link> link_;
  bool is_up_link_ = false;
  bool is_draining_ = false;
  bool is_leaving_ = false;  // has said so
  std::int64_t connections_ = 0;
  bool is_lease_stopped_ = false;
  Micros contact_ = 0;
  int refused_ = 0;
};

}  // namespace jobflow::sim
