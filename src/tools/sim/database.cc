#include "tools/sim/database.h"

#include "model/sabotage.h"

#include <algorithm>
#include <utility>

namespace jobflow::sim {
namespace {

// How long a process waits for an answer of the database.
constexpr Micros kPatience = 2'000'000;
// How long the database bears a session that does nothing with a transaction open.
constexpr Micros kSessionEnds = 1'000'000;

store::CommitAnswer no_answer(store::CommitAnswer*) {
  return {store::CommitResult::retry, "the database does not answer"};
}
template <class T>
Outcome<T> no_answer(Outcome<T>*) {
  return Problem{ProblemCode::unavailable, "the database does not answer"};
}

}  // namespace

class RemoteStore final : public store::Store {
 public:
  RemoteStore(Database& database, std::string who, Node node, Owner owner)
      : database_(database), who_(std::move(who)), node_(node), owner_(std::move(owner)) {}

  const store::StoreFacts& facts() const override { return database_.store_->facts(); }

  void join(store::JoinRequest request, store::Callback<Outcome<store::Ticket>> done) override {
    call<Outcome<store::Ticket>>(
        std::move(done), [database = &database_, who = who_, node = node_, request](
                             const auto& answer) { database->join(who, node, request, answer); });
  }
  void commit(std::shared_ptr<const store::Batch> batch,
              store::Callback<store::CommitAnswer> done) override {
    if (!batch->parts.empty()) {
      database_.sent_[batch->member] = batch->number;
    }
    call<store::CommitAnswer>(std::move(done), [database = &database_, who = who_, node = node_,
                                                batch = std::move(batch)](const auto& answer) {
      database->commit(who, node, batch, answer);
    });
  }
  void trim(store::TrimLimits limits, store::Callback<Outcome<int>> done) override {
    pass<Outcome<int>>(std::move(done), [=](store::Store& store, auto answer) {
      store.trim(limits, std::move(answer));
    });
  }
  void save_token(TokenRow token, store::Callback<Outcome<Done>> done) override {
    pass<Outcome<Done>>(std::move(done), [=](store::Store& store, auto answer) {
      store.save_token(token, std::move(answer));
    });
  }
  void save_calendar(CalendarRow row, store::Callback<Outcome<Done>> done) override {
    pass<Outcome<Done>>(std::move(done), [=](store::Store& store, auto answer) {
      store.save_calendar(row, std::move(answer));
    });
  }
  void list_permits(store::PermitFilter filter,
                    store::Callback<Outcome<store::PermitUse>> done) override {
    pass<Outcome<store::PermitUse>>(std::move(done), [=](store::Store& store, auto answer) {
      store.list_permits(filter, std::move(answer));
    });
  }
  void list_calendars(store::CalendarFilter filter,
                      store::Callback<Outcome<std::vector<CalendarRow>>> done) override {
    pass<Outcome<std::vector<CalendarRow>>>(std::move(done), [=](store::Store& store, auto answer) {
      store.list_calendars(filter, std::move(answer));
    });
  }
  void read_cluster(store::Callback<Outcome<ClusterImage>> done) override {
    pass<Outcome<ClusterImage>>(std::move(done), [](store::Store& store, auto answer) {
      store.read_cluster(std::move(answer));
    });
  }
  void load_shard(std::int64_t member,
                  ShardNumber shard,
                  store::Callback<Outcome<ShardImage>> done) override {
    pass<Outcome<ShardImage>>(std::move(done), [=](store::Store& store, auto answer) {
      store.load_shard(member, shard, std::move(answer));
    });
  }
  void read_for_command(std::int64_t member,
                        CommandReads reads,
                        store::Callback<Outcome<CommandRows>> done) override {
    pass<Outcome<CommandRows>>(std::move(done), [=](store::Store& store, auto answer) {
      store.read_for_command(member, reads, std::move(answer));
    });
  }
  void read_run(Id run, store::Callback<Outcome<std::optional<store::RunAt>>> done) override {
    pass<Outcome<std::optional<store::RunAt>>>(
        std::move(done),
        [=](store::Store& store, auto answer) { store.read_run(run, std::move(answer)); });
  }
  void list_runs(store::RunFilter filter,
                 store::Callback<Outcome<std::vector<RunRow>>> done) override {
    pass<Outcome<std::vector<RunRow>>>(std::move(done), [=](store::Store& store, auto answer) {
      store.list_runs(filter, std::move(answer));
    });
  }
  void list_attempts(Id run, store::Callback<Outcome<std::vector<AttemptRow>>> done) override {
    pass<Outcome<std::vector<AttemptRow>>>(std::move(done), [=](store::Store& store, auto answer) {
      store.list_attempts(run, std::move(answer));
    });
  }
  void list_definitions(store::DefinitionFilter filter,
                        store::Callback<Outcome<std::vector<DefinitionRow>>> done) override {
    pass<Outcome<std::vector<DefinitionRow>>>(std::move(done),
                                              [=](store::Store& store, auto answer) {
                                                store.list_definitions(filter, std::move(answer));
                                              });
  }
  void list_triggers(Id definition,
                     store::Callback<Outcome<std::vector<TriggerRow>>> done) override {
    pass<Outcome<std::vector<TriggerRow>>>(std::move(done), [=](store::Store& store, auto answer) {
      store.list_triggers(definition, std::move(answer));
    });
  }
  void list_firings(store::FiringFilter filter,
                    store::Callback<Outcome<store::Firings>> done) override {
    pass<Outcome<store::Firings>>(std::move(done), [=](store::Store& store, auto answer) {
      store.list_firings(filter, std::move(answer));
    });
  }
  void list_backfills(store::BackfillFilter filter,
                      store::Callback<Outcome<std::vector<BackfillRow>>> done) override {
    pass<Outcome<std::vector<BackfillRow>>>(std::move(done), [=](store::Store& store, auto answer) {
      store.list_backfills(filter, std::move(answer));
    });
  }
  void read_journal(ShardNumber source,
                    std::int64_t from,
                    int rows,
                    store::Callback<Outcome<std::vector<JournalPart>>> done) override {
    pass<Outcome<std::vector<JournalPart>>>(std::move(done), [=](store::Store& store, auto answer) {
      store.read_journal(source, from, rows, std::move(answer));
    });
  }
  void list_tokens(store::Callback<Outcome<std::vector<TokenRow>>> done) override {
    pass<Outcome<std::vector<TokenRow>>>(std::move(done), [](store::Store& store, auto answer) {
      store.list_tokens(std::move(answer));
    });
  }

