#include "model/size.h"

#include <charconv>
#include <cmath>

namespace jobflow {
namespace {

constexpr std::string_view kUnits = "KMGT";  // each 1,024 of the one before
constexpr std::int64_t kUnitBytes = 1024;
constexpr double kSizeMax = 1LL << 60;

// The factor of a unit; 0 = no unit.
std::int64_t factor_of(std::string_view unit) {
  if (unit.empty() || unit == "B") {
    return 1;
  }
  const auto rank = kUnits.find(unit.front());
  const std::string_view rest = unit.substr(1);
  if (rank == std::string_view::npos || (!rest.empty() && rest != "B" && rest != "iB")) {
    return 0;
  }
  return std::int64_t{1} << (10 * (rank + 1));
}

}  // namespace

Outcome<std::int64_t> parse_size(std::string_view text) {
  double number = -1;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.starts_with(' ')) {
    unit.remove_prefix(1);
  }
  const double bytes = number * static_cast<double>(factor_of(unit));
  const bool wrong = error != std::errc{} || !(number >= 0) || factor_of(unit) == 0 ||
                     bytes > kSizeMax || bytes != std::trunc(bytes);
  if (wrong) {
    return Problem{ProblemCode::invalid, "'" + std::string(text.substr(0, 40)) +
                                             "' is not a size: write it like 64KiB, 512MiB, 2GiB, "
                                             "or as whole bytes"};
  }
  return static_cast<std::int64_t>(bytes);
}

std::string size_text(std::int64_t bytes) {
  std::size_t rank = 0;
  while (rank < kUnits.size() && bytes > 0 && bytes % kUnitBytes == 0) {
    bytes /= kUnitBytes;
    ++rank;
  }
  const std::string number = std::to_string(bytes);
  return rank == 0 ? number + "B" : number + kUnits[rank - 1] + "iB";
}

}  // namespace jobflow
