#include "client/http_transport.h"

#include "client/event_stream.h"
#include "client/problem_document.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <sys/socket.h>

namespace jobflow::client {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr std::uint64_t kAnswerBytesMax = 256ULL * 1024 * 1024;
constexpr auto kIdleEvery = std::chrono::milliseconds(50);

Problem unavailable(std::string detail) {
  return {.code = ProblemCode::unavailable, .detail = std::move(detail)};
}

Problem not_reached(const ServerAddress& server, const error_code& why) {
  if (why == asio::error::connection_refused) {
    return unavailable("no server listens at " + server.text +
                       ": start one with `jobflow server`, or name another with --server");
  }
  if (why == beast::error::timeout) {
    return unavailable(server.text + " did not take the connection in time: is the address right?");
  }
  return unavailable("cannot reach " + server.text + ": " + why.message());
}

// After this the request may have been carried out, or not.
Problem broken_off(const ServerAddress& server, const Request& request, const error_code& why) {
  const bool harmless = request.method == "GET";
  std::string detail = why == beast::error::timeout
                           ? server.text + " did not answer in time"
                           : server.text + " ended the connection before it answered";
  if (!harmless) {
    detail += "; the request may or may not have been carried out: look before you repeat it";
  }
  return {.code = harmless ? ProblemCode::unavailable : ProblemCode::outcome_unknown,
          .detail = std::move(detail)};
}

std::string header(const http::fields& fields, http::field name) {
  return std::string(fields[name]);
}

}  // namespace

class HttpTransport::Connection {
 public:
  std::optional<Problem> open(const HttpSettings& settings) {
    asio::ip::tcp::resolver resolver(io_);
    error_code failed;
    const auto found = resolver.resolve(settings.server.host, settings.server.port, failed);
    if (failed) {
      return unavailable("cannot resolve the host of " + settings.server.text + ": " +
                         failed.message());
    }
    stream_.expires_after(std::chrono::milliseconds(settings.connect_timeout.ms));
    stream_.async_connect(found, [&](error_code error, const auto&) { failed = error; });
    run();
    if (failed) {
      return not_reached(settings.server, failed);
    }
    stream_.socket().set_option(asio::ip::tcp::no_delay(true), failed);
    return std::nullopt;
  }

