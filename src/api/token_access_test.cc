#include "api/token_access.h"

#include "api/testing/api_stage.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace jobflow::api {
namespace {

class TokensTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/jobflow-tokens-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    folder = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::string text;
    std::getline(file, text);
    return text;
  }
  Outcome<runtime::Principal> who(const std::string& token) {
    const auto rows = TokenAccess::read(*store);
    return TokenAccess(*rows, clock).authenticate(token);
  }

  std::string folder;
  testing::StillClock clock;
  std::unique_ptr<store::Store> store = store::make_memory_store();
};

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(TokenSecret, IsLongAndNeverTheSame) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string secret = new_token_secret();
    EXPECT_EQ(secret.size(), 3 + 43U);
    EXPECT_TRUE(secret.starts_with("jf_"));
    EXPECT_TRUE(seen.insert(secret).second);
  }
}

TEST_F(TokensTest, TheFirstStartMakesBoth_S13_1) {
  const auto first = ensure_first_tokens(*store, clock, folder);
  ASSERT_TRUE(first) << first.problem().detail;
  EXPECT_TRUE(first->admin.is_new);
  EXPECT_TRUE(first->worker.is_new);
  struct stat facts{};
  ASSERT_EQ(::stat(first->admin.path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  const auto admin = who(text_of(first->admin.path));
  ASSERT_TRUE(admin);
  EXPECT_EQ(admin->role, "admin");
  EXPECT_EQ(admin->name, "token:admin");
  EXPECT_EQ(who(text_of(first->worker.path))->role, "worker");
  const auto rows = TokenAccess::read(*store);
  for (const TokenRow& row : *rows) {
    EXPECT_EQ(row.sha256_hex.size(), 64U) << "never the secret itself";
  }
}

TEST_F(TokensTest, TheNextStartKeepsThem) {
  ASSERT_TRUE(ensure_first_tokens(*store, clock, folder));
  const std::string before = text_of(folder + "/admin.token");
  const auto again = ensure_first_tokens(*store, clock, folder);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->admin.is_new || again->worker.is_new);
  EXPECT_EQ(text_of(folder + "/admin.token"), before);
  EXPECT_EQ(TokenAccess::read(*store)->size(), 2U);
}

TEST_F(TokensTest, AMissingOrForeignFileIsMadeAnewAndTheOldTokenEnds) {
  ASSERT_TRUE(ensure_first_tokens(*store, clock, folder));
  const std::string lost = text_of(folder + "/admin.token");
  ::unlink((folder + "/admin.token").c_str());
  std::ofstream(folder + "/worker.token") << "jf_of_another_store\n";
  clock.time = clock.time + seconds(1);
  const auto again = ensure_first_tokens(*store, clock, folder);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->admin.is_new && again->worker.is_new);
  EXPECT_TRUE(who(text_of(again->admin.path)));
  EXPECT_TRUE(who(text_of(again->worker.path)));
  EXPECT_FALSE(who(lost));
  EXPECT_EQ(TokenAccess::read(*store)->size(), 2U);
}

TEST_F(TokensTest, AFolderThatCannotBeWrittenSaysWhatToDo) {
  const auto no = ensure_first_tokens(*store, clock, folder + "/missing");
  ASSERT_FALSE(no);
  EXPECT_NE(no.problem().detail.find("make the folder writable"), std::string::npos);
}

TEST_F(TokensTest, UnknownAndExpiredTokensAreNobodys) {
  const TokenRow row{.id = {1},
                     .name = "ci",
                     .role = "editor",
                     .sha256_hex = sha256_hex("jf_x"),
                     .expires = clock.time + seconds(1)};
  const TokenAccess access({row}, clock);
  EXPECT_EQ(access.authenticate("jf_x")->role, "editor");
  EXPECT_FALSE(access.authenticate("jf_y"));
  EXPECT_FALSE(access.authenticate(""));
  EXPECT_FALSE(access.authenticate(row.sha256_hex)) << "a hash is no token";
  EXPECT_FALSE(access.authenticate(std::string(10'000, 'x')));
  clock.time = clock.time + seconds(1);
  EXPECT_FALSE(access.authenticate("jf_x"));
}

}  // namespace
}  // namespace jobflow::api
