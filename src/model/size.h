// Sizes in bytes, as people write them. Pure.
#pragma once

#include "model/outcome.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace jobflow {

// "512B", "64KiB", "1.5GiB", "2TiB" (K, M, G, T and KB, MB … mean the same), or whole bytes.
Outcome<std::int64_t> parse_size(std::string_view text);

// The largest unit that holds it whole: "64KiB", "1000B".
std::string size_text(std::int64_t bytes);

}  // namespace jobflow
