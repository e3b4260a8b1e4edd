// How wide text is on a terminal, in columns: East Asian wide characters take two, combining marks
// none. Input is UTF-8; a broken byte counts as one column. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace jobflow::cli {

std::size_t text_width(std::string_view text);

// At most `columns` wide; what is cut off is marked by an ellipsis.
std::string cut_to_width(std::string_view text, std::size_t columns);

// As it may be printed: control characters (escape sequences too) and broken bytes are replaced, so
// that data never commands the terminal. Tabs become blanks; line ends too, unless kept.
std::string printable(std::string_view text, bool keep_line_ends = false);

}  // namespace jobflow::cli
