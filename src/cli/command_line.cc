#include "cli/command_line.h"

#include "cli/commands.h"
#include "model/limits.h"
#include "model/spelling.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

#include <algorithm>
#include <functional>
#include <ostream>

namespace jobflow::cli {
namespace {

using Action = std::function<ExitCode(Session&)>;

const std::vector<std::string> kLevels = {"debug", "info", "warn", "error"};
const std::vector<std::string> kStates = {
    "pending",   "scheduled", "queued",    "running",   "waiting", "cancelling", "paused",
    "succeeded", "failed",    "cancelled", "timed_out", "expired", "skipped"};

// Everything the options may set; lives while the command line is read and carried out.
struct Options {
  GlobalOptions global;
  ApplyOptions apply;
  DefinitionOptions job{.kind = "job"};
  DefinitionOptions workflow{.kind = "workflow"};
  DefinitionOptions semaphore{.kind = "semaphore"};
  DefinitionOptions calendar{.kind = "calendar"};
  CalendarOptions import;
  TriggerOptions trigger;
  RunOptions run;
  std::string command;
  AuditOptions audit;
  ScheduleOptions schedule;
  BackfillOptions backfill;
  ForecastOptions forecast;
};

const CLI::App* child(const CLI::App* parent, const std::string& name) {
  for (const CLI::App* command : parent->get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_name() == name) {
      return command;
    }
  }
  return nullptr;
}

class CommandLine {
 public:
  CommandLine(World& world, const Programs& programs) : world_(world), programs_(programs) {
    app_.require_subcommand(1);
    app_.set_help_flag("-h,--help", "Explain, and do nothing");
    add_global();
    add_programs();
    add_apply();
    add_trigger();
    add_definitions("job", "Jobs: what to run", options_.job);
    add_definitions("workflow", "Workflows: steps in order", options_.workflow);
    add_definitions("semaphore", "Semaphores: permits that jobs share", options_.semaphore);
    add_definitions("calendar", "Calendars: when triggers may fire, or must not",
                    options_.calendar);
    add_backfills();
    add_runs();
    add_commands();
    add_audit();
    add_forecast();
    add_workers();
    app_.footer(
        "\n`jobflow COMMAND --help` explains a command. Exit codes: 0 ok, 1 error, 2 usage,"
        "\n3 run failed, 4 timed out, 5 not found.");
  }

  int run(std::vector<std::string> arguments) {
    const std::vector<std::string> original = arguments;
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    try {
      app_.parse(arguments);
    } catch (const CLI::CallForHelp& asked) {
      return app_.exit(asked, world_.out, world_.err);
    } catch (const CLI::ParseError& wrong) {
      return usage_error(wrong, original);
    }
    if (!action_) {
      return misplaced(original);
    }
    GlobalOptions& global = options_.global;
    global.no_colour = world_.environment("NO_COLOR").value_or("") != "";
    Session session(world_, global);
    return action_(session);
  }

 private:
  void add_global() {
    GlobalOptions& to = options_.global;
    app_.add_option("-o,--output", to.output, "How to print: table or json")
        ->check(CLI::IsMember({"table", "json"}))
        ->type_name("FORMAT");
    app_.add_option("--server", to.server, "Address (JOBFLOW_URL, else http://127.0.0.1:7700)")
        ->type_name("URL");
    app_.add_option("--data", to.data,
                    "A local server's data folder: takes address and token there")
        ->type_name("FOLDER");
    app_.add_option("--token", to.token, "Access token (JOBFLOW_TOKEN)");
    app_.add_option("--token-file", to.token_file,
                    "File with the token (JOBFLOW_TOKEN_FILE, else ./jobflow-data/admin.token,"
                    " else ~/.config/jobflow/token)")
        ->type_name("FILE");
    app_.add_option("-n,--namespace", to.name_space, "Of the names given (JOBFLOW_NAMESPACE)")
        ->type_name("NAME");
    app_.add_flag("-q,--quiet", to.quiet, "Results only");
  }

  // Reached only when global options stand before the name: they belong to client commands.
  void add_programs() {
    app_.add_subcommand("server", "Run the server")->prefix_command();
    app_.add_subcommand("dev", "Run server and worker in one process")->prefix_command();
    app_.add_subcommand("config", "print | check: the configuration in effect")->prefix_command();
    app_.add_subcommand("sim", "Try the server's code in simulated, failing worlds")
        ->prefix_command();
  }

