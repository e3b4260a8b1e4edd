#include "runtime/feed_memory.h"

#include "model/check.h"

#include <algorithm>
#include <utility>

namespace jobflow::runtime {
namespace {

std::int64_t end_of(const JournalPart& part) {
  return part.first + static_cast<std::int64_t>(part.events.size());
}

std::size_t size_of(const JournalPart& part) {
  std::size_t bytes = 64 + sizeof(JournalPart) + part.events.size() * sizeof(Event);
  for (const Event& event : part.events) {
    bytes += event.text.size() + event.detail.size();
  }
  return bytes;
}

}  // namespace

void FeedMemory::add(Part part) {
  auto& parts = sources_[part->source];
  check(parts.empty() || end_of(*parts.back()) == part->first, "a gap in a source's recent parts");
  bytes_ += size_of(*part);
  arrivals_.push_back(part->source);
  parts.push_back(std::move(part));
  while (bytes_ > bytes_max_ && !arrivals_.empty()) {
    const ShardNumber oldest = arrivals_.front();
    arrivals_.pop_front();
    auto& oldest_parts = sources_[oldest];
    check(!oldest_parts.empty(), "an arrival without its part");
    drop_front(oldest_parts);
  }
}

std::vector<FeedMemory::Part> FeedMemory::read(ShardNumber source,
                                               std::int64_t from,
                                               std::size_t events) const {
  std::vector<Part> found;
  const auto at = sources_.find(source);
  if (at == sources_.end() || at->second.empty() || at->second.front()->first > from) {
    return found;
  }
  const auto& parts = at->second;
  auto part = std::upper_bound(
      parts.begin(), parts.end(), from,
      [](std::int64_t number, const Part& candidate) { return number < end_of(*candidate); });
  for (std::size_t count = 0; part != parts.end() && count < events; ++part) {
    count += (*part)->events.size();
    found.push_back(*part);
  }
  return found;
}

void FeedMemory::forget(ShardNumber source) {
  const auto at = sources_.find(source);
  if (at == sources_.end()) {
    return;
  }
  while (!at->second.empty()) {
    drop_front(at->second);
  }
  std::erase(arrivals_, source);
}

void FeedMemory::clear() {
  sources_.clear();
  arrivals_.clear();
  bytes_ = 0;
}

void FeedMemory::drop_front(std::deque<Part>& parts) {
  bytes_ -= size_of(*parts.front());
  parts.pop_front();
}

}  // namespace jobflow::runtime
