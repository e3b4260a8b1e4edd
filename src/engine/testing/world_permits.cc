// The semaphores of a random life, and what must hold of their permits (S3.5).
#include "engine/testing/world.h"
#include "model/check.h"

#include <algorithm>
#include <iterator>

namespace jobflow::engine::testing {
namespace {

constexpr const char* kNames[] = {"m0", "m1"};

}  // namespace

std::string World::semaphores() {
  const auto dice = has_semaphores ? permits_() % 100 : 0;
  return dice < 70   ? ""
         : dice < 80 ? R"(,"semaphores":["m0"])"
         : dice < 90 ? R"(,"semaphores":["m1"])"
                     : R"(,"semaphores":["m1","m0"])";
}

// Another number of permits; now and then it is deleted while it is held, and comes again.
void World::save_semaphore() {
  const auto dice = has_semaphores ? permits_() % 100 : 100;
  const std::string name = kNames[dice % 2];
  if (dice < 8) {
    submit(DeleteDefinition{.kind = DefinitionKind::semaphore,
                            .name_space = "default",
                            .name = name,
                            .force = dice < 6});
  } else if (dice < 60) {
    put_semaphore(name, 1 + permits_() % 3);
  }
}

// What waits for one that does not exist would do so for days.
void World::keep_semaphores() {
  for (const char* name : kNames) {
    put_semaphore(name, 2);
  }
}

void World::put_semaphore(const std::string& name, std::size_t permits) {
  auto decoded = decode_definition(DefinitionKind::semaphore, R"({"metadata":{"name":")" + name +
                                                                  R"("},"spec":{"permits":)" +
                                                                  std::to_string(permits) + "}}");
  check(decoded.problems.empty(), "the world writes valid definitions");
  submit(SaveDefinition{std::make_shared<const Definition>(std::move(decoded.definition))});
}

// As the semaphore says now.
void World::look_at_permit(const PermitRow& permit) {
  if (!permit.granted.is_set()) {
    return;
  }
  int most = 0;
  for (const auto& [id, revision] : desk_.rows.current) {
    const DefinitionRow& row = desk_.rows.revisions.at({id, revision});
    if (row.kind == DefinitionKind::semaphore && row.name == permit.semaphore && !row.deleted) {
      most = decode_definition(row.kind, row.document).definition.semaphore().permits;
    }
  }
  const auto held = std::ranges::count_if(desk_.rows.permits, [&](const auto& entry) {
    return entry.second.semaphore == permit.semaphore && entry.second.granted.is_set();
  });
  expect(held <= most, "more permits of a semaphore are held than there are (S3.5)");
}

// It begins with a permit of each semaphore that it names, and the home knows so.
void World::look_at_holds(const RunRow& run, const Task& task) {
  for (const std::string& name : task.semaphores) {
    const auto held = std::ranges::count_if(desk_.rows.holds, [&](const auto& entry) {
      const auto permit = desk_.rows.permits.find(entry.first);
      return entry.second.run == run.id && entry.second.semaphore == name && entry.second.granted &&
             permit != desk_.rows.permits.end() && permit->second.granted.is_set();
    });
    expect(held == 1,
           "a run begins without a permit of " + name + " (S3.5): " + desk_.names.of(run.id));
  }
}

// Nobody holds or wants one who does not want to run; both homes say the same.
void World::look_at_permits() {
  if (!desk_.more.empty()) {
    return;
  }
  for (const auto& [ask, hold] : desk_.rows.holds) {
    const RunState state = desk_.rows.runs.at(hold.run).progress.state;
    expect(state == RunState::queued || state == RunState::running || state == RunState::cancelling,
           "a permit outlives its holder (S3.5): " + desk_.names.of(hold.run));
    const auto permit = desk_.rows.permits.find(ask);
    expect(permit != desk_.rows.permits.end() && permit->second.granted.is_set() == hold.granted,
           "the homes of a permit disagree");
  }
  expect(desk_.rows.permits.size() == desk_.rows.holds.size(), "a permit without a holder");
}

}  // namespace jobflow::engine::testing
