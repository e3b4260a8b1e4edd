// The hall's life: start, turns, timer, stop; and its public face.
#include "runtime/hall.h"

#include "engine/definition_check.h"
#include "runtime/hall_inside.h"

#include <algorithm>
#include <cstdio>

namespace jobflow::runtime {
namespace {

constexpr Span kHousekeepingEvery = minutes(1);
constexpr Span kLeaseCheckEvery = seconds(1);
constexpr Span kWallLookEvery = seconds(1);
// What is under way gets that long to land before the server goes without it.
constexpr Span kStopPatience = seconds(5);

}  // namespace

Hall::Inside::Inside(HallSettings settings,
                     store::Store& store,
                     store::LogStore& logs,
                     Clock& clock,
                     Executor& executor,
                     Metrics& metrics)
    : store_(store),
      logs_(logs),
      metrics_(metrics),
      dealer_(settings.worker_lease),
      feed_(store),
      settings_(std::move(settings)),
      clock_(clock),
      executor_(executor),
      committer_(*this,
                 settings_.cluster.alone ? MemberTimes{}
                                         : MemberTimes{.beat_every = settings_.cluster.beat,
                                                       .lease = settings_.cluster.lease}) {
  seats_.resize(static_cast<std::size_t>(store.facts().shard_count));
}

// --- any thread

void Hall::Inside::submit(std::vector<Submission> submissions) {
  Problem refusal;
  bool is_refused = false;
  {
    const std::lock_guard lock(mutex_);
    if (!not_ready_.empty()) {
      is_refused = true;
      refusal = {ProblemCode::unavailable, "not ready: " + not_ready_};
    } else if (inbox_.size() + waiting_submissions_.load(std::memory_order_relaxed) +
                   submissions.size() >
               settings_.inbox_commands) {
      is_refused = true;
      refusal = {ProblemCode::queue_full,
                 "too many commands wait to become durable: try again later"};
    } else if (inbox_.empty()) {
      inbox_.swap(submissions);
      wake();
    } else {
      std::move(submissions.begin(), submissions.end(), std::back_inserter(inbox_));
      wake();
    }
  }
  if (is_refused) {
    for (Submission& submission : submissions) {
      if (submission.answer) {
        submission.answer(refusal);
      }
    }
  }
}

// Ids of this member's own: they hold its number, and go on above what the store knows (S12.4).
Id Hall::Inside::make_command_ids(int count) {
  const auto bits = static_cast<ShardNumber>(member_bits_.load(std::memory_order_relaxed));
  std::int64_t last = last_command_.load(std::memory_order_relaxed);
  for (;;) {
    Id first = next_id({last}, bits, clock_.now());
    if (Id{first.value + count - 1}.time() != first.time() ||
        Id{first.value + count - 1}.shard() != bits) {
      first = next_id({}, bits, first.time() + milliseconds(1));
    }
    if (last_command_.compare_exchange_weak(last, first.value + count - 1)) {
      return first;
    }
  }
}

void Hall::Inside::raise_command_ids(Id last) {
  constexpr std::int64_t kBelowTime = (1 << 22) - 1;
  const std::int64_t up_to =
      last.value | kBelowTime;  // that millisecond is over: no id comes again
  std::int64_t ours = last_command_.load(std::memory_order_relaxed);
  while (last.is_set() && ours < up_to && !last_command_.compare_exchange_weak(ours, up_to)) {
  }
}

void Hall::Inside::find_command(Id command, std::function<void(std::optional<CommandRow>)> done) {
  post([command, done = std::move(done)](Inside& inside) {
    for (const Seat& seat : inside.seats_) {
      if (!seat.shard) {
        continue;
      }
      seat.shard->set_batches(inside.committer_.next_place(), inside.committer_.durable_place());
      if (const CommandRow* row = seat.shard->find_command(command)) {
        return done(*row);
      }
    }
    done(std::nullopt);
  });
}

void Hall::Inside::post(std::function<void(Inside&)> task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  wake();
}

// With the lock held: a turn is on its way.
void Hall::Inside::wake() {
  if (!turn_is_posted_) {
    turn_is_posted_ = true;
    executor_.post([weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->turn();
      }
    });
  }
}

