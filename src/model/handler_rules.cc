#include "model/handler_rules.h"

#include "model/definition.h"

#include <algorithm>

namespace jobflow {

Outcome<HandlerRules> HandlerRules::parse(const std::vector<std::string>& words) {
  HandlerRules rules;
  for (const std::string& word : words) {
    const std::size_t slash = std::min(word.find('/'), word.size());
    std::string name_space = word.substr(0, slash);
    std::string handler = word.substr(std::min(slash + 1, word.size()));
    if (!(name_space == "*" || is_valid_name(name_space)) || !is_valid_name(handler)) {
      return Problem{ProblemCode::invalid,
                     "'" + word.substr(0, 80) +
                         "' is not NAMESPACE/HANDLER: write it like prod/shell, or */shell for "
                         "every namespace"};
    }
    rules.forbidden_.emplace_back(std::move(name_space), std::move(handler));
  }
  return rules;
}

bool HandlerRules::forbids(std::string_view name_space, std::string_view handler) const {
  return std::ranges::any_of(forbidden_, [&](const auto& rule) {
    return rule.second == handler && (rule.first == "*" || rule.first == name_space);
  });
}

std::string HandlerRules::in_words(std::string_view name_space, std::string_view handler) {
  return "the handler '" + std::string(handler) + "' is forbidden in the namespace '" +
         std::string(name_space) +
         "' by the server's operator (forbid_handlers): use another handler, or ask the operator";
}

}  // namespace jobflow
