// Turns a process' output, as it comes, into lines. Owned by the body's thread; not thread-safe.
// Bounded: of a huge line the first part is kept, the rest counted.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace jobflow::worker {

class LineReader {
 public:
  using Emit = std::function<void(std::string_view line)>;

  // `kept_bytes` of one line are kept.
  LineReader(std::size_t kept_bytes, Emit emit);

  void feed(std::string_view bytes);
  // Shows the line begun so far, which stays open: its writer pauses.
  void pause();
  // The last line needs no line feed.
  void end();

  bool has_unshown() const { return shown_ < line_.size() || dropped_ > dropped_shown_; }
  // The last line that is not blank, whole; empty when it was longer than kept_bytes.
  const std::string& last_line() const { return last_; }
  // How that line began, when it was longer; else 0.
  char cut_line_began_with() const { return cut_line_began_with_; }

 private:
  void append(std::string_view bytes);
  void finish_line();
  void show(bool finished);

  const std::size_t kept_bytes_;
  const Emit emit_;
  std::string line_;
  std::string last_;
  char cut_line_began_with_ = 0;
  std::size_t shown_ = 0;    // bytes of line_ already emitted
  std::size_t dropped_ = 0;  // bytes of this line beyond kept_bytes_
  std::size_t dropped_shown_ = 0;
};

}  // namespace jobflow::worker
