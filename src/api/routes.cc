#include "api/routes.h"

namespace jobflow::api {

std::vector<Route> all_routes() {
  std::vector<Route> all;
  for (auto some :
       {definition_routes(), calendar_routes(), trigger_routes(), schedule_routes(),
        backfill_routes(), semaphore_routes(), run_routes(), log_routes(), command_routes(),
        audit_routes(), forecast_routes(), worker_routes(), event_routes(), health_routes()}) {
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace jobflow::api
