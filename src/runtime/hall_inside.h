// The inside of the hall: one member's shards and what moves them. Everything but the inbox belongs
// to the executor's thread. hall.cc: life and turns; hall_work.cc: commands, timers, dispatch;
// hall_workers.cc: the workers' desk; hall_members.cc: joining, the other members, shards that come
// and go; hall_calendars.cc: what they heed; hall_recovery.cc: refusals, a changed history.
#pragma once

#include "engine/shard.h"
#include "runtime/clock.h"
#include "runtime/committer.h"
#include "runtime/dealer.h"
#include "runtime/executor.h"
#include "runtime/feed.h"
#include "runtime/hall.h"
#include "runtime/hall_metrics.h"
#include "runtime/lookout.h"
#include "store/log_store.h"

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace jobflow::runtime {

class Hall::Inside final : public CommitterOwner, public std::enable_shared_from_this<Inside> {
 public:
  Inside(HallSettings settings,
         store::Store& store,
         store::LogStore& logs,
         Clock& clock,
         Executor& executor,
         Metrics& metrics);

  // --- any thread
  void submit(std::vector<Submission> submissions);
  void post(std::function<void(Inside&)> task);
  Id make_command_ids(int count);
  void find_command(Id command, std::function<void(std::optional<CommandRow>)> done);
  bool ready() const { return ready_.load(std::memory_order_acquire); }
  std::string not_ready_reason() const;
  std::shared_ptr<const schedule::CalendarBook> calendars() const;

  // --- the executor's
  void start(std::function<void(Outcome<Done>)> ready);
  void stop(std::function<void()> stopped);
  void worker_connected(WorkerHello hello,
                        std::shared_ptr<WorkerStream> stream,
                        std::function<void(Outcome<Done>)> welcomed);
  void worker_heard(Id incarnation, FromWorker said);
  void worker_closed(Id incarnation,
                     const WorkerStream* stream,
                     const std::vector<Assignment>& unsent);

  void member_said(MemberMessage message);
  void member_lost(std::int64_t member);

 private:
  friend class Hall;

  // A shard's place: its memory, or what waits until it is loaded (again).
  struct Seat {
    std::unique_ptr<engine::Shard> shard;
    bool is_ours = false;         // the store said so, and we have not given our last word on it
    std::int64_t owner = 0;       // the member that was last seen to own it
    std::int64_t left_epoch = 0;  // up to there it is not ours any more
    std::int64_t next_event = 1;
    std::int64_t loads = 0;       // begun or done: rows read before are worth nothing (3c)
    std::deque<Submission> held;  // while it is being loaded
    Id loaded_up_to;              // the shard's last id then: what came of older tokens we forgot
    Id newest_id;                 // of its memory when that went
    Id given_out;  // the greatest of its ids that left under a history that is no more; once
    // Runs (a step's whole workflow with it) and triggers that cannot even be set aside: they stay
    // in the store as they are, out of memory, so that the shard can go on without them (I8). From
    // time to time they are tried again.
    std::set<Id> left_out;
    Instant look_ahead_again;  // monotonic: when it is asked for anew, should the read have failed
    void forget() {
      newest_id = shard ? std::max(newest_id, shard->last_id()) : newest_id;
      shard.reset();
    }
    // Where dispatch last found nothing to do, so that it need not look again.
    std::uint64_t seen_generation = 0;
    std::uint64_t seen_arrivals = 0;
  };

  // A command whose rows are being read (3c).
  struct Reading {
    std::int64_t number = 0;  // in the order of their coming
    ShardNumber shard = 0;
    Submission submission;
    CommandReads reads;
    std::int64_t loads = 0;    // of its seat when it began
    std::int64_t durable = 0;  // place; the store must show as much
  };
  struct ByNumber {  // not by address: who is answered first must not hang on that (I6)
    bool operator()(const auto& a, const auto& b) const { return a->number < b->number; }
  };

  // A command that another member carries out, or that waits until somebody owns its shard.
  struct Forwarded {
    Submission submission;  // its command is with the other member, too
    ShardNumber shard = 0;
    std::int64_t to = 0;  // 0 = not sent yet
    Instant since;        // monotonic, both
    Instant again;        // when it is sent once more
  };

  // hall.cc
  void wake();
  void turn();
  void arm_timer();
  void set_not_ready(std::string reason);
  void begin_stop();
  void finish_stop_if_idle();
  void end(const std::string& why);
  bool is_loaded() const {
    return !joining_ && has_claimed_ && loading_ == 0 && failed_loads_.empty();
  }
  void housekeeping();
  void trim_logs();
  void take_trimmed(const Outcome<store::LogTrimmed>& went);

  // hall_work.cc
  ShardNumber shard_of(const engine::Request& request) const;
  void take(Submission submission);
  bool decide(ShardNumber number, Submission submission);
  void read_rows(ShardNumber number, Submission submission, CommandReads reads);
  void begin_reading(const std::shared_ptr<Reading>& reading);
  void rows_read(const std::shared_ptr<Reading>& reading, Outcome<CommandRows> rows);
  void begin_waiting_reads();
  void read_receipt(const std::shared_ptr<const store::Batch>& sent);
  bool system_command(ShardNumber number, engine::Request request);  // true when it wrote
  void run_timers();
  void fire_timers();
  Instant next_look_ahead() const;
  void look_ahead();
  void sweep();
  void dispatch();
  void set_gauges(double waiting);
  void set_letter_gauges();
  bool dispatch_some(ShardNumber number);
  void flush_workers();

  // hall_members.cc
  void join();
  void joined(const Outcome<store::Ticket>& ticket);
  void begin_alone(const Outcome<ClusterImage>& image);
  std::int64_t above(std::int64_t generation) const;
  void begin_generation(std::int64_t generation);
  void claimed();
  void look();
  void looked(const Outcome<ClusterImage>& image, Instant began);
  bool claim_anew();
  void take_what_is_ours();
  void act_on_look();
  void place(Placement placement);
  void hand_over(ShardNumber number, std::int64_t to);
  void handed_over(const Decided& last_word);
  void leave();
  void raise_command_ids(Id last);
  void load(ShardNumber number);
  void loaded(ShardNumber number, Outcome<ShardImage> image);
  void begin_shard(ShardNumber number, ShardImage image);
  void greet_holders(ShardNumber number);
  void all_loaded();

  void note_term(std::int64_t member, std::int64_t term);
  bool is_to_be_heard(const MemberMessage& message);
  void take_unsent(const OrdersUnsent& unsent);
  void take_heads(const JournalHeads& heads);

  // hall_calendars.cc
  void heed_calendars(std::int64_t newest);
  void read_calendars_soon();
  void read_calendars(std::function<void(Outcome<Done>)> done);
  void read_more_calendars(schedule::CalendarBook book, std::function<void(Outcome<Done>)> done);
  void calendars_read(const Outcome<std::vector<CalendarRow>>& rows,
                      schedule::CalendarBook book,
                      std::int64_t era,
                      const std::function<void(Outcome<Done>)>& done);
  void publish_calendars(std::shared_ptr<const schedule::CalendarBook> book);

  // hall_forward.cc
  void send_to_owner(ShardNumber number, Submission submission);
  void forward(std::int64_t request, Forwarded& forwarded);
  void ask_again_soon(Forwarded& forwarded);
  static void give_up(const Submission& submission);
  void take_forwarded(const MemberMessage& message, ForwardedCommand forwarded);
  void take_answer(const MemberMessage& message, ForwardedAnswer answer);
  void tend_forwarded();
  // `term`: which process of it is meant; 0 = the newest.
  void send_member(std::int64_t to, decltype(MemberMessage::what) what, std::int64_t term = 0);
  void note_heads(const std::vector<const JournalPart*>& parts);
  void note_head(ShardNumber source, std::int64_t next);
  void read_head(const MemberRow& gone);
  void say_heads(bool again);

  // hall_lending.cc
  class FarStream;
  void say_directory(std::int64_t to);
  void take_wish(std::int64_t from, CreditWish wish);
  void lend();
  std::vector<CreditWish::Want> wants();
  void lend_of(engine::RosterWorker& worker,
               std::vector<CreditWish::Want>& own,
               std::map<std::int64_t, CreditGrant>& grants);
  void end_loans();
  void take_orders(std::int64_t from, OrdersForWorker orders);
  void send_unsent(std::int64_t to, const std::vector<Assignment>& assignments);
  void take_directory(const MemberMessage& message, WorkerDirectory directory);
  bool worker_came_far(std::int64_t holder, const WorkerDirectory::Entry& entry);
  void far_worker_left(std::int64_t holder, Id incarnation);
  void far_member_lost(std::int64_t member);
  void wish();
  void take_grant(std::int64_t from, const CreditGrant& grant);
  void end_borrowed();
  bool hears_everybody() const;
  void tend_lending();
  Instant next_lending() const;

  // hall_letters.cc
  void send_letter(LetterRow letter);
  void count_sent_again(const engine::Request& request, const engine::Decision& decision);
  void send_letter_ack(const engine::SendLetterAck& ack);
  void tell_shard(ShardNumber number, decltype(MemberMessage::what) what);
  void take_letters(decltype(MemberMessage::what) what);
  void go_on_with(ShardNumber number, engine::Request request);

  // CommitterOwner
  void landed(const store::Batch& batch, std::size_t decisions, Span took) override;
  void released(Decided& decided) override;
  void flushed() override;
  void refused(Decided bad, std::vector<Decided> kept, std::string why) override;
  void store_away(bool away, const std::string& why) override;
  void fenced(const std::string& why) override;
  void history_changed(std::vector<Decided> undurable, bool is_known) override;
  void send(std::shared_ptr<const store::Batch> batch) override;

  // hall_recovery.cc
  void begin_anew(std::vector<Decided> undurable);
  void leave_alone(ShardNumber shard, Id subject, std::vector<Decided>& kept);
  static std::deque<Submission> instead_of(Decided bad, const std::string& incident);
  static void leave_out(std::set<Id>& gone, ShardImage& image);
  void try_left_out_again();

  // hall_workers.cc
  std::set<Id> undurable_assignments(Id incarnation) const;
  Outcome<Done> greet_worker(WorkerHello hello,
                             std::shared_ptr<WorkerStream> stream,
                             std::int64_t holder);
  void worker_gone(Id incarnation, const std::string& reason);
  void look_for_stall();
  void check_leases();
  void note_worker(Id incarnation, std::string_view state);
  void give_back_unsent(const Decided& decided);

  MemberLink* link_ = nullptr;
  store::Store& store_;
  store::LogStore& logs_;
  HallMetrics metrics_;
  Dealer dealer_;
  Feed feed_;
  std::function<void(std::string)> on_fenced_;
  HallSettings settings_;
  Clock& clock_;
  Executor& executor_;
  Committer committer_;
  std::vector<Seat> seats_;                      // by shard number
  std::map<std::int64_t, Forwarded> forwarded_;  // by request
  std::int64_t last_request_ = 0;
  std::map<std::int64_t, std::int64_t> terms_;  // of the newest process of each member
  std::map<std::int64_t, std::int64_t> said_;   // by member: the number of the last message to it
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> heard_;  // and from it, in a term
  // What others know of our workers, and what they wish of them.
  bool directory_changed_ = false;
  std::int64_t directory_version_ = 0;
  std::vector<Id> gone_workers_;
  std::map<std::int64_t, std::pair<CreditWish, Instant>> wishes_;  // and until when
  struct Loan {
    int runs = 0;
    Instant until;
  };
  std::map<std::pair<Id, std::int64_t>, Loan> loans_;  // of a worker, to a member
  std::size_t next_claim_ = 0;
  // How far our journals reach: not said yet, and said before.
  std::map<ShardNumber, JournalHeads::Head> heads_, heads_said_;
  std::set<std::pair<std::int64_t, std::int64_t>> heads_read_;  // of members that have gone: terms
  // What we know of other members' workers, and what they lent us.
  static constexpr std::int64_t kUnknownVersion = -1;
  struct FarMember {
    std::int64_t version = kUnknownVersion;
    bool is_known = false;  // as far as it has said, these are its workers
    Instant fresh;          // monotonic: what it has said is no older, for it had heard us say so
    Instant said;           // by its clock, and by which process of it
    std::int64_t said_term = 0;
    std::map<Id, std::int64_t> here;  // worker -> visit
    bool wished = false;
  };
  std::map<std::int64_t, FarMember> far_;
  std::map<Id, Instant> borrowed_;    // until when
  std::unique_ptr<Lookout> lookout_;  // none while alone
  std::int64_t generation_ = 0;       // of the store's history, as last seen
  bool looking_ = false;
  bool placing_ = false;
  bool raises_generation_ = false;  // we saw that history changed: everybody must begin anew
  bool has_claimed_ = false;  // what an earlier process of this member owned is in a new epoch
  ShardNumber member_source_ = kMemberSource;
  std::int64_t member_next_event_ = 1;
  std::size_t loading_ = 0;
  std::int64_t era_ = 0;  // of loading: what an earlier one still answers is dropped
  std::deque<std::function<void(Inside&)>> after_loading_;
  std::set<std::shared_ptr<Reading>, ByNumber> readings_;
  std::int64_t last_reading_ = 0;
  std::vector<std::shared_ptr<Reading>> after_landing_;  // some of them, not begun yet
  std::vector<ShardNumber> failed_loads_;
  std::deque<std::pair<ShardNumber, engine::Request>> more_;
  std::size_t next_served_ = 0;  // shards take turns
  std::size_t next_swept_ = 0;
  std::size_t next_timed_ = 0;
  std::function<void(Outcome<Done>)> on_ready_;
  std::function<void()> on_stopped_;
  Moment at_;  // of this turn
  // Monotonic: a wall clock that is set moves none of them.
  Instant look_at_ = kNever;
  Instant give_up_at_ = kNever;
  Instant directory_at_ = {};
  Instant heads_at_ = {};  // not before
  Instant wish_at_ = {};   // not before; unset = when runs wait
  Instant load_again_at_ = kNever;
  Instant join_again_at_ = kNever;
  Instant sweep_at_ = kNever;
  Instant gauges_at_;  // the costlier ones, at most ten times a second
  Instant housekeeping_at_ = kNever;
  Instant trim_logs_at_ = kNever;
  Instant left_out_again_at_ = kNever;
  Instant stop_by_ = kNever;  // though the store has not answered
  Instant leases_checked_;
  bool joining_ = false;
  bool reading_calendars_ = false;  // because of a look
  Instant calendars_again_at_ = kNever;
  bool member_is_loaded_ = false;  // the numbers of its events are known
  bool leaving_ = false;           // its shards go to others first
  bool stopping_ = false;
  bool over_ = false;  // fenced or stopped: nothing more is decided

  std::atomic<std::int64_t> last_command_{0};  // the newest id that was given to one
  std::atomic<std::int64_t> member_bits_{0};   // in those ids, where others have their shard
  std::atomic<bool> ready_{false};
  std::atomic<bool> away_{false};
  // Counts what waits to be decided or to be durable, for the door's limits.
  std::atomic<std::size_t> waiting_submissions_{0};

  mutable std::mutex mutex_;
  std::vector<Submission> inbox_;
  std::vector<std::function<void(Inside&)>> tasks_;
  bool turn_is_posted_ = false;
  // Null until they have been read: no shard is loaded before. Others read it under the mutex.
  std::shared_ptr<const schedule::CalendarBook> calendars_;
  std::string not_ready_ = "starting";
};

}  // namespace jobflow::runtime
