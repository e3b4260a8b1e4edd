#include "api/reference_warnings.h"

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
  // What is not among the documents: which of them name it, and how.
  struct Mention {
    std::size_t document;
    std::string trigger;  // that follows it; of a semaphore none
  };
  std::map<Named, std::vector<Mention>> wanted;
};

std::string warning_of(const Named& missing, const LookUp::Mention& mention) {
  const auto& [kind, name_space, name] = missing;
  const std::string what = "there is no " + std::string(to_string(kind)) + " '" + name +
                           "' in the namespace '" + name_space + "': ";
  return mention.trigger.empty()
             ? what + "what names it waits in the queue until there is one"
             : "trigger '" + mention.trigger + "': " + what + "it fires only once there is one";
}

void note_semaphores(LookUp& look, std::size_t document, const Definition& of, const Task& task) {
  for (const std::string& name : task.semaphores) {
    auto& mentions = look.wanted[{DefinitionKind::semaphore, of.name_space, name}];
    if (mentions.empty() || mentions.back().document != document) {
      mentions.push_back({document, ""});
    }
  }
}

void note_mentions(LookUp& look, std::size_t document, const Definition& definition) {
  for (const TriggerSpec& trigger : definition.triggers()) {
    const Upstream& after = trigger.schedule.after;
    if (trigger.schedule.kind == ScheduleKind::after_run) {
      look.wanted[{after.kind, after.name_space.empty() ? definition.name_space : after.name_space,
                   after.name}]
          .push_back({document, trigger.name});
    }
  }
  if (definition.kind == DefinitionKind::job) {
    note_semaphores(look, document, definition, definition.job().task);
  } else if (definition.kind == DefinitionKind::workflow) {
    for (const StepSpec& step : definition.workflow().steps) {
      note_semaphores(look, document, definition, step.task);
    }
  }
}

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
              for (const LookUp::Mention& mention : one.mapped()) {
                look->documents[mention.document].warnings.push_back(
                    warning_of(one.key(), mention));
              }
            }
            go_on(look);
          }));
}

}  // namespace

void warn_of_missing(const ExchangePtr& exchange,
                     std::vector<Document> documents,
                     std::function<void(std::vector<Document>)> next) {
  auto look = std::make_shared<LookUp>(
      LookUp{.exchange = exchange, .documents = std::move(documents), .next = std::move(next)});
  for (std::size_t i = 0; i < look->documents.size(); ++i) {
    if (const Definition* definition = look->documents[i].definition.get()) {
      note_mentions(*look, i, *definition);
    }
  }
  for (const Document& document : look->documents) {
    if (document.definition) {
      look->wanted.erase(
          {document.definition->kind, document.definition->name_space, document.definition->name});
    }
  }
  while (look->wanted.size() > kReferencesLookedUp) {
    look->wanted.erase(std::prev(look->wanted.end()));
  }
  go_on(look);
}

}  // namespace jobflow::api
