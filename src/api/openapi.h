// The contract, api/openapi.yaml, as the binary carries it.
#pragma once

#include <string>
#include <string_view>

namespace jobflow::api {

std::string_view openapi_yaml();
// The same as JSON: made at the first call, kept. Thread-safe.
const std::string& openapi_json();

}  // namespace jobflow::api
