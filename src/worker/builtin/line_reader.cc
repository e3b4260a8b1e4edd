#include "worker/builtin/line_reader.h"

#include <algorithm>
#include <utility>

namespace jobflow::worker {

LineReader::LineReader(std::size_t kept_bytes, Emit emit)
    : kept_bytes_(kept_bytes), emit_(std::move(emit)) {}

void LineReader::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t feed_at = bytes.find('\n');
    append(bytes.substr(0, feed_at));
    if (feed_at == std::string_view::npos) {
      return;
    }
    finish_line();
    bytes.remove_prefix(feed_at + 1);
  }
}

void LineReader::append(std::string_view bytes) {
  const std::size_t kept = std::min(bytes.size(), kept_bytes_ - line_.size());
  line_.append(bytes.substr(0, kept));
  dropped_ += bytes.size() - kept;
}

void LineReader::show(bool finished) {
  std::string_view text = std::string_view(line_).substr(shown_);
  if (finished && !text.empty() && text.back() == '\r') {
    text.remove_suffix(1);
  }
  if (dropped_ > dropped_shown_) {
    emit_(std::string(text) + " [jobflow: line cut, " + std::to_string(dropped_ - dropped_shown_) +
          " bytes dropped]");
  } else if (!text.empty() || (finished && line_.empty())) {
    emit_(text);
  }
  shown_ = line_.size();
  dropped_shown_ = dropped_;
}

void LineReader::finish_line() {
  show(true);
  const auto first = line_.find_first_not_of(" \t\r");
  if (dropped_ > 0) {
    last_.clear();
    cut_line_began_with_ = first == std::string::npos ? ' ' : line_[first];
  } else if (first != std::string::npos) {
    last_.swap(line_);
    cut_line_began_with_ = 0;
  }
  line_.clear();
  shown_ = 0;
  dropped_ = 0;
  dropped_shown_ = 0;
}

void LineReader::pause() {
  if (has_unshown()) {
    show(false);
  }
}

void LineReader::end() {
  if (!line_.empty() || dropped_ > 0) {
    finish_line();
  }
}

}  // namespace jobflow::worker
