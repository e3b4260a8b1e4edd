#include "link/wire.h"

#include "model/json.h"
#include "model/limits.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace jobflow::link {
namespace {

Problem invalid(std::string detail) {
  return {ProblemCode::invalid, std::move(detail)};
}

// Shortens `text` to at most `limit` bytes, whole characters of UTF-8, marker included.
void cut(std::string& text, std::size_t limit) {
  if (text.size() <= limit) {
    return;
  }
  const std::string marker = " ... [cut: " + std::to_string(text.size()) + " bytes]";
  std::size_t kept = limit - std::min(limit, marker.size());
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U;
  };
  while (kept > 0 && continues(kept)) {
    --kept;
  }
  text.resize(kept);
  text.append(marker);
}

double fraction(double value) {
  return value > 0 ? std::min(value, 1.0) : 0;
}  // NaN is 0

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// The problems of a Register, all at once.
class Findings {
 public:
  void find(std::string pointer, std::string message) {
    if (fields_.size() < kMost) {
      fields_.push_back({std::move(pointer), std::move(message)});
    }
  }

  void name(const std::string& pointer, std::string_view text) {
    if (text.empty()) {
      find(pointer, "is missing");
    } else if (text.size() > limits::kNameBytes) {
      find(pointer, "is longer than " + std::to_string(limits::kNameBytes) + " bytes");
    } else if (has_control(text)) {
      find(pointer, "contains control characters");
    }
  }

  bool none() const { return fields_.empty(); }

  Problem problem() && {
    std::string detail = "the registration is not valid:";
    for (const FieldProblem& field : fields_) {
      detail.append(&field == &fields_.front() ? " " : "; ");
      detail.append(field.pointer).append(" ").append(field.message);
    }
    Problem problem = invalid(std::move(detail));
    problem.fields = std::move(fields_);
    return problem;
  }

 private:
  static constexpr std::size_t kMost = 10;
  std::vector<FieldProblem> fields_;
};

void take_handlers(v1::Register& from, WorkerHello& hello, Findings& findings) {
  if (static_cast<std::size_t>(from.handlers_size()) > limits::kHandlersPerWorker) {
    findings.find("/handlers", "are more than " + std::to_string(limits::kHandlersPerWorker));
    return;
  }
  std::set<std::string_view> names;
  hello.handlers.reserve(static_cast<std::size_t>(from.handlers_size()));
  int at = 0;
  for (const v1::Handler& handler : from.handlers()) {
    const std::string pointer = "/handlers/" + std::to_string(at++);
    findings.name(pointer + "/name", handler.name());
    if (!names.insert(handler.name()).second) {
      findings.find(pointer + "/name", "names '" + handler.name() + "' again");
    }
    if (handler.version().size() > limits::kNameBytes) {
      findings.find(pointer + "/version",
                    "is longer than " + std::to_string(limits::kNameBytes) + " bytes");
    }
    std::string description = handler.description();
    cut(description, limits::kTitleBytes);
    hello.handlers.push_back({handler.name(), handler.version(), std::move(description)});
  }
}

void take_tags(v1::Register& from, WorkerHello& hello, Findings& findings) {
  if (from.tags_size() > limits::kTagsMax) {
    findings.find("/tags", "are more than " + std::to_string(limits::kTagsMax));
    return;
  }
  int at = 0;
  for (std::string& tag : *from.mutable_tags()) {
    findings.name("/tags/" + std::to_string(at++), tag);
    hello.tags.push_back(std::move(tag));
  }
}

void take_holding(const v1::Register& from, WorkerHello& hello, Findings& findings) {
  hello.holding.reserve(static_cast<std::size_t>(from.holding_size()));
  int at = 0;
  for (const v1::Holding& holding : from.holding()) {
    if (holding.run() <= 0 || holding.token() <= 0) {
      findings.find("/holding/" + std::to_string(at), "needs a run and a token");
    }
    hello.holding.push_back({Id{holding.run()}, Id{holding.token()}});
    ++at;
  }
}

// An end that cannot be taken as it was told.
void fail(FinishedReport& report, std::string kind, std::string message) {
  report.outcome = ReportOutcome::failed;
  report.result.clear();
  report.error_kind = std::move(kind);
  report.error = std::move(message);
  report.do_not_retry = true;  // the body ran; once more gives the same
}

