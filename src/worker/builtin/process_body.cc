#include "worker/builtin/process_body.h"

#include "model/limits.h"
#include "model/size.h"
#include "worker/body.h"
#include "worker/builtin/line_reader.h"
#include "worker/builtin/process_guard.h"
#include "worker/builtin/spawn.h"
#include "worker/station.h"

#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace jobflow::worker {
namespace {

constexpr std::size_t kErrorTail = 2048;
constexpr std::size_t kEnvironmentBytes = 100 * 1024;  // one variable; Linux takes 128 KiB
constexpr std::chrono::milliseconds kRoomWait{20};

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) {
      result[text.substr(0, equals)] = text.substr(equals + 1);
    }
  }
  result.erase("JOBFLOW_TOKEN");  // the worker's: no body's business
  result.erase("JOBFLOW_TOKEN_FILE");
  return result;
}

// The params below are what model/builtin_handlers.h lets through.
std::string optional_text(const Json& params, const std::string& name) {
  const Json* value = params.find(name);
  return value == nullptr || value->is_null() ? std::string() : value->as_string();
}

std::string word_of(const Json& json) {
  return json.is_string() ? json.as_string() : json.dump();
}

std::vector<std::string> optional_texts(const Json& params, const std::string& name) {
  std::vector<std::string> texts;
  const Json* value = params.find(name);
  if (value != nullptr && !value->is_null()) {
    for (const Json& item : value->as_array()) {
      texts.push_back(word_of(item));
    }
  }
  return texts;
}

void add_variables(const Json& params, std::map<std::string, std::string>& environment) {
  const Json* env = params.find("env");
  if (env == nullptr || env->is_null()) {
    return;
  }
  for (const auto& [name, value] : env->as_object()) {
    environment[name] = word_of(value);
  }
}

std::string input_of(const Json& params) {
  const Json* input = params.find("stdin");
  if (input == nullptr || input->is_null()) {
    return {};
  }
  return input->is_string() ? input->as_string() : input->dump();
}

// Where `program` lies, as a shell would find it; the name itself when it is not found.
std::string find_program(const std::string& program, const std::string& path) {
  if (program.find('/') != std::string::npos) {
    return program;
  }
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::string candidate = std::string(rest.substr(0, colon)) + "/" + program;
    if (::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    rest.remove_prefix(colon == std::string_view::npos ? rest.size() : colon + 1);
  }
  return program;
}

// Both streams to the run's log, the last line and the end of stderr kept.
class LogSink final : public ProcessSink {
 public:
  explicit LogSink(Context& run)
      : body_(body_of(run)),
        log_(run.log()),
        out_(limits::kResultBytes, [this](std::string_view line) { log_.info(line); }),
        err_(limits::kLogLineBytes, [this](std::string_view line) { log_.warn(line); }) {}

  void out(std::string_view bytes) override {
    out_.feed(bytes);
    body_.station->wait_log_room(body_, kRoomWait);
  }
  void err(std::string_view bytes) override {
    err_.feed(bytes);
    tail_.append(bytes);
    if (tail_.size() > 8 * kErrorTail) {
      tail_.erase(0, tail_.size() - kErrorTail);
    }
    body_.station->wait_log_room(body_, kRoomWait);
  }
  void pause() override {
    out_.pause();
    err_.pause();
  }
  void end() {
    out_.end();
    err_.end();
  }

  const std::string& last_line() const { return out_.last_line(); }
  char cut_line_began_with() const { return out_.cut_line_began_with(); }
  std::string error_tail() const {
    std::string tail = tail_.size() > kErrorTail ? tail_.substr(tail_.size() - kErrorTail) : tail_;
    const std::size_t end = tail.find_last_not_of(" \t\r\n");
    tail.resize(end == std::string::npos ? 0 : end + 1);
    return tail;
  }

 private:
  Body& body_;
  Log log_;
  LineReader out_;
  LineReader err_;
  std::string tail_;
};

// The content of a regular file, at most one byte more than the limit; nothing if there is none.
std::optional<std::string> read_output(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat about{};
  if (!file.is_open() || ::fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
    return std::nullopt;
  }
  std::string content(limits::kResultBytes + 1, '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t got = ::read(file.get(), content.data() + filled, content.size() - filled);
    if (got <= 0) {
      break;
    }
    filled += static_cast<std::size_t>(got);
  }
  content.resize(filled);
  return content;
}

// A last line that is longer than any result may be, and begins as JSON does, was meant as one: to
// go on without it would be to lose it in silence (S5.4).
bool is_meant_as_result(char begins_with) {
  return begins_with != 0 && std::string_view("{[\"").find(begins_with) != std::string_view::npos;
}

Result result_of_success(const std::string& output_file, const LogSink& sink) {
  const std::optional<std::string> output = read_output(output_file);
  if (output && !output->empty()) {
    if (output->size() > limits::kResultBytes) {
      return failed("the output file has more than " + std::to_string(limits::kResultBytes) +
                    " bytes: store it elsewhere and write where it lies")
          .error_kind("result_too_large")
          .do_not_retry();
    }
    std::optional<Json> json = Json::try_parse(*output);
    if (!json) {
      return failed("what was written to $JOBFLOW_OUTPUT is not JSON").error_kind("bad_output");
    }
    return succeeded(*std::move(json));
  }
  if (is_meant_as_result(sink.cut_line_began_with())) {
    return failed("the last line of the output has more than " +
                  std::to_string(limits::kResultBytes) +
                  " bytes: store the result elsewhere and print where it lies")
        .error_kind("result_too_large")
        .do_not_retry();
  }
  if (std::optional<Json> json = Json::try_parse(sink.last_line())) {
    return succeeded(*std::move(json));
  }
  return succeeded({{"exit_code", 0}});
}

