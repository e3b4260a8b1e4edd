// Which handlers an operator forbids in which namespaces (S7.6). Pure values.
#pragma once

#include "model/outcome.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobflow {

class HandlerRules {
 public:
  // Words NAMESPACE/HANDLER; the namespace * is every one.
  static Outcome<HandlerRules> parse(const std::vector<std::string>& words);

  bool forbids(std::string_view name_space, std::string_view handler) const;
  bool forbid_nothing() const { return forbidden_.empty(); }

  // Says so, and what to do.
  static std::string in_words(std::string_view name_space, std::string_view handler);

 private:
  std::vector<std::pair<std::string, std::string>> forbidden_;  // namespace or *, handler
};

}  // namespace jobflow