void take_outcome(int outcome, FinishedReport& report) {
  switch (outcome) {
    case v1::OUTCOME_SUCCEEDED:
      report.outcome = ReportOutcome::succeeded;
      return;
    case v1::OUTCOME_FAILED:
      report.outcome = ReportOutcome::failed;
      return;
    case v1::OUTCOME_CANCELLED:
      report.outcome = ReportOutcome::cancelled;
      return;
    case v1::OUTCOME_TIMED_OUT:
      report.outcome = ReportOutcome::timed_out;
      return;
    case v1::OUTCOME_REFUSED:
      report.outcome = ReportOutcome::refused;
      return;
    default:  // of a later minor version, or none at all
      fail(report, "protocol",
           "the worker told outcome " + std::to_string(outcome) +
               ", which this server does not know; use a server at least as new as the worker");
  }
}

ProcessUsage usage_of(const v1::ProcessUsage& from) {
  const auto span = [](std::int64_t ms) {
    return Span{std::clamp<std::int64_t>(ms, 0, limits::kSpanMax.ms)};
  };
  return {.cpu_user = span(from.cpu_user_ms()),
          .cpu_system = span(from.cpu_system_ms()),
          .peak_memory_bytes = std::max<std::int64_t>(from.peak_memory_bytes(), 0),
          .exit_code = from.exit_code(),
          .exit_signal = from.exit_signal()};
}

FinishedReport take_finished(v1::Finished& from) {
  FinishedReport report;
  report.run = Id{from.run()};
  report.token = Id{from.token()};
  report.result = std::move(*from.mutable_result_json());
  report.error_kind = std::move(*from.mutable_error_kind());
  report.error = std::move(*from.mutable_error());
  report.do_not_retry = from.do_not_retry();
  report.retry_after = {std::clamp<std::int64_t>(from.retry_after_ms(), 0, limits::kSpanMax.ms)};
  if (from.has_usage()) {
    report.usage = usage_of(from.usage());
  }
  cut(report.error_kind, limits::kNameBytes);
  cut(report.error, limits::kErrorMessageBytes);
  take_outcome(from.outcome(), report);
  if (report.result.size() > limits::kResultBytes) {
    fail(report, "result_too_large",
         "the result has " + std::to_string(report.result.size()) + " bytes, at most " +
             std::to_string(limits::kResultBytes) + " are kept; write it elsewhere, name it here");
  } else if (!report.result.empty() && !is_json(report.result)) {
    fail(report, "bad_result", "the result is not JSON");
  }
  return report;
}

LogLine take_line(v1::LogLine& from) {
  LogLine line;
  line.time = {from.time_ms()};
  line.level =
      static_cast<LogLevel>(std::min(from.level(), static_cast<std::uint32_t>(LogLevel::error)));
  line.text = std::move(*from.mutable_text());
  line.fields = std::move(*from.mutable_fields_json());
  if (line.fields.size() > limits::kLogLineBytes) {
    line.text.append(" [fields dropped: " + std::to_string(line.fields.size()) + " bytes]");
    line.fields.clear();
  } else if (!line.fields.empty() && !is_json(line.fields)) {
    line.text.append(" [fields dropped: not JSON]");
    line.fields.clear();
  }
  cut(line.text, limits::kLogLineBytes);
  return line;
}

}  // namespace

Outcome<WorkerHello> take_hello(v1::Register& from) {
  Findings findings;
  WorkerHello hello;
  hello.name = std::move(*from.mutable_name());
  hello.incarnation = Id{from.incarnation()};
  hello.connection = from.connection();
  if (!from.namespace_().empty()) {
    hello.name_space = std::move(*from.mutable_namespace_());
  }
  hello.version = std::move(*from.mutable_version());
  findings.name("/name", hello.name);
  findings.name("/namespace", hello.name_space);
  if (hello.incarnation.value <= 0) {
    findings.find("/incarnation", "is missing");
  }
  if (hello.connection < 0) {
    findings.find("/connection", "is below zero");
  }
  if (hello.version.size() > limits::kNameBytes) {
    findings.find("/version", "is longer than " + std::to_string(limits::kNameBytes) + " bytes");
  }
  if (from.slots() < 1 || from.slots() > limits::kWorkerSlots) {
    findings.find("/slots", "is " + std::to_string(from.slots()) + ", allowed are 1 to " +
                                std::to_string(limits::kWorkerSlots));
  } else {
    hello.slots = static_cast<int>(from.slots());
  }
  take_tags(from, hello, findings);
  take_handlers(from, hello, findings);
  take_holding(from, hello, findings);
  if (!findings.none()) {
    return std::move(findings).problem();
  }
  return hello;
}

