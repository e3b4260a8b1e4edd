#include "engine/testing/script.h"

#include "engine/definition_check.h"
#include "engine/testing/desk.h"
#include "model/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

namespace jobflow::engine::testing {
namespace {

// The words of a command: separated by blanks; JSON, and text in quotes, is one word.
class Words {
 public:
  explicit Words(std::string text) : text_(std::move(text)) {}

  std::string next() {
    skip_blanks();
    const std::size_t start = at_;
    int depth = 0;
    bool quoted = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (quoted) {
        at_ += c == '\\';
        quoted = c != '"';
      } else if (c == '"') {
        quoted = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        --depth;
      } else if (c == ' ' && depth == 0) {
        break;
      }
    }
    std::string word = text_.substr(start, at_ - start);
    skip_blanks();
    return word;
  }
  bool done() const { return at_ >= text_.size(); }
  // The next word when it is this one.
  bool take(std::string_view word) {
    const std::size_t before = at_;
    if (next() == word) {
      return true;
    }
    at_ = before;
    return false;
  }
  // The value of the next word when it is `name=value`.
  std::optional<std::string> take_value(std::string_view name) {
    const std::size_t before = at_;
    const std::string word = next();
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
      return word.substr(name.size() + 1);
    }
    at_ = before;
    return {};
  }
  // The next word when it is JSON, else "".
  std::string take_json() {
    const std::size_t before = at_;
    std::string word = next();
    if (!is_json(word)) {
      at_ = before;
      word.clear();
    }
    return word;
  }
  std::string rest() { return text_.substr(std::exchange(at_, text_.size())); }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') {
      ++at_;
    }
  }
  std::string text_;
  std::size_t at_ = 0;
};

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, by);) {
    parts.push_back(part);
  }
  return parts;
}

std::string unquoted(const std::string& word) {
  return word.size() >= 2 && word.front() == '"' ? word.substr(1, word.size() - 2) : word;
}

// Who tells a story: turns its commands into requests.
class Teller {
 public:
  explicit Teller(bool reload_each) { desk_.reloads_after_each = reload_each; }

  std::string tell(const std::string& command) {
    obey(command);
    const std::string told = desk_.take_told();
    return (quiet_ ? summary(told) : told) + std::exchange(shown_, {});
  }

 private:
  using Verb = void (Teller::*)(Words&);
  static const std::map<std::string, Verb>& verbs() {
    static const std::map<std::string, Verb> all{
        {"base", &Teller::base},
        {"at", &Teller::at},
        {"by", &Teller::by},
        {"quiet", &Teller::quiet},
        {"loud", &Teller::loud},
        {"worker", &Teller::worker},
        {"job", &Teller::job},
        {"workflow", &Teller::workflow},
        {"semaphore", &Teller::semaphore},
        {"delete", &Teller::remove},
        {"trigger", &Teller::trigger},
        {"letters", &Teller::letters},
        {"lose-letters", &Teller::lose_letters},
        {"dispatch", &Teller::dispatch},
        {"finish", &Teller::finish},
        {"finish-all", &Teller::finish_all},
        {"progress", &Teller::progress},
        {"lose", &Teller::lose},
        {"unsent", &Teller::unsent},
        {"reclaim", &Teller::reclaim},
        {"cancel", &Teller::cancel},
        {"explain", &Teller::explain},
        {"retry", &Teller::retry},
        {"set-aside", &Teller::set_aside},
        {"pause", &Teller::pause},
        {"resume", &Teller::resume},
        {"backfill", &Teller::backfill},
        {"pause-backfill", &Teller::pause_backfill},
        {"resume-backfill", &Teller::resume_backfill},
        {"cancel-backfill", &Teller::cancel_backfill},
        {"timers", &Teller::timers},
        {"reload", &Teller::reload},
        {"refuse", &Teller::refuse},
        {"snapshot", &Teller::snapshot},
        {"show", &Teller::show},
        {"wide", &Teller::wide},
        {"reload-rarely", &Teller::reload_rarely},
        {"repeat", &Teller::repeat},
    };
    return all;
  }

