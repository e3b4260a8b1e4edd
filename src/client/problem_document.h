// Problems as the API writes them (RFC 9457), read back into a Problem.
#pragma once

#include "model/outcome.h"

#include <string_view>

namespace jobflow::client {

// Reads an answer that is no success. Whatever the body is, something readable comes out.
Problem decode_problem(int status, std::string_view content_type, std::string_view body);

}  // namespace jobflow::client
