// S3.5: of those that name a semaphore no more are out at once than it has permits, in whatever
// shards they are at home. A lower number of permits holds from the next one on, so what is judged
// is the greatest number that the semaphore ever had. At the end nobody holds one, or waits for
// one.
#include "tools/sim/checkers/checkers.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace jobflow::sim {
namespace {

bool is_out(RunState state) {
  return state == RunState::running || state == RunState::cancelling;
}

class Permits final : public Checker {
 public:
  void change(const Change& change, const store::Batch&, const Durable& now) override {
    if (const auto* save = std::get_if<SaveRevision>(&change);
        save != nullptr && save->row.kind == DefinitionKind::semaphore) {
      const Definition semaphore = decode_definition(save->row.kind, save->row.document).definition;
      int& most = permits_[save->row.name];
      most = std::max(most, semaphore.semaphore().permits);
    } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
      const RunRow* run = now.run(update->run);
      if (run != nullptr && run->kind != RunKind::workflow) {
        goes(*run, is_out(update->progress.state), now);
      }
    }
  }

 private:
  void goes(const RunRow& run, bool out, const Durable& now) {
    for (const std::string& name : library_.task_of(now, run)->semaphores) {
      std::set<Id>& beside = out_[name];
      if (!out) {
        beside.erase(run.id);
      } else if (beside.insert(run.id).second &&
                 beside.size() > static_cast<std::size_t>(permits_[name])) {
        violated(fmt::format("run {} is out as number {} of those that hold a permit of {}, which "
                             "has {} (S3.5)",
                             to_string(run.id), beside.size(), name, permits_[name]),
                 {run.id});
      }
    }
  }

  Library library_;
  std::map<std::string, int> permits_;       // the most that it ever had
  std::map<std::string, std::set<Id>> out_;  // by semaphore
};

class PermitsAtRest final : public Checker {
 public:
  void rest(const Rest& rest, const Durable&) override {
    for (int shard = 0; rest.came && shard < rest.store->facts().shard_count; ++shard) {
      rest.store->load_shard(0, static_cast<ShardNumber>(shard),
                             [&](const Outcome<ShardImage>& image) {
                               for (const PermitRow& row : image->permits) {
                                 held(row.run, row.semaphore);
                               }
                               for (const HoldRow& row : image->holds) {
                                 held(row.run, row.semaphore);
                               }
                             });
    }
  }

 private:
  void held(Id run, const std::string& semaphore) {
    violated(fmt::format("run {} has ended, and holds or wants a permit of {} (S3.5, I5)",
                         to_string(run), semaphore),
             {run}, Breach::liveness);
  }
};

}  // namespace

std::unique_ptr<Checker> make_permits_checker() {
  return std::make_unique<Permits>();
}

std::unique_ptr<Checker> make_permits_at_rest_checker() {
  return std::make_unique<PermitsAtRest>();
}

}  // namespace jobflow::sim
