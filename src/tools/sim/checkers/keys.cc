// S5.2: within a day, one idempotency key of a job or workflow names one run.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

namespace jobflow::sim {
namespace {

class Keys final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable&) override {
    const auto* insert = std::get_if<InsertRun>(&change);
    if (insert == nullptr || insert->row.idempotency_key.empty()) {
      return;
    }
    const auto [first, is_new] =
        first_.try_emplace({insert->row.definition, insert->row.idempotency_key}, insert->row.id);
    if (!is_new) {
      violated(
          fmt::format("key {} made run {} and again run {} (S5.2)", insert->row.idempotency_key,
                      to_string(first->second), to_string(insert->row.id)),
          {first->second, insert->row.id});
    }
  }

  void record(const Record& record, const Durable& now) override {
    if (record.did != Did::answered || !record.answer->ok()) {
      return;
    }
    const auto* ask = std::get_if<engine::TriggerRun>(record.request);
    const RunRow* run = ask == nullptr ? nullptr : now.run((*record.answer)->id);
    if (run == nullptr || ask->idempotency_key.empty()) {
      return;
    }
    const auto first = first_.find({run->definition, ask->idempotency_key});
    if (first == first_.end() || first->second != run->id) {
      violated(fmt::format("key {} is answered with run {}, which is not its first (S5.2)",
                           ask->idempotency_key, to_string(run->id)),
               {run->id});
    }
  }

 private:
  std::map<std::pair<Id, std::string>, Id> first_;
};

}  // namespace

std::unique_ptr<Checker> make_keys_checker() {
  return std::make_unique<Keys>();
}

}  // namespace jobflow::sim
