#include "api/http_session.h"

#include "api/admission.h"
#include "api/problem_json.h"
#include "model/check.h"
#include "runtime/clock.h"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <algorithm>
#include <array>
#include <chrono>

namespace jobflow::api {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

// What a refused client may still send, and for how long, before the connection is cut: many read
// their answer only when they have sent all.
constexpr std::size_t kDrainBytes = 64 * 1024 * 1024;
constexpr auto kDrainTime = std::chrono::seconds(1);
constexpr std::size_t kRequestIdBytes = 128;

std::chrono::milliseconds to_chrono(Span span) {
  return std::chrono::milliseconds(span.ms);
}

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kRequestIdBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

// One exchange's way back to its session: taken once. A handler that lets go of its exchange
// without an answer (a hall that ended with the command in it) leaves the client with the truth.
class HttpSession::WayBack {
 public:
  WayBack(std::shared_ptr<HttpSession> session, std::string request_id, Id command)
      : session_(std::move(session)), request_id_(std::move(request_id)), command_(command) {}
  WayBack(const WayBack&) = delete;
  WayBack& operator=(const WayBack&) = delete;
  ~WayBack() {
    try {
      answer(problem_response({ProblemCode::outcome_unknown,
                               "the server let go of the request: look whether it happened"},
                              request_id_, command_));
    } catch (...) {
      // No memory for it: the connection ends with its session instead.
    }
  }

  bool is_open() const { return !taken_; }
  Id command() const { return command_; }
  void answer(Response response) {
    if (const auto session = take()) {
      session->answer(std::move(response));
    }
  }
  void stream(StreamReady ready) {
    if (const auto session = take()) {
      session->begin_stream(std::move(ready));
    }
  }

 private:
  std::shared_ptr<HttpSession> take() {
    return taken_.exchange(true) ? nullptr : std::move(session_);
  }

  std::atomic<bool> taken_{false};
  std::shared_ptr<HttpSession> session_;
  std::string request_id_;
  const Id command_;
};

std::string_view reason_of(int status) {
  return view(http::obsolete_reason(static_cast<http::status>(status)));
}

void ConnectionLoop::post(std::function<void()> task) {
  if (!inside_->ended) {
    asio::post(executor_, std::move(task));
  }
}

void ConnectionLoop::after(Span wait, std::function<void()> task) {
  inside_->run_later(executor_, wait, std::move(task));
}

void begin_http_session(const std::shared_ptr<Server::Inside>& inside,
                        asio::ip::tcp::socket socket) {
  std::make_shared<HttpSession>(inside, std::move(socket))->begin();
}

HttpSession::HttpSession(std::shared_ptr<Server::Inside> inside, asio::ip::tcp::socket socket)
    : inside_(std::move(inside)), stream_(std::move(socket)), patience_(stream_.get_executor()) {
  loop_ = std::make_shared<ConnectionLoop>(inside_, stream_.get_executor());
}

HttpSession::~HttpSession() {
  inside_->leave(this);
}

void HttpSession::begin() {
  if (inside_->enter(this, weak_from_this())) {
    asio::dispatch(stream_.get_executor(), [self = shared_from_this()] { self->read_head(); });
  }
}

void HttpSession::close_soon() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->last_ = true;
    if (!self->busy_) {
      self->stream_.cancel();
    } else if (!self->inside_->doors->hall.ready()) {
      self->give_up();  // nobody knows when it will be
    }
  });
}

// --- reading

void HttpSession::read_head() {
  const ServerLimits& limits = inside_->settings.limits;
  busy_ = false;
  exchange_.reset();
  request_id_.clear();
  route_ = nullptr;
  Parser& next = parser_.emplace();
  next.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
  next.body_limit(limits::kHttpBodyBytes);
  stream_.expires_after(to_chrono(first_ ? limits.head_time : limits.idle_time));
  first_ = false;
  http::async_read_header(
      stream_, buffer_, next,
      [self = shared_from_this()](error_code failed, std::size_t) { self->took_head(failed); });
}

void HttpSession::refuse_bytes(error_code failed) {
  last_ = true;
  if (request_id_.empty()) {
    request_id_ = inside_->next_request_id();
  }
  const std::string& id = request_id_;
  if (failed == http::error::header_limit) {
    return write(http_problem(
        431, ProblemCode::too_large, "The headers are too large",
        "the headers are over " + std::to_string(inside_->settings.limits.header_bytes) + " bytes",
        id));
  }
  if (failed == http::error::body_limit) {
    const std::size_t most = route_ == nullptr ? limits::kHttpBodyBytes : route_->body_bytes_max;
    return write(problem_response(
        {ProblemCode::too_large, "the body is over " + std::to_string(most) + " bytes"}, id));
  }
  write(problem_response({ProblemCode::invalid, "this is not HTTP/1.1: " + failed.message()}, id));
}