  void obey(const std::string& command) {
    Words words(command);
    const std::string verb = words.next();
    if (const auto found = verbs().find(verb); found != verbs().end()) {
      (this->*found->second)(words);
    } else if (verb.starts_with("+")) {
      desk_.now = desk_.now + span(verb.substr(1));
    } else {
      ADD_FAILURE() << "no such command: " << command;
    }
    if (!words.done()) {
      ADD_FAILURE() << "not understood: '" << words.rest() << "' in: " << command;
    }
  }

  Span span(const std::string& text) {
    const auto parsed = parse_span(text);
    EXPECT_TRUE(parsed.ok()) << text;
    return parsed.ok() ? *parsed : Span{};
  }
  Id id(const std::string& name) {
    const Id id = desk_.names.find(name);
    EXPECT_TRUE(id.is_set()) << "nothing is named " << name;
    return id;
  }
  // A run or trigger that no row knows may be named by a number.
  Id run(const std::string& name) {
    const auto number = parse_id(name);
    return number ? *number : id(name);
  }
  const RunProgress& progress_of(const std::string& name) {
    static const RunProgress none;
    const auto found = desk_.rows.runs.find(id(name));
    return found == desk_.rows.runs.end() ? none : found->second.progress;
  }
  void submit(Request request) {
    if (refusing_) {
      desk_.refuse({std::move(request), by_, desk_.now, nullptr});
    } else {
      desk_.submit(std::move(request), by_);
    }
    desk_.go_on();
  }
  void said_by_system(Request request) {
    desk_.submit(std::move(request), "system");
    desk_.go_on();
  }

  void base(Words& words) {
    const auto instant = parse_rfc3339(words.next());
    ASSERT_TRUE(instant.ok());
    const bool reload_each = desk_.reloads_after_each;
    desk_ = Desk(*instant);
    desk_.reloads_after_each = reload_each;
  }
  void at(Words& words) { desk_.now = desk_.names.base() + span(words.next()); }
  void by(Words& words) { by_ = words.next(); }
  void quiet(Words&) { quiet_ = true; }
  void loud(Words&) { quiet_ = false; }
  void reload(Words&) {
    desk_.reload();
    desk_.go_on();
  }
  void reload_rarely(Words&) { desk_.reload_interval = 4000; }
  void timers(Words&) { desk_.fire_timers(); }
  void snapshot(Words&) { desk_.keep_snapshot(); }
  void letters(Words&) { desk_.deliver_letters(); }
  void lose_letters(Words&) { desk_.effects.clear(); }
  void dispatch(Words& words) {
    if (words.done()) {
      desk_.dispatch();
    } else {
      for (int left = std::stoi(words.next()); left > 0; --left) {
        said_by_system(DispatchNext{});
      }
    }
  }
  void refuse(Words& words) {
    refusing_ = true;
    obey(words.rest());
    refusing_ = false;
  }
  void repeat(Words& words) {
    const int times = std::stoi(words.next());
    const std::string command = words.rest();
    for (int i = 0; i < times; ++i) {
      obey(command);
    }
  }

  void worker(Words& words) {
    const std::string name = words.next();
    if (words.take("gone")) {
      desk_.lose_worker(id(name), "its worker was silent for a whole lease");
      desk_.go_on();
      return;
    }
    if (words.take("drains")) {
      desk_.roster.find(id(name))->draining = true;
      return;
    }
    if (words.take("away")) {
      desk_.roster.find(id(name))->connected = false;
      return;
    }
    WorkerHello hello{.name = name, .incarnation = desk_.names.find(name)};
    if (!hello.incarnation.is_set() || desk_.roster.find(hello.incarnation) == nullptr) {
      hello.incarnation = {++incarnations_};
    }
    while (!words.done()) {
      if (const auto slots = words.take_value("slots")) {
        hello.slots = std::stoi(*slots);
      } else if (const auto tags = words.take_value("tags")) {
        hello.tags = split(*tags, ',');
      } else if (const auto name_space = words.take_value("ns")) {
        hello.name_space = *name_space;
      } else if (const auto handlers = words.take_value("handlers")) {
        for (const std::string& handler : split(*handlers, ',')) {
          hello.handlers.push_back({handler, "", ""});
        }
      } else {
        return;
      }
    }
    desk_.add_worker(std::move(hello));
  }

