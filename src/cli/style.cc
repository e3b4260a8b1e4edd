#include "cli/style.h"

namespace jobflow::cli {
namespace {

std::string_view code_of(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::bold:
      return "\x1b[1m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::blue:
      return "\x1b[34m";
    case Colour::cyan:
      return "\x1b[36m";
  }
  return "";
}

struct Look {
  std::string_view state;
  Colour colour;
  std::string_view glyph, plain;
};

constexpr Look kLooks[] = {
    {"pending", Colour::dim, "·", "."},    {"scheduled", Colour::yellow, "◷", "~"},
    {"queued", Colour::none, "○", "o"},    {"running", Colour::cyan, "●", ">"},
    {"waiting", Colour::yellow, "◷", "~"}, {"cancelling", Colour::yellow, "◌", "~"},
    {"paused", Colour::yellow, "‖", "="},  {"succeeded", Colour::green, "✓", "+"},
    {"failed", Colour::red, "✗", "x"},     {"cancelled", Colour::yellow, "⊘", "-"},
    {"timed_out", Colour::red, "✗", "x"},  {"expired", Colour::red, "✗", "x"},
    {"skipped", Colour::dim, "–", "-"},    {"online", Colour::green, "●", "o"},
    {"suspect", Colour::yellow, "●", "o"}, {"draining", Colour::yellow, "◌", "o"},
    {"assigned", Colour::cyan, "●", ">"},  {"lost", Colour::red, "✗", "x"},
    {"active", Colour::green, "●", "o"},
};

const Look* look_of(std::string_view state) {
  for (const Look& look : kLooks) {
    if (look.state == state) {
      return &look;
    }
  }
  return nullptr;
}

}  // namespace

std::string Style::paint(Colour colour, std::string_view text) const {
  if (!colours || colour == Colour::none || text.empty()) {
    return std::string(text);
  }
  return std::string(code_of(colour)) + std::string(text) + "\x1b[0m";
}

Colour colour_of_state(std::string_view state) {
  const Look* look = look_of(state);
  return look == nullptr ? Colour::none : look->colour;
}

std::string glyph_of_state(std::string_view state, const Style& style) {
  const Look* look = look_of(state);
  if (look == nullptr) {
    return "?";
  }
  return style.paint(look->colour, style.unicode ? look->glyph : look->plain);
}

}  // namespace jobflow::cli
