// What a caller must look at: a value, or the Problem that stands in its place.
#pragma once

#include "model/check.h"

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace jobflow {

// Stable codes of the public API (`code` in problem+json). A code exists only if someone can react.
enum class ProblemCode : unsigned char {
  invalid,            // the request or definition is wrong; `fields` say where
  not_found,          // no such thing
  already_exists,     // the name is taken
  revision_mismatch,  // If-Match does not hold
  in_use,             // refused: something depends on it
  wrong_state,        // the thing exists, but not in a state that allows this
  unauthenticated,    // no or unknown token
  forbidden,          // the role does not allow it
  too_large,          // over a stated limit
  queue_full,         // over a stated limit of waiting work; try later
  unavailable,        // the store or this member cannot take it now; try later
  outcome_unknown,    // it may or may not have happened
  store_refused,      // the store can never write it; see `incident`
  incompatible,       // another version of protocol or schema
  internal,           // our fault; see `incident`
};

// The code as the API writes it, e.g. "not_found".
std::string_view to_string(ProblemCode code);

// One wrong place in a request or definition.
struct FieldProblem {
  std::string pointer;  // JSON pointer, e.g. "/spec/steps/2/needs/0"
  std::string message;  // what is wrong and what to do
  int line = 0;         // 1-based line of the source text, 0 when not known
  bool operator==(const FieldProblem&) const = default;
};

// Why something was not done, for a person and for a program.
struct Problem {
  ProblemCode code = ProblemCode::internal;
  std::string detail;
  std::vector<FieldProblem> fields = {};
  std::string incident = {};  // an id that the log repeats, when set
  bool operator==(const Problem&) const = default;
};

// A T or a Problem. Not thread-safe; a value.
template <class T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Problem problem) : held_(std::in_place_index<1>, std::move(problem)) {}

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return check(ok(), "value() of a problem"), std::get<0>(held_); }
  const T& value() const& { return check(ok(), "value() of a problem"), std::get<0>(held_); }
  T&& value() && { return check(ok(), "value() of a problem"), std::get<0>(std::move(held_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Problem& problem() const {
    return check(!ok(), "problem() of a value"), std::get<1>(held_);
  }

 private:
  std::variant<T, Problem> held_;
};

// The value of an Outcome that carries nothing but success.
struct Done {
  bool operator==(const Done&) const = default;
};

}  // namespace jobflow
