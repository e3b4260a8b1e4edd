// The routes of each resource, one file each (…_routes.cc), and all of them together.
#pragma once

#include "api/router.h"

#include <vector>

namespace jobflow::api {

std::vector<Route> definition_routes();
std::vector<Route> calendar_routes();
std::vector<Route> trigger_routes();
std::vector<Route> schedule_routes();
std::vector<Route> backfill_routes();
std::vector<Route> semaphore_routes();
std::vector<Route> run_routes();
std::vector<Route> command_routes();
std::vector<Route> audit_routes();
std::vector<Route> forecast_routes();
std::vector<Route> log_routes();
std::vector<Route> worker_routes();
std::vector<Route> event_routes();
std::vector<Route> health_routes();

std::vector<Route> all_routes();

// Bodies that are no definition and no batch.
inline constexpr std::size_t kSmallBodyBytes = limits::kParamsBytes + 64 * 1024;

}  // namespace jobflow::api
