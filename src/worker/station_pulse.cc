// The Station's half that looks at the time: one thread for connects, heartbeats, timeouts, leases
// and the way out.
#include "worker/station.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

namespace jobflow::worker {
namespace {

constexpr auto kTick = std::chrono::milliseconds(10);     // an Accepted waits at most that long
constexpr auto kCrewTick = std::chrono::milliseconds(1);  // bodies wait for threads
constexpr auto kLongest = std::chrono::seconds(1);
constexpr auto kLogWait = std::chrono::seconds(10);  // for the last LogAck when leaving

std::int64_t to_ns(MonotonicTime time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

void Station::wake() {
  woken_ = true;
  pulse_.notify_one();
}

void Station::pulse() {
  std::unique_lock lock(mutex_);
  while (!pulse_ends_) {
    woken_ = false;
    const MonotonicTime now = Clock::now();
    const bool drop = tend_link(now, lock);
    const bool drop_for_lease = tend_lease(now);
    tend_bodies(now);
    tend_leave(now);
    const bool send = something_to_send(now);
    gathering_ = pace_.is_flood(now);
    ticking_ = std::exchange(assigned_lately_, false);
    lock.unlock();
    if (drop || drop_for_lease) {
      link_->drop();
    }
    if (send) {
      link_->kick();
    }
    crew_->tend();
    lock.lock();
    const MonotonicTime wake_at = next_wake(now);
    pulse_.wait_until(lock, wake_at, [this] { return woken_ || pulse_ends_; });
    next_wake_ns_.store(0);
  }
}

// Opens the link when it is time; true when an opening one must be given up.
bool Station::tend_link(MonotonicTime now, std::unique_lock<std::mutex>& lock) {
  if (link_stage_ == LinkStage::opening && !dropped_ && now > opened_at_ + tuning_.welcome_wait) {
    dropped_ = true;
    return true;
  }
  const bool wanted = stage_ == Stage::working || stage_ == Stage::draining ||
                      (stage_ == Stage::stopping && ledger_->unacknowledged() > 0);
  if (link_stage_ != LinkStage::down || !wanted || now < retry_at_ || left_) {
    return false;
  }
  link_stage_ = LinkStage::opening;
  opened_at_ = now;
  dropped_ = false;
  lock.unlock();
  if (const std::optional<std::string> token = read_token()) {
    token_ = *token;  // else the last one known
  }
  link_->open(token_);
  lock.lock();
  return false;
}

// S7.7: true when a silent link must be given up.
bool Station::tend_lease(MonotonicTime now) {
  const auto silent = now - contact_;
  if (ledger_->live() > 0 && !lease_stopped_ && silent >= lease_ * 8 / 10) {
    lease_stopped_ = true;
    say("no server was reached for most of the lease: stopping what runs");
    stop_bodies(StopReason::lease, false);
  }
  // A Welcome that was long in coming is no reason to go.
  if (link_stage_ == LinkStage::up && !dropped_ && now - std::max(contact_, up_at_) >= lease_ / 2) {
    dropped_ = true;
    return true;
  }
  return false;
}

void Station::tend_bodies(MonotonicTime now) {
  if (to_ns(now) < next_body_check_ns_.load()) {
    return;
  }
  next_body_check_ns_.store(INT64_MAX);
  const std::int64_t grace_ns = tuning_.stop_grace.count() * 1'000'000;
  for (Body* body = live_; body != nullptr;) {
    Body* next = body->next;
    const std::int64_t started_ns = body->started_ns.load(std::memory_order_relaxed);
    if (body->reason == StopReason::none) {
      if (started_ns != 0 && body->assignment.timeout.ms > 0) {
        const std::int64_t due_ns = started_ns + body->assignment.timeout.ms * 1'000'000;
        if (due_ns <= to_ns(now)) {
          stop_body(*body, StopReason::timeout);
        } else {
          expect_by(due_ns);
        }
      }
    } else if (body->reason != StopReason::lease) {
      const std::int64_t due_ns = to_ns(body->stopped_at) + grace_ns;
      if (due_ns <= to_ns(now)) {
        abandon(*body);
        wake();
      } else {
        expect_by(due_ns);
      }
    }
    body = next;
  }
}

// Draining, failing or stopping: leaves once nothing is in hand, within bounds.
void Station::tend_leave(MonotonicTime now) {
  if (stage_ == Stage::fresh || stage_ == Stage::working || ended_) {
    return;
  }
  if (stage_ == Stage::draining && options_.drain_grace.count() > 0 &&
      now - drain_since_ >= options_.drain_grace) {
    stop_bodies(StopReason::shutdown, true);
  }
  if (ledger_->live() > 0) {
    return;
  }
  const MonotonicTime since = workless_since_.value_or(now);
  workless_since_ = since;
  if (stage_ == Stage::failing) {
    finish_waiting();
    return;
  }
  if (left_ && link_stage_ == LinkStage::down) {
    finish_waiting();
    return;
  }
  const bool reported = ledger_->unacknowledged() == 0;
  const bool logged = logs_->empty() || now - since > kLogWait;
  const bool up = link_stage_ == LinkStage::up;
  if (reported && (!up || logged)) {
    leave_due_ = up;
    if (!up || now - since > kLogWait + tuning_.leave_wait) {
      finish_waiting();
    }
    return;
  }
  const auto patience =
      stage_ == Stage::stopping ? tuning_.leave_wait : lease_ + tuning_.leave_wait;
  if (!up && now - std::max(contact_, since) > patience) {
    say(std::to_string(ledger_->unacknowledged()) +
        " ended runs could not be reported: no server was reached");
    exit_code_ = 1;
    finish_waiting();
  } else if (stage_ == Stage::stopping && now - since > tuning_.leave_wait) {
    finish_waiting();
  }
}

void Station::finish_waiting() {
  ended_ = true;
  changed_.notify_all();
  if (on_end_) {
    on_end_();
  }
}

bool Station::something_to_send(MonotonicTime now) {
  if (link_stage_ != LinkStage::up) {
    return false;
  }
  if (now >= next_heartbeat_) {
    heartbeat_due_ = true;
    next_heartbeat_ = now + heartbeat_;
    // Once a heartbeat: what was sent long ago and never answered goes again.
    const std::int64_t stale_ns = to_ns(now - tuning_.report_again);
    for (Ledger::Record* end = ledger_->first_ended(); end != nullptr; end = end->next) {
      if (end->sent_ns != 0 && end->sent_ns < stale_ns) {
        end->sent_ns = 0;
        finished_.push_back({end->report.token, false});
      }
    }
    logs_->rewind_stale(now - tuning_.report_again);
  }
  return heartbeat_due_ || leave_due_ || !accepted_.empty() || !finished_.empty();
}

MonotonicTime Station::next_wake(MonotonicTime now) {
  MonotonicTime wake = now + kLongest;
  const auto by = [&](MonotonicTime when) { wake = std::min(wake, when); };
  if (crew_->wants_tending() || gathering_) {
    by(now + kCrewTick);
  }
  if (ticking_ || assigned_lately_ || !accepted_.empty()) {
    by(now + kTick);
  }
  if (link_stage_ == LinkStage::up) {
    by(next_heartbeat_);
  } else if (link_stage_ == LinkStage::down) {
    by(std::max(retry_at_, now + kCrewTick));
  } else {
    by(opened_at_ + tuning_.welcome_wait + kCrewTick);
  }
  if (ledger_->live() > 0 && !lease_stopped_) {
    by(std::max(contact_ + lease_ * 8 / 10, now + kCrewTick));
  }
  if (link_stage_ == LinkStage::up && !dropped_) {
    by(std::max(std::max(contact_, up_at_) + lease_ / 2, now + kCrewTick));
  }
  if (stage_ != Stage::working) {
    by(now + kTick);
  }
  next_wake_ns_.store(to_ns(wake));
  // Read after the store: expect_by compares in the other order, so one of the two sees the other.
  const std::int64_t check_ns = next_body_check_ns_.load();
  if (check_ns < to_ns(wake)) {
    wake = MonotonicTime(std::chrono::duration_cast<Clock::duration>(
        std::chrono::nanoseconds(std::max(check_ns, to_ns(now)))));
  }
  return wake;
}

void Station::fail(std::string why) {
  say(why);
  exit_code_ = 1;
  stage_ = Stage::failing;
  stop_bodies(StopReason::shutdown, true);
  wake();
}

}  // namespace jobflow::worker
