// Bytes that are no text, in JSON (RFC 4648). Pure.
#pragma once

#include <string>
#include <string_view>

namespace jobflow::worker {

std::string to_base64(std::string_view bytes);

}  // namespace jobflow::worker