void HttpSession::took_head(error_code failed) {
  if (failed == http::error::end_of_stream || failed == boost::beast::error::timeout ||
      failed == asio::error::operation_aborted || failed == asio::error::connection_reset) {
    return close();
  }
  busy_ = true;
  began_ = inside_->doors->clock.monotonic();
  if (failed) {
    return failed.category() == http::make_error_code(http::error::end_of_stream).category()
               ? refuse_bytes(failed)
               : close();
  }
  exchange_ = std::make_shared<Exchange>();
  exchange_->doors = inside_->doors;
  exchange_->loop = loop_;
  Request& request = exchange_->request;
  const auto& message = parser().get();
  head_only_ = message.method() == http::verb::head;
  last_ = last_ || !message.keep_alive() || message.version() < 11 || inside_->stopping;
  changes_ = message.method() != http::verb::get && !head_only_;
  const bool has_body =
      parser().chunked() || (parser().content_length() && *parser().content_length() > 0);
  if (!read_headers(request)) {
    last_ = true;
    return write(http_problem(
        431, ProblemCode::too_large, "Too many headers",
        "a request has at most " + std::to_string(inside_->settings.limits.headers) + " headers",
        request.id));
  }
  auto admitted = admit(*inside_->router, *inside_->access,
                        {.method = view(message.method_string()),
                         .authorization = view(message[http::field::authorization]),
                         .has_body = has_body},
                        view(message.target()), request);
  if (auto* refused = std::get_if<Refused>(&admitted)) {
    last_ = last_ || has_body;  // what it sends on is not read
    route_ = refused->route;
    return write(std::move(refused->response));
  }
  route_ = std::get<Admitted>(admitted).route;
  if (has_body) {
    return read_body(route_->body_bytes_max);
  }
  handle();
}

HttpSession::Parser& HttpSession::parser() {
  if (!parser_) {
    check_failed("a request is being read", std::source_location::current());
  }
  return *parser_;
}

bool HttpSession::read_headers(Request& request) {
  const auto& message = parser().get();
  const auto sent_id = view(message["X-Request-Id"]);
  request.id = is_request_id(sent_id) ? std::string(sent_id) : inside_->next_request_id();
  request_id_ = request.id;
  int count = 0;
  for (auto at = message.begin(); at != message.end(); ++at) {
    ++count;
  }
  request.content_type = view(message[http::field::content_type]);
  request.idempotency_key = view(message["Idempotency-Key"]);
  request.if_match = view(message[http::field::if_match]);
  request.if_none_match = view(message[http::field::if_none_match]);
  request.last_event_id = view(message["Last-Event-ID"]);
  request.sent_command = view(message["Jobflow-Command"]);
  return count <= inside_->settings.limits.headers;
}

void HttpSession::read_body(std::size_t bytes_max) {
  parser().body_limit(bytes_max);
  if (parser().content_length() && *parser().content_length() > bytes_max) {
    return refuse_bytes(http::make_error_code(http::error::body_limit));
  }
  stream_.expires_after(to_chrono(inside_->settings.limits.body_time));
  const auto read = [self = shared_from_this()] {
    http::async_read(self->stream_, self->buffer_, self->parser(),
                     [self](error_code failed, std::size_t) { self->took_body(failed); });
  };
  const bool waits = boost::beast::iequals(parser().get()[http::field::expect], "100-continue");
  if (!waits) {
    return read();
  }
  static constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(kGoOn),
                    [self = shared_from_this(), read](error_code failed, std::size_t) {
                      failed ? self->close() : read();
                    });
}

void HttpSession::took_body(error_code failed) {
  if (failed) {
    return failed == http::error::body_limit || failed == http::error::bad_chunk
               ? refuse_bytes(failed)
               : close();
  }
  exchange_->request.body = std::move(parser().get().body());
  handle();
}

// --- answering

void HttpSession::handle() {
  if (route_->websocket && !boost::beast::websocket::is_upgrade(parser().get())) {
    Response response =
        http_problem(426, ProblemCode::invalid, "A WebSocket is wanted here",
                     "connect with a WebSocket client, or use /api/v1/events", request_id_);
    response.headers.emplace_back("Upgrade", "websocket");
    return write(std::move(response));
  }
  if (changes_) {
    if (const auto problem = name_command(*exchange_, route_->commands)) {
      return write(problem_response(*problem, request_id_));
    }
  }
  const ExchangePtr exchange = std::move(exchange_);
  const auto back =
      std::make_shared<WayBack>(shared_from_this(), request_id_, exchange->request.command);
  exchange->answer = [back](Response response) { back->answer(std::move(response)); };
  exchange->stream = [back](StreamReady ready) { back->stream(std::move(ready)); };
  asked_ = back;
  asked_at_ = inside_->doors->clock.monotonic();
  if (!patience_runs_) {
    watch_for_answer(inside_->settings.limits.answer_time);
  }
  try {
    route_->handler(exchange);
  } catch (const std::exception&) {
    // A broken world; nothing of it leaves through this door.
    back->answer(
        problem_response({ProblemCode::internal, "the server failed to answer"}, request_id_));
  }
}

