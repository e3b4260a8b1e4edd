#include "worker/testing/scripted_http.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

namespace jobflow::worker {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kWait{20};
constexpr int kKeyBits = 2048;
constexpr long kValidSeconds = 24L * 3600;

// A key and a certificate for it, signed by itself, for localhost.
struct Identity {
  std::string key, certificate;
};

std::string taken(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

Identity make_identity() {
  EVP_PKEY* key = EVP_RSA_gen(kKeyBits);
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -kValidSeconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), kValidSeconds);
  X509_NAME* name = X509_get_subject_name(certificate);
  const std::string host = "localhost";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(host.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  BIO* key_text = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
  BIO* certificate_text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_text, certificate);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {taken(key_text), taken(certificate_text)};
}

}  // namespace

class ScriptedHttp::Service {
 public:
  Service(Script script, bool tls)
      : script_(std::move(script)), acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    if (tls) {
      identity_ = make_identity();
      tls_.emplace(asio::ssl::context::tls_server);
      tls_->use_private_key(asio::buffer(identity_.key), asio::ssl::context::pem);
      tls_->use_certificate_chain(asio::buffer(identity_.certificate));
    }
    thread_ = std::thread([this] { accept(); });
  }

  ~Service() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
      changed_.notify_all();
      for (tcp::socket* socket : sockets_) {
        error_code ignored;
        socket->shutdown(tcp::socket::shutdown_both, ignored);
      }
    }
    error_code ignored;
    tcp::socket last(io_);  // wakes the acceptor
    last.connect(acceptor_.local_endpoint(), ignored);
    thread_.join();
    for (std::thread& one : connections_) {
      one.join();
    }
  }

  std::string url(const std::string& target) const {
    return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") +
           std::to_string(acceptor_.local_endpoint().port()) + target;
  }
  const std::string& certificate() const { return identity_.certificate; }

  HttpCall call(std::size_t n) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kWait, [&] { return calls_.size() > n; })) {
      throw std::runtime_error("nobody called");
    }
    return calls_[n];
  }
  std::size_t calls() const {
    const std::lock_guard lock(mutex_);
    return calls_.size();
  }
  std::size_t endless_bytes() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kWait, [&] { return endless_bytes_.has_value(); })) {
      throw std::runtime_error("somebody reads still");
    }
    return endless_bytes_.value_or(0);
  }

 private:
  void accept() {
    while (true) {
      tcp::socket socket(io_);
      error_code error;
      acceptor_.accept(socket, error);
      const std::lock_guard lock(mutex_);
      if (error || ending_) {
        return;
      }
      connections_.emplace_back([this, own = std::move(socket)]() mutable { serve(own); });
    }
  }

  void serve(tcp::socket& socket) {
    {
      const std::lock_guard lock(mutex_);
      if (ending_) {
        return;
      }
      sockets_.push_back(&socket);
    }
    try {
      if (tls_) {
        asio::ssl::stream<tcp::socket&> stream(socket, *tls_);
        stream.handshake(asio::ssl::stream_base::server);
        answer_all(stream);
      } else {
        answer_all(socket);
      }
    } catch (const std::exception&) {  // the caller hung up, or the test ends
    }
    const std::lock_guard lock(mutex_);
    std::erase(sockets_, &socket);
    error_code ignored;
    socket.close(ignored);
  }

  template <class Stream>
  void answer_all(Stream& stream) {
    boost::beast::flat_buffer buffer;
    while (true) {
      http::request<http::string_body> request;
      http::read(stream, buffer, request);
      HttpCall call{std::string(request.method_string()), std::string(request.target()),
                    request.body()};
      for (const auto& field : request) {
        std::string name(field.name_string());
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        call.headers[name] = std::string(field.value());
      }
      {
        const std::lock_guard lock(mutex_);
        calls_.push_back(call);
        changed_.notify_all();
      }
      if (!answer(stream, script_(call), call.method == "HEAD")) {
        return;
      }
    }
  }

  // False when this connection has served its time.
  template <class Stream>
  bool answer(Stream& stream, const HttpReply& reply, bool head) {
    using Way = HttpReply::Way;
    if (reply.way == Way::silent) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return ending_; });
      return false;
    }
    std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n";
    for (const auto& [name, value] : reply.headers) {
      text += name + ": " + value + "\r\n";
    }
    const std::size_t length =
        reply.way == Way::endless ? SIZE_MAX / 4 : reply.body.size() + (reply.way == Way::cut);
    if (reply.status != 204 && reply.status != 304) {
      text += "Content-Length: " + std::to_string(length) + "\r\n";
    }
    text += "\r\n" + (head ? "" : reply.body);
    asio::write(stream, asio::buffer(text));
    if (reply.way == Way::endless) {
      stream_endlessly(stream);
    }
    return reply.way == Way::whole;
  }

  template <class Stream>
  void stream_endlessly(Stream& stream) {
    const std::string piece(64 * 1024, 'x');
    std::size_t sent = 0;
    error_code error;
    while (!error) {
      sent += asio::write(stream, asio::buffer(piece), error);
    }
    const std::lock_guard lock(mutex_);
    endless_bytes_ = sent;
    changed_.notify_all();
  }

  const Script script_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  Identity identity_;
  std::optional<asio::ssl::context> tls_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::vector<HttpCall> calls_;
  std::vector<tcp::socket*> sockets_;  // open ones
  std::optional<std::size_t> endless_bytes_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

ScriptedHttp::ScriptedHttp(Script script, bool tls)
    : service_(std::make_unique<Service>(std::move(script), tls)) {}

ScriptedHttp::~ScriptedHttp() = default;

std::string ScriptedHttp::url(const std::string& target) const {
  return service_->url(target);
}

const std::string& ScriptedHttp::certificate() const {
  return service_->certificate();
}

HttpCall ScriptedHttp::call(std::size_t n) {
  return service_->call(n);
}

std::size_t ScriptedHttp::calls() const {
  return service_->calls();
}

std::size_t ScriptedHttp::endless_bytes() {
  return service_->endless_bytes();
}

}  // namespace jobflow::worker
