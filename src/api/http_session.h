// One HTTP/1.1 connection: a request at a time, in order; pipelined ones wait in its buffer.
// Includes Beast: for http_session.cc, stream_session.cc and websocket_session.cc only. On its own
// executor.
#pragma once

#include "api/exchange.h"
#include "api/server_inside.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <memory>
#include <optional>
#include <string>

namespace jobflow::api {

using StreamReady = std::function<void(std::shared_ptr<Sink>)>;

// The loop of one connection.
class ConnectionLoop final : public Loop {
 public:
  ConnectionLoop(std::shared_ptr<Server::Inside> inside, boost::asio::any_io_executor executor)
      : inside_(std::move(inside)), executor_(std::move(executor)) {}
  void post(std::function<void()> task) override;
  void after(Span wait, std::function<void()> task) override;

 private:
  std::shared_ptr<Server::Inside> inside_;
  boost::asio::any_io_executor executor_;
};

class HttpSession final : public Session, public std::enable_shared_from_this<HttpSession> {
 public:
  HttpSession(std::shared_ptr<Server::Inside> inside, boost::asio::ip::tcp::socket socket);
  ~HttpSession() override;
  void begin();
  void close_soon() override;
  void cut() override { close(); }

  void answer(Response response);        // any thread
  void begin_stream(StreamReady ready);  // on its loop

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using error_code = boost::system::error_code;

  void read_head();
  Parser& parser();
  void took_head(error_code failed);
  void read_body(std::size_t bytes_max);
  void took_body(error_code failed);
  void refuse_bytes(error_code failed);
  bool read_headers(Request& request);
  void handle();
  void write(Response response);
  void wrote(error_code failed);
  void make_head(const Response& response);
  void close();
  void end_politely();
  void drain();
  void note(int status);
  void watch_for_answer(Span wait);
  void look_for_answer();
  void give_up();

  class WayBack;

  std::shared_ptr<Server::Inside> inside_;
  std::shared_ptr<ConnectionLoop> loop_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;  // one a request
  ExchangePtr exchange_;          // while it is being read; then its handler's
  std::string request_id_;
  const Route* route_ = nullptr;
  Instant began_;
  bool head_only_ = false;
  bool last_ = false;  // the connection ends after this answer
  bool busy_ = false;  // a request is being read or answered
  bool first_ = true;
  bool changes_ = false;          // what was asked may change something
  std::weak_ptr<WayBack> asked_;  // of the request its handler has
  Instant asked_at_;
  boost::asio::steady_timer patience_;
  bool patience_runs_ = false;
  std::string head_;
  std::string body_;
  std::size_t drained_ = 0;
};

// Takes the connection over for a stream of server-sent events; stream_session.cc.
void begin_sse(const std::shared_ptr<Server::Inside>& inside,
               boost::beast::tcp_stream stream,
               std::string head,
               const StreamReady& ready);

// Takes the connection over for a WebSocket; websocket_session.cc.
void begin_websocket(const std::shared_ptr<Server::Inside>& inside,
                     boost::beast::tcp_stream stream,
                     const boost::beast::http::request<boost::beast::http::string_body>& request,
                     StreamReady ready);

// The reason phrase of a status.
std::string_view reason_of(int status);

}  // namespace jobflow::api
