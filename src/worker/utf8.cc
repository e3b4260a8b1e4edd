#include "worker/utf8.h"

#include <cstdint>
#include <cstring>

namespace jobflow::worker {
namespace {

// The length of the valid sequence `text` begins with; 0 when there is none.
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto tail = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  const unsigned char first = byte(0);
  if (first == 0) {
    return 0;
  }
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf) {
    return tail(1) ? 2 : 0;
  }
  if (first >= 0xe0 && first <= 0xef) {
    if (!tail(1) || !tail(2) || (first == 0xe0 && byte(1) < 0xa0) ||
        (first == 0xed && byte(1) > 0x9f)) {
      return 0;
    }
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3) || (first == 0xf0 && byte(1) < 0x90) ||
        (first == 0xf4 && byte(1) > 0x8f)) {
      return 0;
    }
    return 4;
  }
  return 0;
}

// How many bytes from the start are clean.
std::size_t clean_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    while (at + 8 <= text.size()) {  // eight plain ASCII bytes at a time
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + at, 8);
      constexpr std::uint64_t kHigh = 0x8080808080808080ULL;
      constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
      if ((word & kHigh) != 0 || ((word - kOnes) & ~word & kHigh) != 0) {
        break;
      }
      at += 8;
    }
    if (at >= text.size()) {
      break;
    }
    const std::size_t length = sequence(text.substr(at));
    if (length == 0) {
      return at;
    }
    at += length;
  }
  return at;
}

}  // namespace

bool is_clean_text(std::string_view text) {
  return clean_prefix(text) == text.size();
}

std::string clean_text(std::string text) {
  std::size_t at = clean_prefix(text);
  if (at == text.size()) {
    return text;
  }
  std::string clean = text.substr(0, at);
  while (at < text.size()) {
    clean.append("\xef\xbf\xbd");
    ++at;
    const std::size_t good = clean_prefix(std::string_view(text).substr(at));
    clean.append(text, at, good);
    at += good;
  }
  return clean;
}

std::string_view cut_text(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) {
    return text;
  }
  std::size_t end = bytes;
  // At most three bytes back to the start of a character; broken text is cut where it stands.
  for (int back = 0; back < 3 && end > 0; ++back) {
    if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80) {
      return text.substr(0, end);
    }
    --end;
  }
  return (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80 ? text.substr(0, end)
                                                                : text.substr(0, bytes);
}

}  // namespace jobflow::worker
