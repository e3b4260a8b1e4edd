#include "api/openapi.h"

#include "api/yaml_document.h"
#include "model/check.h"
#include "model/json.h"

namespace jobflow::api {

const std::string& openapi_json() {
  static const std::string kText = [] {
    auto documents = read_yaml(openapi_yaml());
    check(documents.ok() && documents->size() == 1, "api/openapi.yaml cannot be read");
    return to_text(documents->front().value);
  }();
  return kText;
}

}  // namespace jobflow::api
