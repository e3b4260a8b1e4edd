// Where things stand in a JSON text: the line of every value, and the keys that one object has
// twice, of which a parser keeps the last in silence. Pure.
#pragma once

#include "model/outcome.h"

#include <boost/json/value.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

struct JsonPlaces {
  std::map<std::string, int, std::less<>> lines;  // JSON pointer -> 1-based line
  std::vector<FieldProblem> twins;                // one a key that was already there
};

// Of a text that is known to be valid.
JsonPlaces places_in(std::string_view text);

// Refuses a text for the `twins` in it; not empty.
Problem twin_keys(std::vector<FieldProblem> twins);

// Whether some object in `text` has a key twice; `parsed` is what a parser made of it. Fast.
bool has_twin_keys(std::string_view text, const boost::json::value& parsed);

}  // namespace jobflow::api
