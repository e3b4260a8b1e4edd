#include "tools/conformance/scenarios.h"

#include <array>

namespace jobflow::conformance {
namespace {

constexpr std::array kScenarios = {
    Scenario{"registration", "Register comes first, with all it should say and the token shown",
             register_all},
    Scenario{"registration.refused", "bad credentials end the process with an exit code but 0",
             end_when_refused},
    Scenario{"registration.name-taken",
             "a name that is taken is tried again, with that incarnation", try_a_taken_name_again},
    Scenario{"assignment", "a body's result or error comes back; what cannot run is refused",
             run_assignments},
    Scenario{"assignment.resent",
             "a token runs once; a repeat is answered with what is known of it", run_a_token_once},
    Scenario{"assignment.slots", "what comes when all slots are taken is refused, and only that",
             keep_to_the_slots},
    Scenario{"heartbeat", "heartbeats come as the Welcome says, with load and progress",
             tell_load_and_progress},
    Scenario{"link.lost", "what ran goes on, is stated as held, and reports on the next stream",
             keep_work_over_a_lost_link},
    Scenario{"results", "an end is held and sent again on each stream until its Ack came",
             report_until_acknowledged},
    Scenario{"results.late-ack", "an Ack on a later stream ends the sending as well",
             take_a_late_acknowledgement},
    Scenario{"logs", "lines are numbered from 0 and sent again until their LogAck came",
             send_logs_until_acknowledged},
    Scenario{"cancel", "a body is asked to stop and ends CANCELLED; an unknown token never starts",
             cancel_bodies},
    Scenario{"timeout", "a body that outlasts its timeout is stopped and ends TIMED_OUT",
             heed_the_timeout},
    Scenario{"epochs", "an epoch lower than the highest of its shard is refused, on any stream",
             refuse_old_epochs},
    Scenario{"drain.ordered", "nothing new is taken, what runs ends, then Leaving and exit code 0",
             drain_when_ordered},
    Scenario{"drain.sigterm", "SIGTERM: nothing new, what runs ends, then Leaving and exit code 0",
             drain_on_sigterm},
    Scenario{"lease", "bodies are stopped when no member answers for most of a lease",
             stop_before_the_lease_ends},
    Scenario{"unknown", "fields and messages of a later version are passed over",
             tolerate_the_unknown},
};

}  // namespace

std::span<const Scenario> all_scenarios() {
  return kScenarios;
}

}  // namespace jobflow::conformance
