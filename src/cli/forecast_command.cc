// `jobflow forecast`: the hours to come as bars, the peaks, and what would wait for a worker.
#include "cli/commands.h"
#include "client/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace jobflow::cli {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kBarWidth = 40;
constexpr std::size_t kShownPeaks = 5;

std::string minute_text(Instant at) {
  return to_rfc3339(at).substr(0, 16) + "Z";
}

std::string span_text(std::int64_t ms) {
  return ms < 1000     ? fmt::format("{} ms", ms)
         : ms < 60'000 ? fmt::format("{:.1f} s", static_cast<double>(ms) / 1000)
                       : fmt::format("{} min", ms / 60'000);
}

// One bar an hour, the longest as wide as the space.
void print_hours(Session& session, const client::ForecastView& forecast) {
  std::map<std::int64_t, client::ForecastMinuteView> hours;
  std::int64_t most = 1;
  for (const client::ForecastMinuteView& minute : forecast.minutes) {
    client::ForecastMinuteView& hour = hours[minute.at.ms / kHourMs];
    hour.firings += minute.firings;
    hour.waiting = std::max(hour.waiting, minute.waiting);
    most = std::max(most, hour.firings);
  }
  Table table({{.title = "HOUR"},
               {.title = "FIRINGS", .right = true},
               {.title = "", .narrowest = 4, .dispensable = true},
               {.title = "WAITING", .right = true}});
  for (const auto& [at, hour] : hours) {
    const std::int64_t width =
        hour.firings == 0 ? 0 : std::max<std::int64_t>(1, hour.firings * kBarWidth / most);
    table.add({minute_text({at * kHourMs}), std::to_string(hour.firings),
               Cell(std::string(static_cast<std::size_t>(width), '#'), Colour::blue),
               hour.waiting == 0 ? Cell() : Cell(std::to_string(hour.waiting), Colour::yellow)});
  }
  session.print_table(table, "");
}

void print_peaks(Session& session, const client::ForecastView& forecast) {
  Table table({{.title = "PEAK MINUTE"},
               {.title = "FIRINGS", .right = true},
               {.title = "SKIPPED", .right = true},
               {.title = "WAITING", .right = true}});
  for (std::size_t i = 0; i < std::min(kShownPeaks, forecast.peaks.size()); ++i) {
    const client::ForecastMinuteView& peak = forecast.peaks[i];
    table.add({minute_text(peak.at), std::to_string(peak.firings), std::to_string(peak.skipped),
               std::to_string(peak.waiting)});
  }
  session.print("\n");
  session.print_table(table, "");
}

void print_handlers(Session& session, const client::ForecastView& forecast) {
  Table table({{.title = "HANDLER", .narrowest = 12},
               {.title = "TASKS", .right = true},
               {.title = "WAIT", .right = true},
               {.title = "LONGEST", .right = true},
               {.title = "NOTE"}});
  for (const client::ForecastHandlerView& one : forecast.handlers) {
    table.add({Cell(one.name_space + "/" + one.handler, Colour::bold), std::to_string(one.tasks),
               std::to_string(one.waited),
               one.waited == 0 || !one.has_worker ? "" : span_text(one.longest_wait_ms),
               one.has_worker ? Cell() : Cell("no worker offers it now", Colour::red)});
  }
  session.print("\n");
  session.print_table(table, "");
}

}  // namespace

ExitCode forecast(Session& session, const ForecastOptions& options) {
  std::string target = fmt::format("/api/v1/forecast?hours={}", options.hours);
  if (!options.all_namespaces) {
    target += "&namespace=" + percent_encoded(session.name_space());
  }
  const auto answer = session.get(target);
  if (!answer.ok()) {
    return session.fail(answer.problem());
  }
  const auto forecast = client::read_forecast(answer->body);
  if (!forecast.ok()) {
    return session.fail(forecast.problem());
  }
  if (session.json()) {
    session.print_json(answer->body);
    return kOk;
  }
  session.print(fmt::format(
      "{} firing(s) of {} trigger(s) from {} to {}; {} worker(s) with {} slot(s) are here now\n",
      forecast->firings, forecast->triggers, minute_text(forecast->from),
      minute_text(forecast->until), forecast->workers, forecast->slots));
  if (!forecast->complete) {
    session.print(fmt::format("reckoned only until {}: there is too much after it\n",
                              minute_text(forecast->reached)));
  }
  if (forecast->assumed > 0) {
    session.print(
        fmt::format("{} job(s) or workflow(s) never ran: they are taken to last as long as the "
                    "others, or 1 s\n",
                    forecast->assumed));
  }
  if (forecast->firings == 0) {
    return kOk;
  }
  session.print("\n");
  print_hours(session, *forecast);
  print_peaks(session, *forecast);
  print_handlers(session, *forecast);
  return kOk;
}

}  // namespace jobflow::cli
