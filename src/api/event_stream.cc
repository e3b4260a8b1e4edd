#include "api/event_stream.h"

#include "api/json_text.h"
#include "api/json_views.h"
#include "api/run_steps.h"
#include "runtime/clock.h"
#include "runtime/metrics.h"
#include "store/store.h"

#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace jobflow::api {
namespace {

// A snapshot of a busy shard's run is read again at most this often until it stands still.
constexpr int kSnapshotTries = 3;
constexpr int kSnapshotRuns = 50;
// After `lagged`, the client first takes what it was sent.
constexpr Span kCatchUpPause = milliseconds(50);
constexpr std::size_t kCatchUpBytes = 64 * 1024;

// How far a run is: grows over its life, but for an assignment that came back unsent.
using Rank = std::tuple<int, int, int>;

Rank rank_of(int version, int attempt, RunState state) {
  int phase = 3;  // waits for its first or next attempt
  if (is_final(state)) {
    phase = 4;
  } else if (state == RunState::pending) {
    phase = 0;
  } else if (state == RunState::cancelling) {
    phase = 2;
  } else if (state == RunState::running || state == RunState::waiting) {
    phase = 1;
  }
  return {version, attempt, phase};
}

Rank rank_of(const RunRow& row) {
  return rank_of(row.progress.version, row.progress.attempt, row.progress.state);
}

class Stream final : public std::enable_shared_from_this<Stream> {
 public:
  Stream(ExchangePtr exchange, std::shared_ptr<Sink> sink, EventFilter filter)
      : exchange_(std::move(exchange)),
        doors_(exchange_->doors),
        sink_(std::move(sink)),
        filter_(filter) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { unsubscribe(); }

  void begin(std::optional<runtime::Cursor> cursor) {
    sink_->on_closed([self = shared_from_this()] { self->unsubscribe(); });
    if (cursor) {
      cursor_ = std::move(*cursor);
      resume(beyond_what_is_known());
    } else {
      take_snapshot();
    }
  }

 private:
  // Where the cursor is past what this member knows: of a source whose news it has not heard yet,
  // since another member gave the cursor (S9.3), or of a store that lost what came after.
  std::vector<ShardNumber> beyond_what_is_known() const {
    const runtime::Cursor now = doors_->hall.feed().now();
    std::vector<ShardNumber> sources;
    for (const auto& [source, next] : cursor_.next) {
      const auto at = now.next.find(source);
      if (next > (at == now.next.end() ? 1 : at->second)) {
        sources.push_back(source);
      }
    }
    return sources;
  }

  // The journal tells which it is: an event that somebody was sent is in it, or later ones are.
  void resume(std::vector<ShardNumber> doubtful) {
    if (doubtful.empty()) {
      return subscribe(cursor_);
    }
    const ShardNumber source = doubtful.back();
    doubtful.pop_back();
    doors_->store.read_journal(
        source, cursor_.next[source] - 1, 1,
        on_loop<std::vector<JournalPart>>([this, doubtful](const std::vector<JournalPart>& parts) {
          if (!parts.empty()) {
            return resume(doubtful);
          }
          // Such as one put back from a backup: waiting for these numbers would leave out what
          // they are given to now.
          send_own("lagged", "{}", cursor_);
          take_snapshot();
        }));
  }

  // --- the snapshot

  void take_snapshot() {
    if (sink_->closed()) {
      return;
    }
    reflected_.clear();
    reflected_until_ = 0;
    generation_ = doors_->hall.feed().now().generation;
    if (filter_.run.is_set()) {
      snapshot_run(kSnapshotTries);
    } else {
      snapshot_runs();
    }
  }

  // The run is read before and after its steps: when its shard did not move between, all is of one
  // moment. Else the cursor is the earlier one, and deltas the rows already show are left out.
  void snapshot_run(int tries) {
    doors_->store.read_run(
        filter_.run,
        on_loop<std::optional<store::RunAt>>([this, tries](std::optional<store::RunAt> run) {
          if (!run) {
            return end_with_problem("the run is gone");
          }
          const std::int64_t before = run->as_of;
          read_steps(doors_, std::move(run->row),
                     on_loop<RunSteps>([this, tries, before](RunSteps steps) {
                       confirm_run(tries, before, std::move(steps));
                     }));
        }));
  }

