#include "api/name_book.h"

#include "store/store.h"

#include <algorithm>
#include <atomic>
#include <memory>

namespace jobflow::api {

// Several reads under way at once; the last one answers.
struct NameBook::LookUp {
  std::mutex mutex;
  Names found;
  std::size_t open = 0;
  std::function<void(Names)> done;
};

void NameBook::note(const DefinitionRow& row) {
  const std::lock_guard lock(mutex_);
  if (names_.size() >= kNamesMax) {
    names_.clear();
  }
  names_.insert_or_assign(
      row.id, DefinitionName{.kind = row.kind, .name_space = row.name_space, .name = row.name});
}

void NameBook::look_up(std::vector<Id> ids, std::function<void(Names)> done) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  auto look_up = std::make_shared<LookUp>();
  std::vector<Id> unknown;
  {
    const std::lock_guard lock(mutex_);
    for (const Id id : ids) {
      if (const auto at = names_.find(id); at != names_.end()) {
        look_up->found.insert(*at);
      } else {
        unknown.push_back(id);
      }
    }
  }
  if (unknown.empty()) {
    return done(std::move(look_up->found));
  }
  look_up->open = unknown.size();
  look_up->done = std::move(done);
  for (const Id id : unknown) {
    store::DefinitionFilter filter{.id = id, .with_deleted = true, .limit = 1};
    store_.list_definitions(filter, [this, look_up](Outcome<std::vector<DefinitionRow>> rows) {
      const bool found = rows && !rows->empty();
      if (found) {
        note(rows->front());
      }
      std::unique_lock lock(look_up->mutex);
      if (found) {
        const DefinitionRow& row = rows->front();
        look_up->found[row.id] = {row.kind, row.name_space, row.name};
      }
      if (--look_up->open == 0) {
        lock.unlock();
        look_up->done(std::move(look_up->found));
      }
    });
  }
}

}  // namespace jobflow::api
