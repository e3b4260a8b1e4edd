// A connection that has become a stream of server-sent events.
#include "api/http_session.h"

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <deque>

namespace jobflow::api {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Frames of one write.
constexpr std::size_t kFramesMax = 64;

class SseSession final : public Session,
                         public Sink,
                         public std::enable_shared_from_this<SseSession> {
 public:
  SseSession(std::shared_ptr<Server::Inside> inside, boost::beast::tcp_stream stream)
      : inside_(std::move(inside)), stream_(std::move(stream)), heartbeat_(stream_.get_executor()) {
    inside_->streams += 1;
  }
  ~SseSession() override {
    inside_->streams -= 1;
    inside_->leave(this);
  }

  void begin(std::string head, const StreamReady& ready) {
    const bool open = inside_->enter(this, weak_from_this());
    stream_.expires_never();
    watch();
    push(std::move(head), nullptr);
    beat();
    ready(shared_from_this());
    if (!open) {
      end();
    }
  }

  // --- Session

  void cut() override { close(); }

  void close_soon() override {
    asio::post(stream_.get_executor(), [self = shared_from_this()] { self->end(); });
  }

  // --- Sink

  void send(std::string_view type,
            std::string_view id,
            std::string_view json,
            std::shared_ptr<const void> held) override {
    std::string frame;
    frame.reserve(type.size() + id.size() + json.size() + 24);
    frame.append("event: ").append(type);
    if (!id.empty()) {
      frame.append("\nid: ").append(id);
    }
    frame.append("\ndata: ").append(json).append("\n\n");
    push(std::move(frame), std::move(held));
  }

  std::size_t waiting_bytes() const override { return waiting_bytes_; }
  bool closed() const override { return closed_ || ending_; }

  void end() override {
    ending_ = true;
    if (!writing_) {
      close();
    }
  }

  void on_closed(std::function<void()> told) override { told_ = std::move(told); }

 private:
  struct Frame {
    std::string text;
    std::shared_ptr<const void> held;
  };

  void push(std::string text, std::shared_ptr<const void> held) {
    if (closed()) {
      return;
    }
    waiting_bytes_ += text.size();
    waiting_.push_back({std::move(text), std::move(held)});
    if (!writing_) {
      write();
    }
  }

  void write() {
    writing_ = true;
    const std::size_t count = std::min(waiting_.size(), kFramesMax);
    std::vector<asio::const_buffer> buffers;
    for (std::size_t i = 0; i < count; ++i) {
      buffers.push_back(asio::buffer(waiting_[i].text));
    }
    stream_.expires_after(std::chrono::milliseconds(inside_->settings.limits.write_time.ms));
    asio::async_write(stream_, buffers,
                      [self = shared_from_this(), count](error_code failed, std::size_t size) {
                        self->wrote(failed, count, size);
                      });
  }

  void wrote(error_code failed, std::size_t count, std::size_t size) {
    writing_ = false;
    if (failed || closed_) {
      waiting_.clear();
      return close();
    }
    waiting_bytes_ -= size;
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count));
    if (!waiting_.empty()) {
      return write();
    }
    if (ending_) {
      close();
    }
  }

  void beat() {
    heartbeat_.expires_after(std::chrono::milliseconds(inside_->settings.limits.heartbeat.ms));
    heartbeat_.async_wait([weak = weak_from_this()](error_code cancelled) {
      const auto self = weak.lock();
      if (cancelled || !self || self->closed()) {
        return;
      }
      if (!self->writing_) {
        self->push(": still here\n\n", nullptr);
      }
      self->beat();
    });
  }

  // The client says nothing more: what comes is its end.
  void watch() {
    stream_.async_read_some(asio::buffer(ignored_bytes_),
                            [self = shared_from_this()](error_code failed, std::size_t) {
                              failed ? self->close() : self->watch();
                            });
  }

  void close() {
    if (std::exchange(closed_, true)) {
      return;
    }
    heartbeat_.cancel();
    error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
    stream_.close();
    if (!writing_) {
      waiting_.clear();  // else the write under way does, when it has let go of them
    }
    if (const auto told = std::exchange(told_, nullptr)) {
      told();
    }
  }

  std::shared_ptr<Server::Inside> inside_;
  boost::beast::tcp_stream stream_;
  asio::steady_timer heartbeat_;
  std::deque<Frame> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool writing_ = false;
  bool ending_ = false;
  bool closed_ = false;
  std::function<void()> told_;
  std::array<char, 512> ignored_bytes_{};
};

}  // namespace

void begin_sse(const std::shared_ptr<Server::Inside>& inside,
               boost::beast::tcp_stream stream,
               std::string head,
               const StreamReady& ready) {
  std::make_shared<SseSession>(inside, std::move(stream))->begin(std::move(head), ready);
}

}  // namespace jobflow::api
