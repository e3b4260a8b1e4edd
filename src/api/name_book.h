// Which name stands behind a definition's id. Names are for life (house 3a), so what was looked up
// once stays true; the book is bounded and starts afresh when full.
#pragma once

#include "model/id.h"
#include "model/rows.h"

#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace jobflow::store {
class Store;
}

namespace jobflow::api {

struct DefinitionName {
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space;
  std::string name;  // "" when the store does not know the id
};
using Names = std::unordered_map<Id, DefinitionName>;

// Thread-safe.
class NameBook {
 public:
  explicit NameBook(store::Store& store) : store_(store) {}

  // Calls `done` with the names of all `ids`, at once when the book knows them, else from the
  // store's threads. An id that cannot be read is left out.
  void look_up(std::vector<Id> ids, std::function<void(Names)> done);
  void note(const DefinitionRow& row);

  static constexpr std::size_t kNamesMax = 100'000;

 private:
  struct LookUp;
  store::Store& store_;
  std::mutex mutex_;
  Names names_;
};

}  // namespace jobflow::api
