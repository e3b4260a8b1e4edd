// The stories of testdata/, each with its whole expected trace. JOBFLOW_REWRITE=1 writes down what
// they leave now: read the difference before you believe it.
#include "engine/testing/script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace jobflow::engine::testing {
namespace {

std::vector<std::string> stories() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(JOBFLOW_ENGINE_TESTDATA)) {
    if (entry.path().extension() == ".txt") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Script : public ::testing::TestWithParam<std::string> {
 protected:
  std::string path() const {
    return std::string(JOBFLOW_ENGINE_TESTDATA) + "/" + GetParam() + ".txt";
  }
  std::string story() const {
    std::ifstream file(path());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
};

TEST_P(Script, LeavesTheTraceThatIsWrittenDown) {
  const std::string left = replay(story(), /*reload_each=*/false);
  if (std::getenv("JOBFLOW_REWRITE") != nullptr) {
    std::ofstream(path()) << left;
  }
  EXPECT_EQ(first_difference(story(), left), "")
      << "JOBFLOW_REWRITE=1 writes down what it leaves now";
}

// All state can be derived from rows (house 3, S1.5): a shard that is loaded anew after every
// decision decides the same.
TEST_P(Script, LeavesTheSameWhenLoadedAnewAfterEveryDecision) {
  EXPECT_EQ(first_difference(without_repeats(story()), replay(story(), /*reload_each=*/true)), "");
}

INSTANTIATE_TEST_SUITE_P(Story, Script, ::testing::ValuesIn(stories()), [](const auto& story) {
  std::string name = story.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

}  // namespace
}  // namespace jobflow::engine::testing
