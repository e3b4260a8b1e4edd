#include "app/data_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace jobflow::app {
namespace {

class DataFolderTest : public testing::Test {
 protected:
  DataFolderTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "jobflow-folder-XXXXXX";
    root = ::mkdtemp(pattern.data());
  }
  ~DataFolderTest() override { std::filesystem::remove_all(root); }
  std::string root;
};

TEST_F(DataFolderTest, IsMadePrivate) {
  const auto folder = DataFolder::open(root + "/a/b");
  ASSERT_TRUE(folder.ok());
  struct stat found{};
  ASSERT_EQ(::stat((root + "/a/b").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0700U);
}

TEST_F(DataFolderTest, IsHeldByOneAtATime) {
  auto first = DataFolder::open(root);
  ASSERT_TRUE(first.ok());
  const auto second = DataFolder::open(root);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.problem().detail.find(root), std::string::npos);
  first->reset();
  EXPECT_TRUE(DataFolder::open(root).ok());
}

TEST_F(DataFolderTest, SaysWhereTheServerIsAsLongAsItRuns) {
  {
    auto folder = DataFolder::open(root);
    ASSERT_TRUE((*folder)->announce("http://127.0.0.1:1", "127.0.0.1:2", {1'000}).ok());
    std::string text;
    std::getline(std::ifstream(root + "/server.json"), text);
    EXPECT_NE(text.find("\"http\":\"http://127.0.0.1:1\""), std::string::npos);
    EXPECT_NE(text.find("1970-01-01T00:00:01.000Z"), std::string::npos);
  }
  EXPECT_FALSE(std::filesystem::exists(root + "/server.json"));
}

TEST_F(DataFolderTest, AFileInTheWayIsNamed) {
  std::ofstream(root + "/file") << "x";
  for (const char* below : {"/file", "/file/data"}) {
    const auto folder = DataFolder::open(root + below);
    ASSERT_FALSE(folder.ok());
    EXPECT_NE(folder.problem().detail.find("--data"), std::string::npos);
  }
}

}  // namespace
}  // namespace jobflow::app