  void confirm_run(int tries, std::int64_t before, RunSteps steps) {
    auto shared = std::make_shared<RunSteps>(std::move(steps));
    doors_->store.read_run(
        filter_.run, on_loop<std::optional<store::RunAt>>([this, tries, before, shared](
                                                              std::optional<store::RunAt> run) {
          if (!run) {
            return end_with_problem("the run is gone");
          }
          if (run->as_of != before && tries > 1) {
            return snapshot_run(tries - 1);
          }
          shared->run = std::move(run->row);
          note_reflected(*shared, run->as_of);
          runtime::Cursor cursor{.next = {}, .generation = generation_};
          cursor.next[filter_.run.shard()] = before + 1;
          doors_->names.look_up({shared->run.definition},
                                hop<Names>(exchange_, [self = shared_from_this(), shared,
                                                       cursor](const Names& names) {
                                  self->send_run(*shared, names, cursor);
                                }));
        }));
  }

  void note_reflected(const RunSteps& steps, std::int64_t as_of) {
    reflected_until_ = as_of;
    reflected_.emplace(steps.run.id, rank_of(steps.run));
    for (const auto& [step, row] : steps.runs) {
      reflected_.emplace(row.id, rank_of(row));
    }
  }

  void send_run(const RunSteps& steps, const Names& names, const runtime::Cursor& cursor) {
    std::string data;
    {
      JsonObject object(data);
      append_run(object.open("run"), steps.run, names);
      append_steps(object.open("steps"), steps);
    }
    send_own("snapshot", data, cursor);
    subscribe(cursor);
  }

  void snapshot_runs() {
    runtime::Cursor cursor = doors_->hall.feed().now();
    if (filter_.definition.is_set()) {  // all that is about it comes from its home
      std::erase_if(cursor.next,
                    [&](const auto& next) { return next.first != filter_.definition.shard(); });
    }
    store::RunFilter filter{.limit = kSnapshotRuns};
    if (filter_.definition.is_set()) {
      filter.definition = filter_.definition;
    }
    doors_->store.list_runs(
        filter, on_loop<std::vector<RunRow>>([this, cursor](std::vector<RunRow> rows) {
          std::vector<Id> ids;
          for (const RunRow& row : rows) {
            ids.push_back(row.definition);
          }
          auto shared = std::make_shared<std::vector<RunRow>>(std::move(rows));
          doors_->names.look_up(std::move(ids),
                                hop<Names>(exchange_, [self = shared_from_this(), shared,
                                                       cursor](const Names& names) {
                                  self->send_runs(*shared, names, cursor);
                                }));
        }));
  }

  void send_runs(const std::vector<RunRow>& rows,
                 const Names& names,
                 const runtime::Cursor& cursor) {
    std::string data;
    {
      JsonObject object(data);
      JsonArray runs(object.open("runs"));
      for (const RunRow& row : rows) {
        append_run(runs.next(), row, names);
      }
    }
    send_own("snapshot", data, cursor);
    subscribe(cursor);
  }

  // --- the deltas

  void subscribe(runtime::Cursor start) {
    if (sink_->closed()) {
      return;
    }
    cursor_ = start;
    const auto wanted = [filter = filter_](const Event& event) {
      if (filter.run.is_set()) {
        return event.subject == filter.run || event.parent == filter.run;
      }
      return !filter.definition.is_set() || event.definition == filter.definition;
    };
    // The listener only posts: it is called under the hall's own pace.
    subscription_ = doors_->hall.feed().subscribe(
        std::move(start), wanted,
        [loop = exchange_->loop, weak = weak_from_this(),
         turn = ++turn_](runtime::FeedSlice slice) {
          loop->post([weak, turn, shared = std::make_shared<runtime::FeedSlice>(std::move(slice))] {
            if (const auto self = weak.lock(); self && self->turn_ == turn) {
              self->deliver(*shared);
            }
          });
        });
    show_subscribers();
  }

