// The inside of a shard. shard.cc: loading, and the way in; shard_live.cc: live runs and
// their bounds; shard_timers.cc: bounds that are reached; shard_commands.cc: those that come again;
// shard_sleep.cc: definitions that sleep in the store, and wake;
// shard_definitions.cc, shard_triggers.cc, shard_firing.cc, shard_calendars.cc, shard_overlap.cc,
// shard_follow.cc, shard_backfill.cc, shard_runs.cc, shard_explain.cc, shard_queues.cc,
// shard_permits.cc,
// shard_attempts.cc, shard_workflows.cc, shard_letters.cc: the rules, by what they are about.
#pragma once

#include "engine/command_memory.h"
#include "engine/gate.h"
#include "engine/graph.h"
#include "engine/plan.h"
#include "engine/queues.h"
#include "engine/recency.h"
#include "engine/semaphore.h"
#include "engine/shard.h"
#include "engine/transitions.h"
#include "schedule/openings.h"
#include "schedule/timetable.h"

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace jobflow::engine {

// The instants of a trigger that came due by now, of which the first is known. They are counted
// without being visited: an outage may have swallowed millions.
struct DueInstants {
  Instant first, last;
  std::int64_t count = 1;
};
// Which of them run.
struct FiringPlan {
  Instant first = kNever;  // from here on, as far as calendars let them; kNever: none
  Instant last = {};       // the newest that they let
};
// Without a timetable there is one only.
DueInstants due_by(const schedule::Timetable* times, Instant first, Instant now);

class Shard::Inside {
 public:
  Inside(ShardImage image, Instant now);
  void load_run(RunRow row, std::vector<RunRow> steps, const std::shared_ptr<Plan>& plan);
  Decision decide(const Command& command, Roster& roster);

  struct LiveRun {
    RunRow row;
    std::shared_ptr<Plan> plan;
    int lane = 0;                  // in the plan; a step's position
    Instant armed;                 // the bound the wheel holds for it
    Instant sent;                  // when its assignment left, if that was late
    bool sent_again = false;       // an earlier sending may have arrived
    std::unique_ptr<Graph> graph;  // workflow runs
    Queue* queue = nullptr;        // while it waits in one
    bool wants_permit = false;     // its turn has come, but for a permit
    Lane& its_lane() { return plan->lanes[static_cast<std::size_t>(lane)]; }
    const Task& task() const { return *plan->lanes[static_cast<std::size_t>(lane)].task; }
  };
  struct Trigger {
    TriggerRow row;
    std::shared_ptr<const schedule::Timetable> times;  // made when it is first asked for
    Instant held;  // kept off by its calendars: its next instant is looked at then
  };
  struct Known {  // a definition, not deleted
    DefinitionRow row;
    std::shared_ptr<Plan> plan;
    std::vector<Trigger> triggers;
    Instant used;            // when anything asked for it
    std::int64_t batch = 0;  // the last that may have changed it
  };
  struct Runs {  // of one definition, live, without steps
    std::set<Id> all;
    std::set<Id> in_line;  // firings that wait until no other run is live (S3.4)
    std::set<Id> aside;    // asked for, to begin later or after another run, or of a backfill: they
                           // stop no firing
    bool any_busy() const { return all.size() > in_line.size() + aside.size(); }
  };
  struct Backfill {  // that goes on, or is paused
    BackfillRow row;
    std::shared_ptr<const schedule::Timetable> times;  // made when it is first asked for
    Schedule schedule;                                 // with it
    std::set<Id> live;                                 // its runs
  };
  // One call of decide().
  struct Turn {
    const Command& command;
    Roster& roster;
    Decision out;
    Instant now;
    std::set<Id> to_tell;        // the watchers of these: after all else that is to go on
    std::set<Id> backfills;      // that may go on
    std::set<Id> with_line;      // definitions whose next firing in line may begin
    bool goes_on_later = false;  // workflows go on by a decision of their own, not by this one
    std::size_t rows_kept = 0;   // room that is kept for what must follow
    bool has_row_budget() const;
  };

  // shard_live.cc: live runs, ids, what every change records.
  void answer(Turn& turn, Reply reply) { turn.out.answer = std::move(reply); }
  void answer(Turn& turn, Problem problem) { turn.out.answer = std::move(problem); }
  Id make_id(Instant now) { return last_id_ = next_id(last_id_, number_, now); }
  LiveRun* find_live(Id run);
  void note(Turn& turn, const LiveRun& run, std::string detail = {});
  void note_trigger(Turn& turn, const TriggerRow& trigger);
  void list_standing(const LiveRun& run);
  void write(Turn& turn, LiveRun& run, std::string detail = {});
  void arm(LiveRun& run, Instant now);
  static void start_clock(LiveRun& run, Instant now);
  Instant bound_of(const LiveRun& run) const;
  LiveRun& insert_live(LiveRun run);
  void forget(LiveRun& run);
  void drop(LiveRun& run);
  void sweep(Instant now);
  const RunRow* finished_run(Turn& turn, Id run);

  // shard_commands.cc
  bool answer_again(Turn& turn);
  static void read_along(Turn& turn);
  void remember_command(Turn& turn);

  // shard_definitions.cc
  void save(Turn& turn, const SaveDefinition& ask);
  void remove(Turn& turn, const DeleteDefinition& ask);
  void continue_delete(Turn& turn, const ContinueDelete& ask);
  void leave_revision(Turn& turn, Known& known, const Definition& next);
  void leave_trigger(Turn& turn, Known& known, Trigger& trigger, const Definition& next);
  void enter_revision(Turn& turn, Known& known, const Plan* before);
  void enter_trigger(Turn& turn, Known& known, Trigger& trigger, const Plan* before, bool is_new);
  static std::string name_key(DefinitionKind kind,
                              const std::string& name_space,
                              const std::string& name);
  std::shared_ptr<Plan> make_plan(Id id,
                                  int revision,
                                  std::shared_ptr<const Definition> definition);
  std::shared_ptr<Plan> plan_of(const DefinitionRow& row);
  std::shared_ptr<Plan> plan_of_finished(Turn& turn, const RunRow& row);

  // shard_sleep.cc
  Known* find_awake(const DefinitionKey& key);
  Known& touch(Known& known);
  Known* wake(Turn& turn, const DefinitionKey& key);
  bool may_trust(const CommandRows& rows) const;
  void wake_from(const CommandRows& rows, const DefinitionRow& row);
  Known& enter_known(const DefinitionRow& row);
  void enter_known_trigger(Known& known, const TriggerRow& row);
  void arm_trigger(const TriggerRow& trigger);
  void look_ahead(Turn& turn, const LookAhead& ask);
  bool may_sleep(const Known& known) const;
  void put_to_sleep(Instant unused_since);

  // shard_timers.cc
  void timer_due(Turn& turn, const Timer& timer);
  void bound_reached(Turn& turn, LiveRun& run);
  bool is_called_off(const LiveRun& run) const;
  static bool is_out_of_time(const LiveRun& run, Instant now);
  void end_out_of_time(Turn& turn, LiveRun& run);
  bool could_be_heard(Turn& turn, LiveRun& run);

  // shard_triggers.cc: when it is due next, paused and resumed
  struct Found {
    Known* known = nullptr;
    Trigger* trigger = nullptr;
  };
  Found find_trigger(Id trigger);
  Found wake_trigger(Turn& turn, Id trigger);
  static const TriggerSpec& spec_of(const Known& known, const Trigger& trigger);
  static Span jitter_of(const Known& known, const TriggerSpec& spec, Instant planned);
  static const schedule::Timetable* times_of(const Known& known, Trigger& trigger);
  static void move_trigger(Trigger& trigger, TriggerEvent event);
  Instant latest(const Turn& turn) const;
  Instant stamp(const Turn& turn);
  bool is_overdue(const Turn& turn, const Trigger& trigger) const;
  void plan_trigger(Turn& turn, Known& known, Trigger& trigger);
  void plan_delay(Turn& turn, const TriggerSpec& spec, Trigger& trigger);
  void due_next(Trigger& trigger, Instant next);
  bool has_live_run(const TriggerRow& trigger) const;
  void stop_trigger(Turn& turn, Known& known, Trigger& trigger, const char* reason);
  void close_gap(Turn& turn, Known& known, Trigger& trigger);
  void advance_trigger(Turn& turn, const Trigger& trigger);
  void pause_trigger(Turn& turn, const PauseTrigger& ask);
  void resume_trigger(Turn& turn, const ResumeTrigger& ask);
  void set_aside_trigger(Turn& turn, Id trigger, const std::string& why);
  void fired_run_ended(Turn& turn, Id definition, Id trigger);

  // shard_firing.cc: what becomes of due instants
  void trigger_due(Turn& turn, const Timer& timer);
  bool settle(Turn& turn, Known& known, Trigger& trigger, Instant until);
  Instant settle_stretch(Turn& turn,
                         Known& known,
                         Trigger& trigger,
                         const schedule::DueGroup& due,
                         const FiringPlan& plan);
  void settle_delay(
      Turn& turn, Known& known, Trigger& trigger, const schedule::Openings& open, Instant until);
  struct Occasion {
    Instant planned;
    Id upstream = {};
    int hops = 0;
  };
  bool fire(Turn& turn, Known& known, Trigger& trigger, const Occasion& occasion);
  void skip(Turn& turn,
            Trigger& trigger,
            Instant from,
            Instant to,
            std::int64_t count,
            const char* reason);

  // shard_calendars.cc: what calendars keep from running
  void set_calendars(std::shared_ptr<const schedule::CalendarBook> book);
  Outcome<schedule::Openings> openings_of(const Known& known, const TriggerSpec& spec) const;
  static Instant settles_at(const Known& known,
                            Trigger& trigger,
                            const schedule::Openings& open,
                            Instant now);
  static Instant opens_at(const schedule::Openings& open, Instant due, Instant now);
  bool is_kept_off(const Turn& turn, const Known& known, Trigger& trigger);
  void skip_kept_off(Turn& turn, Known& known, Trigger& trigger, DueInstants& due);

  // shard_overlap.cc
  enum class Place : std::uint8_t { at_once, in_line, nowhere };
  Place place_of(Id definition, const Overlap& overlap) const;
  static constexpr const char* kCancelsOthers = "cancels_others";  // said of a run in line
  void cancel_others(Turn& turn, const CancelOthers& ask);
  void next_in_line(Turn& turn, Id definition);
  void add_line_business(std::vector<Request>& requests) const;

  // shard_follow.cc: triggers that follow the ends of other runs
  void follow(Turn& turn, Known& known, Trigger& trigger, const TriggerSpec& spec);
  void ask_upstream(Turn& turn,
                    const Known& known,
                    const Trigger& trigger,
                    const TriggerSpec& spec);
  void stop_following(Turn& turn, const Known& known, Trigger& trigger, const TriggerSpec& spec);
  void load_follows(const ShardImage& image);
  void take_follow(Turn& turn, const FollowRuns& ask);
  void take_stop(Turn& turn, const StopFollowing& ask);
  void drop_follow(Id trigger);
  void tell_followers(Turn& turn, const LiveRun& run);
  void upstream_ended(Turn& turn, const UpstreamEnded& news);
  void follow_again(Turn& turn, Id trigger);

  // shard_backfill.cc
  void start_backfill(Turn& turn, const StartBackfill& ask);
  Outcome<BackfillRow> new_backfill(Turn& turn, Found of, const StartBackfill& ask) const;
  void pause_backfill(Turn& turn, const PauseBackfill& ask);
  void resume_backfill(Turn& turn, const ResumeBackfill& ask);
  void cancel_backfill(Turn& turn, const CancelBackfill& ask);
  void continue_backfill(Turn& turn, Id id);
  void fill(Turn& turn, Backfill& backfill);
  std::string begin_run(Turn& turn, Known& known, const Backfill& backfill, Instant planned);
  void stop_runs(Turn& turn, Backfill& backfill);
  void stop_backfills(Turn& turn, Id definition, Id trigger, const std::string& why);
  void hold_backfill(Turn& turn, Backfill& backfill, const std::string& why);
  void end_backfill(Turn& turn, Backfill& backfill);
  void advance_backfill(Turn& turn, const Backfill& backfill);
  void note_backfill(Turn& turn, const Backfill& backfill);
  Backfill* find_backfill(Id backfill);
  const schedule::Timetable* times_of(Backfill& backfill);
  bool may_begin(const Backfill& backfill) const;
  bool stands_aside(const RunRow& run) const;
  void list_backfill(BackfillRow row);
  void tell_backfills(Turn& turn, Id definition, Id own, RunState ended_as);
  void revived_for_backfill(Turn& turn, const RunRow& run, RunState ended_as);

  // shard_runs.cc
  void trigger_run(Turn& turn, const TriggerRun& ask);
  bool answer_repeat(Turn& turn, const TriggerRun& ask, Id definition);
  struct NewRun {
    std::string params;  // JSON object or ""
    Instant start_at = {};
    std::optional<int> priority = {};
    std::string idempotency_key = {};
    Id trigger = {};
    Instant planned = {};
    Id occasion = {};
    int hops = 0;
    Id after_run = {};
    bool in_line = false;
    const BackfillRow* backfill = nullptr;
  };
  static Outcome<std::string> params_of(const Definition& definition, const std::string& given);
  Outcome<LiveRun*> create_run(Turn& turn, Known& known, NewRun wanted);
  void cancel(Turn& turn, Id run);
  bool ask_cancel(Turn& turn, LiveRun& run, const std::string& why);
  void retry(Turn& turn, const RetryRun& ask);
  void retry_task(Turn& turn, LiveRun& run);
  void set_aside(Turn& turn, const SetAside& ask);
  void move(LiveRun& run, RunEvent event);
  void enter_queue(Turn& turn, LiveRun& run);
  void finish(Turn& turn, LiveRun& run, const std::string& detail = {});

  // shard_queues.cc: where queued runs wait, and what keeps them
  void list_in_queue(LiveRun& run);
  void leave_queue(LiveRun& run);
  Queue* queue_of(const LiveRun& run);
  static Ask asked_by(const LiveRun& run);
  Gate* gate_of(const LiveRun& run);
  static std::string gate_key(const Gate& gate, const LiveRun& run);
  void set_gate(const Known& known);
  void leave_queue_to_begin(LiveRun& run);
  void pass_gate(const LiveRun& run);
  void free_gate(const LiveRun& run);
  void renew_offer(Gate& gate);
  void stand(LiveRun& run);
  void step_back(LiveRun& run);
  void go_to_queue(LiveRun& run);

  // shard_permits.cc: permits of semaphores, at the home of the runs and at theirs
  struct PermitWork {  // to be looked at
    std::set<Id> runs;
    std::set<std::string> semaphores;  // by name_key: who may be granted one
    bool empty() const { return runs.empty() && semaphores.empty(); }
    void take(PermitWork& other);
  };
  void load_permits(const ShardImage& image, Instant now);
  const std::string* missing_permit(const LiveRun& run) const;
  ShardNumber home_of_semaphore(const std::string& name_space, const std::string& name) const;
  bool settle_permits(Turn& turn);
  void settle_run(Turn& turn, Id run);
  void ask_permit(Turn& turn, const LiveRun& run, const std::string& semaphore);
  void ask_permit_again(Turn& turn, const AskPermitAgain& ask);
  void return_permits(Turn& turn, Id run);
  template <class Word>
  void tell_semaphore(Turn& turn, Word word);
  void permit_granted(Turn& turn, const PermitGranted& news);
  void take_word(Turn& turn, const AskPermit& ask);
  void take_word(Turn& turn, const ReturnPermit& back);
  void wake_to_grant(Turn& turn, const GrantPermits& ask);
  void grant_next(Turn& turn);
  void tell_holder(Turn& turn, const PermitRow& row);
  void permits_due(Turn& turn, const Timer& timer);
  void arm_permits(Instant due);

  // shard_explain.cc
  void explain(Turn& turn, Id run);
  static void explain_end(const RunRow& row, Explanation& why);
  void explain_live(Turn& turn, const LiveRun& run, Explanation& why);
  static void explain_worker_silence(Turn& turn, const LiveRun& run, Explanation& why);
  void explain_queued(Turn& turn, const LiveRun& run, Explanation& why);
  void explain_limit(const LiveRun& run, Explanation& why);
  void explain_permit(const LiveRun& run, Explanation& why);
  static void explain_workers(Turn& turn, const LiveRun& run, Explanation& why);
  static void explain_turn(const LiveRun& run, Explanation& why);
  void explain_steps(const LiveRun& run, Explanation& why);

  // shard_letters.cc
  struct Outbox {  // a pair's unacknowledged letters, of which the first `sent` are under way
    std::deque<LetterRow> letters;
    std::size_t sent = 0;
  };
  struct Watched {  // a run that others wait for
    std::set<Id> watchers;
    std::optional<RunState> ended;  // when it is known
  };
  void load_letters(const ShardImage& image, Instant now);
  void arm_letters(Instant due);
  void write_letter(Turn& turn, ShardNumber to, LetterBody body);
  void send_letters(Turn& turn, Outbox& outbox);
  void letters_due(Turn& turn, const Timer& timer);
  void letter_acked(Turn& turn, const LetterAcked& ask);
  void write_again(Turn& turn, const LetterAcked& ask);
  void letter_came(Turn& turn, const LetterCame& ask);
  void watch_run(Turn& turn, const WatchRun& ask);
  void await_telling(Turn& turn, Id run);
  void watched_run_ended(Turn& turn, const LiveRun& run);
  void watched_run_lives(Id run);
  void tell_watchers(Turn& turn, Id run);
  void watch_again(Turn& turn, Id id);
  void awaited_run_ended(Turn& turn, const RunEnded& news);

  // shard_attempts.cc
  void dispatch_next(Turn& turn);
  bool dispatch_from(Turn& turn, Queue& queue);
  static RosterWorker* choose_worker(LiveRun& run, const std::vector<RosterWorker*>& candidates);
  void assign(Turn& turn, LiveRun& run, RosterWorker& worker);
  void attempt_ended(Turn& turn, const AttemptEnded& ask);
  void attempt_failed(Turn& turn, LiveRun& run, AttemptEvent event, const FinishedReport& report);
  void attempt_lost(Turn& turn, const AttemptLost& ask);
  void attempt_reclaimed(Turn& turn, const AttemptReclaimed& ask);
  void assignment_unsent(Turn& turn, const AssignmentUnsent& ask);
  void return_unstarted(Turn& turn, LiveRun& run, bool refused);
  void progress_made(Turn& turn, const ProgressReport& report);
  void free_attempt(LiveRun& run);
  void keep_attempt(Turn& turn, LiveRun& run, AttemptState state, Instant retry_at);
  static Span time_for(const LiveRun& run, Instant now);
  Assignment assignment_of(LiveRun& run, Instant now) const;

  // shard_workflows.cc
  void advance(Turn& turn, LiveRun& workflow);
  void begin_workflow(Turn& turn, LiveRun& workflow);
  void start_step(Turn& turn, LiveRun& workflow, int step);
  void skip_step(Turn& turn, LiveRun& workflow, int step);
  RunRow step_row(Turn& turn, LiveRun& workflow, int step);
  void fail_new_step(Turn& turn, LiveRun& workflow, int step, RunRow row, const Problem& problem);
  void step_ended(Turn& turn, const RunRow& row);
  void conclude(Turn& turn, LiveRun& workflow);
  void cancel_steps(Turn& turn, LiveRun& workflow);
  void all_cancelled(Turn& turn, LiveRun& workflow);
  void time_out_workflow(Turn& turn, LiveRun& workflow);
  // Kinds of errors: of what is set aside, and of what ran out of time.
  static constexpr const char* kStoreRefused = "store_refused";
  static constexpr const char* kTimeout = "timeout";
  static bool is_set_aside(const LiveRun& workflow);
  void set_aside_workflow(Turn& turn, LiveRun& workflow, const std::string& why);
  void retry_workflow(Turn& turn, LiveRun& workflow, const std::vector<std::string>& from);
  void move_workflow(LiveRun& run, WorkflowEvent event);
  LiveRun* revive_workflow(Turn& turn, Id run);

 private:
  friend class Shard;

  ShardNumber number_;
  std::int64_t epoch_;
  Id last_id_;
  std::int64_t gathering_ = 0;
  std::int64_t landed_ = 0;
  Instant now_;  // of the decision under way
  std::unordered_map<Id, LiveRun> live_;
  std::unordered_map<Id, Runs> runs_of_;  // by definition
  std::unordered_map<Id, Known> known_;   // those that are awake
  std::unordered_map<std::string, Id> by_name_;
  std::unordered_map<Id, Id> trigger_owner_;
  DuePlace horizon_;  // up to here all triggers are in memory, and armed
  // Deleted in these batches, which may not have landed: definitions, and their triggers.
  std::unordered_map<std::string, std::int64_t> gone_names_;
  std::unordered_map<Id, std::int64_t> gone_ids_;
  std::int64_t asleep_floor_ = 0;  // the last batch that may have changed one that is not awake
  Queues queues_;
  std::unordered_map<Id, Gate> gates_;  // by job, of those that are limited
  std::size_t at_gates_ = 0, offers_ = 0;
  std::set<Waiting> wanting_;                 // runs whose turn has come, but for a permit
  std::map<Id, std::vector<HoldRow>> holds_;  // by run, in the order they were asked for
  std::unordered_map<std::string, Semaphore> semaphores_;  // by name_key; that somebody wants
  PermitWork unsettled_;                                   // by this decision
  PermitWork put_off_;                                     // to the next ContinuePermits
  Instant permits_armed_;
  std::map<std::pair<Id, int>, std::weak_ptr<Plan>> plans_;  // by definition and revision
  std::unordered_map<Id, std::unordered_set<Id>> by_incarnation_;
  TimerWheel wheel_;
  std::shared_ptr<const schedule::CalendarBook> calendars_ =
      std::make_shared<const schedule::CalendarBook>();
  std::set<Id> held_;  // triggers that their calendars keep off
  Recency recent_;
  CommandMemory commands_;
  bool keeps_commands_ = false;
  std::map<Id, Backfill> backfills_;        // that are not over
  std::map<ShardNumber, Outbox> outboxes_;  // by receiver; none is empty
  std::map<ShardNumber, Id> marks_;         // what was applied, by sender
  std::map<Id, Watched> watched_;
  std::set<Id> untold_;  // of these the ones that are not live
  Instant letters_armed_;
  struct Follower {
    Id follow;
    int states = 0;
  };
  std::unordered_map<std::string, std::map<Id, Follower>> followers_;  // triggers, by name_key
  std::unordered_map<Id, std::string> followed_;                       // the name_key of each
  int shard_count_ = kShardsDefault;
};

}  // namespace jobflow::engine
