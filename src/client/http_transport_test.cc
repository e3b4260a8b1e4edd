#include "client/http_transport.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <thread>

namespace jobflow::client {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// A server that takes one connection after another and plays a part on each.
class ScriptedServer {
 public:
  using Part = std::function<void(tcp::socket&)>;

  explicit ScriptedServer(std::vector<Part> parts)
      : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}),
        thread_([this, parts = std::move(parts)] {
          for (const Part& part : parts) {
            tcp::socket socket(io_);
            boost::system::error_code failed;
            acceptor_.accept(socket, failed);
            if (failed) {
              return;
            }
            try {
              part(socket);
            } catch (const std::exception&) {
            }
          }
        }) {}
  ~ScriptedServer() { thread_.join(); }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  HttpSettings settings() const {
    const std::string port = std::to_string(acceptor_.local_endpoint().port());
    return {.server = *parse_server_address("127.0.0.1:" + port), .token = "jf_secret"};
  }

 private:
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::thread thread_;
};

// Reads one request with its body of the stated length.
std::string take_request(tcp::socket& socket) {
  std::string text;
  asio::read_until(socket, asio::dynamic_buffer(text), "\r\n\r\n");
  const auto length_at = text.find("Content-Length: ");
  if (length_at != std::string::npos) {
    const std::size_t length = std::stoul(text.substr(length_at + 16));
    while (text.size() < text.find("\r\n\r\n") + 4 + length) {
      std::array<char, 256> room{};
      text.append(room.data(), socket.read_some(asio::buffer(room)));
    }
  }
  return text;
}

void say(tcp::socket& socket, const std::string& text) {
  asio::write(socket, asio::buffer(text));
}

std::string answer(const std::string& status, const std::string& body) {
  return "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nETag: \"4\"\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(HttpTransport, SendsTokenAndBodyAndKeepsTheConnection) {
  std::vector<std::string> requests;
  ScriptedServer server({[&](tcp::socket& socket) {
    requests.push_back(take_request(socket));
    say(socket, answer("200 OK", "{}"));
    requests.push_back(take_request(socket));
    say(socket, answer("201 Created", R"({"id":"1"})"));
  }});
  HttpTransport transport(server.settings());
  const auto first = transport.call({.target = "/api/v1/runs"});
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->etag, "\"4\"");
  const auto second = transport.call({.method = "POST",
                                      .target = "/api/v1/jobs",
                                      .body = "a: 1",
                                      .content_type = "application/yaml",
                                      .headers = {{"If-Match", "\"3\""}}});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->status, 201);
  transport.rest();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(requests[0].starts_with("GET /api/v1/runs HTTP/1.1\r\n"));
  EXPECT_NE(requests[0].find("Authorization: Bearer jf_secret\r\n"), std::string::npos);
  EXPECT_NE(requests[1].find("If-Match: \"3\"\r\n"), std::string::npos);
  EXPECT_TRUE(requests[1].ends_with("\r\n\r\na: 1"));
}

TEST(HttpTransport, ReplacesAConnectionThatTheServerClosed) {
  const auto serve_one = [](tcp::socket& socket) {
    take_request(socket);
    say(socket, answer("200 OK", "{}"));
    socket.shutdown(tcp::socket::shutdown_both);
  };
  ScriptedServer server({serve_one, serve_one});
  HttpTransport transport(server.settings());
  EXPECT_TRUE(transport.call({.target = "/a"}).ok());
  EXPECT_TRUE(transport.call({.target = "/b"}).ok());
}

TEST(HttpTransport, TellsHowToStartAServerWhenNoneListens) {
  tcp::endpoint nobody;
  {
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    nobody = acceptor.local_endpoint();
  }
  HttpTransport transport({.server = *parse_server_address(std::to_string(nobody.port()))});
  const auto answered = transport.call({.target = "/a"});
  ASSERT_FALSE(answered.ok());
  EXPECT_EQ(answered.problem().code, ProblemCode::unavailable);
  EXPECT_NE(answered.problem().detail.find("jobflow server"), std::string::npos);
}

