// http_requests_total{route,code} and http_request_duration_seconds: labels are the table's
// patterns, never a path. Looks each up once. Thread-safe.
#pragma once

#include "api/router.h"
#include "runtime/metrics.h"

#include <array>
#include <map>
#include <mutex>

namespace jobflow::api {

class RequestMetrics {
 public:
  explicit RequestMetrics(runtime::Metrics& metrics);
  // `route` is null when no route took the request.
  void note(const Route* route, int status, double seconds);

 private:
  runtime::Metrics& metrics_;
  runtime::Histogram& duration_;
  std::mutex mutex_;
  std::map<std::pair<const Route*, int>, runtime::Counter*> counters_;
};

}  // namespace jobflow::api
