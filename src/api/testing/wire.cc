#include "api/testing/wire.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace jobflow::api::testing {

Wire::Wire(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval bound{.tv_sec = 20, .tv_usec = 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

Wire::~Wire() {
  ::close(socket_);
}

void Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return;  // the server ended it: the reply says why
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool Wire::more() {
  char buffer[16 * 1024];
  const ssize_t size = ::recv(socket_, buffer, sizeof buffer, 0);
  if (size > 0) {
    read_.append(buffer, static_cast<std::size_t>(size));
  }
  return size > 0;
}

std::string Wire::read_until(std::string_view part) {
  std::size_t at = read_.find(part);
  while (at == std::string::npos && more()) {
    at = read_.find(part);
  }
  const std::size_t end = at == std::string::npos ? read_.size() : at + part.size();
  std::string taken = read_.substr(0, end);
  read_.erase(0, end);
  return taken;
}

WireReply Wire::reply(bool head_only) {
  WireReply reply;
  const std::string head = read_until("\r\n\r\n");
  if (!head.starts_with("HTTP/1.1 ")) {
    return reply;
  }
  reply.status = std::stoi(head.substr(9, 3));
  std::size_t at = head.find("\r\n") + 2;
  while (at + 2 < head.size()) {
    const std::size_t end = head.find("\r\n", at);
    const std::size_t colon = head.find(": ", at);
    std::string name = head.substr(at, colon - at);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    reply.headers[name] = head.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  const auto length = reply.headers.find("content-length");
  if (length != reply.headers.end() && !head_only) {
    const auto size = static_cast<std::size_t>(std::stoul(length->second));
    fill(size);
    reply.body = read_.substr(0, size);
    read_.erase(0, size);
  }
  return reply;
}

WireReply Wire::ask(std::string_view method,
                    std::string_view target,
                    std::string_view body,
                    std::string_view headers) {
  send(request_text(method, target, body, headers));
  return reply(method == "HEAD");
}

bool Wire::fill(std::size_t size) {
  while (read_.size() < size && more()) {
  }
  return read_.size() >= size;
}

std::string Wire::message() {
  constexpr int kText = 1, kClose = 8;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(read_[i]); };
  while (fill(2)) {
    const int opcode = byte(0) & 15;
    std::size_t length = byte(1) & 127U;
    const std::size_t extra = length == 126 ? 2U : length == 127 ? 8U : 0U;
    const std::size_t head = 2 + extra;
    if (!fill(head)) {
      break;
    }
    for (std::size_t i = 0; i < extra; ++i) {
      length = (i == 0 ? 0 : length << 8) | byte(2 + i);
    }
    if (!fill(head + length)) {
      break;
    }
    std::string text = read_.substr(head, length);
    read_.erase(0, head + length);
    if (opcode == kText) {
      return text;
    }
    if (opcode == kClose) {
      break;
    }
  }
  return "";
}

bool Wire::ended() {
  while (more()) {
  }
  char byte = 0;
  const ssize_t size = ::recv(socket_, &byte, 1, 0);
  return size == 0 || (size < 0 && errno != EAGAIN);
}

std::string request_text(std::string_view method,
                         std::string_view target,
                         std::string_view body,
                         std::string_view headers) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (headers.find("Authorization") == std::string_view::npos) {
    text.append("Authorization: Bearer admin\r\n");
  }
  text.append(headers);
  if (!body.empty()) {
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  return text.append("\r\n").append(body);
}

}  // namespace jobflow::api::testing
