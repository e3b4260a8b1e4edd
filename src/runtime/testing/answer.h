// What an asker of a test's hall was told, once it was told.
#pragma once

#include "engine/decision.h"
#include "model/outcome.h"

#include <memory>
#include <utility>
#include <vector>

namespace jobflow::runtime::testing {

// Reading it before it came throws: the test fails there, the others go on.
class Answer {
 public:
  Answer& operator=(Outcome<engine::Reply> reply) {
    come_.clear();
    come_.push_back(std::move(reply));
    return *this;
  }
  bool has_value() const { return !come_.empty(); }
  explicit operator bool() const { return has_value(); }
  const Outcome<engine::Reply>& operator*() const { return come_.at(0); }
  const Outcome<engine::Reply>* operator->() const { return &come_.at(0); }

 private:
  std::vector<Outcome<engine::Reply>> come_;
};

using Answered = std::shared_ptr<Answer>;

}  // namespace jobflow::runtime::testing
