// What somebody probably meant: for error messages that offer the right word. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace jobflow {

// The candidate nearest to `word`, case ignored, when it is near enough to be a slip; else "".
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates);

// ": did you mean 'x'?", or "" when nothing is near.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace jobflow
