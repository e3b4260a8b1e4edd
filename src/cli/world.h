// The outside as the command line sees it: streams, terminal, environment, time, servers. Tests put
// their own in its place. A bundle of references and functions; lives as long as the program.
#pragma once

#include "cli/programs.h"
#include "cli/style.h"
#include "client/http_transport.h"
#include "model/time.h"

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

namespace jobflow::cli {

struct Terminal {
  bool out_is_one = false;
  bool err_is_one = false;
  bool utf8 = true;
};

struct World {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  Terminal terminal;
  // Columns and lines of the terminal; asked again at each repaint. {0, 0} when it is none.
  std::function<std::pair<int, int>()> terminal_size;
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::function<Outcome<std::string>(const std::string&)> read_file;
  std::function<Instant()> now;
  std::function<void(Span)> pause;
  std::function<bool()> interrupted;  // Ctrl-C came since the program began to listen for it
  std::function<int(const std::string&)> edit;  // opens a file in the person's editor
  std::function<std::unique_ptr<client::Transport>(client::HttpSettings)> connect;
};

// The real one. Installs the handler of SIGINT on its first question for it.
World real_world();

}  // namespace jobflow::cli
