#include "cli/session.h"

#include "cli/text_width.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <ostream>
#include <utility>

namespace jobflow::cli {
namespace {

constexpr std::string_view kDefaultServer = "http://127.0.0.1:7700";
constexpr std::string_view kDefaultData = "./jobflow-data";

std::string trimmed(std::string text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  text.erase(last == std::string::npos ? 0 : last + 1);
  return text;
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

Session::Session(World& world, GlobalOptions options)
    : world_(world), options_(std::move(options)), name_space_(options_.name_space) {
  if (name_space_.empty()) {
    name_space_ = world_.environment("JOBFLOW_NAMESPACE").value_or("default");
  }
}

Style Session::style() const {
  return {.colours = world_.terminal.out_is_one && !options_.no_colour,
          .unicode = world_.terminal.utf8};
}

Style Session::err_style() const {
  return {.colours = world_.terminal.err_is_one && !options_.no_colour,
          .unicode = world_.terminal.utf8};
}

std::string Session::command(const std::string& words) const {
  std::string line = "jobflow";
  const std::pair<const char*, const std::string*> given[] = {
      {" --data ", &options_.data},
      {" --server ", &options_.server},
      {" --token-file ", &options_.token_file}};
  for (const auto& [flag, value] : given) {
    line += value->empty() ? "" : flag + *value;
  }
  return line + " " + words;
}

Outcome<client::ServerAddress> Session::find_server() const {
  if (!options_.server.empty()) {
    return client::parse_server_address(options_.server);
  }
  if (!options_.data.empty()) {
    const std::string path = options_.data + "/server.json";
    const auto text = world_.read_file(path);
    if (!text.ok()) {
      return Problem{.code = ProblemCode::unavailable,
                     .detail = "no server runs in " + options_.data + " (" + text.problem().detail +
                               "): start one with `jobflow server --data " + options_.data + "`"};
    }
    boost::system::error_code failed;
    const auto facts = boost::json::parse(*text, failed);
    const auto* address =
        failed || !facts.is_object() ? nullptr : facts.get_object().if_contains("http");
    if (address == nullptr || !address->is_string()) {
      return Problem{.code = ProblemCode::invalid, .detail = path + " does not say where it is"};
    }
    return client::parse_server_address(std::string_view(address->get_string()));
  }
  // Not JOBFLOW_SERVER: that is where workers find their own door.
  const auto named = world_.environment("JOBFLOW_URL");
  return client::parse_server_address(named.value_or(std::string(kDefaultServer)));
}

// Flags, then the environment, then what a server on this machine left in its folder.
Outcome<std::string> Session::find_token(const client::ServerAddress& server) const {
  if (!options_.token.empty()) {
    return options_.token;
  }
  std::string file = options_.token_file;
  if (file.empty() && !options_.data.empty()) {
    file = options_.data + "/admin.token";
  }
  if (file.empty()) {
    // In the body of a run JOBFLOW_TOKEN is the attempt's fencing token.
    const bool in_a_body = world_.environment("JOBFLOW_RUN_ID").has_value();
    if (const auto token = world_.environment("JOBFLOW_TOKEN");
        token && !token->empty() && !in_a_body) {
      return trimmed(*token);
    }
    file = world_.environment("JOBFLOW_TOKEN_FILE").value_or("");
  }
  if (!file.empty()) {
    auto text = world_.read_file(file);
    if (!text.ok()) {
      return Problem{.code = ProblemCode::unauthenticated,
                     .detail = "cannot read the token: " + text.problem().detail};
    }
    return trimmed(*text);
  }
  const bool is_local =
      server.host == "localhost" || server.host == "::1" || server.host.starts_with("127.");
  if (!is_local) {
    return std::string();  // what a local server left here is no other server's business
  }
  std::vector<std::string> places = {std::string(kDefaultData) + "/admin.token"};
  if (const auto config = world_.environment("XDG_CONFIG_HOME"); config && !config->empty()) {
    places.push_back(*config + "/jobflow/token");
  } else if (const auto home = world_.environment("HOME"); home && !home->empty()) {
    places.push_back(*home + "/.config/jobflow/token");
  }
  for (const std::string& place : places) {
    if (auto text = world_.read_file(place); text.ok()) {
      return trimmed(*text);
    }
  }
  return std::string();  // the server says what is missing
}

Outcome<client::Transport*> Session::server() {
  if (!transport_) {
    const auto address = find_server();
    if (!address.ok()) {
      return address.problem();
    }
    const auto token = find_token(*address);
    if (!token.ok()) {
      return token.problem();
    }
    has_token_ = !token->empty();
    transport_ = world_.connect({.server = *address, .token = *token});
  }
  return transport_.get();
}

Outcome<client::Response> Session::call(const client::Request& request) {
  auto reached = server();
  if (!reached.ok()) {
    return reached.problem();
  }
  return (*reached)->call(request);
}

Outcome<client::Response> Session::get(const std::string& target) {
  return call({.method = "GET", .target = target});
}

Outcome<client::Response> Session::post(const std::string& target, const std::string& json_body) {
  return call({.method = "POST",
               .target = target,
               .body = json_body,
               .content_type = json_body.empty() ? "" : "application/json"});
}

void Session::print(std::string_view text) {
  world_.out << text << std::flush;
}

void Session::print_json(std::string_view json) {
  world_.out << pretty_json(json) << '\n' << std::flush;
}

void Session::print_table(const Table& table, std::string_view when_empty) {
  if (table.empty()) {
    say(when_empty);
    return;
  }
  const int columns = world_.terminal.out_is_one ? world_.terminal_size().first : 0;
  print(table.text(static_cast<std::size_t>(columns), style()));
}

void Session::say(std::string_view line) {
  if (!options_.quiet) {
    world_.err << line << '\n' << std::flush;
  }
}

ExitCode Session::fail(ExitCode code, std::string_view what) {
  world_.err << err_style().paint(Colour::red, "error:") << ' ' << what << '\n' << std::flush;
  return code;
}

ExitCode Session::fail(const Problem& problem) {
  const bool no_token =
      problem.code == ProblemCode::unauthenticated && transport_ != nullptr && !has_token_;
  std::string text =
      no_token ? "this server wants an access token" : printable(problem.detail, true);
  for (const FieldProblem& field : problem.fields) {
    text += "\n  ";
    if (field.line > 0) {
      text += fmt::format("line {}: ", field.line);
    }
    if (!field.pointer.empty()) {
      text += printable(field.pointer) + ": ";
    }
    text += printable(field.message);
  }
  if (problem.code == ProblemCode::unauthenticated) {
    text +=
        "\n  give a token with --token-file FILE or JOBFLOW_TOKEN; a server's first start writes"
        " it to admin.token in its data folder (--data FOLDER finds it there)";
  }
  if (!problem.incident.empty()) {
    text += "\n  the server's log has more under incident " + printable(problem.incident);
  }
  return fail(exit_code_of(problem.code), text);
}

}  // namespace jobflow::cli