  CLI::App* add(CLI::App& parent,
                const std::string& name,
                const std::string& about,
                Action action) {
    CLI::App* command = parent.add_subcommand(name, about);
    command->fallthrough();  // global options may stand anywhere
    command->footer(
        "\nEvery command takes -o json, --server, --data, --token-file, -n and -q:"
        " see `jobflow --help`.");
    command->callback([this, command, action = std::move(action)] {
      if (command->get_subcommands().empty()) {  // else the innermost one is meant
        action_ = action;
      }
    });
    return command;
  }

  CLI::App* add_group(const std::string& name, const std::string& about) {
    CLI::App* group = app_.add_subcommand(name, about);
    group->fallthrough();
    group->require_subcommand(1);
    return group;
  }

  void add_apply() {
    ApplyOptions& to = options_.apply;
    CLI::App* command =
        add(app_, "apply", "Save the jobs, workflows, semaphores and calendars of files",
            [this](Session& session) { return apply(session, options_.apply); });
    command->add_option("-f,--file", to.files, "YAML or JSON, several documents allowed; - = stdin")
        ->required()
        ->type_name("FILE");
    command->add_flag("--dry-run", to.dry_run, "Check and say what would change");
  }

  void add_trigger() {
    TriggerOptions& to = options_.trigger;
    CLI::App* command = add(app_, "trigger", "Make a run of a job or workflow",
                            [this](Session& s) { return trigger(s, options_.trigger); });
    command->add_option("name", to.name, "Job or workflow");
    auto* job = command->add_flag("--job", to.job, "The name is a job's");
    command->add_flag("--workflow", to.workflow, "The name is a workflow's")->excludes(job);
    command->add_option("-p,--param", to.params, "name=value; JSON values are taken as such")
        ->type_name("K=V")
        ->allow_extra_args(false);
    command->add_option("--params", to.params_json, "All parameters as a JSON object, or @FILE")
        ->type_name("JSON");
    auto* delay =
        command->add_option("--delay", to.delay, "Start that much later")->type_name("SPAN");
    command->add_option("--after-run", to.after_run, "Start when that run has ended, however")
        ->excludes(delay)
        ->type_name("RUN");
    command->add_option("--priority", to.priority, "-100 to 100, higher first")
        ->check(CLI::Range(-100, 100))
        ->type_name("N");
    command->add_option("--key", to.key, "Idempotency key: the same again gives the first run");
    command->add_option("--from", to.from_file, "Many at once: JSON items of a file; - = stdin")
        ->type_name("FILE");
    command->add_flag("-w,--wait", to.wait, "Wait for its end; print its result");
    command->add_flag("-f,--follow", to.follow, "Wait, and show it moving");
    command->add_flag("--logs", to.logs, "With --follow: log lines too");
    command->add_option("--timeout", to.limit, "With --wait or --follow: no longer than that")
        ->type_name("SPAN");
    add_schedules(*command);
  }

  void add_schedules(CLI::App& trigger) {
    ScheduleOptions& to = options_.schedule;
    trigger.require_subcommand(0, 1);
    const auto named = [&](const char* name, const char* about, auto what, bool must_name) {
      CLI::App* command =
          add(trigger, name, about, [&to, what](Session& session) { return what(session, to); });
      auto* owner = command->add_option("name", to.name, "Job or workflow");
      owner->required(must_name);
      command->add_option("trigger", to.trigger, "Its trigger, when it has several");
      auto* job = command->add_flag("--job", to.job, "The name is a job's");
      command->add_flag("--workflow", to.workflow, "The name is a workflow's")->excludes(job);
      return command;
    };
    CLI::App* preview =
        named("preview", "When it is due next, of a saved trigger or of one written here",
              preview_trigger, false);
    preview->add_option("--cron", to.cron, "An expression that is not saved")->type_name("EXPR");
    preview->add_option("--every", to.every, "A rate that is not saved")->type_name("SPAN");
    preview->add_option("--at", to.at, "An instant that is not saved")->type_name("TIME");
    preview->add_option("--timezone", to.timezone, "Whose clock --cron means")->type_name("ZONE");
    preview->add_option("--dialect", to.dialect, "unix or quartz")->type_name("NAME");
    preview->add_option("--count", to.count, "So many instants")->check(CLI::Range(1, 1000));
    preview->add_option("--from", to.from, "From when on (now)")->type_name("TIME");
    named("pause", "Let nothing be due until it is resumed", pause_trigger, true)
        ->add_option("--note", to.note, "Why, for others to read");
    named("resume", "Go on from now; what was not due meanwhile stays so", resume_trigger, true);
    CLI::App* backfill =
        named("backfill", "Run the instants of a past time, in order", start_backfill, true);
    backfill->add_option("--from", to.from, "From when on, e.g. 2026-11-01T00:00:00Z")
        ->required()
        ->type_name("TIME");
    backfill->add_option("--to", to.to, "Until when, itself not")->required()->type_name("TIME");
    backfill->add_option("--parallel", to.parallel, "So many runs at a time (1)")
        ->check(CLI::Range(1, limits::kBackfillParallel))
        ->type_name("N");
    backfill->add_option("--params", to.params_json, "Merged over the trigger's own")
        ->type_name("JSON");
    backfill->add_flag("--newest-first", to.newest_first, "Backwards in time");
    backfill->add_flag("--wait-for-others", to.waits,
                       "Begin a run only while no other run of the job is live");
    backfill->add_flag("--pause-on-failure", to.pauses_on_failure,
                       "Begin no more when a run has failed");
    named("firings", "What became of its due instants, newest first", list_firings, true)
        ->add_option("--limit", to.limit, "So many")
        ->check(CLI::Range(1, 1000));
  }

