#include "cli/table.h"

#include "cli/text_width.h"

#include <algorithm>
#include <numeric>

namespace jobflow::cli {
namespace {

constexpr std::size_t kGap = 2;

// Leaves out what may be, the last first, until the narrowest form of the line fits.
void dispense(const std::vector<std::size_t>& widths,
              const std::vector<Column>& columns,
              std::vector<std::size_t>& shown,
              std::size_t width) {
  const auto narrowest_line = [&] {
    std::size_t total = 0;
    for (const std::size_t column : shown) {
      const std::size_t narrowest = columns[column].narrowest;
      total += kGap + (narrowest > 0 ? std::min(narrowest, widths[column]) : widths[column]);
    }
    return total - kGap;
  };
  while (shown.size() > 1 && narrowest_line() > width) {
    const auto last = std::find_if(shown.rbegin(), shown.rend(),
                                   [&](std::size_t column) { return columns[column].dispensable; });
    if (last == shown.rend()) {
      return;
    }
    shown.erase(std::next(last).base());
  }
}

// Takes columns away from the widest that may shrink, one by one, until the line fits.
void shrink(std::vector<std::size_t>& widths,
            const std::vector<Column>& columns,
            const std::vector<std::size_t>& shown,
            std::size_t width) {
  std::size_t total = kGap * (shown.empty() ? 0 : shown.size() - 1);
  for (const std::size_t column : shown) {
    total += widths[column];
  }
  while (total > width) {
    std::size_t widest = columns.size();
    for (const std::size_t column : shown) {
      const bool may = columns[column].narrowest > 0 && widths[column] > columns[column].narrowest;
      if (may && (widest == columns.size() || widths[column] > widths[widest])) {
        widest = column;
      }
    }
    if (widest == columns.size()) {
      return;
    }
    --widths[widest];
    --total;
  }
}

std::string padded(const Column& column,
                   std::string_view text,
                   Colour colour,
                   std::size_t width,
                   bool last,
                   const Style& style) {
  const std::string cut = cut_to_width(text, width);
  const std::string blanks(width - text_width(cut), ' ');
  const std::string painted = style.paint(colour, cut);
  if (column.right) {
    return blanks + painted;
  }
  return last ? painted : painted + blanks;
}

}  // namespace

std::string Table::text(std::size_t width, const Style& style) const {
  std::vector<std::vector<Cell>> rows = rows_;
  std::vector<std::size_t> widths(columns_.size(), 0);
  std::vector<std::size_t> shown;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    for (auto& row : rows) {
      row.resize(columns_.size());
      row[column].text = printable(row[column].text);
      widths[column] = std::max(widths[column], text_width(row[column].text));
    }
    if (widths[column] > 0) {
      shown.push_back(column);
      widths[column] = std::max(widths[column], text_width(columns_[column].title));
    }
  }
  if (width > 0) {
    dispense(widths, columns_, shown, width);
    shrink(widths, columns_, shown, width);
  }
  std::string out;
  const auto line = [&](auto&& cell_of) {
    for (const std::size_t column : shown) {
      const Cell cell = cell_of(column);
      const bool last = column == shown.back();
      out += padded(columns_[column], cell.text, cell.colour, widths[column], last, style);
      out += last ? "\n" : std::string(kGap, ' ');
    }
  };
  line([&](std::size_t column) { return Cell(columns_[column].title, Colour::dim); });
  for (const auto& row : rows) {
    line([&](std::size_t column) { return row[column]; });
  }
  return out;
}

}  // namespace jobflow::cli