  void save(DefinitionKind kind, Words& words) {
    SaveDefinition ask;
    const std::string name = words.next();
    ask.must_be_new = words.take("new");
    if (const auto revision = words.take_value("if")) {
      ask.expected_revision = std::stoi(*revision);
    }
    auto decoded = decode_definition(
        kind, R"({"metadata":{"name":")" + name + R"("},"spec":)" + words.next() + "}");
    auto problems = decoded.problems;
    const auto more = check_definition(decoded.definition);
    problems.insert(problems.end(), more.begin(), more.end());
    for (const FieldProblem& problem : problems) {
      ADD_FAILURE() << name << " " << problem.pointer << ": " << problem.message;
    }
    if (problems.empty()) {
      kinds_[name] = kind;
      ask.definition = std::make_shared<const Definition>(std::move(decoded.definition));
      submit(std::move(ask));
    }
  }
  void job(Words& words) { save(DefinitionKind::job, words); }
  void workflow(Words& words) { save(DefinitionKind::workflow, words); }
  void semaphore(Words& words) { save(DefinitionKind::semaphore, words); }
  // A root, `count` steps that need it, and a step that needs them all.
  void wide(Words& words) {
    const std::string name = words.next();
    const int count = std::stoi(words.next());
    std::string steps = R"({"steps":[{"id":"root","handler":"h"})";
    std::string all;
    for (int i = 0; i < count; ++i) {
      const std::string id = "\"s" + std::to_string(i) + "\"";
      steps += R"(,{"handler":"h","needs":["root"],"id":)" + id + "}";
      all += (i == 0 ? "" : ",") + id;
    }
    Words made(name + " " + steps + R"(,{"id":"join","handler":"h","needs":[)" + all + "]}]}");
    save(DefinitionKind::workflow, made);
  }
  void remove(Words& words) {
    DeleteDefinition ask{.kind = {}, .name_space = "default", .name = words.next()};
    ask.kind = kinds_[ask.name];
    if (const auto revision = words.take_value("if")) {
      ask.expected_revision = std::stoi(*revision);
    }
    ask.force = words.take("force");
    submit(std::move(ask));
  }

  void trigger(Words& words) {
    TriggerRun ask{.name_space = "default", .name = words.next()};
    ask.kind = kinds_[ask.name];
    while (!words.done()) {
      if (words.take("params")) {
        ask.params = words.next();
      } else if (words.take("key")) {
        ask.idempotency_key = words.next();
      } else if (words.take("in")) {
        ask.start_at = desk_.now + span(words.next());
      } else if (words.take("priority")) {
        ask.priority = std::stoi(words.next());
      } else if (words.take("after")) {
        ask.after_run = run(words.next());
      } else if (words.take("by-id")) {
        ask.definition = id(std::exchange(ask.name, {}));
      } else {
        return;
      }
    }
    submit(std::move(ask));
  }

