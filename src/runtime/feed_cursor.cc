// The text form of a cursor: "1" for the form, ".generation" unless it is the first, then
// "~source.next" for each source, in base 36.
#include "runtime/feed.h"

#include <charconv>

namespace jobflow::runtime {
namespace {

constexpr int kBase = 36;

void put(std::string& out, std::int64_t number) {
  char buffer[16];
  const auto [end, error] = std::to_chars(std::begin(buffer), std::end(buffer), number, kBase);
  out.append(buffer, end);
}

// Reads a number and the sign after it off the front of `text`.
bool take(std::string_view& text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, kBase);
  if (error != std::errc{} || number < 0) {
    return false;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

Problem not_a_cursor() {
  return {ProblemCode::invalid,
          "this is not a cursor of this server: take one from an event or a snapshot as it is"};
}

}  // namespace

std::string to_text(const Cursor& cursor) {
  std::string out = "1";
  if (cursor.generation != 1) {
    out.push_back('.');
    put(out, cursor.generation);
  }
  for (const auto& [source, next] : cursor.next) {
    out.push_back('~');
    put(out, source);
    out.push_back('.');
    put(out, next);
  }
  return out;
}

Outcome<Cursor> parse_cursor(std::string_view text) {
  if (!text.starts_with('1')) {
    return not_a_cursor();
  }
  text.remove_prefix(1);
  Cursor cursor;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!take(text, cursor.generation) || cursor.generation < 2) {
      return not_a_cursor();
    }
  }
  while (!text.empty()) {
    std::int64_t source = 0;
    std::int64_t next = 0;
    if (!text.starts_with('~')) {
      return not_a_cursor();
    }
    text.remove_prefix(1);
    if (!take(text, source) || source > kLastSource || !text.starts_with('.')) {
      return not_a_cursor();
    }
    text.remove_prefix(1);
    if (!take(text, next) || next < 1 ||
        !cursor.next.emplace(static_cast<ShardNumber>(source), next).second) {
      return not_a_cursor();
    }
  }
  return cursor;
}

}  // namespace jobflow::runtime
