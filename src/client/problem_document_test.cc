#include "client/problem_document.h"

#include <gtest/gtest.h>

namespace jobflow::client {
namespace {

TEST(ProblemDocument, GivesCodeDetailPlacesAndIncident) {
  const Problem problem = decode_problem(400, "application/problem+json",
                                         R"({"code":"invalid","title":"t","detail":"two are wrong",
      "errors":[{"pointer":"/spec/steps/0","message":"no handler","line":7},
                {"pointer":"/x","message":"unknown"}],"incident":"42"})");
  EXPECT_EQ(problem.code, ProblemCode::invalid);
  EXPECT_EQ(problem.detail, "two are wrong");
  ASSERT_EQ(problem.fields.size(), 2U);
  EXPECT_EQ(problem.fields[0], (FieldProblem{"/spec/steps/0", "no handler", 7}));
  EXPECT_EQ(problem.fields[1].line, 0);
  EXPECT_EQ(problem.incident, "42");
}

TEST(ProblemDocument, FallsBackOnTheStatusWhenTheBodySaysNothing) {
  EXPECT_EQ(decode_problem(404, "text/html", "<html>").code, ProblemCode::not_found);
  EXPECT_EQ(decode_problem(401, "", "").code, ProblemCode::unauthenticated);
  EXPECT_EQ(decode_problem(503, "", "").code, ProblemCode::unavailable);
  EXPECT_EQ(decode_problem(500, "", "[]").code, ProblemCode::internal);
  EXPECT_NE(decode_problem(502, "text/plain", "gone").detail.find("502: gone"), std::string::npos);
  // A code of a newer server is no reason to fail.
  EXPECT_EQ(decode_problem(404, "", R"({"code":"brand_new","detail":"d"})").code,
            ProblemCode::not_found);
}

}  // namespace
}  // namespace jobflow::client
