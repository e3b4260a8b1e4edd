// What the protocol's strings must be: valid UTF-8 without NUL. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jobflow::worker {

// Whether protocol and stores take `text` as it is.
bool is_clean_text(std::string_view text);

// `text` with U+FFFD for every NUL and every byte that is not part of a valid UTF-8 sequence.
std::string clean_text(std::string text);

// The longest prefix of at most `bytes` that ends between two characters.
std::string_view cut_text(std::string_view text, std::size_t bytes);

}  // namespace jobflow::worker