  // The server has ended it, or said something nobody asked for.
  bool stale() {
    std::array<char, 1> byte{};
    return ::recv(stream_.socket().native_handle(), byte.data(), 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }

  error_code send(const HttpSettings& settings, const Request& request, bool events) {
    http::request<http::string_body> message;
    message.method_string(request.method);
    message.target(request.target);
    message.set(http::field::host, settings.server.host + ":" + settings.server.port);
    message.set(http::field::user_agent, "jobflow-client");
    message.set(http::field::accept, events ? "text/event-stream" : "application/json");
    if (!settings.token.empty()) {
      message.set(http::field::authorization, "Bearer " + settings.token);
    }
    if (!request.content_type.empty()) {
      message.set(http::field::content_type, request.content_type);
    }
    for (const auto& [name, value] : request.headers) {
      message.set(name, value);
    }
    message.body() = request.body;
    message.prepare_payload();
    stream_.expires_after(std::chrono::milliseconds(settings.answer_timeout.ms));
    error_code failed;
    http::async_write(stream_, message, [&](error_code error, std::size_t) { failed = error; });
    run();
    return failed;
  }

  error_code receive(http::response<http::string_body>& answer) {
    http::response_parser<http::string_body> parser;
    parser.body_limit(kAnswerBytesMax);
    error_code failed;
    http::async_read(stream_, buffer_, parser,
                     [&](error_code error, std::size_t) { failed = error; });
    run();
    answer = parser.release();
    return failed;
  }

  // A server that refuses a body says so before it has all of it, and ends the connection: then
  // the answer counts, and `cut_short` is set.
  error_code exchange(const HttpSettings& settings,
                      const Request& request,
                      http::response<http::string_body>& answer,
                      bool& cut_short) {
    const error_code unsent = send(settings, request, false);
    cut_short = unsent && unsent != beast::error::timeout;
    if (unsent && !cut_short) {
      return unsent;
    }
    const error_code unread = receive(answer);
    return cut_short && unread ? unsent : unread;
  }

  using StreamParser = http::response_parser<http::buffer_body>;

  error_code receive_header(StreamParser& parser) {
    error_code failed;
    http::async_read_header(stream_, buffer_, parser,
                            [&](error_code error, std::size_t) { failed = error; });
    run();
    return failed;
  }

  // The next bytes of a body into `bytes`. Calls `idle` meanwhile; false from it ends the wait with
  // operation_aborted.
  error_code receive_some(StreamParser& parser,
                          std::string& bytes,
                          const std::function<bool()>& idle) {
    std::array<char, 16 * 1024> room;
    parser.get().body().data = room.data();
    parser.get().body().size = room.size();
    parser.get().body().more = true;
    std::optional<error_code> ended;
    if (idle) {
      stream_.expires_never();
    }
    http::async_read_some(stream_, buffer_, parser,
                          [&](error_code error, std::size_t) { ended = error; });
    while (!ended) {
      io_.restart();
      io_.run_for(kIdleEvery);
      if (!ended && idle && !idle()) {
        stream_.cancel();
        run();
        return asio::error::operation_aborted;
      }
    }
    bytes.assign(room.data(), room.size() - parser.get().body().size);
    return ended == http::error::need_buffer ? error_code() : *ended;
  }

 private:
  void run() {
    io_.restart();
    io_.run();
  }

  asio::io_context io_{1};
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_;
};

HttpTransport::HttpTransport(HttpSettings settings) : settings_(std::move(settings)) {}
HttpTransport::~HttpTransport() = default;

void HttpTransport::rest() {
  kept_.reset();
}

Outcome<Response> HttpTransport::call(const Request& request) {
  for (;;) {
    if (kept_ && kept_->stale()) {
      kept_.reset();
    }
    const bool reused = kept_ != nullptr;
    if (!reused) {
      auto fresh = std::make_unique<Connection>();
      if (auto problem = fresh->open(settings_)) {
        return *problem;
      }
      kept_ = std::move(fresh);
    }
    http::response<http::string_body> answer;
    bool cut_short = false;
    if (const error_code failed = kept_->exchange(settings_, request, answer, cut_short)) {
      kept_.reset();
      if (reused && request.method == "GET" && failed != beast::error::timeout) {
        continue;  // once: the next connection is a fresh one
      }
      return broken_off(settings_.server, request, failed);
    }
    if (!answer.keep_alive() || cut_short) {
      kept_.reset();
    }
    const std::string type = header(answer, http::field::content_type);
    const int status = answer.result_int() > 999 ? 999 : static_cast<int>(answer.result_int());
    if (status < 200 || status > 299) {
      return decode_problem(status, type, answer.body());
    }
    return Response{status, std::move(answer.body()), type, header(answer, http::field::etag)};
  }
}

Outcome<StreamEnd> HttpTransport::listen(const Request& request, const EventListener& listener) {
  Connection connection;
  if (auto problem = connection.open(settings_)) {
    return *problem;
  }
  Connection::StreamParser parser;
  parser.body_limit(boost::none);
  error_code failed = connection.send(settings_, request, true);
  if (!failed) {
    failed = connection.receive_header(parser);
  }
  if (failed) {
    return broken_off(settings_.server, request, failed);
  }
  const int status = static_cast<int>(parser.get().result_int());
  const bool streaming = status >= 200 && status <= 299;
  const auto idle = streaming ? listener.idle : std::function<bool()>();
  EventStream events;
  std::string bytes;
  std::string refusal;
  while (!parser.is_done()) {
    failed = connection.receive_some(parser, bytes, idle);
    if (failed == asio::error::operation_aborted) {
      return StreamEnd::enough;
    }
    if (streaming) {
      for (const ServerEvent& event : events.feed(bytes)) {
        if (!listener.heard(event)) {
          return StreamEnd::enough;
        }
      }
    } else {
      refusal += bytes;
    }
    if (failed || events.overlong()) {
      break;
    }
  }
  if (!streaming) {
    return decode_problem(status, header(parser.get(), http::field::content_type), refusal);
  }
  return StreamEnd::closed_by_server;
}

}  // namespace jobflow::client
