// A block of lines at the bottom of the terminal that is painted again and again in place; other
// lines scroll by above it. Gives the cursor back when it ends. Not thread-safe.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <string>
#include <vector>

namespace jobflow::cli {

class LivePicture {
 public:
  explicit LivePicture(std::ostream& out) : out_(out) {}
  ~LivePicture() { close(); }
  LivePicture(const LivePicture&) = delete;
  LivePicture& operator=(const LivePicture&) = delete;

  // Replaces what was painted before; `above` go before it and stay.
  void paint(const std::vector<std::string>& lines, const std::vector<std::string>& above = {});
  // Leaves the last picture standing.
  void close();

 private:
  std::ostream& out_;
  std::size_t painted_ = 0;
  bool cursor_hidden_ = false;
  std::string last_;
};

}  // namespace jobflow::cli
