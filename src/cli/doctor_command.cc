// `jobflow doctor`: is all well between here and the server, and what to do where it is not.
#include "cli/commands.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace jobflow::cli {
namespace {

namespace json = boost::json;

// Clocks of two machines that keep time are nearer than that.
constexpr Span kClocksApart = seconds(2);

enum class Verdict : std::uint8_t { ok, warning, failed };

struct Finding {
  Verdict verdict = Verdict::ok;
  std::string about, says;
};

struct Word {
  const char* text;
  Colour colour;
};
Word word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return {"ok", Colour::green};
    case Verdict::warning:
      return {"warning", Colour::yellow};
    case Verdict::failed:
      return {"failed", Colour::red};
  }
  return {"", Colour::none};
}

json::object object_of(const std::string& body) {
  boost::system::error_code failed;
  json::value value = json::parse(body, failed);
  return failed || !value.is_object() ? json::object{} : std::move(value.get_object());
}

std::string text_of(const json::object& from, std::string_view name) {
  const json::value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

class Doctor {
 public:
  Doctor(Session& session, const ProgramFacts& program) : session_(session), program_(program) {}

  std::vector<Finding> look() {
    add(Verdict::ok, "program",
        fmt::format("jobflow {}, time zones {}", program_.version, program_.time_zones));
    if (look_at_server()) {
      look_at_readiness();
      if (look_at_workers()) {
        look_at_handlers();
      }
    }
    return std::move(findings_);
  }

 private:
  void add(Verdict verdict, std::string about, std::string says) {
    findings_.push_back({verdict, std::move(about), std::move(says)});
  }

  // False: nothing else can be asked.
  bool look_at_server() {
    const auto answer = session_.get("/version");
    if (!answer.ok()) {
      add(Verdict::failed, "server", answer.problem().detail);
      return false;
    }
    const json::object server = object_of(answer->body);
    const std::string version = text_of(server, "version");
    add(version == program_.version ? Verdict::ok : Verdict::warning, "server",
        version == program_.version
            ? "answers, jobflow " + version
            : fmt::format("is jobflow {}, and this is {}: use the program of the server's version",
                          version, program_.version));
    const std::string zones = text_of(server, "time_zones");
    add(zones == program_.time_zones ? Verdict::ok : Verdict::warning, "time zones",
        zones == program_.time_zones
            ? zones + ", there as here"
            : fmt::format("{} on the server, which decides, and {} here: install the newer tzdata "
                          "where it is missing, and start the server again",
                          zones, program_.time_zones));
    look_at_clock(text_of(server, "time"));
    return true;
  }

  void look_at_clock(const std::string& text) {
    const auto there = parse_rfc3339(text);
    if (!there.ok()) {
      return;  // an older server
    }
    const Span apart = session_.world().now() - *there;
    const bool is_near = apart <= kClocksApart && kClocksApart.ms >= -apart.ms;
    add(is_near ? Verdict::ok : Verdict::warning, "clock",
        is_near ? "the server's and this machine's agree"
                : fmt::format("this machine's is {:.1f} s {} the server's: keep both by NTP",
                              static_cast<double>(std::abs(apart.ms)) / 1000.0,
                              apart.ms > 0 ? "ahead of" : "behind"));
  }

  void look_at_readiness() {
    const auto answer = session_.get("/readyz?verbose=true");
    if (!answer.ok()) {
      add(Verdict::failed, "ready", answer.problem().detail);
      return;
    }
    const json::object health = object_of(answer->body);
    const std::string reason = text_of(health, "reason");
    add(reason.empty() ? Verdict::ok : Verdict::failed, "ready",
        reason.empty() ? "takes commands" : "not ready: " + reason);
    const json::value* voided = health.if_contains("voided_promises");
    std::string lost;
    if (voided != nullptr && voided->is_array()) {
      for (const json::value& one : voided->get_array()) {
        lost += (lost.empty() ? "" : "; ") + (one.is_string() ? std::string(one.get_string()) : "");
      }
    }
    add(lost.empty() ? Verdict::ok : Verdict::warning, "store",
        text_of(health, "store") +
            (lost.empty() ? ", as durable as promised" : ": its settings void a promise: " + lost));
  }

  // False: the token does not allow more.
  bool look_at_workers() {
    const auto answer = session_.get("/api/v1/workers");
    if (!answer.ok()) {
      add(Verdict::failed, "access",
          answer.problem().detail + ": say a token with --token-file or JOBFLOW_TOKEN");
      return false;
    }
    add(Verdict::ok, "access", "the token is known");
    const json::object page = object_of(answer->body);
    const json::value* items = page.if_contains("items");
    const std::size_t count =
        items != nullptr && items->is_array() ? items->get_array().size() : std::size_t{0};
    add(count > 0 ? Verdict::ok : Verdict::warning, "workers",
        count > 0 ? fmt::format("{} connected", count)
                  : "none is connected, so nothing runs: start one with `jobflow worker`");
    return true;
  }

  // Of what is due in the next hour.
  void look_at_handlers() {
    const auto answer = session_.get("/api/v1/forecast?hours=1");
    if (!answer.ok()) {
      add(Verdict::warning, "handlers", answer.problem().detail);
      return;
    }
    const json::object forecast = object_of(answer->body);
    const json::value* handlers = forecast.if_contains("handlers");
    std::string missing;
    if (handlers != nullptr && handlers->is_array()) {
      for (const json::value& one : handlers->get_array()) {
        const json::object& handler = one.get_object();
        const json::value* has_worker = handler.if_contains("has_worker");
        if (has_worker != nullptr && has_worker->is_bool() && !has_worker->get_bool()) {
          missing += (missing.empty() ? "" : ", ") + text_of(handler, "handler");
        }
      }
    }
    add(missing.empty() ? Verdict::ok : Verdict::warning, "handlers",
        missing.empty() ? "whatever is due within the hour has a worker"
                        : "due within the hour, and no worker offers them: " + missing);
  }

  Session& session_;
  const ProgramFacts& program_;
  std::vector<Finding> findings_;
};

}  // namespace

ExitCode doctor(Session& session, const ProgramFacts& program) {
  const std::vector<Finding> findings = Doctor(session, program).look();
  if (session.json()) {
    json::array items;
    for (const Finding& one : findings) {
      items.push_back(json::object{
          {"about", one.about}, {"verdict", word_of(one.verdict).text}, {"says", one.says}});
    }
    session.print_json(json::serialize(json::object{{"items", std::move(items)}}));
  } else {
    const Style style = session.style();
    for (const Finding& one : findings) {
      const Word word = word_of(one.verdict);
      session.print(style.paint(word.colour, fmt::format("{:<8}", word.text)) +
                    fmt::format("{:<11}{}\n", one.about, one.says));
    }
  }
  const bool is_ill = std::ranges::any_of(
      findings, [](const Finding& one) { return one.verdict == Verdict::failed; });
  return is_ill ? kError : kOk;
}

}  // namespace jobflow::cli
