// One invocation of a client command: the world, the global options and the server. Owned by run();
// not thread-safe.
#pragma once

#include "cli/exit_code.h"
#include "cli/style.h"
#include "cli/table.h"
#include "cli/world.h"
#include "client/transport.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::cli {

struct GlobalOptions {
  std::string output = "table";  // "table" | "json"
  std::string server;            // "" = what --data says, else JOBFLOW_URL, else the default
  std::string data;              // the server's data folder, for its address and token
  std::string token, token_file;
  std::string name_space;
  bool quiet = false;
  bool no_colour = false;
};

class Session {
 public:
  Session(World& world, GlobalOptions options);

  World& world() { return world_; }
  const GlobalOptions& options() const { return options_; }
  const std::string& name_space() const { return name_space_; }
  bool json() const { return options_.output == "json"; }
  bool quiet() const { return options_.quiet; }
  Style style() const;      // of standard output
  Style err_style() const;  // of standard error

  // The server; connects to it at the first call. A Problem when the options name none that can be.
  Outcome<client::Transport*> server();
  Outcome<client::Response> call(const client::Request& request);
  Outcome<client::Response> get(const std::string& target);
  Outcome<client::Response> post(const std::string& target, const std::string& json_body);

  // Results go to standard output, everything said about them to standard error.
  void print(std::string_view text);
  void print_json(std::string_view json);
  void print_table(const Table& table, std::string_view when_empty);
  void say(std::string_view line);  // unless --quiet
  ExitCode fail(const Problem& problem);
  ExitCode fail(ExitCode code, std::string_view what);

  // A command to type next, for the same server: "jobflow --data d run watch 7".
  std::string command(const std::string& words) const;

 private:
  Outcome<std::string> find_token(const client::ServerAddress& server) const;
  Outcome<client::ServerAddress> find_server() const;

  World& world_;
  GlobalOptions options_;
  std::string name_space_;
  std::unique_ptr<client::Transport> transport_;
  bool has_token_ = false;
};

// For paths and queries.
std::string percent_encoded(std::string_view text);

// Indented JSON, members in their order; the text as it is when it is no JSON.
std::string pretty_json(std::string_view text);

}  // namespace jobflow::cli
