// Reads the log of a run from where the last reading ended. Owned by one command; not thread-safe.
#pragma once

#include "cli/session.h"
#include "client/views.h"

#include <cstdint>
#include <string>
#include <vector>

namespace jobflow::cli {

class LogTail {
 public:
  // Lines of all attempts at `level` ("" = all) and above that hold `text`; or of `attempt` alone.
  LogTail(std::string run, std::string level, int attempt = 0, std::string text = "")
      : run_(std::move(run)), level_(std::move(level)), text_(std::move(text)), attempt_(attempt) {}

  // The lines that came since, up to a page. An empty answer: nothing new.
  Outcome<std::vector<client::LogLineView>> read_on(Session& session);

 private:
  std::string run_, level_, text_;
  int attempt_;
  std::int64_t next_ = 0;
};

// A line as it is shown: "18:33:04.120 WARN  text  {fields}"; the text alone when `bare`.
std::string shown_log_line(const client::LogLineView& line, const Style& style, bool bare = false);

}  // namespace jobflow::cli
