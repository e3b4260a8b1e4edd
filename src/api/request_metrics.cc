#include "api/request_metrics.h"

#include <string>

namespace jobflow::api {

RequestMetrics::RequestMetrics(runtime::Metrics& metrics)
    : metrics_(metrics),
      duration_(metrics.histogram("jobflow_http_request_duration_seconds",
                                  "From a request's head to its answer")) {}

void RequestMetrics::note(const Route* route, int status, double seconds) {
  duration_.observe(seconds);
  const std::lock_guard lock(mutex_);
  runtime::Counter*& counter = counters_[{route, status}];
  if (counter == nullptr) {
    const std::string name = route == nullptr ? "none"
                                              : std::string(to_string(route->method)) + " " +
                                                    std::string(route->pattern);
    counter = &metrics_.counter("jobflow_http_requests_total", "Requests by route and status",
                                "{route=\"" + name + "\",code=\"" + std::to_string(status) + "\"}");
  }
  counter->add();
}

}  // namespace jobflow::api