 private:
  template <class Answer>
  void pass(store::Callback<Answer> done,
            std::function<void(store::Store&, store::Callback<Answer>)> verb) {
    call<Answer>(std::move(done),
                 [database = &database_, verb = std::move(verb)](
                     const store::Callback<Answer>& answer) { verb(*database->store_, answer); });
  }

  // There and back; one answer, whatever happens on the way. A process that has died hears nothing.
  template <class Answer>
  void call(store::Callback<Answer> done,
            std::function<void(const store::Callback<Answer>&)> work) {
    if (owner_->over) {
      return;  // it died in the middle of its code
    }
    Scheduler& scheduler = database_.scheduler_;
    Network& network = database_.network_;
    auto once = std::make_shared<store::Callback<Answer>>(std::move(done));
    const auto answer = [once](Answer what) {
      if (auto callback = std::exchange(*once, nullptr)) {
        callback(std::move(what));
      }
    };
    scheduler.after(kPatience, owner_,
                    [answer] { answer(no_answer(static_cast<Answer*>(nullptr))); });
    const Node node = node_;
    const Micros there =
        network.delay() + (database_.slow > 0 ? database_.random_slowness() : Micros{0});
    scheduler.after(there, nullptr,
                    [&scheduler, &network, node, answer, owner = owner_, work = std::move(work)] {
                      if (!network.reaches(node, kDatabase)) {
                        return;
                      }
                      work([&scheduler, &network, node, answer, owner](Answer what) {
                        if (!network.reaches(kDatabase, node)) {
                          return;
                        }
                        scheduler.after(network.delay(), owner,
                                        [answer, what = std::move(what)] { answer(what); });
                      });
                    });
  }

