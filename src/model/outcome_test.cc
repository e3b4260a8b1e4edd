#include "model/outcome.h"

#include "model/spelling.h"

#include <gtest/gtest.h>

namespace jobflow {
namespace {

TEST(Outcome, IsAValueOrAProblem) {
  const Outcome<int> value = 3;
  EXPECT_TRUE(value.ok());
  EXPECT_EQ(*value, 3);
  const Outcome<int> problem = Problem{ProblemCode::not_found, "no such thing"};
  EXPECT_FALSE(problem.ok());
  EXPECT_EQ(problem.problem().detail, "no such thing");
  EXPECT_DEATH(problem.value(), "value\\(\\) of a problem");
}

TEST(ProblemCode, HasTheWordsOfTheApi) {
  EXPECT_EQ(to_string(ProblemCode::invalid), "invalid");
  EXPECT_EQ(to_string(ProblemCode::outcome_unknown), "outcome_unknown");
  EXPECT_EQ(to_string(ProblemCode::internal), "internal");
  EXPECT_DEATH(to_string(static_cast<ProblemCode>(99)), "out of range");
}

TEST(Spelling, OffersOnlyWhatIsNear) {
  constexpr std::string_view kWords[] = {"timeout", "triggers", "tags", "handler"};
  EXPECT_EQ(did_you_mean("handlr", kWords), ": did you mean 'handler'?");
  EXPECT_EQ(did_you_mean("tiemout", kWords), ": did you mean 'timeout'?");
  EXPECT_EQ(did_you_mean("Tags", kWords), ": did you mean 'tags'?");
  EXPECT_EQ(did_you_mean("colour", kWords), "");
  EXPECT_EQ(did_you_mean("", kWords), "");
  EXPECT_EQ(did_you_mean(std::string(100'000, 'x'), kWords), "");
}

}  // namespace
}  // namespace jobflow
