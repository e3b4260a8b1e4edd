#include "cli/commands.h"

namespace jobflow::cli {

// What an answer that never came would have said (S12.4).
ExitCode show_command(Session& session, const std::string& id) {
  const auto answer = session.get("/api/v1/commands/" + percent_encoded(id));
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  session.print_json(answer->body);
  return kOk;
}

}  // namespace jobflow::cli