std::string with_tail(std::string message, const std::string& tail) {
  return tail.empty() ? message : std::move(message) + ": " + tail;
}

std::string name_of_signal(int number) {
  const char* name = ::sigabbrev_np(number);
  return name == nullptr ? std::to_string(number)
                         : std::to_string(number) + " (" + std::string(name) + ")";
}

// Why a signal ended it, when one of its limits did.
Result result_of_signal(const ProcessEnd& end, const LogSink& sink, const ProcessLimits& limits) {
  const std::string signal = "killed by signal " + name_of_signal(end.number);
  if (end.out_of_memory) {
    return failed(signal + ": its processes used more memory than their limit, " +
                  size_text(limits.memory_bytes))
        .error_kind("memory_limit");
  }
  const bool spent = limits.cpu.ms > 0 && end.usage.cpu_user + end.usage.cpu_system >= limits.cpu;
  if (end.number == SIGXCPU || (end.number == SIGKILL && spent)) {
    return failed(signal + ": it used its CPU time, " + to_text(limits.cpu))
        .error_kind("cpu_limit");
  }
  return failed(with_tail(signal, sink.error_tail())).error_kind("signal");
}

Result result_of(const ProcessEnd& end,
                 const LogSink& sink,
                 const ProcessLimits& limits,
                 const std::string& output_file) {
  switch (end.kind) {
    case ProcessEnd::Kind::stopped:
      break;
    case ProcessEnd::Kind::not_started:
      return failed(end.trouble).error_kind("not_started");
    case ProcessEnd::Kind::signalled:
      return result_of_signal(end, sink, limits);
    case ProcessEnd::Kind::exited:
      if (end.number == 0) {
        return result_of_success(output_file, sink);
      }
      return failed(with_tail("exit code " + std::to_string(end.number), sink.error_tail()))
          .error_kind("exit_code");
  }
  return cancelled();
}

// Another attempt on this worker would be refused, too.
Result refused(const Problem& problem) {
  return failed(problem.detail).error_kind("not_started").do_not_retry();
}

}  // namespace

ProcessBodies::ProcessBodies(ProcessRules rules)
    : rules_(std::move(rules)), trees_(rules_.cgroup), environment_(own_environment()) {}

Outcome<ProcessSpec> ProcessBodies::spec_of(Context& run) const {
  auto user = find_user(optional_text(run.params(), "user"), rules_.users);
  if (!user) {
    return user.problem();
  }
  ProcessSpec spec;
  spec.user = std::move(*user);
  spec.folder = optional_text(run.params(), "cwd");
  spec.input = input_of(run.params());
  return spec;
}

Result ProcessBodies::run_program(Context& run, const std::string& program, ProcessSpec spec) {
  std::map<std::string, std::string> environment = environment_;
  if (!spec.user.is_own) {
    environment["HOME"] = spec.user.home;
    environment["USER"] = environment["LOGNAME"] = spec.user.name;
  }
  add_variables(run.params(), environment);
  const std::string token = std::to_string(run.token());
  const ScratchFile output(scratch_, token + ".out", spec.user);
  environment["JOBFLOW_RUN_ID"] = std::to_string(run.run_id());
  environment["JOBFLOW_ATTEMPT"] = std::to_string(run.attempt());
  environment["JOBFLOW_TOKEN"] = token;
  environment["JOBFLOW_JOB"] = run.job();
  environment["JOBFLOW_OUTPUT"] = output.path();
  environment[guarded_mark().name] = guarded_mark().value;
  std::optional<ScratchFile> large_params;
  if (run.params_json().size() <= kEnvironmentBytes) {
    environment["JOBFLOW_PARAMS"] = std::string(run.params_json());
  } else {
    large_params.emplace(scratch_, token + ".params", spec.user, run.params_json());
    environment["JOBFLOW_PARAMS_FILE"] = large_params->path();
  }
  spec.program = find_program(program, environment["PATH"]);
  for (const auto& [name, value] : environment) {
    spec.environment.push_back(name + "=" + value);
  }

  const ProcessLimits limits = tighter(limits_of(run.params()), rules_.limits);
  ProcessTree tree(trees_, Id{run.token()}, limits);
  LogSink sink(run);
  const ProcessEnd end = run_process(body_of(run), spec, tree, sink);
  sink.end();
  if (end.kind != ProcessEnd::Kind::not_started) {
    body_of(run).usage = end.usage;
  }
  if (end.left_some) {
    run.log().error("some of its processes could not be killed: they go on");
  }
  return result_of(end, sink, limits, output.path());
}

Result ProcessBodies::shell(Context& run) {
  auto spec = spec_of(run);
  if (!spec) {
    return refused(spec.problem());
  }
  const std::string command = optional_text(run.params(), "command");
  if (!command.empty()) {
    spec->arguments = {"sh", "-c", command};
    return run_program(run, "/bin/sh", std::move(*spec));
  }
  spec->arguments = optional_texts(run.params(), "argv");
  const std::string program = spec->arguments.front();
  return run_program(run, program, std::move(*spec));
}

Result ProcessBodies::python(Context& run) {
  auto spec = spec_of(run);
  if (!spec) {
    return refused(spec.problem());
  }
  const std::string script = optional_text(run.params(), "script");
  std::string file = optional_text(run.params(), "file");
  std::optional<ScratchFile> written;
  if (!script.empty()) {
    written.emplace(scratch_, std::to_string(run.token()) + ".py", spec->user, script);
    file = written->path();
  }
  spec->arguments = {"python3", "-u", file};
  const std::vector<std::string> arguments = optional_texts(run.params(), "args");
  spec->arguments.insert(spec->arguments.end(), arguments.begin(), arguments.end());
  return run_program(run, "python3", std::move(*spec));
}

}  // namespace jobflow::worker
