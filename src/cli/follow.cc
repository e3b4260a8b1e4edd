#include "cli/follow.h"

#include "cli/follow_view.h"
#include "cli/live_picture.h"
#include "cli/log_tail.h"
#include "cli/text_width.h"
#include "cli/time_text.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <ostream>

namespace jobflow::cli {
namespace {

constexpr Span kRepaintEvery = milliseconds(100);
constexpr Span kLogsEvery = milliseconds(250);
constexpr Span kReconnectEvery = milliseconds(500);
constexpr Span kReconnectFor = seconds(60);

enum class Halt : unsigned char { none, interrupted, too_long };

class Watch {
 public:
  Watch(Session& session, std::string run, FollowOptions options)
      : session_(session),
        run_(std::move(run)),
        options_(std::move(options)),
        // With -o json, standard output is for the answer alone.
        out_(session.json() || !options_.show ? session.world().err : session.world().out),
        live_(out_is_terminal() && !session.quiet()),
        picture_(out_),
        begun_(session.world().now()) {}

  ExitCode watch() {
    const auto problem = hear_until_end();
    if (problem) {
      picture_.close();
      return session_.fail(*problem);
    }
    if (halt_ == Halt::none) {
      read_final();
    }
    show(true);
    picture_.close();
    return conclude();
  }

 private:
  bool out_is_terminal() const {
    const Terminal& terminal = session_.world().terminal;
    return &out_ == &session_.world().out ? terminal.out_is_one : terminal.err_is_one;
  }
  Style style() const {
    return &out_ == &session_.world().out ? session_.style() : session_.err_style();
  }
  Instant now() const { return session_.world().now(); }

  // Reads the run's events, over as many connections as it takes.
  std::optional<Problem> hear_until_end() {
    const auto server = session_.server();
    if (!server.ok()) {
      return server.problem();
    }
    const client::Request request{.target = "/api/v1/events?run=" + run_};
    const client::EventListener listener{
        .heard = [this](const client::ServerEvent& event) { return heard(event); },
        .idle = [this] { return keep_on(); }};
    std::optional<Instant> away_since;
    while (!view_.ended()) {
      const auto end = (*server)->listen(request, listener);
      if (halt_ != Halt::none || view_.ended()) {
        return std::nullopt;
      }
      if (!end.ok() && end.problem().code != ProblemCode::unavailable) {
        return end.problem();
      }
      if (!end.ok() && !view_.known()) {
        return end.problem();  // never was there
      }
      if (end.ok()) {
        away_since.reset();
      } else if (!away_since) {
        away_since = now();
        note("the server is away; trying to reach it again");
      } else if (now() - *away_since > kReconnectFor) {
        return end.problem();
      }
      session_.world().pause(kReconnectEvery);
      if (!keep_on()) {
        return std::nullopt;
      }
    }
    return std::nullopt;
  }

  bool heard(const client::ServerEvent& event) {
    const auto read = client::read_event(event.data);
    if (!read.ok()) {
      return true;
    }
    if (read->type == "snapshot") {
      const Span skew = read->time.is_set() ? now() - read->time : Span{};
      view_.take_snapshot(read->run, read->steps, skew);
    } else {
      view_.take_event(with_reason(*read));
    }
    if (view_.ended()) {
      return false;  // the last look comes once everything is known
    }
    if (!live_) {
      show(false);
    }
    return keep_on();
  }

  // An event names the kind of a failure; its words stand in the run.
  client::EventView with_reason(client::EventView event) {
    const std::string& state = event.run.state;
    if (event.run.error == "upstream") {
      event.run.error = "a step it needs did not succeed";
    }
    const bool has_words = state == "failed" || state == "timed_out" || state == "scheduled";
    if (has_words && event.run.id != run_) {
      if (const auto answer = session_.get("/api/v1/runs/" + event.run.id); answer.ok()) {
        if (const auto run = client::read_run(answer->body); run.ok() && run->state == state) {
          event.run.error = run->error;
          event.run.due = run->due;
        }
      }
    }
    return event;
  }

  bool keep_on() {
    if (session_.world().interrupted()) {
      halt_ = Halt::interrupted;
    } else if (options_.limit > Span{} && now() - begun_ >= options_.limit) {
      halt_ = Halt::too_long;
    }
    if (now() - painted_ >= kRepaintEvery) {
      show(false);
    }
    return halt_ == Halt::none;
  }

  // What the events could not say: exact times, errors, the result.
  void read_final() {
    const auto answer = session_.get("/api/v1/runs/" + run_);
    if (!answer.ok()) {
      return;
    }
    auto run = client::read_run(answer->body);
    if (!run.ok()) {
      return;
    }
    run_json_ = answer->body;
    std::vector<client::StepView> steps;
    if (run->kind == "workflow") {
      if (const auto listed = session_.get("/api/v1/runs/" + run_ + "/steps"); listed.ok()) {
        if (auto page = client::read_steps(listed->body); page.ok()) {
          steps = std::move(page->items);
        }
      }
    }
    view_.take_snapshot(std::move(*run), std::move(steps));
  }

