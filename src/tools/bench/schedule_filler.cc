#include "tools/bench/schedule_filler.h"

#include "engine/shard.h"
#include "runtime/hall.h"
#include "store/sqlite/sqlite_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>

namespace jobflow::bench {
namespace {

constexpr std::size_t kBatchChanges = 4'000;

Instant now() {
  return {std::chrono::duration_cast<std::chrono::milliseconds>(
              std::chrono::system_clock::now().time_since_epoch())
              .count()};
}

template <class T>
T wait_for(const std::function<void(std::function<void(T)>)>& verb) {
  std::promise<T> promise;
  verb([&](T value) { promise.set_value(std::move(value)); });
  return promise.get_future().get();
}

// A member that only saves.
class Filler {
 public:
  explicit Filler(store::Store& store) : store_(store) {
    auto ticket = wait_for<Outcome<store::Ticket>>(
        [&](auto done) { store_.join({.name = "solo"}, std::move(done)); });
    check(ticket.ok(), "a new store can be joined");
    ticket_ = *ticket;
    for (int i = 0; i < store_.facts().shard_count; ++i) {
      const auto number = static_cast<ShardNumber>(i);
      auto image = wait_for<Outcome<ShardImage>>(
          [&](auto done) { store_.load_shard(ticket_.member, number, std::move(done)); });
      check(image.ok(), "a new store can be read");
      Seat& seat = seats_[number];
      seat.part.shard = number;
      seat.part.epoch = image->epoch;
      seat.part.journal = {.source = number, .first = image->next_event, .events = {}};
      seat.shard = std::make_unique<engine::Shard>(*std::move(image), now());
    }
  }

  void save(const std::string& document) {
    auto definition = runtime::read_definition(DefinitionKind::job, document);
    if (!definition) {
      throw std::runtime_error(definition.problem().detail + " in " + document);
    }
    const Definition& wanted = **definition;
    Seat& seat = seats_.at(home_shard(wanted.name_space, to_string(wanted.kind), wanted.name,
                                      store_.facts().shard_count));
    // Its name is new: there is nothing to read.
    auto rows = std::make_shared<CommandRows>();
    rows->asked.definitions = {{{}, wanted.kind, wanted.name_space, wanted.name}};
    rows->batch = batch_;
    seat.shard->set_batches(batch_ + 1, batch_);
    engine::Decision decision = seat.shard->decide({.request = engine::SaveDefinition{*definition},
                                                    .principal = "bench",
                                                    .now = now(),
                                                    .rows = std::move(rows)},
                                                   roster_);
    if (!decision.answer || !decision.answer->ok()) {
      throw std::runtime_error("a job was refused: " + document);
    }
    std::ranges::move(decision.changes, std::back_inserter(seat.part.changes));
    std::ranges::move(decision.events, std::back_inserter(seat.part.journal.events));
    seat.part.last_id = seat.shard->last_id();
    changes_ += decision.changes.size();
    if (changes_ >= kBatchChanges) {
      commit();
    }
  }

  void commit() {
    auto batch = std::make_shared<store::Batch>(store::Batch{.member = ticket_.member,
                                                             .term = ticket_.term,
                                                             .number = ++ticket_.batch,
                                                             .time = now(),
                                                             .parts = {},
                                                             .placement = {}});
    for (auto& [number, seat] : seats_) {
      if (seat.part.changes.empty()) {
        continue;
      }
      const std::int64_t next =
          seat.part.journal.first + static_cast<std::int64_t>(seat.part.journal.events.size());
      batch->parts.push_back(std::move(seat.part));
      seat.part = {.shard = number, .epoch = batch->parts.back().epoch};
      seat.part.journal = {.source = number, .first = next, .events = {}};
    }
    const auto answer = wait_for<store::CommitAnswer>(
        [&](auto done) { store_.commit(std::move(batch), std::move(done)); });
    if (answer.result != store::CommitResult::landed) {
      throw std::runtime_error("a batch of schedules did not land: " + answer.detail);
    }
    changes_ = 0;
    ++batch_;
    for (auto& [number, seat] : seats_) {
      seat.shard->set_batches(batch_ + 1, batch_);
      seat.shard->sweep(now(), Span{-1});
    }
  }

 private:
  struct Seat {
    std::unique_ptr<engine::Shard> shard;
    store::ShardPart part;
  };

  store::Store& store_;
  store::Ticket ticket_;
  engine::Roster roster_;
  std::map<ShardNumber, Seat> seats_;
  std::size_t changes_ = 0;
  std::int64_t batch_ = 0;
};

}  // namespace

void fill_with_schedules(const std::string& data_folder,
                         int count,
                         const std::function<std::string(int)>& spec) {
  std::filesystem::create_directories(data_folder);
  auto store = store::open_sqlite_store(data_folder + "/jobflow.db");
  if (!store) {
    throw std::runtime_error(store.problem().detail);
  }
  Filler filler(**store);
  for (int i = 0; i < count; ++i) {
    filler.save(fmt::format(R"({{"metadata":{{"name":"s{}"}},"spec":{}}})", i, spec(i)));
  }
  filler.commit();
}

}  // namespace jobflow::bench
