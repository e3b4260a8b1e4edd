#include "api/forbidden_handlers.h"

#include "api/name_book.h"
#include "model/json.h"
#include "model/limits.h"
#include "store/store.h"

namespace jobflow::api {
namespace {

// The member of a job's spec or of a step that names its handler: "handler", or the shorthand.
std::string handler_member(const JsonValue* owner, const std::string& handler) {
  const auto* object = owner == nullptr ? nullptr : owner->if_object();
  return object != nullptr && object->contains(handler) && !object->contains("handler") ? handler
                                                                                        : "handler";
}

const JsonValue* member(const JsonValue* value, std::string_view name) {
  const auto* object = value == nullptr ? nullptr : value->if_object();
  return object == nullptr ? nullptr : object->if_contains(name);
}

const JsonValue* item(const JsonValue* value, std::size_t position) {
  const auto* array = value == nullptr ? nullptr : value->if_array();
  return array == nullptr ? nullptr : array->if_contains(position);
}

bool waits_to_be_given_out(RunState state) {
  return state == RunState::queued || state == RunState::scheduled || state == RunState::waiting;
}

}  // namespace

std::vector<FieldProblem> check_handlers(const Definition& definition, const HandlerRules& rules) {
  std::vector<FieldProblem> problems;
  if (rules.forbid_nothing()) {
    return problems;
  }
  const auto document = parse_json(definition.document.empty() ? "{}" : definition.document);
  const JsonValue* spec = document ? member(&*document, "spec") : nullptr;
  const auto judge = [&](const std::string& handler, const std::string& at,
                         const JsonValue* owner) {
    if (rules.forbids(definition.name_space, handler)) {
      problems.push_back({pointer_to(at, handler_member(owner, handler)),
                          HandlerRules::in_words(definition.name_space, handler)});
    }
  };
  if (definition.kind == DefinitionKind::job) {
    judge(definition.job().task.handler, "/spec", spec);
    return problems;
  }
  const JsonValue* steps = member(spec, "steps");
  const auto& specs = definition.workflow().steps;
  for (std::size_t i = 0; i < specs.size() && problems.size() < limits::kProblemsMax; ++i) {
    judge(specs[i].task.handler, "/spec/steps/" + std::to_string(i), item(steps, i));
  }
  return problems;
}

void explain_rules(const ExchangePtr& exchange,
                   Id run,
                   engine::Explanation why,
                   std::function<void(const engine::Explanation&)> next) {
  if (exchange->doors->forbidden.forbid_nothing() || !waits_to_be_given_out(why.state)) {
    return next(why);
  }
  exchange->doors->store.read_run(
      run,
      hop<Outcome<std::optional<store::RunAt>>>(
          exchange, [exchange, why = std::move(why),
                     next = std::move(next)](const Outcome<std::optional<store::RunAt>>& found) {
            if (!found || !*found) {
              return next(why);
            }
            const RunRow row = (*found)->row;
            exchange->doors->names.look_up(
                {row.definition}, hop<Names>(exchange, [=](const Names& names) {
                  const auto at = names.find(row.definition);
                  if (at == names.end() ||
                      !exchange->doors->forbidden.forbids(at->second.name_space, row.handler)) {
                    return next(why);
                  }
                  engine::Explanation more = why;
                  more.reasons.insert(
                      more.reasons.begin(),
                      {"forbidden", HandlerRules::in_words(at->second.name_space, row.handler)});
                  more.earliest = Instant{};
                  next(more);
                }));
          }));
}

}  // namespace jobflow::api
