// Cuts the bytes of an event stream (SSE) into events. A value; one stream each.
#pragma once

#include "client/transport.h"

#include <string>
#include <string_view>
#include <vector>

namespace jobflow::client {

class EventStream {
 public:
  // The events that end within `bytes`, whatever the cuts between calls.
  std::vector<ServerEvent> feed(std::string_view bytes);
  // True when a line grew beyond the limit: this is no event stream worth reading on.
  bool overlong() const { return line_.size() + event_.data.size() > kEventBytesMax; }

  static constexpr std::size_t kEventBytesMax = 64 * 1024 * 1024;

 private:
  void take_line(std::vector<ServerEvent>& done);

  std::string line_;
  bool after_cr_ = false;
  bool has_data_ = false;
  std::string last_id_;
  ServerEvent event_;
};

}  // namespace jobflow::client
