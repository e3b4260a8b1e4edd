#include "tools/sim/documents.h"

#include "model/check.h"
#include "model/json.h"
#include "runtime/hall.h"
#include "tools/sim/shut.h"
#include "tools/sim/world.h"

#include <fmt/format.h>

namespace jobflow::sim {
namespace {

std::shared_ptr<const Definition> read(DefinitionKind kind,
                                       const std::string& name,
                                       const std::string& spec) {
  auto definition = runtime::read_definition(
      kind, fmt::format(R"({{"metadata":{{"name":"{}"}},"spec":{{{}}}}})", name, spec),
      shut_book(spec));
  check(definition.ok(), "the simulator writes valid definitions");
  return std::move(definition).value();
}

std::string handler(Random& random) {
  return fmt::format(R"("handler":"h{}")", random.below(3));
}

// Who waits for a permit does so for a bound time: then its world comes to rest.
std::string semaphores(Random& random, const DocumentWishes& wishes) {
  std::string names;
  for (const std::string& name : wishes.semaphores) {
    if (random.chance(35)) {
      names += fmt::format(R"({}"{}")", names.empty() ? "" : ",", name);
    }
  }
  return names.empty() ? "" : fmt::format(R"(,"semaphores":[{}])", names);
}

// Every attempt has a bound of seconds, so that a world comes to rest soon (I5).
std::string policies(Random& random, const DocumentWishes& wishes) {
  std::string text = fmt::format(
      R"("timeout":"{}ms","retry":{{"max_attempts":{},"initial":"{}ms","max":"2s","jitter":0.{}}})",
      random.between(800, 6000), random.chance(50) ? 1 : random.between(2, 4),
      random.between(1, 800), random.below(9));
  const std::string permits = semaphores(random, wishes);
  text += permits;
  if (random.chance(30) || !permits.empty()) {
    text += fmt::format(R"(,"queue_timeout":"{}ms")", random.between(300, 15'000));
  }
  if (random.chance(20)) {
    text += fmt::format(R"(,"total_timeout":"{}ms")", random.between(500, 12'000));
  }
  if (random.chance(30)) {
    text += fmt::format(R"(,"priority":{})", random.between(-5, 5));
  }
  // w0 is always there, and offers everything.
  static constexpr const char* kStrategies[] = {
      R"("round_robin")",         R"("random")",
      R"("least_loaded")",        R"("hash")",
      R"("hash","hash_key":"p")", R"("designated","workers":["w0","w1","nobody"])"};
  return text + fmt::format(R"(,"strategy":{})", kStrategies[random.below(6)]);
}

// Roomy enough for a world to come to rest soon.
std::string concurrency(Random& random) {
  if (!random.chance(30)) {
    return "";
  }
  return random.chance(50)
             ? fmt::format(R"(,"concurrency":{})", random.between(2, 5))
             : fmt::format(R"(,"concurrency":{{"max_runs":{},"key":"p","max_runs_per_key":{}}})",
                           random.between(4, 8), random.between(2, 3));
}

std::string triggers(Random& random, const DocumentWishes& wishes) {
  const std::string params =
      wishes.poison && random.chance(35) ? fmt::format(R"(,"params":{{"p":"{}"}})", kPoison) : "";
  return fmt::format(R"(,"triggers":[{}])", to_json(wishes.triggers, params));
}

std::string enabled(Random& random) {
  return random.chance(10) ? R"(,"enabled":false)" : "";
}

}  // namespace

std::shared_ptr<const Definition> random_job(Random& random,
                                             const std::string& name,
                                             const DocumentWishes& wishes) {
  return read(DefinitionKind::job, name,
              handler(random) + "," + policies(random, wishes) + concurrency(random) +
                  fmt::format(R"(,"params":{{"p":{}}})", random.below(100)) +
                  triggers(random, wishes) + enabled(random));
}

std::shared_ptr<const Definition> random_workflow(Random& random,
                                                  const std::string& name,
                                                  const DocumentWishes& wishes) {
  std::string steps;
  const std::int64_t count = random.between(1, wishes.steps_max);
  const int density = static_cast<int>(random.between(15, 70));
  for (std::int64_t i = 0; i < count; ++i) {
    std::string needs;
    std::string with = R"("x":"{{ inputs.p }}")";
    for (std::int64_t j = 0; j < i; ++j) {
      if (random.chance(density)) {
        needs += fmt::format(R"({}"s{}")", needs.empty() ? "" : ",", j);
        if (random.chance(50)) {
          with += fmt::format(R"(,"s{}":"{{{{ steps.s{}.output.token }}}}")", j, j);
        }
      }
    }
    steps += fmt::format(R"({}{{"id":"s{}",{},{},"needs":[{}],"with":{{{}}}}})", i == 0 ? "" : ",",
                         i, handler(random), policies(random, wishes), needs, with);
  }
  return read(DefinitionKind::workflow, name,
              fmt::format(R"("inputs":{{"p":{{"default":1}}}},"steps":[{}])", steps) +
                  (random.chance(15)
                       ? fmt::format(R"(,"total_timeout":"{}ms")", random.between(1'000, 20'000))
                       : "") +
                  triggers(random, wishes) + enabled(random));
}

std::shared_ptr<const Definition> semaphore_of(const std::string& name, std::int64_t permits) {
  return read(DefinitionKind::semaphore, name, fmt::format(R"("permits":{})", permits));
}

std::shared_ptr<const Definition> disabled(const DefinitionRow& row) {
  auto document = parse_json(row.document);
  check(document.ok(), "a stored document is JSON");
  document->at("spec").as_object()["enabled"] = false;
  auto definition =
      runtime::read_definition(row.kind, jobflow::to_text(*document), shut_book(row.document));
  check(definition.ok(), "what is disabled is as valid as before");
  return std::move(definition).value();
}

}  // namespace jobflow::sim