std::string Hall::Inside::not_ready_reason() const {
  const std::lock_guard lock(mutex_);
  return not_ready_;
}

// --- the executor's

void Hall::Inside::set_not_ready(std::string reason) {
  ready_.store(reason.empty(), std::memory_order_release);
  const std::lock_guard lock(mutex_);
  not_ready_ = std::move(reason);
}

void Hall::Inside::turn() {
  std::vector<Submission> submissions;
  std::vector<std::function<void(Inside&)>> tasks;
  {
    const std::lock_guard lock(mutex_);
    submissions.swap(inbox_);
    tasks.swap(tasks_);
    turn_is_posted_ = false;
  }
  at_ = clock_.look();
  for (auto& task : tasks) {
    task(*this);
  }
  if (!over_) {
    run_timers();  // what was due already comes before what is asked now (S4.7)
  }
  for (Submission& submission : submissions) {
    take(std::move(submission));
  }
  if (over_) {
    return;
  }
  const bool can_write = !away_.load(std::memory_order_relaxed);
  for (std::size_t count = can_write ? more_.size() : 0; count > 0; --count) {
    auto [number, request] = std::move(more_.front());
    more_.pop_front();
    system_command(number, std::move(request));
  }
  tend_lending();
  dispatch();
  if (lookout_ && link_ != nullptr) {
    wish();
  }
  committer_.kick(at_);
  if (committer_.idle() && committer_.in_flight() == nullptr) {
    begin_waiting_reads();  // nothing will land for them to wait for
  }
  if (committer_.idle() && left_out_again_at_ <= at_.monotonic && is_loaded()) {
    try_left_out_again();
  }
  std::size_t waiting = committer_.undurable() + readings_.size();
  for (const Seat& seat : seats_) {
    waiting += seat.held.size();
  }
  waiting_submissions_.store(waiting, std::memory_order_relaxed);
  finish_stop_if_idle();
  arm_timer();
}

void Hall::Inside::arm_timer() {
  if (over_) {
    executor_.wake_at(kNever, {});
    return;
  }
  if (!more_.empty() && !away_.load(std::memory_order_relaxed)) {
    const std::lock_guard lock(mutex_);
    wake();
  }
  Instant next = std::min({committer_.next_wake(), stop_by_, next_lending()});
  if (!away_.load(std::memory_order_relaxed)) {  // else nothing is done about them (run_timers)
    next = std::min({next, housekeeping_at_, trim_logs_at_, sweep_at_, look_at_, give_up_at_,
                     load_again_at_, join_again_at_, calendars_again_at_,
                     std::max(left_out_again_at_, committer_.idle() ? Instant{} : kNever)});
    Instant due = next_look_ahead();
    for (const Seat& seat : seats_) {
      if (seat.shard) {
        due = std::min(due, seat.shard->next_due());
      }
    }
    if (due != kNever) {
      // Planned instants are on the wall clock, which may be set while we sleep: look again.
      next = std::min(next, at_.monotonic + std::clamp(due - at_.now, Span{}, kWallLookEvery));
    }
    if (dealer_.size() > 0) {
      next = std::min(
          next, at_.monotonic + kLeaseCheckEvery);  // also shows a stall of ours (check_leases)
    }
  }
  executor_.wake_at(next, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->turn();
    }
  });
}

void Hall::Inside::start(std::function<void(Outcome<Done>)> ready) {
  at_ = clock_.look();
  on_ready_ = std::move(ready);
  leases_checked_ = clock_.monotonic();
  housekeeping_at_ = at_.monotonic + kHousekeepingEvery;
  trim_logs_at_ = settings_.logs_kept > Span{} ? housekeeping_at_ : kNever;
  join();
}

void Hall::Inside::stop(std::function<void()> stopped) {
  if (over_) {
    stopped();
    return;
  }
  on_stopped_ = std::move(stopped);
  stop_by_ = at_.monotonic + kStopPatience;
  if (lookout_ && lookout_->has_successor(at_.monotonic)) {
    leave();
  } else {
    begin_stop();
  }
}

void Hall::Inside::begin_stop() {
  stopping_ = true;
  stop_by_ = at_.monotonic + kStopPatience;
  set_not_ready("stopping");
  dealer_.close_all({ProblemCode::unavailable, "the server is stopping: connect again"});
}