  void report(const std::string& name, Words& words) {
    const RunProgress& progress = progress_of(name);
    AttemptEnded ended{{.run = id(name), .token = progress.token}, progress.incarnation};
    FinishedReport& report = ended.report;
    const std::string outcome = words.next();
    if (outcome == "ok") {
      report.result = words.take_json();
    } else if (outcome == "fail") {
      report.outcome = ReportOutcome::failed;
      report.error_kind = words.next();
      report.error = unquoted(words.next());
    } else {
      report.outcome = outcome == "timeout"     ? ReportOutcome::timed_out
                       : outcome == "cancelled" ? ReportOutcome::cancelled
                                                : ReportOutcome::refused;
      EXPECT_TRUE(outcome == "timeout" || outcome == "cancelled" || outcome == "refused");
    }
    while (!words.done()) {
      if (words.take("do-not-retry")) {
        report.do_not_retry = true;
      } else if (words.take("after")) {
        report.retry_after = span(words.next());
      } else if (const auto token = words.take_value("token")) {
        report.token = id(*token);
      } else if (const auto worker = words.take_value("worker")) {
        ended.incarnation = id(*worker);
      } else if (const auto bytes = words.take_value("bytes")) {
        report.result = '"' + std::string(std::stoul(*bytes), 'x') + '"';
      } else {
        return;
      }
    }
    const std::string who = "worker:" + desk_.names.of(ended.incarnation);
    desk_.submit(std::move(ended), who);
    desk_.go_on();
  }
  void finish(Words& words) {
    const std::string name = words.next();
    report(name, words);
  }
  void finish_all(Words& words) {
    const std::string outcome = words.rest();
    std::vector<std::string> running;
    for (const auto& [run, row] : desk_.rows.runs) {
      const RunState state = row.progress.state;
      if (row.kind != RunKind::workflow &&
          (state == RunState::running || state == RunState::cancelling)) {
        running.push_back(desk_.names.of(run));
      }
    }
    for (const std::string& name : running) {
      Words same(outcome);
      report(name, same);
    }
  }
  void progress(Words& words) {
    const std::string name = words.next();
    said_by_system(ProgressMade{{id(name), progress_of(name).token, std::stod(words.next())}});
  }
  Id token(const std::string& name, Words& words) {
    const auto token = words.take_value("token");
    return token ? id(*token) : progress_of(name).token;
  }
  void lose(Words& words) {
    const std::string name = words.next();
    const Id token = this->token(name, words);
    said_by_system(AttemptLost{id(name), token, unquoted(words.rest())});
  }
  void unsent(Words& words) {
    const std::string name = words.next();
    said_by_system(AssignmentUnsent{id(name), token(name, words)});
  }
  void reclaim(Words& words) {
    const std::string name = words.next();
    const std::string held = words.next();
    const auto worker = words.take_value("worker");
    const Id token = this->token(name, words);
    EXPECT_TRUE(held == "held" || held == "missing");
    said_by_system(AttemptReclaimed{
        id(name), token, worker ? id(*worker) : progress_of(name).incarnation, held == "held"});
  }
  void cancel(Words& words) { submit(CancelRun{run(words.next())}); }
  void explain(Words& words) { submit(ExplainRun{run(words.next())}); }
  void retry(Words& words) {
    RetryRun ask{run(words.next()), {}};
    if (words.take("from")) {
      ask.from_steps = split(words.next(), ',');
    }
    submit(std::move(ask));
  }
  void pause(Words& words) {
    const std::string trigger = words.next();
    submit(PauseTrigger{run(trigger), unquoted(words.rest())});
  }
  void resume(Words& words) { submit(ResumeTrigger{run(words.next())}); }
  void backfill(Words& words) {
    StartBackfill ask{.trigger = run(words.next())};
    ask.from = desk_.names.base() + span(words.next());
    ask.until = desk_.names.base() + span(words.next());
    while (!words.done()) {
      if (words.take("parallel")) {
        ask.max_parallel = std::stoi(words.next());
      } else if (words.take("params")) {
        ask.params = words.next();
      } else if (words.take("newest-first")) {
        ask.newest_first = true;
      } else if (words.take("waits")) {
        ask.waits = true;
      } else if (words.take("pauses")) {
        ask.pauses_on_failure = true;
      } else {
        return;
      }
    }
    submit(std::move(ask));
  }
  void pause_backfill(Words& words) {
    const std::string name = words.next();
    submit(PauseBackfill{run(name), unquoted(words.rest())});
  }
  void resume_backfill(Words& words) { submit(ResumeBackfill{run(words.next())}); }
  void cancel_backfill(Words& words) { submit(CancelBackfill{run(words.next())}); }
  void set_aside(Words& words) {
    const auto what = words.take("trigger")    ? SetAside::What::trigger
                      : words.take("backfill") ? SetAside::What::backfill
                                               : SetAside::What::run;
    said_by_system(SetAside{id(words.next()), what, "4711"});
  }
  // A run's durable state, for stories whose trace is quiet.
  void show(Words& words) {
    const std::string name = words.next();
    const RunProgress& progress = progress_of(name);
    shown_ += ". " + name + " " + std::string(to_string(progress.state)) +
              (progress.error.empty() ? "" : " error=" + desk_.names.in_text(progress.error)) +
              "\n";
  }