  void unsubscribe() {
    if (subscription_) {
      doors_->hall.feed().cancel(*subscription_);
      subscription_.reset();
      show_subscribers();
    }
  }

  void show_subscribers() const {
    doors_->metrics.gauge("jobflow_event_subscribers", "Subscriptions to the live events")
        .set(doors_->hall.feed().subscribers());
  }

  void deliver(const runtime::FeedSlice& slice) {
    if (sink_->closed()) {
      return;
    }
    for (const runtime::NumberedEvent& event : slice.events) {
      cursor_.next[event.source] = event.number + 1;
      if (is_reflected(event)) {
        continue;
      }
      const std::string cursor = runtime::to_text(cursor_);
      json_.clear();
      append_event(json_, event, cursor);
      sink_->send(to_string(event.event.type), cursor, json_, slice.held);
    }
    if (slice.lagged) {
      unsubscribe();
      send_own("lagged", "{}", cursor_);
      catch_up();
    }
  }

  // Whether the snapshot shows this event's outcome, or a later one, already.
  bool is_reflected(const runtime::NumberedEvent& numbered) {
    const Event& event = numbered.event;
    if (numbered.number > reflected_until_ || event.type != EventType::run_changed) {
      return false;
    }
    const auto at = reflected_.find(event.subject);
    if (at == reflected_.end()) {
      return false;
    }
    const Rank rank = rank_of(event.version, event.attempt, static_cast<RunState>(event.state));
    if (rank <= at->second) {
      return true;
    }
    reflected_.erase(at);  // from here on everything is news
    return false;
  }

  void catch_up() {
    if (sink_->closed()) {
      return;
    }
    if (sink_->waiting_bytes() <= kCatchUpBytes) {
      return take_snapshot();
    }
    exchange_->loop->after(kCatchUpPause, [self = shared_from_this()] { self->catch_up(); });
  }

  // --- the stream's own messages

  void send_own(std::string_view type, std::string_view data, const runtime::Cursor& at) {
    const std::string cursor = runtime::to_text(at);
    json_.clear();
    {
      JsonObject envelope(json_);
      envelope.text("specversion", "1.0");
      envelope.text("id", std::string(type) + ":" + std::to_string(++own_)).text("source", "/");
      envelope.text("type", type).time("time", doors_->clock.now());
      envelope.raw("data", data).text("cursor", cursor);
    }
    sink_->send(type, cursor, json_, nullptr);
  }

  void end_with_problem(std::string_view detail) {
    std::string data;
    JsonObject(data).text("detail", detail);
    send_own("ended", data, cursor_);
    sink_->end();
  }

  template <class T, class Next>
  std::function<void(Outcome<T>)> on_loop(Next next) {
    return hop<Outcome<T>>(exchange_, [self = shared_from_this(), next](Outcome<T> outcome) {
      if (self->sink_->closed()) {
        return;
      }
      if (outcome) {
        next(std::move(outcome).value());
      } else {
        self->end_with_problem(outcome.problem().detail);
      }
    });
  }

  ExchangePtr exchange_;
  std::shared_ptr<const Doors> doors_;
  std::shared_ptr<Sink> sink_;
  EventFilter filter_;
  std::optional<std::int64_t> subscription_;
  std::uint64_t turn_ = 0;  // which subscription's slices count
  runtime::Cursor cursor_;
  std::int64_t generation_ = 1;  // of the history when the snapshot began
  std::map<Id, Rank> reflected_;
  std::int64_t reflected_until_ = 0;
  std::int64_t own_ = 0;
  std::string json_;
};

}  // namespace

void stream_events(const ExchangePtr& exchange,
                   std::shared_ptr<Sink> sink,
                   EventFilter filter,
                   std::optional<runtime::Cursor> cursor) {
  std::make_shared<Stream>(exchange, std::move(sink), filter)->begin(std::move(cursor));
}

}  // namespace jobflow::api