// What was decided becomes durable first. With the store away or silent nothing can: what is not
// durable has not been promised to anyone.
void Hall::Inside::finish_stop_if_idle() {
  if (leaving_ && !stopping_ && !over_) {
    const bool has_left =
        std::none_of(seats_.begin(), seats_.end(), [](const Seat& seat) { return seat.is_ours; });
    if (has_left || away_.load(std::memory_order_relaxed) || stop_by_ <= at_.monotonic ||
        !lookout_->has_successor(at_.monotonic)) {
      begin_stop();
    }
  }
  if (!stopping_ || over_) {
    return;
  }
  const bool is_idle = committer_.idle() && readings_.empty() && loading_ == 0 && !joining_;
  if (is_idle || away_.load(std::memory_order_relaxed) || stop_by_ <= at_.monotonic) {
    end("the server stopped before it was done");
    if (on_stopped_) {
      std::exchange(on_stopped_, {})();
    }
  }
}

// Nothing more is decided. Everybody who waits is told; what was under way may still land.
void Hall::Inside::end(const std::string& why) {
  over_ = true;
  more_.clear();
  for (Decided& decided : committer_.take_all()) {
    if (decided.answer) {
      decided.answer(Problem{ProblemCode::outcome_unknown, why});
    }
  }
  const auto was_not_done = [&](Submission& submission) {
    if (submission.answer) {
      const bool may_be_done = submission.command.is_repeat;  // when it was sent before
      submission.answer(
          Problem{may_be_done ? ProblemCode::outcome_unknown : ProblemCode::unavailable, why});
    }
  };
  for (Seat& seat : seats_) {
    for (Submission& submission : std::exchange(seat.held, {})) {
      was_not_done(submission);
    }
  }
  after_landing_.clear();
  for (const auto& reading : std::exchange(readings_, {})) {
    was_not_done(reading->submission);
  }
  tend_forwarded();
  if (on_ready_) {
    std::exchange(on_ready_, {})(Problem{ProblemCode::unavailable, why});
  }
  for (auto& task : std::exchange(after_loading_, {})) {
    task(*this);  // the workers who wait for their welcome
  }
}

// Old journal rows and idempotency keys go, a bounded piece at a time.
void Hall::Inside::housekeeping() {
  housekeeping_at_ = at_.monotonic + kHousekeepingEvery;
  constexpr int kRows = 1000;
  store_.trim(
      {.journal_before = at_.now - limits::kJournalKept, .keys_expired_at = at_.now, .rows = kRows},
      [weak = weak_from_this()](const Outcome<int>& went) {
        if (went && *went >= kRows) {
          if (const auto self = weak.lock()) {
            self->post([](Inside& inside) {
              inside.housekeeping_at_ = inside.at_.monotonic + milliseconds(20);
            });
          }
        }
      });
}

// Every member trims the same store by the same marks: a piece that another deleted is not there.
void Hall::Inside::trim_logs() {
  trim_logs_at_ = kNever;  // until this one is answered: a store that is slow has one to do
  logs_.trim({.now = at_.now, .kept = settings_.logs_kept},
             [weak = weak_from_this()](const Outcome<store::LogTrimmed>& went) {
               if (const auto self = weak.lock()) {
                 self->post([went](Inside& inside) { inside.take_trimmed(went); });
               }
             });
}

void Hall::Inside::take_trimmed(const Outcome<store::LogTrimmed>& went) {
  const bool more = went && went->chunks > 0;
  trim_logs_at_ = at_.monotonic + (more ? milliseconds(20) : kHousekeepingEvery);
  if (went) {
    metrics_.log_chunks_deleted.add(static_cast<std::uint64_t>(went->chunks));
    metrics_.log_retention_behind.set(static_cast<double>(went->behind.ms) / 1000.0);
  }
}

// --- Hall

Hall::Hall(HallSettings settings,
           store::Store& store,
           store::LogStore& logs,
           Clock& clock,
           Executor& executor,
           Metrics& metrics)
    : inside_(
          std::make_shared<Inside>(std::move(settings), store, logs, clock, executor, metrics)) {}

Hall::~Hall() = default;

void Hall::start(std::function<void(Outcome<Done>)> ready) {
  inside_->post([ready = std::move(ready)](Inside& inside) { inside.start(ready); });
}