void HttpSession::answer(Response response) {
  if (inside_->ended) {
    return;
  }
  asio::dispatch(stream_.get_executor(),
                 [self = shared_from_this(), response = std::move(response)]() mutable {
                   self->write(std::move(response));
                 });
}

// One timer a connection: it looks at whatever request is there when it fires, so that requests
// which are answered soon do not touch it.
void HttpSession::watch_for_answer(Span wait) {
  patience_runs_ = true;
  patience_.expires_after(to_chrono(wait));
  patience_.async_wait([weak = weak_from_this()](error_code cancelled) {
    if (const auto self = weak.lock(); self && !cancelled) {
      self->patience_runs_ = false;
      self->look_for_answer();
    }
  });
}

void HttpSession::look_for_answer() {
  const auto back = asked_.lock();
  if (!back || !back->is_open()) {
    return;  // the next request watches anew
  }
  const ServerLimits& limits = inside_->settings.limits;
  const Span waited = inside_->doors->clock.monotonic() - asked_at_;
  const bool too_long = waited >= limits.answer_time && !inside_->doors->hall.ready();
  if (too_long || waited >= limits.answer_time_max) {
    return give_up();
  }
  const Span pace{limits.answer_time.ms / 5};
  watch_for_answer(std::max(limits.answer_time - waited, pace));
}

// Answers in the handler's place; what it still says is dropped.
void HttpSession::give_up() {
  const auto back = asked_.lock();
  if (!back || !back->is_open()) {
    return;
  }
  const Problem problem =
      changes_ ? Problem{ProblemCode::outcome_unknown,
                         "the store did not answer in time: this may happen yet"}
               : Problem{ProblemCode::unavailable, "the store did not answer in time: try later"};
  back->answer(problem_response(problem, request_id_, back->command()));
}

void HttpSession::make_head(const Response& response) {
  const std::string status = std::to_string(response.status);
  head_.clear();
  head_.append("HTTP/1.1 ").append(status).append(" ").append(reason_of(response.status));
  head_.append("\r\nDate: ").append(inside_->date());
  if (!response.content_type.empty()) {
    head_.append("\r\nContent-Type: ").append(response.content_type);
  }
  for (const auto& [name, value] : response.headers) {
    head_.append("\r\n").append(name).append(": ").append(value);
  }
  head_.append("\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store");
  head_.append("\r\nX-Request-Id: ").append(request_id_);
  if (last_) {
    head_.append("\r\nConnection: close");
  }
}

void HttpSession::write(Response response) {
  last_ = last_ || inside_->stopping;
  note(response.status);
  make_head(response);
  if (response.status != 204) {
    head_.append("\r\nContent-Length: ").append(std::to_string(response.body.size()));
  }
  head_.append("\r\n\r\n");
  body_ = head_only_ || response.status == 204 ? std::string() : std::move(response.body);
  stream_.expires_after(to_chrono(inside_->settings.limits.write_time));
  const std::array<asio::const_buffer, 2> buffers{asio::buffer(head_), asio::buffer(body_)};
  asio::async_write(stream_, buffers, [self = shared_from_this()](error_code failed, std::size_t) {
    self->wrote(failed);
  });
}

void HttpSession::wrote(error_code failed) {
  if (failed) {
    return close();
  }
  if (last_) {
    return end_politely();
  }
  read_head();
}

void HttpSession::note(int status) {
  const Span took = inside_->doors->clock.monotonic() - began_;
  inside_->request_metrics->note(route_, status, static_cast<double>(took.ms) / 1000.0);
}

void HttpSession::begin_stream(StreamReady ready) {
  if (inside_->streams >= inside_->settings.limits.streams) {
    return write(problem_response(
        {ProblemCode::unavailable, "too many streams are open: close one or try later"},
        request_id_));
  }
  note(route_->websocket ? 101 : 200);
  if (route_->websocket) {
    begin_websocket(inside_, std::move(stream_), parser().get(), std::move(ready));
    return;
  }
  last_ = true;
  make_head({.content_type = "text/event-stream"});
  begin_sse(inside_, std::move(stream_), head_ + "\r\n\r\n", ready);
}

// --- ending

void HttpSession::close() {
  error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
}

// Reads on for a moment, so that the client's kernel does not throw the answer away.
void HttpSession::end_politely() {
  error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kDrainTime);
  drain();
}

void HttpSession::drain() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(64 * 1024),
                          [self = shared_from_this()](error_code failed, std::size_t size) {
                            self->drained_ += size;
                            if (failed || self->drained_ > kDrainBytes) {
                              return self->close();
                            }
                            self->drain();
                          });
}

}  // namespace jobflow::api
