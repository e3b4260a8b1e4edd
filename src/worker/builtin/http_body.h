// The body of http: params to a request, the answer to a result. One for all bodies of a worker;
// thread-safe.
#pragma once

#include "worker/builtin/http_rules.h"

#include <jobflow/worker.h>

namespace jobflow::worker {

class HttpBodies {
 public:
  explicit HttpBodies(HttpGate gate);

  // Of params that were checked (model/builtin_handlers.h).
  Result http(Context& run) const;

 private:
  const HttpGate gate_;
};

}  // namespace jobflow::worker
