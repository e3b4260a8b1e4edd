// I1: a member writes only under its newest term, batch after batch, and only to shards that are
// its own; what a shard gives out grows whatever clocks and owners do.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

namespace jobflow::sim {
namespace {

class Fence final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable&) override {
    if (const auto* insert = std::get_if<InsertRun>(&change)) {
      made(insert->row.id);
    }
  }

  void record(const Record& record, const Durable& now) override {
    if (record.did == Did::joined) {
      terms_[record.other] = record.number;
    } else if (record.did == Did::landed) {
      landed(*record.batch, now);
    }
  }

 private:
  struct Shard {
    std::int64_t epoch = 0;
    std::int64_t member = 0;  // that wrote in this epoch
    std::int64_t term = 0;
    Id last_id;
    std::int64_t next_event = 1;
  };

  void made(Id id) {
    if (id <= shards_[id.shard()].last_id) {
      violated(fmt::format("id {} was made again, or is below one that was given out (house 3.7)",
                           to_string(id)),
               {id});
    }
  }

  void landed(const store::Batch& batch, const Durable&) {
    if (terms_[batch.member] != batch.term) {
      violated(fmt::format("batch {} of member {} landed under term {}, its newest is {} (I1)",
                           batch.number, batch.member, batch.term, terms_[batch.member]));
    }
    std::int64_t& number = numbers_[batch.member];
    if (number != 0 && batch.number != number + 1) {
      violated(fmt::format("batch {} landed after batch {} (I1b)", batch.number, number));
    }
    number = batch.number;
    for (const store::ShardPart& part : batch.parts) {
      Shard& shard = shards_[part.shard];
      if (part.shard < kMemberSource) {
        if (part.epoch < shard.epoch) {
          violated(fmt::format("shard {} was written in epoch {} after epoch {} (I1e)", part.shard,
                               part.epoch, shard.epoch));
        } else if (part.epoch == shard.epoch &&
                   (shard.member != batch.member || shard.term != batch.term)) {
          violated(
              fmt::format("two owners wrote shard {} in epoch {} (I1e)", part.shard, part.epoch));
        }
        shard.epoch = part.epoch;
        shard.member = batch.member;
        shard.term = batch.term;
        if (part.last_id < shard.last_id) {
          violated(fmt::format("the ids of shard {} went back (house 3.7)", part.shard));
        }
        shard.last_id = part.last_id;
      }
      if (!part.journal.events.empty()) {
        if (part.journal.first != shard.next_event) {
          violated(fmt::format("the journal of source {} goes on at {} after {} (S9.1)", part.shard,
                               part.journal.first, shard.next_event - 1));
        }
        shard.next_event += static_cast<std::int64_t>(part.journal.events.size());
      }
    }
  }

  std::map<std::int64_t, std::int64_t> terms_, numbers_;  // by member
  std::map<ShardNumber, Shard> shards_;
};

}  // namespace

std::unique_ptr<Checker> make_fence_checker() {
  return std::make_unique<Fence>();
}

}  // namespace jobflow::sim