TEST(HttpTransport, SaysWhenAChangeMayHaveHappened) {
  ScriptedServer server({[](tcp::socket& socket) { take_request(socket); }});
  HttpTransport transport(server.settings());
  const auto answered = transport.call({.method = "POST", .target = "/a", .body = "{}"});
  ASSERT_FALSE(answered.ok());
  EXPECT_EQ(answered.problem().code, ProblemCode::outcome_unknown);
}

TEST(HttpTransport, ReadsProblems) {
  ScriptedServer server({[](tcp::socket& socket) {
    take_request(socket);
    say(socket, answer("404 Not Found", R"({"code":"not_found","detail":"no job 'x'"})"));
  }});
  HttpTransport transport(server.settings());
  const auto answered = transport.call({.target = "/a"});
  transport.rest();
  ASSERT_FALSE(answered.ok());
  EXPECT_EQ(answered.problem(), (Problem{ProblemCode::not_found, "no job 'x'"}));
}

TEST(HttpTransport, HearsARefusalThatComesBeforeTheWholeBodyWasTaken) {
  ScriptedServer server({[](tcp::socket& socket) {
    std::string head;
    asio::read_until(socket, asio::dynamic_buffer(head), "\r\n\r\n");
    say(socket,
        "HTTP/1.1 413 Payload Too Large\r\nContent-Type: application/problem+json\r\n"
        "Connection: close\r\nContent-Length: 42\r\n\r\n"
        R"({"code":"too_large","detail":"over 5 bytes"})");
  }});
  HttpTransport transport(server.settings());
  const auto refused = transport.call(
      {.method = "POST", .target = "/", .body = std::string(std::size_t{32} << 20, 'x')});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.problem().code, ProblemCode::too_large) << refused.problem().detail;
}

TEST(HttpTransport, HearsAnEventStreamUntilItHasHeardEnough) {
  ScriptedServer server({[](tcp::socket& socket) {
    take_request(socket);
    say(socket,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    say(socket, "a\r\ndata: one\n\r\n");
    say(socket, "10\r\n\ndata: two\n\ndata\r\n");
    std::array<char, 16> room{};
    boost::system::error_code ended;
    socket.read_some(asio::buffer(room), ended);  // until the client goes
  }});
  HttpTransport transport(server.settings());
  std::vector<std::string> heard;
  int idle = 0;
  const auto end = transport.listen({.target = "/events"},
                                    {.heard =
                                         [&](const ServerEvent& event) {
                                           heard.push_back(event.data);
                                           return true;
                                         },
                                     .idle = [&] { return ++idle < 3 || heard.size() < 2; }});
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(*end, StreamEnd::enough);
  EXPECT_EQ(heard, (std::vector<std::string>{"one", "two"}));
}

TEST(HttpTransport, TellsARefusedStreamFromOneThatEnded) {
  ScriptedServer server({[](tcp::socket& socket) {
                           take_request(socket);
                           say(socket,
                               answer("403 Forbidden", R"({"code":"forbidden","detail":"no"})"));
                         },
                         [](tcp::socket& socket) {
                           take_request(socket);
                           say(socket, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndata: x\n\n");
                           socket.shutdown(tcp::socket::shutdown_both);
                         }});
  HttpTransport transport(server.settings());
  int heard = 0;
  const EventListener listener{.heard = [&](const ServerEvent&) { return ++heard > 0; },
                               .idle = [] { return true; }};
  EXPECT_EQ(transport.listen({.target = "/e"}, listener).problem().code, ProblemCode::forbidden);
  const auto end = transport.listen({.target = "/e"}, listener);
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(*end, StreamEnd::closed_by_server);
  EXPECT_EQ(heard, 1);
}

}  // namespace
}  // namespace jobflow::client
