// What is examined: each scenario with what is expected of a worker in one sentence. The page
// docs/worker-conformance.md says what they rest on.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace jobflow::conformance {

class Play;

struct Scenario {
  std::string_view name;
  std::string_view expected;
  // Returns what was seen; throws where it was something else.
  std::string (*act)(Play& play);
};

std::span<const Scenario> all_scenarios();

// scenarios_work.cc: what becomes of assignments.
std::string register_all(Play& play);
std::string end_when_refused(Play& play);
std::string try_a_taken_name_again(Play& play);
std::string run_assignments(Play& play);
std::string run_a_token_once(Play& play);
std::string keep_to_the_slots(Play& play);
std::string cancel_bodies(Play& play);
std::string heed_the_timeout(Play& play);
std::string refuse_old_epochs(Play& play);
std::string tolerate_the_unknown(Play& play);

// scenarios_link.cc: what becomes of it all when links, members and workers go.
std::string tell_load_and_progress(Play& play);
std::string keep_work_over_a_lost_link(Play& play);
std::string report_until_acknowledged(Play& play);
std::string take_a_late_acknowledgement(Play& play);
std::string send_logs_until_acknowledged(Play& play);
std::string stop_before_the_lease_ends(Play& play);
std::string drain_when_ordered(Play& play);
std::string drain_on_sigterm(Play& play);

}  // namespace jobflow::conformance
