#include "tools/bench/target.h"

#include "model/json.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace jobflow::bench {
namespace {

using Clock = std::chrono::steady_clock;

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  std::string all = text.str();
  while (!all.empty() && (all.back() == '\n' || all.back() == ' ')) {
    all.pop_back();
  }
  return all;
}

}  // namespace

std::string text_member(const std::string& json, const std::string& name) {
  const auto parsed = parse_json(json);
  if (!parsed || !parsed->is_object() || !parsed->as_object().contains(name)) {
    throw std::runtime_error("no member '" + name + "' in " + json.substr(0, 200));
  }
  return std::string(parsed->at(name).as_string());
}

std::unique_ptr<client::HttpTransport> Target::connect() const {
  auto address = client::parse_server_address(http);
  if (!address) {
    throw std::runtime_error(address.problem().detail);
  }
  return std::make_unique<client::HttpTransport>(
      client::HttpSettings{.server = *address, .token = admin_token});
}

ThrowawayServer::ThrowawayServer(const std::string& program,
                                 const std::function<void(const std::string&)>& prepare)
    : program_(program) {
  std::string name = (std::filesystem::temp_directory_path() / "jobflow-bench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("no temporary folder can be made");
  }
  folder_ = name;
  if (prepare) {
    prepare(folder_ + "/data");
  }
  start();
}

void ThrowawayServer::start() {
  const std::string log = folder_ + "/server.log";
  const auto begin = Clock::now();
  const pid_t child = fork();
  if (child == 0) {
    const int file = open(log.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    execl(program_.c_str(), program_.c_str(), "server", "--data", (folder_ + "/data").c_str(),
          "--http-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", nullptr);
    _exit(127);
  }
  target_.pid = child;
  const std::string ready_file = folder_ + "/data/server.json";
  while (!std::filesystem::exists(ready_file)) {
    if (waitpid(child, nullptr, WNOHANG) != 0 || Clock::now() - begin > std::chrono::seconds(20)) {
      throw std::runtime_error("the server did not become ready: " + read_text(log));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  ready_ms_ = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  const std::string ready = read_text(ready_file);
  target_.http = text_member(ready, "http");
  if (!target_.http.starts_with("http")) {
    target_.http = "http://" + target_.http;
  }
  target_.grpc = text_member(ready, "grpc");
  target_.admin_token = read_text(folder_ + "/data/admin.token");
  target_.worker_token = read_text(folder_ + "/data/worker.token");
}

void ThrowawayServer::stop() {
  kill(target_.pid, SIGTERM);
  waitpid(target_.pid, nullptr, 0);
}

void ThrowawayServer::restart() {
  stop();
  std::filesystem::remove(folder_ + "/data/server.json");
  start();
}

ThrowawayServer::~ThrowawayServer() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

double ThrowawayServer::cpu_seconds() const {
  std::ifstream stat("/proc/" + std::to_string(target_.pid) + "/stat");
  std::string field;
  double ticks = 0;
  for (int i = 1; i <= 15 && stat >> field; ++i) {
    ticks += i >= 14 ? std::strtod(field.c_str(), nullptr) : 0;  // utime, stime
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

double ThrowawayServer::resident_mib() const {
  std::ifstream status("/proc/" + std::to_string(target_.pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) {
      return std::strtod(line.c_str() + 6, nullptr) / 1024.0;
    }
  }
  return 0;
}

}  // namespace jobflow::bench