  void note(const std::string& line) {
    if (live_) {
      picture_.paint(picture(), {style().paint(Colour::yellow, line)});
    } else {
      session_.say(line);
    }
  }

  std::vector<std::string> picture() {
    if (!view_.known()) {
      return {};
    }
    const auto [columns, lines] = session_.world().terminal_size();
    if (!options_.show) {
      return {cut_to_width(view_.summary(now()), static_cast<std::size_t>(columns))};
    }
    return view_.picture(now(), static_cast<std::size_t>(columns),
                         static_cast<std::size_t>(lines > 1 ? lines - 1 : 0), style());
  }

  void show(bool last) {
    painted_ = now();
    const std::vector<std::string> logs =
        options_.logs ? log_lines(last) : std::vector<std::string>();
    if (live_) {
      view_.take_news(style());
      picture_.paint(picture(), logs);
      return;
    }
    const std::vector<std::string> news = view_.take_news(style());
    if (session_.quiet()) {
      return;
    }
    for (const auto* lines : {&logs, &news}) {
      for (const std::string& line : *lines) {
        if (options_.show) {
          out_ << line << '\n';
        }
      }
    }
    out_ << std::flush;
  }

  std::vector<std::string> log_lines(bool last) {
    std::vector<std::string> out;
    if (!view_.known() || (!last && now() - logs_read_ < kLogsEvery)) {
      return out;
    }
    logs_read_ = now();
    if (view_.run().kind != "workflow") {
      tail(run_, view_.run().state, "", out);
      return out;
    }
    for (const client::StepView& step : view_.steps()) {
      if (!step.run_id.empty() && step.attempt > 0) {
        tail(step.run_id, step.state, step.step, out);
      }
    }
    return out;
  }

  // A run that has ended is read once more, then no longer.
  void tail(const std::string& run,
            const std::string& state,
            const std::string& label,
            std::vector<std::string>& out) {
    auto [at, fresh] = tails_.try_emplace(run, Tail{LogTail(run, options_.log_level), {}});
    if (at->second.read_in_state == state && client::RunView{.state = state}.is_final()) {
      return;
    }
    for (;;) {
      const auto lines = at->second.log.read_on(session_);
      if (!lines.ok()) {
        return;
      }
      for (const client::LogLineView& line : *lines) {
        const std::string prefix =
            label.empty() ? "" : style().paint(Colour::cyan, printable(label) + " | ");
        out.push_back(prefix + shown_log_line(line, style()));
      }
      if (lines->size() < 1000) {
        break;
      }
    }
    at->second.read_in_state = state;
  }

  ExitCode conclude() {
    if (halt_ != Halt::none) {
      const bool interrupted = halt_ == Halt::interrupted;
      const std::string why =
          interrupted ? "interrupted" : "waited " + span_text(options_.limit) + " for run " + run_;
      session_.say(
          why + "; the run goes on.\n  watch it again: " + session_.command("run watch " + run_) +
          "\n  stop it:        " + session_.command("run cancel " + run_));
      return interrupted ? kError : kTimedOut;
    }
    const client::RunView& run = view_.run();
    if (session_.json()) {
      session_.print_json(run_json_);
    } else if (run.state == "succeeded" && !run.result.empty()) {
      session_.print((options_.show ? "\n" : "") + pretty_json(run.result) + "\n");
    }
    if (run.state == "succeeded") {
      return kOk;
    }
    say_why();
    return run.state == "timed_out" || run.state == "expired" ? kTimedOut : kRunFailed;
  }

  void say_why() {
    const client::RunView& run = view_.run();
    std::string text = "run " + run_ + " ended as " + run.state;
    const bool said_above = live_ && options_.show;
    if (!run.error.empty() && !said_above) {
      text += ": " + printable(run.error, true);
    }
    for (const client::StepView& step : view_.steps()) {
      const bool culprit = step.state == "failed" || step.state == "timed_out";
      if (culprit && !step.run_id.empty()) {
        text += "\n  what " + step.step + " said: " + session_.command("run logs " + step.run_id);
      }
    }
    if (view_.steps().empty()) {
      text += "\n  what it said: " + session_.command("run logs " + run_);
    }
    session_.fail(kRunFailed, text);
  }

  struct Tail {
    LogTail log;
    std::string read_in_state;
  };

  Session& session_;
  std::string run_;
  FollowOptions options_;
  std::ostream& out_;
  bool live_;
  LivePicture picture_;
  Instant begun_;
  FollowView view_;
  std::string run_json_;
  Halt halt_ = Halt::none;
  Instant painted_;
  Instant logs_read_;
  std::map<std::string, Tail> tails_;
};

}  // namespace

ExitCode follow_run(Session& session, const std::string& run, const FollowOptions& options) {
  return Watch(session, run, options).watch();
}

}  // namespace jobflow::cli
