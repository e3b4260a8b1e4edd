#include "api/upstream_warnings.h"

#include "store/store.h"

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>

namespace jobflow::api {
namespace {

using Named = std::tuple<DefinitionKind, std::string, std::string>;

// The documents on their way through the look-ups, one after the other.
struct LookUp {
  ExchangePtr exchange;
  std::vector<Document> documents;
  std::function<void(std::vector<Document>)> next;
  // What is not among the documents: which of them follow it, by which triggers.
  std::map<Named, std::vector<std::pair<std::size_t, std::string>>> wanted;
};

void go_on(const std::shared_ptr<LookUp>& look) {
  if (look->wanted.empty()) {
    return look->next(std::move(look->documents));
  }
  const auto& [kind, name_space, name] = look->wanted.begin()->first;
  look->exchange->doors->store.list_definitions(
      {.kind = kind, .name_space = name_space, .name = name, .limit = 1},
      hop<Outcome<std::vector<DefinitionRow>>>(
          look->exchange, [look](const Outcome<std::vector<DefinitionRow>>& rows) {
            const auto one = look->wanted.extract(look->wanted.begin());
            if (rows && rows->empty()) {
              const auto& [of, in, called] = one.key();
              for (const auto& [document, trigger] : one.mapped()) {
                look->documents[document].warnings.push_back(
                    "trigger '" + trigger + "': there is no " + std::string(to_string(of)) + " '" +
                    called + "' in the namespace '" + in + "': it fires only once there is one");
              }
            }
            go_on(look);
          }));
}

}  // namespace

void warn_of_upstreams(const ExchangePtr& exchange,
                       std::vector<Document> documents,
                       std::function<void(std::vector<Document>)> next) {
  auto look = std::make_shared<LookUp>(
      LookUp{.exchange = exchange, .documents = std::move(documents), .next = std::move(next)});
  for (std::size_t i = 0; i < look->documents.size(); ++i) {
    if (const Definition* definition = look->documents[i].definition.get()) {
      for (const TriggerSpec& trigger : definition->triggers()) {
        const Upstream& after = trigger.schedule.after;
        if (trigger.schedule.kind == ScheduleKind::after_run) {
          look->wanted[{after.kind,
                        after.name_space.empty() ? definition->name_space : after.name_space,
                        after.name}]
              .emplace_back(i, trigger.name);
        }
      }
    }
  }
  for (const Document& document : look->documents) {
    if (document.definition) {
      look->wanted.erase(
          {document.definition->kind, document.definition->name_space, document.definition->name});
    }
  }
  while (look->wanted.size() > kUpstreamsLookedUp) {
    look->wanted.erase(std::prev(look->wanted.end()));
  }
  go_on(look);
}

}  // namespace jobflow::api
