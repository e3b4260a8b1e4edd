#include "tools/sim/database.h"

#include "model/sabotage.h"

#include <algorithm>
#include <utility>

namespace jobflow::sim {
namespace {

// How long a process waits for an answer of the database.
constexpr Micros kPatience = 2'000'000;

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
    call<Outcome<store::Ticket>>(std::move(done),
                                 [database = &database_, who = who_, request](const auto& answer) {
                                   database->join(who, request, answer);
                                 });
  }
  void commit(std::shared_ptr<const store::Batch> batch,
              store::Callback<store::CommitAnswer> done) override {
    if (sabotaged(Sabotage::effects_first)) {
      const auto early = std::exchange(done, [](const store::CommitAnswer&) {});
      database_.scheduler_.after(Micros{1}, owner_, [early] { early({}); });
    }
    call<store::CommitAnswer>(std::move(done),
                              [database = &database_, who = who_, batch = std::move(batch)](
                                  const auto& answer) { database->commit(who, batch, answer); });
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
  void list_skipped_firings(Id trigger,
                            int limit,
                            store::Callback<Outcome<std::vector<SkippedFiringRow>>> done) override {
    pass<Outcome<std::vector<SkippedFiringRow>>>(
        std::move(done), [=](store::Store& store, auto answer) {
          store.list_skipped_firings(trigger, limit, std::move(answer));
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
                      work([&](Answer what) {
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
}

std::unique_ptr<store::Store> Database::connect(std::string who, Node node, Owner owner) {
  return std::make_unique<RemoteStore>(*this, std::move(who), node, std::move(owner));
}

Micros Database::random_slowness() {
  return random_.between(0, slow);
}

void Database::join(const std::string& who,
                    store::JoinRequest request,
                    const store::Callback<Outcome<store::Ticket>>& done) {
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

// Nothing of the batch stays; sabotaged, what came before the bad row does.
store::CommitAnswer Database::refusal(const store::Batch& batch) {
  if (sabotaged(Sabotage::no_rollback)) {
    auto rest = std::make_shared<store::Batch>(batch);
    bool is_over = false;
    for (store::ShardPart& part : rest->parts) {
      const auto bad = is_over ? part.changes.begin() : std::ranges::find_if(part.changes, refuses);
      is_over = is_over || bad != part.changes.end();
      part.changes.erase(bad, part.changes.end());
    }
    store_->commit(rest, [](const store::CommitAnswer&) {});
  }
  return {store::CommitResult::refused, "the database refuses a row"};
}

#ifdef JOBFLOW_SABOTAGE
namespace {

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
                      const std::shared_ptr<const store::Batch>& batch,
                      const store::Callback<store::CommitAnswer>& done) {
  if (refuses && std::ranges::any_of(batch->parts, [&](const store::ShardPart& part) {
        return std::ranges::any_of(part.changes, refuses);
      })) {
    done(refusal(*batch));
    return;
  }
  std::shared_ptr<const store::Batch> wanted = batch;
#ifdef JOBFLOW_SABOTAGE
  if (sabotaged(Sabotage::no_fence)) {
    wanted = unfenced(*store_, *batch);
  }
#endif
  store_->commit(wanted, [&](store::CommitAnswer answer) {
    // Only once is it news: an earlier sending of this number may have landed.
    std::int64_t& newest = landed_[batch->member];
    if (answer.result == store::CommitResult::landed && wanted->number > newest) {
      newest = wanted->number;
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
