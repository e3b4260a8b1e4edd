#include "api/json_places.h"
#include "api/yaml_document.h"
#include "model/json.h"

#include <boost/json/array.hpp>

namespace jobflow::api {
namespace {

// The lines of item `index` of an array, as its own document's.
std::map<std::string, int, std::less<>> lines_below(
    const std::map<std::string, int, std::less<>>& all, std::size_t index) {
  const std::string prefix = "/" + std::to_string(index);
  std::map<std::string, int, std::less<>> below;
  for (auto at = all.lower_bound(prefix); at != all.end() && at->first.starts_with(prefix); ++at) {
    const std::string_view rest = std::string_view(at->first).substr(prefix.size());
    if (rest.empty() || rest.front() == '/') {
      below.emplace(rest, at->second);
    }
  }
  return below;
}

}  // namespace

Outcome<std::vector<TextDocument>> read_json(std::string_view text, const TextLimits& limits) {
  if (text.size() > limits.bytes) {
    return Problem{ProblemCode::too_large,
                   "the text is over " + std::to_string(limits.bytes) + " bytes"};
  }
  auto value = parse_json(text);
  if (!value) {
    return value.problem();
  }
  JsonPlaces places = places_in(text);
  if (!places.twins.empty()) {
    return twin_keys(std::move(places.twins));
  }
  TextDocument whole{.lines = std::move(places.lines)};
  std::vector<TextDocument> documents;
  if (!value->is_array()) {
    whole.value = std::move(value).value();
    documents.push_back(std::move(whole));
    return documents;
  }
  if (value->get_array().size() > static_cast<std::size_t>(limits.documents)) {
    return Problem{ProblemCode::too_large,
                   "more than " + std::to_string(limits.documents) + " documents"};
  }
  for (auto& item : value->get_array()) {
    TextDocument document{.lines = lines_below(whole.lines, documents.size())};
    document.value = std::move(item);
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace jobflow::api
