// A batch's run changes folded to one write a run (house 3.5): a run made and assigned in one
// batch is one INSERT as it stands at the end; several updates of a run are its last one.
// Used by every store, so that they write the same rows.
#pragma once

#include "store/batch.h"

#include <vector>

namespace jobflow::store {

struct RunWrite {
  Id run;
  const RunRow* inserted = nullptr;  // null: the run is there already
  const RunProgress* progress = nullptr;
  bool wrong_order = false;  // updated before it was inserted, or inserted twice: refused
};

// Ordered by run. Points into `batch`. `writes` is a buffer to reuse.
void fold_run_writes(const Batch& batch, std::vector<RunWrite>& writes);

}  // namespace jobflow::store
