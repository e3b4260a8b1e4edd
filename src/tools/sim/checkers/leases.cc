// House 4, "Time and death": an owner lets out what it decided only while its own lease has not run
// out. The lease counts from before the last beat that landed was sent; so nothing leaves later
// than one lease after a batch of that process landed. Answers are not judged: members pass on each
// other's.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

namespace jobflow::sim {
namespace {

class Leases final : public Checker {
 public:
  void record(const Record& record, const Durable&) override {
    if (record.did == Did::member_began) {
      processes_[record.who].lease = record.other * 1000;
    } else if (record.did == Did::landed) {
      processes_[record.who].landed = record.at;
      for (const store::ShardPart& part : record.batch->parts) {
        owners_[{part.shard, part.epoch}] = record.who;
      }
    } else if (record.did == Did::told_worker) {
      // Others' orders are let out by them; this member only passes them on.
      for (const Assignment& one : record.to_worker->assignments) {
        if (owners_[{one.run.shard(), one.epoch}] == record.who) {
          lets_out(record, fmt::format("the assignment of token {}", to_string(one.token)),
                   {one.run, one.token});
        }
      }
    } else if (record.did == Did::told_member) {
      says(record);
    }
  }

 private:
  struct Process {
    Micros lease = 0;   // 0: it is alone and has none
    Micros landed = 0;  // its newest batch
  };
  // The member's own clock may run slow by that much.
  static constexpr int kDriftPermille = 5;

  void says(const Record& record) {
    const auto& what = record.message->what;
    if (const auto* orders = std::get_if<runtime::OrdersForWorker>(&what)) {
      const runtime::ToWorker& of = orders->orders;
      if (!of.assignments.empty() || !of.cancels.empty() || !of.acks.empty()) {
        lets_out(record, "an order for a worker", {orders->incarnation});
      }
    } else if (const auto* letter = std::get_if<runtime::LetterSent>(&what)) {
      lets_out(record, "letter " + to_string(letter->letter.number), {letter->letter.number});
    } else if (const auto* applied = std::get_if<runtime::LetterApplied>(&what)) {
      lets_out(record, "word that a letter is applied", {applied->up_to});
    }
  }

  void lets_out(const Record& record, const std::string& what, std::vector<Id> about) {
    const Process& process = processes_[record.who];
    const Micros late = record.at - process.landed;
    if (process.lease > 0 && late > process.lease + process.lease / 1000 * kDriftPermille) {
      violated(fmt::format("{} lets out {} {} ms after its last batch landed: its lease is over "
                           "(house 4)",
                           record.who, what, late / 1000),
               std::move(about));
    }
  }

  std::map<std::string, Process> processes_;
  std::map<std::pair<ShardNumber, std::int64_t>, std::string> owners_;  // by (shard, epoch)
};

}  // namespace

std::unique_ptr<Checker> make_leases_checker() {
  return std::make_unique<Leases>();
}

}  // namespace jobflow::sim
