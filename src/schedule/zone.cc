#include "schedule/zone.h"

#include <algorithm>
#include <utility>

namespace jobflow::schedule {
namespace {

constexpr std::int64_t kBegin = -86'400;  // every zone shows the first reading after that
constexpr std::int64_t kEnd = 4'102'444'800 + 2 * 86'400;  // 2100, in every zone

}  // namespace

Zone::Zone(std::string name, const std::vector<Change>& changes) : name_(std::move(name)) {
  std::int32_t offset = changes.empty() ? 0 : changes.front().offset;
  std::int64_t begin = kBegin;
  Reading shown = kBegin + offset;
  const auto add = [&](std::int64_t end) {
    if (end > begin) {
      stretches_.push_back({.begin = begin, .end = end, .offset = offset, .shown = shown});
      shown = std::max(shown, end + offset);
      begin = end;
    }
  };
  for (const Change& change : changes) {
    if (change.at >= kEnd) {
      break;
    }
    if (change.at > kBegin && change.offset != offset) {
      add(change.at);
    }
    if (stretches_.empty()) {
      shown = kBegin + change.offset;
    }
    offset = change.offset;
  }
  add(kEnd);
}

std::size_t Zone::at(std::int64_t second) const {
  const auto after = std::ranges::upper_bound(stretches_, second, {}, &Stretch::begin);
  return after == stretches_.begin() ? 0 : static_cast<std::size_t>(after - stretches_.begin()) - 1;
}

Reading Zone::reading(Instant instant) const {
  const std::int64_t second = instant.ms / 1000 - (instant.ms % 1000 < 0 ? 1 : 0);
  return second + stretches_[at(second)].offset;
}

Instant Zone::instant(Reading reading) const {
  const auto stretch = std::ranges::find_if(
      stretches_, [&](const Stretch& one) { return reading < one.after_last(); });
  if (stretch == stretches_.end()) {
    return kNever;
  }
  return {std::max(stretch->begin, reading - stretch->offset) * 1000};
}

}  // namespace jobflow::schedule
