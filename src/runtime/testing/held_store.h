// A memory store whose work waits until the test lets it happen, in whatever order: commits stay
// under way, and reads see what is durable at their turn.
#pragma once

#include "store/fault_store.h"
#include "store/memory/memory_store.h"

#include <deque>
#include <functional>
#include <memory>

namespace jobflow::runtime::testing {

class HeldStore {
 public:
  explicit HeldStore(
      std::shared_ptr<store::MemoryDatabase> database = store::make_memory_database())
      : store(store::make_memory_store(std::move(database),
                                       [this](auto task) {
                                         if (hold) {
                                           tasks.push_back(std::move(task));
                                         } else {
                                           task();
                                         }
                                       }),
              {}) {}
  ~HeldStore() { tasks.clear(); }

  bool hold = false;
  std::deque<std::function<void()>> tasks;
  store::FaultStore store;

  // Does the n-th thing that waits; the others go on waiting.
  void run(std::size_t n = 0) {
    auto task = std::move(tasks.at(n));
    tasks.erase(tasks.begin() + static_cast<std::ptrdiff_t>(n));
    task();
  }
};

}  // namespace jobflow::runtime::testing