void Hall::stop(std::function<void()> stopped) {
  inside_->post([stopped = std::move(stopped)](Inside& inside) { inside.stop(stopped); });
}

void Hall::submit(std::vector<Submission> submissions) {
  inside_->submit(std::move(submissions));
}

bool Hall::ready() const {
  return inside_->ready();
}
std::string Hall::not_ready_reason() const {
  return inside_->not_ready_reason();
}

Id Hall::make_command_ids(int count) {
  return inside_->make_command_ids(count);
}

void Hall::find_command(Id command, std::function<void(std::optional<CommandRow>)> done) {
  inside_->find_command(command, std::move(done));
}

void Hall::list_workers(std::function<void(std::vector<WorkerView>)> done) {
  inside_->post([done = std::move(done)](Inside& inside) { done(inside.dealer_.views()); });
}

std::shared_ptr<const schedule::CalendarBook> Hall::calendars() const {
  return inside_->calendars();
}
void Hall::refresh_calendars(std::function<void(Outcome<Done>)> done) {
  inside_->post([done = std::move(done)](Inside& inside) { inside.read_calendars(done); });
}

Feed& Hall::feed() {
  return inside_->feed_;
}
const store::StoreFacts& Hall::store_facts() const {
  return inside_->store_.facts();
}

void Hall::on_fenced(std::function<void(std::string)> handler) {
  inside_->on_fenced_ = std::move(handler);
}

void Hall::connected(WorkerHello hello,
                     std::shared_ptr<WorkerStream> stream,
                     std::function<void(Outcome<Done>)> welcomed) {
  inside_->post([hello = std::move(hello), stream = std::move(stream),
                 welcomed = std::move(welcomed)](Inside& inside) {
    inside.worker_connected(hello, stream, welcomed);
  });
}

void Hall::set_link(MemberLink& link) {
  inside_->link_ = &link;
}

void Hall::member_said(MemberMessage message) {
  inside_->post([message = std::move(message)](Inside& inside) mutable {
    inside.member_said(std::move(message));
  });
}

void Hall::member_lost(std::int64_t member) {
  inside_->post([member](Inside& inside) { inside.member_lost(member); });
}

void Hall::heard(Id incarnation, const WorkerStream*, FromWorker said) {
  inside_->post([incarnation, said = std::move(said)](Inside& inside) mutable {
    inside.worker_heard(incarnation, std::move(said));
  });
}

void Hall::lines_dropped(std::uint64_t count) {
  inside_->metrics_.log_dropped.add(count);
}

void Hall::log_lines(Id, std::vector<LogChunk> chunks, std::function<void(Outcome<Done>)> durable) {
  std::size_t bytes = 0;
  for (const LogChunk& chunk : chunks) {
    for (const LogLine& line : chunk.lines) {
      bytes += line.text.size();
    }
  }
  inside_->metrics_.log_bytes.add(bytes);
  inside_->logs_.append(std::move(chunks), std::move(durable));
}

void Hall::closed(Id incarnation, const WorkerStream* stream, std::vector<Assignment> unsent) {
  inside_->post([incarnation, stream, unsent = std::move(unsent)](Inside& inside) {
    inside.worker_closed(incarnation, stream, unsent);
  });
}

Outcome<std::shared_ptr<const Definition>> read_definition(
    DefinitionKind kind, std::string_view json_text, const schedule::CalendarBook& calendars) {
  Decoded decoded = decode_definition(kind, json_text);
  Problem problem{ProblemCode::invalid, "the definition is not valid", std::move(decoded.problems)};
  std::vector<FieldProblem> found = engine::check_definition(decoded.definition);
  std::ranges::move(engine::check_calendars(decoded.definition, calendars),
                    std::back_inserter(found));
  for (FieldProblem& field : found) {
    const auto is_told = [&](const FieldProblem& one) { return one.pointer == field.pointer; };
    if (std::none_of(problem.fields.begin(), problem.fields.end(), is_told)) {
      problem.fields.push_back(std::move(field));
    }
  }
  if (!problem.fields.empty()) {
    return problem;
  }
  return std::make_shared<const Definition>(std::move(decoded.definition));
}

}  // namespace jobflow::runtime