  void add_definitions(const std::string& kind, const std::string& about, DefinitionOptions& to) {
    CLI::App& group = *add_group(kind, about);
    const auto bound = [&to](ExitCode (*what)(Session&, const DefinitionOptions&)) {
      return [&to, what](Session& session) { return what(session, to); };
    };
    const bool is_calendar = kind == "calendar", is_semaphore = kind == "semaphore";
    CLI::App* list = add(group, "ls", "List them",
                         bound(is_calendar    ? list_calendars
                               : is_semaphore ? list_semaphores
                                              : list_definitions));
    list->add_flag("-A,--all-namespaces", to.all_namespaces, "Of every namespace");
    CLI::App* get = add(group, "get", "Show one with its definition", bound(show_definition));
    CLI::App* create = add(group, "create", "Save a new one", bound(create_definition));
    CLI::App* edit = add(group, "edit", "Change one in your editor", bound(edit_definition));
    CLI::App* remove =
        add(group, "rm", is_calendar || is_semaphore ? "Delete" : "Delete; live runs are cancelled",
            bound(remove_definitions));
    if (is_semaphore) {
      remove->add_flag("--force", to.force,
                       "Also while runs hold or want it; those then wait until it is there again");
      CLI::App* permits = add(group, "permits", "Which runs hold a permit, and which wait for one",
                              bound(list_permits));
      permits->add_option("name", to.names, "Name or id")->required()->expected(1);
      permits->add_option("--limit", to.limit, "At most so many")->check(CLI::Range(1, 1000));
    }
    if (is_calendar) {
      remove->add_flag("--force", to.force,
                       "Also while jobs or workflows name it; their triggers are then set aside");
      add_import(group);
    } else {
      list->add_option("--limit", to.limit, "At most so many")->check(CLI::Range(1, 1000));
    }
    create->add_option("-f,--file", to.file, "YAML or JSON; - = stdin")
        ->required()
        ->type_name("FILE");
    for (CLI::App* command : {get, edit}) {
      command->add_option("name", to.names, "Name or id")->required()->expected(1);
    }
    remove->add_option("name", to.names, "Names or ids")->required();
  }

  void add_import(CLI::App& group) {
    CalendarOptions& to = options_.import;
    CLI::App* import = add(group, "import", "Save one from an iCalendar file, new or not",
                           [&to](Session& session) { return import_calendar(session, to); });
    import->add_option("file", to.file, "The file (.ics)")->required()->type_name("FILE");
    import->add_option("--name", to.name, "What it is called (the file's name)");
    import->add_option("--title", to.title, "What it is, in words");
    import
        ->add_option("--timezone", to.timezone,
                     "Where its days and its times without zone are (UTC)")
        ->type_name("ZONE");
  }

  void add_backfills() {
    BackfillOptions& to = options_.backfill;
    CLI::App& group = *add_group("backfill", "Backfills: past instants that are run on request");
    const auto bound = [&to](ExitCode (*what)(Session&, const BackfillOptions&)) {
      return [&to, what](Session& session) { return what(session, to); };
    };
    CLI::App* list = add(group, "ls", "Those that go on or are paused", bound(list_backfills));
    list->add_flag("-a,--all", to.all, "Also those that are over");
    list->add_option("--limit", to.limit, "At most so many")->check(CLI::Range(1, 1000));
    CLI::App* get = add(group, "get", "How far one is", bound(show_backfill));
    CLI::App* pause =
        add(group, "pause", "Begin nothing more of it until it is resumed", bound(pause_backfill));
    pause->add_option("--note", to.note, "Why, for others to read");
    CLI::App* resume = add(group, "resume", "Go on where it stopped", bound(resume_backfill));
    CLI::App* cancel =
        add(group, "cancel", "Stop it, and cancel what is live of it", bound(cancel_backfill));
    for (CLI::App* command : {get, pause, resume, cancel}) {
      command->add_option("id", to.id, "Its id")->required();
    }
  }

