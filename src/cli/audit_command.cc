#include "cli/commands.h"
#include "client/views.h"

#include <fmt/format.h>

namespace jobflow::cli {
namespace {

std::string when(Instant from, Instant to) {
  return from == to ? to_rfc3339(from) : to_rfc3339(from) + " .. " + to_rfc3339(to);
}

}  // namespace

// A ledger that is not whole is a failure: scripts see it by the exit code.
ExitCode audit(Session& session, const AuditOptions& options) {
  std::string target = "/api/v1/audit";
  const auto ask = [&](const char* name, const std::string& value) {
    if (!value.empty()) {
      target += (target.find('?') == std::string::npos ? "?" : "&") + std::string(name) + "=" +
                percent_encoded(value);
    }
  };
  ask("from", options.from);
  ask("to", options.to);
  ask("job", options.job);
  ask("workflow", options.workflow);
  if (!options.job.empty() || !options.workflow.empty() || !options.all_namespaces) {
    ask("namespace", session.name_space());
  }
  const auto answer = session.get(target);
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  const auto audit = client::read_audit(answer->body);
  if (!audit.ok()) {
    return session.fail(audit.problem());
  }
  const ExitCode code = audit->clean ? kOk : kError;
  if (session.json()) {
    session.print_json(answer->body);
    return code;
  }
  const std::string about = fmt::format(
      "{} trigger(s), {} due instant(s) from {} to {}: {} ran, {} skipped", audit->triggers,
      audit->due, to_rfc3339(audit->from), to_rfc3339(audit->to), audit->ran, audit->skipped);
  if (audit->clean) {
    session.print("clean: " + about + "\n");
    return code;
  }
  Table table({{.title = "TRIGGER", .narrowest = 12},
               {.title = "FLAW"},
               {.title = "COUNT", .right = true},
               {.title = "WHEN", .narrowest = 24}});
  for (const client::AuditFinding& finding : audit->findings) {
    table.add({Cell(finding.trigger, Colour::bold), Cell(finding.flaw, Colour::red),
               std::to_string(finding.count), when(finding.from, finding.to)});
  }
  session.print_table(table, "");
  return session.fail(kError,
                      fmt::format("{} trigger(s) are not in order; {}", audit->wrong, about));
}

}  // namespace jobflow::cli
