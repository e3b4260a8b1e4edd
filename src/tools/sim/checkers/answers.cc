// I4 and S1.5 for people: what a member answers with "done" is durable at that moment.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <set>

namespace jobflow::sim {
namespace {

class Answers final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable&) override {
    if (const auto* update = std::get_if<UpdateRun>(&change)) {
      const RunState state = update->progress.state;
      if (state == RunState::cancelling || is_final(state)) {
        stopped_.insert(update->run);
      }
    }
  }

  void record(const Record& record, const Durable& now) override {
    if (record.did != Did::answered || !record.answer->ok()) {
      return;
    }
    const engine::Reply& reply = **record.answer;
    const engine::Request& request = *record.request;
    const auto not_durable = [&](const char* what) {
      violated(fmt::format("{} answers command {} ({}) with {}, but {} (I4, S1.5)", record.who,
                           record.number, to_text(request), to_string(reply.id), what),
               {reply.id});
    };
    if (const auto* trigger = std::get_if<engine::TriggerRun>(&request)) {
      const RunRow* run = now.run(reply.id);
      if (run == nullptr) {
        not_durable("there is no such run");
      } else if (now.definitions.at(run->definition).name != trigger->name) {
        not_durable("it is a run of something else");
      }
    } else if (const auto* save = std::get_if<engine::SaveDefinition>(&request)) {
      const auto row = now.revisions.find({reply.id, reply.revision});
      if (row == now.revisions.end() || row->second.name != save->definition->name) {
        not_durable("there is no such revision");
      } else if (row->second.document != save->definition->document) {
        not_durable("that revision says something else");
      }
    } else if (std::holds_alternative<engine::DeleteDefinition>(request)) {
      const auto row = now.definitions.find(reply.id);
      if (row == now.definitions.end() || !row->second.deleted) {
        not_durable("it is not deleted");
      }
    } else if (std::holds_alternative<engine::CancelRun>(request)) {
      if (!stopped_.contains(reply.id)) {
        not_durable("nothing was done to stop it");
      }
    } else if (std::holds_alternative<engine::RetryRun>(request) ||
               std::holds_alternative<engine::ExplainRun>(request)) {
      if (now.run(reply.id) == nullptr) {
        not_durable("there is no such run");
      }
    }
  }

 private:
  std::set<Id> stopped_;  // ever
};

}  // namespace

std::unique_ptr<Checker> make_answers_checker() {
  return std::make_unique<Answers>();
}

}  // namespace jobflow::sim
