// How text may look where it goes: colours and glyphs, or none of them. A value.
#pragma once

#include <string>
#include <string_view>

namespace jobflow::cli {

enum class Colour : unsigned char { none, bold, dim, red, green, yellow, blue, cyan };

struct Style {
  bool colours = false;
  bool unicode = true;

  std::string paint(Colour colour, std::string_view text) const;
};

// A run's, step's or worker's state: its colour and its one-column glyph.
Colour colour_of_state(std::string_view state);
std::string glyph_of_state(std::string_view state, const Style& style);

}  // namespace jobflow::cli
