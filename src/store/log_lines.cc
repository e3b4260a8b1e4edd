#include "store/log_lines.h"

#include <algorithm>

namespace jobflow::store {
namespace {

void put(std::string& bytes, std::uint64_t value) {
  while (value >= 0x80) {
    bytes.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  bytes.push_back(static_cast<char>(value));
}

void put(std::string& bytes, std::string_view text) {
  put(bytes, text.size());
  bytes.append(text);
}

// Small numbers of either sign become small unsigned ones.
std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

// Reads what put() wrote; `broken` once something did not fit.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (bytes_.empty()) {
        break;
      }
      const auto byte = static_cast<unsigned char>(bytes_.front());
      bytes_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) {
        return value;
      }
    }
    broken_ = true;
    return 0;
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > bytes_.size()) {
      broken_ = true;
      return {};
    }
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }
  bool broken() const { return broken_; }

 private:
  std::string_view bytes_;
  bool broken_ = false;
};

PackedChunk pack_piece(const LogChunk& chunk, std::int64_t from, std::int64_t to) {
  PackedChunk piece{
      .run = chunk.run, .attempt = chunk.attempt, .first = chunk.offset + from, .count = to - from};
  std::int64_t time = 0;
  for (std::int64_t i = from; i < to; ++i) {
    const LogLine& line = chunk.lines[static_cast<std::size_t>(i)];
    piece.worst = std::max(piece.worst, line.level);
    put(piece.lines, static_cast<std::uint64_t>(line.level));
    put(piece.lines, zigzag(line.time.ms - time));
    put(piece.lines, line.text);
    put(piece.lines, line.fields);
    time = line.time.ms;
  }
  return piece;
}

// Of ASCII only: the bytes of other letters are compared as they are.
char small(char letter) {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

// `piece` is in small letters.
bool holds(std::string_view text, std::string_view piece) {
  return std::search(text.begin(), text.end(), piece.begin(), piece.end(),
                     [](char letter, char sought) { return small(letter) == sought; }) !=
         text.end();
}

}  // namespace

std::vector<PackedChunk> pack(const LogChunk& chunk) {
  std::vector<PackedChunk> pieces;
  const auto lines = static_cast<std::int64_t>(chunk.lines.size());
  for (std::int64_t from = 0; from < lines;) {
    const std::int64_t offset = chunk.offset + from;
    const std::int64_t to = std::min(lines, from + kChunkLines - offset % kChunkLines);
    pieces.push_back(pack_piece(chunk, from, to));
    from = to;
  }
  return pieces;
}

Outcome<std::vector<LogLine>> unpack(std::string_view bytes, std::int64_t count) {
  std::vector<LogLine> lines;
  Bytes from(bytes);
  std::int64_t time = 0;
  for (std::int64_t i = 0; i < count && !from.broken(); ++i) {
    const auto level = from.number();
    time += unzigzag(from.number());
    LogLine line{.time = {time},
                 .level = static_cast<LogLevel>(std::min<std::uint64_t>(level, 3)),
                 .text = from.text(),
                 .fields = from.text()};
    lines.push_back(std::move(line));
  }
  if (from.broken()) {
    return Problem{ProblemCode::internal, "a stored chunk of log lines cannot be read"};
  }
  return lines;
}

LogPage::LogPage(const LogQuery& query) : query_(query), text_(query.text) {
  std::transform(text_.begin(), text_.end(), text_.begin(), small);
}

bool LogPage::matches(const LogLine& line) const {
  return line.level >= query_.min_level &&
         (text_.empty() || holds(line.text, text_) || holds(line.fields, text_));
}

Outcome<Done> LogPage::add(
    int attempt, std::int64_t first, std::int64_t count, LogLevel worst, std::string_view packed) {
  if (attempt != attempt_) {
    attempt_ = attempt;
    next_ = query_.attempt == 0 ? 0 : query_.from;
  }
  const std::int64_t end = first + count;
  if (full() || end <= next_) {
    return Done{};
  }
  const std::int64_t begin = std::max(first, next_);
  next_ = end;
  const bool all_match = query_.min_level == LogLevel::debug && text_.empty();
  if (worst < query_.min_level) {
    return Done{};
  }
  if (query_.attempt == 0 && all_match && skipped_ + (end - begin) <= query_.from) {
    skipped_ += end - begin;
    return Done{};
  }
  auto lines = unpack(packed, count);
  if (!lines) {
    return lines.problem();
  }
  for (std::int64_t number = begin; number < end && !full(); ++number) {
    LogLine& line = (*lines)[static_cast<std::size_t>(number - first)];
    if (!matches(line)) {
      continue;
    }
    if (query_.attempt == 0 && skipped_ < query_.from) {
      ++skipped_;
      continue;
    }
    lines_.push_back({attempt, number, std::move(line)});
  }
  return Done{};
}

}  // namespace jobflow::store
