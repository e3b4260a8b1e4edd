// The body of sql: params to one transaction, its rows to a result. One for all bodies of a
// worker; thread-safe.
#pragma once

#include "worker/builtin/sql_connections.h"

#include <jobflow/worker.h>

namespace jobflow::worker {

class SqlBodies {
 public:
  explicit SqlBodies(SqlConnections connections) : connections_(std::move(connections)) {}

  // Of params that were checked (model/builtin_handlers.h).
  Result sql(Context& run) const;

 private:
  const SqlConnections connections_;
};

}  // namespace jobflow::worker