Outcome<runtime::FromWorker> take_reports(v1::WorkerMessage& from) {
  runtime::FromWorker said;
  said.accepted.reserve(static_cast<std::size_t>(from.accepted_size()));
  for (const v1::Accepted& accepted : from.accepted()) {
    if (accepted.token() <= 0) {
      return invalid("an accepted attempt has no token");
    }
    said.accepted.push_back(Id{accepted.token()});
  }
  said.finished.reserve(static_cast<std::size_t>(from.finished_size()));
  for (v1::Finished& finished : *from.mutable_finished()) {
    if (finished.run() <= 0 || finished.token() <= 0) {
      return invalid("a finished attempt has no run or no token");
    }
    said.finished.push_back(take_finished(finished));
  }
  if (from.has_heartbeat()) {
    const v1::Heartbeat& heartbeat = from.heartbeat();
    said.heartbeat = true;
    said.load = fraction(heartbeat.load());
    said.draining = heartbeat.draining();
    said.progress.reserve(static_cast<std::size_t>(heartbeat.progress_size()));
    for (const v1::Progress& progress : heartbeat.progress()) {
      if (progress.run() <= 0 || progress.token() <= 0) {
        return invalid("a progress report has no run or no token");
      }
      said.progress.push_back(
          {Id{progress.run()}, Id{progress.token()}, fraction(progress.fraction())});
    }
  }
  said.leaving = from.has_leaving();
  return said;
}

Outcome<std::vector<LogChunk>> take_logs(v1::WorkerMessage& from) {
  std::vector<LogChunk> chunks;
  chunks.reserve(static_cast<std::size_t>(from.logs_size()));
  for (v1::LogChunk& logs : *from.mutable_logs()) {
    if (logs.run() <= 0 || logs.attempt() < 1 || logs.attempt() > INT32_MAX || logs.offset() < 0 ||
        logs.offset() > INT64_MAX - logs.lines_size()) {
      return invalid("log lines have no run, no attempt or an impossible offset");
    }
    LogChunk chunk;
    chunk.run = Id{logs.run()};
    chunk.attempt = static_cast<int>(logs.attempt());
    chunk.offset = logs.offset();
    chunk.lines.reserve(static_cast<std::size_t>(logs.lines_size()));
    for (v1::LogLine& line : *logs.mutable_lines()) {
      chunk.lines.push_back(take_line(line));
    }
    chunks.push_back(std::move(chunk));
  }
  return chunks;
}

std::uint64_t dropped_lines(const v1::WorkerMessage& from) {
  std::uint64_t dropped = 0;
  for (const v1::LogChunk& logs : from.logs()) {
    for (const v1::LogLine& line : logs.lines()) {
      dropped += line.dropped();
    }
  }
  return dropped;
}

void put(Assignment&& assignment, v1::Assign& to) {
  to.set_run(assignment.run.value);
  to.set_token(assignment.token.value);
  to.set_attempt(static_cast<std::uint32_t>(assignment.attempt));
  to.set_epoch(assignment.epoch);
  to.set_handler(std::move(assignment.handler));
  to.set_params_json(std::move(assignment.params));
  to.set_timeout_ms(assignment.timeout.ms);
  to.set_job(std::move(assignment.job));
  to.set_idempotency_key(std::move(assignment.idempotency_key));
}

void put(const CancelOrder& cancel, v1::Cancel& to) {
  to.set_run(cancel.run.value);
  to.set_token(cancel.token.value);
}

void put(const runtime::ShardEpoch& epoch, v1::Epoch& to) {
  to.set_shard(epoch.shard);
  to.set_epoch(epoch.epoch);
}

}  // namespace jobflow::link