  void add_runs() {
    RunOptions& to = options_.run;
    CLI::App& group = *add_group("run", "Runs: what runs, ran and will run");
    const auto bound = [&to](ExitCode (*what)(Session&, const RunOptions&)) {
      return [&to, what](Session& session) { return what(session, to); };
    };
    CLI::App* list =
        add(group, "ls", "List them, newest first; of every namespace unless -n says of which",
            bound(list_runs));
    list->add_option("--job", to.job, "Only of this job");
    list->add_option("--workflow", to.workflow, "Only of this workflow");
    list->add_option("--state", to.states, "Only in this state; may be repeated")
        ->check(CLI::IsMember(kStates))
        ->allow_extra_args(false)
        ->type_name("STATE");
    list->add_option("--limit", to.limit, "At most so many")->check(CLI::Range(1, 1000));
    CLI::App* get = add(group, "get", "Show one", bound(show_run));
    CLI::App* steps = add(group, "steps", "The steps of a workflow run", bound(list_steps));
    CLI::App* attempts = add(group, "attempts", "Every try of a run", bound(list_attempts));
    CLI::App* explain = add(group, "explain", "Why it does not run now", bound(explain_run));
    CLI::App* logs =
        add(group, "logs", "What it said; with -o json an object a line", bound(show_logs));
    logs->add_flag("-f,--follow", to.follow, "Go on until it has ended");
    logs->add_option("--attempt", to.attempt, "Only of this attempt")->check(CLI::Range(1, 1000));
    logs->add_option("--grep", to.grep, "Only lines that hold it; A to Z are as a to z")
        ->type_name("TEXT");
    logs->add_flag("--bare", to.bare, "Text only, no times and levels");
    CLI::App* watch = add(group, "watch", "Show it moving until it ends", bound(watch_run));
    CLI::App* cancel = add(group, "cancel", "Stop runs", bound(cancel_runs));
    CLI::App* retry = add(group, "retry", "Run it again where it failed", bound(retry_run));
    retry->add_option("--from", to.from_steps, "From this step on; may be repeated")
        ->allow_extra_args(false)
        ->type_name("STEP");
    retry->add_flag("-f,--follow", to.follow, "Watch it then");
    for (CLI::App* command : {logs, watch}) {
      command->add_option("--level", to.level, "Only this level and above")
          ->check(CLI::IsMember(kLevels))
          ->type_name("LEVEL");
    }
    for (CLI::App* command : {watch, retry}) {
      command->add_flag("--logs", to.logs, "Log lines too");
      command->add_option("--timeout", to.wait_limit, "Wait no longer than that")
          ->type_name("SPAN");
    }
    for (CLI::App* command : {get, steps, attempts, explain, logs, watch, retry}) {
      command->add_option("run", to.runs, "Its id")->required()->expected(1);
    }
    cancel->add_option("run", to.runs, "Ids")->required();
  }

  void add_commands() {
    CLI::App& commands = *add_group("command", "What became of a command that got no answer");
    CLI::App* show =
        add(commands, "show", "Whether it was done, and what the answer was",
            [this](Session& session) { return show_command(session, options_.command); });
    show->add_option("id", options_.command, "The id that came with 'outcome_unknown'")->required();
  }

  void add_audit() {
    AuditOptions& to = options_.audit;
    CLI::App* audit =
        add(app_, "audit", "Prove that every due instant ran once, or say why it did not",
            [&to](Session& session) { return cli::audit(session, to); });
    audit->add_option("--from", to.from, "From when, e.g. 2026-11-22T00:00:00Z (a day ago)");
    audit->add_option("--to", to.to, "Until when (now)");
    audit->add_option("--job", to.job, "Only this job");
    audit->add_option("--workflow", to.workflow, "Only this workflow");
    audit->add_flag("-A,--all-namespaces", to.all_namespaces, "Of all namespaces");
  }

