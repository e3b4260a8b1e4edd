#include "client/event_stream.h"

namespace jobflow::client {

std::vector<ServerEvent> EventStream::feed(std::string_view bytes) {
  std::vector<ServerEvent> done;
  for (const char c : bytes) {
    if (after_cr_ && c == '\n') {
      after_cr_ = false;
      continue;
    }
    after_cr_ = c == '\r';
    if (c == '\n' || c == '\r') {
      take_line(done);
    } else {
      line_ += c;
    }
  }
  return done;
}

void EventStream::take_line(std::vector<ServerEvent>& done) {
  const std::string line = std::exchange(line_, {});
  if (line.empty()) {
    if (has_data_) {
      event_.id = last_id_;
      done.push_back(std::move(event_));
    }
    event_ = {};
    has_data_ = false;
    return;
  }
  const auto colon = line.find(':');
  const std::string_view field = std::string_view(line).substr(0, colon);
  std::string_view value;
  if (colon != std::string::npos) {
    value = std::string_view(line).substr(colon + 1);
    if (value.starts_with(' ')) {
      value.remove_prefix(1);
    }
  }
  if (field == "data") {
    if (has_data_) {
      event_.data += '\n';
    }
    event_.data += value;
    has_data_ = true;
  } else if (field == "event") {
    event_.type = value;
  } else if (field == "id") {
    last_id_ = value;
  }
}

}  // namespace jobflow::client
