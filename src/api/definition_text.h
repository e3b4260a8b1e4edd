// Definition files as they arrive, to checked definitions: every problem of every document at once,
// with its line.
#pragma once

#include "api/http.h"
#include "model/definition.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

struct DefinitionText {
  std::optional<DefinitionKind> kind;  // what it must be; unset: what each document says
  std::string name_space;              // for documents that name none; "" leaves it to them
  std::string name;                    // what it must be called; "" = anything
};

using Definitions = std::vector<std::shared_ptr<const Definition>>;

// The body of `request` as definitions. With a `wanted.kind`, exactly one document.
Outcome<Definitions> read_definitions(const Request& request, const DefinitionText& wanted);

}  // namespace jobflow::api
