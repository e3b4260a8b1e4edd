// Handlers that the operator forbids in a definition's namespace (S7.6): said when it is saved, and
// when a run of one that was saved before waits.
#pragma once

#include "api/exchange.h"
#include "engine/decision.h"
#include "model/definition.h"
#include "model/handler_rules.h"

#include <functional>
#include <vector>

namespace jobflow::api {

// Each with its pointer into the document.
std::vector<FieldProblem> check_handlers(const Definition& definition, const HandlerRules& rules);

// Goes on with the explanation, and in it the rule that keeps the exchange's run waiting, if one
// does. What the store does not answer is not spoken of.
void explain_rules(const ExchangePtr& exchange,
                   Id run,
                   engine::Explanation why,
                   std::function<void(const engine::Explanation&)> next);

}  // namespace jobflow::api
