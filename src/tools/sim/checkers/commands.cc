// S12.4: what a client asks under one id is carried out at most once among members, however often
// it is sent; and whoever asks again hears the same.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <set>

namespace jobflow::sim {
namespace {

class Commands final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable&) override {
    if (const auto* done = std::get_if<InsertCommand>(&change)) {
      has_rows_ = true;
      if (!done_.insert(done->row.id).second) {
        violated(fmt::format("command {} is carried out twice (S12.4)", to_string(done->row.id)),
                 {done->row.subject});
      }
    } else if (const auto* insert = std::get_if<InsertRun>(&change)) {
      const RunRow& row = insert->row;
      if (row.kind != RunKind::step && !row.trigger.is_set()) {
        once(row.principal, row.id);
      }
    } else if (const auto* save = std::get_if<SaveRevision>(&change)) {
      once(save->row.principal, save->row.id);
    }
  }

  void record(const Record& record, const Durable&) override {
    if (record.did != Did::answered || !record.answer->ok() || !has_rows_) {
      return;
    }
    const engine::Reply& reply = **record.answer;
    if (!reply.changed) {
      return;
    }
    const auto [first, is_new] = answers_.try_emplace(record.number, reply.id, reply.revision);
    if (!is_new && first->second != std::pair(reply.id, reply.revision)) {
      violated(fmt::format("command {} ({}) is answered with {} revision {}, and before with {} "
                           "revision {} (S12.4)",
                           record.number, to_text(*record.request), to_string(reply.id),
                           reply.revision, to_string(first->second.first), first->second.second),
               {reply.id, first->second.first});
    }
  }

 private:
  // Each command of the people comes from somebody else.
  void once(const std::string& who, Id what) {
    if (!has_rows_ || !who.starts_with("people:")) {
      return;  // a member alone keeps none
    }
    const auto [first, is_new] = made_.try_emplace(who, what);
    if (!is_new) {
      violated(fmt::format("a command of {} made {} and again {} (S12.4)", who,
                           to_string(first->second), to_string(what)),
               {first->second, what});
    }
  }

  bool has_rows_ = false;
  std::set<Id> done_;
  std::map<std::string, Id> made_;
  std::map<std::int64_t, std::pair<Id, int>> answers_;
};

}  // namespace

std::unique_ptr<Checker> make_commands_checker() {
  return std::make_unique<Commands>();
}

}  // namespace jobflow::sim