  std::string summary(const std::string& told) {
    std::map<std::string, int> counts;
    std::string text;
    for (const std::string& line : split(told, '\n')) {
      if ((line.starts_with("=") && line.find(" created") == std::string::npos) ||
          line.starts_with("?") || line.starts_with("REFUSED")) {
        text += line + "\n";
      } else {
        ++counts[line.substr(0, 1)];
      }
    }
    std::string all;
    for (const auto& [kind, count] : counts) {
      all += (all.empty() ? ". " : ", ") + std::to_string(count) + " " + kind;
    }
    return text + (all.empty() ? "" : all + "\n");
  }

  Desk desk_;
  std::map<std::string, DefinitionKind> kinds_;
  std::string by_ = "token:admin";
  std::string shown_;
  std::int64_t incarnations_ = 1000;
  bool quiet_ = false;
  bool refusing_ = false;
};

bool is_trace(const std::string& line) {
  return line.starts_with("  ") && !line.starts_with("    ");
}

}  // namespace

std::string replay(const std::string& story, bool reload_each) {
  Teller teller(reload_each);
  std::vector<std::string> lines;
  for (std::string& line : split(story, '\n')) {
    if (!is_trace(line)) {
      lines.push_back(std::move(line));
    }
  }
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    out += lines[i] + "\n";
    if (lines[i].empty() || lines[i].starts_with("#")) {
      continue;
    }
    std::string command = lines[i];
    while (i + 1 < lines.size() && lines[i + 1].starts_with("    ")) {
      command += lines[++i].substr(3);
      out += lines[i] + "\n";
    }
    for (const std::string& line : split(teller.tell(command), '\n')) {
      out += "  " + line + "\n";
    }
  }
  return reload_each ? without_repeats(out) : out;
}

std::string first_difference(const std::string& expected, const std::string& found) {
  constexpr std::size_t kBefore = 8;
  constexpr std::size_t kAfter = 5;
  const auto want = split(expected, '\n');
  const auto have = split(found, '\n');
  std::size_t at = 0;
  while (at < want.size() && at < have.size() && want[at] == have[at]) {
    ++at;
  }
  if (at == want.size() && at == have.size()) {
    return expected == found ? "" : "they differ in their last line's end";
  }
  std::string text = "line " + std::to_string(at + 1) + ":\n";
  for (std::size_t i = at > kBefore ? at - kBefore : 0; i < at; ++i) {
    text += "  " + want[i] + "\n";
  }
  for (std::size_t i = at; i < std::min(want.size(), at + kAfter); ++i) {
    text += "- " + want[i] + "\n";
  }
  for (std::size_t i = at; i < std::min(have.size(), at + kAfter); ++i) {
    text += "+ " + have[i] + "\n";
  }
  return text;
}

std::string without_repeats(const std::string& story) {
  std::string out;
  for (const std::string& line : split(story, '\n')) {
    if (!line.starts_with("  ?") && !line.starts_with("  > letter")) {
      out += line + "\n";
    }
  }
  return out;
}

}  // namespace jobflow::engine::testing
