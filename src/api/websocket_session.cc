// A connection that has become a WebSocket: each event a text message; what the client says is
// dropped.
#include "api/http_session.h"

#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <chrono>
#include <deque>

namespace jobflow::api {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

constexpr std::size_t kClientMessageBytes = 4096;
// How long a client may take to say goodbye back.
constexpr auto kGoodbye = std::chrono::seconds(1);

class WebSocketSession final : public Session,
                               public Sink,
                               public std::enable_shared_from_this<WebSocketSession> {
 public:
  WebSocketSession(std::shared_ptr<Server::Inside> inside, boost::beast::tcp_stream stream)
      : inside_(std::move(inside)), socket_(std::move(stream)) {
    inside_->streams += 1;
  }
  ~WebSocketSession() override {
    inside_->streams -= 1;
    inside_->leave(this);
  }

  void begin(const boost::beast::http::request<boost::beast::http::string_body>& request,
             StreamReady ready) {
    const ServerLimits& limits = inside_->settings.limits;
    ending_ = !inside_->enter(this, weak_from_this());
    socket_.next_layer().expires_never();  // the WebSocket keeps its own time
    websocket::stream_base::timeout timeout;
    timeout.handshake_timeout = kGoodbye;  // the opening one needs nothing from the client any more
    timeout.idle_timeout =
        std::chrono::milliseconds(2 * limits.heartbeat.ms);  // a ping at its half
    timeout.keep_alive_pings = true;
    socket_.set_option(timeout);
    socket_.read_message_max(kClientMessageBytes);
    socket_.text(true);
    socket_.async_accept(request,
                         [self = shared_from_this(), ready = std::move(ready)](error_code failed) {
                           if (failed || self->ending_) {
                             return self->close();
                           }
                           self->watch();
                           ready(self);
                         });
  }

  void cut() override { close(); }

  void close_soon() override {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->end(); });
  }

  void send(std::string_view,
            std::string_view,
            std::string_view json,
            std::shared_ptr<const void> held) override {
    if (closed()) {
      return;
    }
    waiting_bytes_ += json.size();
    waiting_.push_back({std::string(json), std::move(held)});
    if (!writing_) {
      write();
    }
  }

  std::size_t waiting_bytes() const override { return waiting_bytes_; }
  bool closed() const override { return closed_ || ending_; }

  void end() override {
    ending_ = true;
    if (!writing_ && !closed_) {
      say_goodbye();
    }
  }

  void on_closed(std::function<void()> told) override { told_ = std::move(told); }

 private:
  struct Frame {
    std::string text;
    std::shared_ptr<const void> held;
  };

  void write() {
    writing_ = true;
    // The idle timer sees a client that takes nothing as one that does not answer pings.
    socket_.async_write(asio::buffer(waiting_.front().text),
                        [self = shared_from_this()](error_code failed, std::size_t size) {
                          self->wrote(failed, size);
                        });
  }

  void wrote(error_code failed, std::size_t size) {
    writing_ = false;
    if (failed || closed_) {
      waiting_.clear();
      return close();
    }
    waiting_bytes_ -= size;
    waiting_.pop_front();
    if (!waiting_.empty()) {
      return write();
    }
    if (ending_) {
      say_goodbye();
    }
  }

  void say_goodbye() {
    writing_ = true;
    socket_.async_close(websocket::close_reason(websocket::close_code::going_away),
                        [self = shared_from_this()](error_code) { self->close(); });
  }

  void watch() {
    socket_.async_read(from_client_, [self = shared_from_this()](error_code failed, std::size_t) {
      self->from_client_.clear();
      failed ? self->close() : self->watch();
    });
  }

  void close() {
    if (std::exchange(closed_, true)) {
      return;
    }
    socket_.next_layer().close();
    if (!writing_) {
      waiting_.clear();  // else the write under way does, when it has let go of them
    }
    if (const auto told = std::exchange(told_, nullptr)) {
      told();
    }
  }

  std::shared_ptr<Server::Inside> inside_;
  websocket::stream<boost::beast::tcp_stream, false> socket_;
  boost::beast::flat_buffer from_client_;
  std::deque<Frame> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool writing_ = false;
  bool ending_ = false;
  bool closed_ = false;
  std::function<void()> told_;
};

}  // namespace

void begin_websocket(const std::shared_ptr<Server::Inside>& inside,
                     boost::beast::tcp_stream stream,
                     const boost::beast::http::request<boost::beast::http::string_body>& request,
                     StreamReady ready) {
  std::make_shared<WebSocketSession>(inside, std::move(stream))->begin(request, std::move(ready));
}

}  // namespace jobflow::api
