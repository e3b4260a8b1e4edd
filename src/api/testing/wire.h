// A bare HTTP client over a socket: what a test sends is what the server gets, byte by byte.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace jobflow::api::testing {

struct WireReply {
  int status = 0;                              // 0: the connection ended instead
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// Blocking, with a bound on every wait. One thread.
class Wire {
 public:
  explicit Wire(int port);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void send(std::string_view bytes);
  // `head_only`: an answer to HEAD, which has no body.
  WireReply reply(bool head_only = false);
  WireReply ask(std::string_view method,
                std::string_view target,
                std::string_view body = "",
                std::string_view headers = "");
  // Reads until `part` is there; what was read so far, or all there was.
  std::string read_until(std::string_view part);
  // One text message of a WebSocket; "" when it ended.
  std::string message();
  bool ended();  // waits for the server to end the connection

 private:
  bool more();
  bool fill(std::size_t size);  // false: it ended before

  int socket_ = -1;
  std::string read_;
};

// A request as text; the token is the role.
std::string request_text(std::string_view method,
                         std::string_view target,
                         std::string_view body = "",
                         std::string_view headers = "");

}  // namespace jobflow::api::testing
