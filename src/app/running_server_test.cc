#include "app/running_server.h"

#include "client/http_transport.h"
#include "store/sqlite/sqlite_store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

namespace jobflow::app {
namespace {

class RunningServerTest : public testing::Test {
 protected:
  RunningServerTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "jobflow-server-XXXXXX";
    root = ::mkdtemp(pattern.data());
  }
  ~RunningServerTest() override { std::filesystem::remove_all(root); }

  Outcome<std::unique_ptr<RunningServer>> start(std::function<void(std::string)> on_fenced =
                                                    [](std::string) {}) {
    SettingSources said;
    said.flags = {{"data", {"--data", root + "/data"}},
                  {"http.listen", {"--http-listen", "127.0.0.1:0"}},
                  {"grpc.listen", {"--grpc-listen", "127.0.0.1:0"}}};
    return RunningServer::start(
        *Settings::read(said), [](std::string_view, std::string_view) {}, std::move(on_fenced));
  }

  static client::HttpTransport client_of(const RunningServer& server) {
    std::string token;
    std::getline(std::ifstream(server.admin_token_path()), token);
    return client::HttpTransport(
        {.server = *client::parse_server_address(server.http()), .token = token});
  }

  static client::Request save_job(const std::string& name) {
    return {.method = "POST",
            .target = "/api/v1/jobs",
            .body = R"({"apiVersion":"jobflow/v1","kind":"Job","metadata":{"name":")" + name +
                    R"("},"spec":{"noop":{}}})",
            .content_type = "application/json"};
  }

  std::string root;
};

TEST_F(RunningServerTest, StartsStopsAndStartsAgainWithWhatItKnew) {
  {
    auto server = start();
    ASSERT_TRUE(server.ok()) << server.problem().detail;
    EXPECT_TRUE((*server)->first_start());  // S13.1
    auto client = client_of(**server);
    ASSERT_TRUE(client.call(save_job("kept")).ok());
    EXPECT_FALSE(start().ok()) << "the folder is held";
    (*server)->stop();
  }
  auto server = start();
  ASSERT_TRUE(server.ok()) << server.problem().detail;
  EXPECT_FALSE((*server)->first_start());
  auto client = client_of(**server);
  EXPECT_TRUE(client.call({.target = "/api/v1/jobs/kept"}).ok());
  const auto mode = std::filesystem::status((*server)->data() + "/jobflow.db").permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(RunningServerTest, IsToldWhenAnotherTookItsStore) {
  std::promise<std::string> fenced;
  auto server = start([&](std::string reason) { fenced.set_value(std::move(reason)); });
  ASSERT_TRUE(server.ok()) << server.problem().detail;
  auto other = store::open_sqlite_store((*server)->data() + "/jobflow.db");
  ASSERT_TRUE(other.ok()) << other.problem().detail;
  std::promise<bool> joined;
  (*other)->join({"solo"}, [&](Outcome<store::Ticket> ticket) { joined.set_value(ticket.ok()); });
  ASSERT_TRUE(joined.get_future().get());
  auto client = client_of(**server);
  EXPECT_FALSE(client.call(save_job("late")).ok());  // I1
  auto told = fenced.get_future();
  EXPECT_EQ(told.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  (*server)->stop();
}

}  // namespace
}  // namespace jobflow::app
