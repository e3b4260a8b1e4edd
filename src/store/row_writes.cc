#include "store/row_writes.h"

#include <algorithm>

namespace jobflow::store {

void fold_run_writes(const Batch& batch, std::vector<RunWrite>& writes) {
  writes.clear();
  for (const ShardPart& part : batch.parts) {
    for (const Change& change : part.changes) {
      if (const auto* insert = std::get_if<InsertRun>(&change)) {
        writes.push_back({insert->row.id, &insert->row, &insert->row.progress});
      } else if (const auto* update = std::get_if<UpdateRun>(&change)) {
        writes.push_back({update->run, nullptr, &update->progress});
      }
    }
  }
  // Stable: a run's writes stay in their order. Ordered by id, they touch pages in order.
  std::ranges::stable_sort(writes, {}, &RunWrite::run);
  auto last = writes.begin();
  for (auto next = writes.begin(); next != writes.end(); ++next) {
    if (next == last) {
      continue;
    }
    if (next->run != last->run) {
      *++last = *next;
      continue;
    }
    last->wrong_order |= next->inserted != nullptr;
    last->progress = next->progress;
  }
  if (!writes.empty()) {
    writes.erase(last + 1, writes.end());
  }
}

}  // namespace jobflow::store
