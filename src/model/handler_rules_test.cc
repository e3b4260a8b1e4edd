#include "model/handler_rules.h"

#include <gtest/gtest.h>

namespace jobflow {
namespace {

TEST(HandlerRules, S76_ForbidHandlersByNamespace) {
  const auto rules = HandlerRules::parse({"prod/shell", "*/sql", "prod/packages.sizes"});
  ASSERT_TRUE(rules.ok());
  EXPECT_TRUE(rules->forbids("prod", "shell"));
  EXPECT_TRUE(rules->forbids("prod", "packages.sizes"));
  EXPECT_FALSE(rules->forbids("default", "shell"));
  EXPECT_FALSE(rules->forbids("prod", "python"));
  EXPECT_FALSE(rules->forbids("prod2", "shell"));
  EXPECT_TRUE(rules->forbids("prod", "sql"));
  EXPECT_TRUE(rules->forbids("default", "sql"));
  EXPECT_FALSE(rules->forbid_nothing());
  EXPECT_TRUE(HandlerRules::parse({})->forbid_nothing());
}

TEST(HandlerRules, S76_RefuseWhatIsNoRule) {
  for (const char* word :
       {"shell", "prod/", "/shell", "prod/*", "*/*", "prod/shell/x", "p d/shell", "", "/"}) {
    const auto rules = HandlerRules::parse({"default/noop", word});
    ASSERT_FALSE(rules.ok()) << word;
    EXPECT_NE(rules.problem().detail.find("NAMESPACE/HANDLER"), std::string::npos);
  }
}

}  // namespace
}  // namespace jobflow
