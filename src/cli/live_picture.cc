#include "cli/live_picture.h"

#include <ostream>

namespace jobflow::cli {

void LivePicture::paint(const std::vector<std::string>& lines,
                        const std::vector<std::string>& above) {
  std::string picture;
  for (const std::string& line : lines) {
    picture += line + "\x1b[K\n";  // K: what an older, longer line left behind
  }
  if (picture == last_ && above.empty()) {
    return;
  }
  std::string text;
  if (!cursor_hidden_) {
    text += "\x1b[?25l";
    cursor_hidden_ = true;
  }
  if (painted_ > 0) {
    text += "\x1b[" + std::to_string(painted_) + "F";  // up, to the first column
  }
  for (const std::string& line : above) {
    text += line + "\x1b[K\n";
  }
  text += picture + "\x1b[J";  // J: lines that the picture no longer has
  out_ << text << std::flush;
  painted_ = lines.size();
  last_ = std::move(picture);
}

void LivePicture::close() {
  if (cursor_hidden_) {
    out_ << "\x1b[?25h" << std::flush;
    cursor_hidden_ = false;
  }
  painted_ = 0;
  last_.clear();
}

}  // namespace jobflow::cli
