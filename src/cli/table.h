// A table that fits the terminal: columns shrink, the widest first, before a line would break.
// A value; print() is the only thing it does.
#pragma once

#include "cli/style.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::cli {

struct Column {
  std::string title;
  bool right = false;         // numbers
  std::size_t narrowest = 0;  // may be cut down to this width; 0 = never cut
  bool dispensable = false;   // left out when even the narrowest line would break
};

struct Cell {
  std::string text;
  Colour colour = Colour::none;
  Cell(std::string words = {}, Colour paint = Colour::none)
      : text(std::move(words)), colour(paint) {}
  Cell(const char* words) : text(words) {}
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }

  // The lines, each ending with a line end; `width` 0 = as wide as it is. Columns in which nothing
  // stands are left out.
  std::string text(std::size_t width, const Style& style) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace jobflow::cli