  Database& database_;
  const std::string who_;
  const Node node_;
  const Owner owner_;
};

Database::Database(
    Scheduler& scheduler, Network& network, Random& random, History& history, int shards)
    : scheduler_(scheduler),
      network_(network),
      random_(random),
      history_(history),
      contents_(store::make_memory_database(shards)),
      store_(store::make_memory_store(contents_)) {}

void Database::forget_since(Kept kept) {
  contents_ = std::move(kept.contents);
  store_ = store::make_memory_store(contents_);
  landed_ = std::move(kept.landed);
  failovers_ += 1;
}

std::unique_ptr<store::Store> Database::connect(std::string who, Node node, Owner owner) {
  return std::make_unique<RemoteStore>(*this, std::move(who), node, std::move(owner));
}

void Database::save_calendar(const std::string& who, const CalendarRow& row) {
  store_->save_calendar(
      row, [](const Outcome<Done>& done) { check(done.ok(), "nobody else saves calendars"); });
  history_.add({.did = Did::calendar,
                .who = who,
                .number = row.revision,
                .text = row.deleted ? "deleted" : "",
                .calendar = &row});
}

bool Database::is_under_way(std::int64_t member) const {
  const auto sent = sent_.find(member);
  const auto landed = landed_.find(member);
  return sent != sent_.end() && (landed == landed_.end() || sent->second > landed->second);
}

Micros Database::random_slowness() {
  return random_.between(0, slow);
}

// --- open transactions

bool Database::Rows::meets(const Rows& other) const {
  const auto share = [](const auto& some, const auto& others) {
    return std::ranges::any_of(some, [&](const auto& one) { return others.contains(one); });
  };
  return share(nodes, other.nodes) || share(members, other.members) ||
         share(shards, other.shards) || (all_shards && !other.shards.empty()) ||
         (other.all_shards && !shards.empty());
}

Database::Rows Database::rows_of(Node node, const store::Batch& batch) {
  Rows rows{.nodes = {node}, .members = {batch.member}, .shards = {}};
  for (const store::ShardPart& part : batch.parts) {
    if (part.shard < kMemberSource) {
      rows.shards.insert(part.shard);
    }
  }
  if (batch.placement) {
    for (const Placement::Revoked& revoked : batch.placement->revoked) {
      rows.members.insert(revoked.member);
    }
    for (const Placement::Move& move : batch.placement->moves) {
      rows.shards.insert(move.shard);
    }
  }
  return rows;
}

bool Database::waits_for_lock(const Rows& rows, std::function<void()> again) {
  const bool waits = std::ranges::any_of(open_, [&](const Rows& one) { return one.meets(rows); });
  if (waits) {
    waiting_.push_back(std::move(again));
  }
  return waits;
}

void Database::leave_open(Rows rows, std::function<void()> write) {
  on_left_open();
  open_.push_front(std::move(rows));
  const bool goes_on = random_.chance(50);
  scheduler_.after(
      goes_on ? random_.between(1'000, kSessionEnds) : kSessionEnds, nullptr,
      [this, one = open_.begin(), goes_on, failovers = failovers_, write = std::move(write)] {
        open_.erase(one);
        if (goes_on && failovers == failovers_) {
          write();
        }
        for (const auto& again : std::exchange(waiting_, {})) {
          again();
        }
      });
}

void Database::join(const std::string& who,
                    Node node,
                    store::JoinRequest request,
                    const store::Callback<Outcome<store::Ticket>>& done) {
  if (waits_for_lock({.nodes = {node}, .members = {}, .shards = {}, .all_shards = request.alone},
                     [=, this] { join(who, node, request, done); })) {
    return;
  }
  store_->join(std::move(request), [&](Outcome<store::Ticket> ticket) {
    if (ticket) {
      history_.add({.did = Did::joined,
                    .who = who,
                    .number = ticket->term,
                    .other = ticket->member,
                    .text = "term"});
    }
    done(std::move(ticket));
  });
}

#ifdef JOBFLOW_SABOTAGE
namespace {

// What was written of a batch before its bad row, in the order of the statements: the fence, the
// rows, and nothing of the journals.
std::shared_ptr<const store::Batch> before_bad_row(
    const store::Batch& batch, const std::function<bool(const Change&)>& refuses) {
  auto written = std::make_shared<store::Batch>(batch);
  bool is_over = false;
  for (store::ShardPart& part : written->parts) {
    const auto bad = is_over ? part.changes.begin() : std::ranges::find_if(part.changes, refuses);
    is_over = is_over || bad != part.changes.end();
    part.changes.erase(bad, part.changes.end());
    part.journal.events.clear();
    part.hand_to = 0;
  }
  written->placement.reset();
  return written;
}

// What the batch would have to say to land, whoever has taken its member's term away.
std::shared_ptr<const store::Batch> unfenced(store::Store& store, const store::Batch& batch) {
  auto forced = std::make_shared<store::Batch>(batch);
  bool is_fenced = false;
  store.read_cluster([&](const Outcome<ClusterImage>& image) {
    for (const MemberRow& member : image->members) {
      if (member.id == batch.member && member.term != batch.term) {
        is_fenced = true;
        forced->term = member.term;
        forced->number = member.batch + 1;
      }
    }
  });
  for (store::ShardPart& part : forced->parts) {
    if (is_fenced && part.shard < kMemberSource) {
      store.load_shard(batch.member, part.shard, [&](const Outcome<ShardImage>& image) {
        part.epoch = image->epoch;
        part.journal.first = image->next_event;
      });
    }
  }
  return forced;
}

}  // namespace
#endif

void Database::commit(const std::string& who,
                      Node node,
                      const std::shared_ptr<const store::Batch>& batch,
                      const store::Callback<store::CommitAnswer>& done) {
  const Rows rows = rows_of(node, *batch);
  if (waits_for_lock(rows, [=, this] { commit(who, node, batch, done); })) {
    return;
  }
  if (random_.rarely(left_open)) {
    leave_open(rows, [=, this] { write(who, batch, done); });
  } else {
    write(who, batch, done);
  }
}

namespace {

// The fence is a batch's first statement (I1a): one that it stops never comes to its rows.
bool passes_fence(store::Store& store, const store::Batch& batch) {
  bool passes = false;
  store.read_cluster([&](const Outcome<ClusterImage>& image) {
    passes = std::ranges::any_of(image->members, [&](const MemberRow& member) {
      return member.id == batch.member && member.term == batch.term &&
             member.state != MemberState::gone && member.batch + 1 == batch.number;
    });
  });
  return passes;
}

}  // namespace

void Database::write(const std::string& who,
                     const std::shared_ptr<const store::Batch>& batch,
                     const store::Callback<store::CommitAnswer>& done) {
  if (refuses &&
      std::ranges::any_of(batch->parts,
                          [&](const store::ShardPart& part) {
                            return std::ranges::any_of(part.changes, refuses);
                          }) &&
      passes_fence(*store_, *batch)) {
#ifdef JOBFLOW_SABOTAGE
    if (sabotaged(Sabotage::no_rollback)) {
      const auto part = before_bad_row(*batch, refuses);
      land(who, part, part, [](const store::CommitAnswer&) {});
    }
#endif
    done({store::CommitResult::refused, "the database refuses a row"});
    return;
  }
  std::shared_ptr<const store::Batch> wanted = batch;
#ifdef JOBFLOW_SABOTAGE
  if (sabotaged(Sabotage::no_fence)) {
    wanted = unfenced(*store_, *batch);
  }
#endif
  land(who, batch, wanted, done);
}

// `written`: how it is written, should its fence be turned off.
void Database::land(const std::string& who,
                    const std::shared_ptr<const store::Batch>& batch,
                    const std::shared_ptr<const store::Batch>& written,
                    const store::Callback<store::CommitAnswer>& done) {
  store_->commit(written, [&](store::CommitAnswer answer) {
    // Only once is it news: an earlier sending of this number may have landed.
    std::int64_t& newest = landed_[batch->member];
    if (answer.result == store::CommitResult::landed && written->number > newest) {
      newest = written->number;
      history_.add({.did = Did::landed,
                    .who = who,
                    .number = batch->number,
                    .other = batch->term,
                    .batch = batch.get()});
      if (auto then = std::exchange(after_landing_, nullptr)) {
        then();
      }
    }
    done(std::move(answer));
  });
}

}  // namespace jobflow::sim