  void add_forecast() {
    ForecastOptions& to = options_.forecast;
    CLI::App* forecast = add(
        app_, "forecast", "What will fire in the hours to come, and what would wait for a worker",
        [&to](Session& session) { return cli::forecast(session, to); });
    forecast->add_option("--hours", to.hours, "How far ahead, up to 168")
        ->check(CLI::Range(1, 168))
        ->capture_default_str();
    forecast->add_flag("-A,--all-namespaces", to.all_namespaces, "Of all namespaces");
  }

  void add_workers() {
    CLI::App& workers = *add_group("worker", "Run a worker (--help says how); ls: who is there");
    add(workers, "ls", "The workers that are connected", list_workers);
    CLI::App& handlers = *add_group("handler", "Handlers: what workers offer");
    add(handlers, "ls", "The handlers that connected workers offer", list_handlers);
    add(app_, "doctor", "Is all well between here and the server, and what to do where it is not",
        [this](Session& session) {
          return doctor(session, {programs_.version, programs_.time_zones});
        });
    add(app_, "version", "Say which version this is", [this](Session& session) {
      session.print(session.json() ? "{\"version\": \"" + programs_.version +
                                         "\", \"time_zones\": \"" + programs_.time_zones + "\"}\n"
                                   : "jobflow " + programs_.version + "\ntime zones " +
                                         programs_.time_zones + "\n");
      return kOk;
    });
  }

  int usage_error(const CLI::ParseError& wrong, const std::vector<std::string>& arguments) {
    const std::string unknown = unknown_command(arguments);
    world_.err << "error: " << (unknown.empty() ? wrong.what() : unknown) << "\n";
    world_.err << "  `jobflow" << path_of(arguments) << " --help` explains\n" << std::flush;
    return kUsage;
  }

  // "jobflow server" with something before it.
  int misplaced(const std::vector<std::string>& arguments) {
    world_.err << "error: options of server, worker, dev and config stand after the name: jobflow "
               << path_of(arguments).substr(1) << " [options]\n"
               << std::flush;
    return kUsage;
  }

  // The words of the command so far, each with a blank before it.
  std::string path_of(const std::vector<std::string>& arguments) {
    std::string path;
    const CLI::App* at = &app_;
    for (const std::string& word : arguments) {
      const CLI::App* next = child(at, word);
      if (next != nullptr) {
        path += " " + word;
        at = next;
      }
    }
    return path;
  }

  // The first word that is no command where one should stand; "" when there is none.
  std::string unknown_command(const std::vector<std::string>& arguments) {
    const CLI::App* at = &app_;
    for (const std::string& word : arguments) {
      if (word.starts_with('-')) {
        return "";
      }
      const CLI::App* next = child(at, word);
      const bool takes_names = !at->get_options([](const CLI::Option* option) {
                                    return option->get_positional();
                                  }).empty();
      if (next == nullptr && takes_names) {
        return "";
      }
      if (next == nullptr) {
        const auto known = at->get_subcommands([](const CLI::App*) { return true; });
        std::vector<std::string_view> names;
        for (const CLI::App* command : known) {
          names.push_back(command->get_name());
        }
        if (names.empty()) {
          return "";
        }
        const std::string nearest = did_you_mean(word, names);
        std::string all;
        for (const std::string_view name : names) {
          all.append(all.empty() ? "; there are " : ", ").append(name);
        }
        return "there is no command '" + word + "'" + (nearest.empty() ? all : nearest);
      }
      at = next;
    }
    return "";
  }

  World& world_;
  const Programs& programs_;
  Options options_;
  Action action_;
  CLI::App app_{"jobflow runs jobs and workflows, durably", "jobflow"};
};

const Program* program_of(const Programs& programs, const std::vector<std::string>& arguments) {
  if (arguments.empty()) {
    return nullptr;
  }
  const std::string& name = arguments.front();
  if (name == "server") {
    return &programs.server;
  }
  if (name == "dev") {
    return &programs.dev;
  }
  if (name == "config") {
    return &programs.config;
  }
  if (name == "sim") {
    return &programs.sim;
  }
  const bool starts_worker = name == "worker" && (arguments.size() == 1 || arguments[1] != "ls");
  return starts_worker ? &programs.worker : nullptr;
}

}  // namespace

int run(World& world, const Programs& programs, const std::vector<std::string>& arguments) {
  if (const Program* program = program_of(programs, arguments)) {
    return (*program)({arguments.begin() + 1, arguments.end()});
  }
  std::vector<std::string> words = arguments;
  if (words.empty()) {
    words = {"--help"};
  } else if (words.size() == 1 && words.front() == "--version") {
    words = {"version"};
  }
  return CommandLine(world, programs).run(words);
}

}  // namespace jobflow::cli
