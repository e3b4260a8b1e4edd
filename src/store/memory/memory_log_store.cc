#include "store/log_lines.h"
#include "store/memory/memory_store.h"

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>

namespace jobflow::store {
namespace {

using Place = std::tuple<Id, int, std::int64_t>;  // run, attempt, first line

struct Mark {
  Instant time;
  std::deque<Place> places;  // appended by then, since the mark before
};

struct Chunks {
  std::mutex mutex;  // guards all below
  std::map<Place, PackedChunk> rows;
  std::deque<Mark> marks;
  std::deque<Place> unmarked;
};

Outcome<Done> append_to(Chunks& chunks, const std::vector<LogChunk>& added) {
  std::vector<PackedChunk> pieces;
  for (const LogChunk& chunk : added) {
    if (!chunk.run.is_set() || chunk.attempt < 1 || chunk.offset < 0) {
      return Problem{ProblemCode::store_refused, "a log chunk without run, attempt or offset"};
    }
    for (PackedChunk& piece : pack(chunk)) {
      pieces.push_back(std::move(piece));
    }
  }
  const std::scoped_lock lock(chunks.mutex);
  for (PackedChunk& piece : pieces) {
    const Place place{piece.run, piece.attempt, piece.first};
    const auto [at, is_new] = chunks.rows.try_emplace(place);
    PackedChunk& row = at->second;
    if (is_new) {
      chunks.unmarked.push_back(place);
    }
    if (piece.count > row.count) {
      row = std::move(piece);
    }
  }
  return Done{};
}

Outcome<std::vector<StoredLine>> page_of(Chunks& chunks, const LogQuery& query) {
  LogPage page(query);
  const std::scoped_lock lock(chunks.mutex);
  for (auto at = chunks.rows.lower_bound({query.run, query.attempt, 0}); at != chunks.rows.end();
       ++at) {
    const PackedChunk& chunk = at->second;
    if (chunk.run != query.run || (query.attempt != 0 && chunk.attempt != query.attempt) ||
        page.full()) {
      break;
    }
    if (auto added = page.add(chunk.attempt, chunk.first, chunk.count, chunk.worst, chunk.lines);
        !added) {
      return added.problem();
    }
  }
  return page.take();
}

LogTrimmed trim_chunks(Chunks& chunks, const LogTrim& limits) {
  const std::scoped_lock lock(chunks.mutex);
  auto& marks = chunks.marks;
  if (!chunks.unmarked.empty() && (marks.empty() || limits.now < marks.back().time ||
                                   limits.now >= marks.back().time + kLogMarkEvery)) {
    marks.push_back({limits.now, std::exchange(chunks.unmarked, {})});
  }
  LogTrimmed trimmed;
  const Instant before = limits.now - limits.kept;
  // All before the last mark that is old enough, whatever a clock that went back said of them.
  const auto old_enough = [&](const Mark& mark) { return mark.time <= before; };
  std::int64_t bytes = 0;
  while (trimmed.chunks < limits.chunks && bytes < limits.bytes &&
         std::ranges::any_of(marks, old_enough)) {
    auto& places = marks.front().places;
    const auto at = chunks.rows.find(places.front());
    bytes += static_cast<std::int64_t>(at->second.lines.size());
    chunks.rows.erase(at);
    places.pop_front();
    ++trimmed.chunks;
    if (places.empty()) {
      marks.pop_front();
    }
  }
  for (const Mark& mark : marks) {
    if (old_enough(mark)) {
      trimmed.behind = std::max(trimmed.behind, before - mark.time);
    }
  }
  return trimmed;
}

class MemoryLogStore final : public LogStore {
 public:
  explicit MemoryLogStore(Post post) : post_(std::move(post)) {}

  void append(std::vector<LogChunk> added, Callback<Outcome<Done>> done) override {
    run([chunks = chunks_, added = std::move(added), done = std::move(done)] {
      done(append_to(*chunks, added));
    });
  }
  void read(LogQuery query, Callback<Outcome<std::vector<StoredLine>>> done) override {
    run([chunks = chunks_, query, done = std::move(done)] { done(page_of(*chunks, query)); });
  }
  void trim(LogTrim limits, Callback<Outcome<LogTrimmed>> done) override {
    run([chunks = chunks_, limits, done = std::move(done)] { done(trim_chunks(*chunks, limits)); });
  }

 private:
  void run(std::function<void()> task) {
    if (post_) {
      post_(std::move(task));
    } else {
      task();
    }
  }

  const std::shared_ptr<Chunks> chunks_ = std::make_shared<Chunks>();
  const Post post_;
};

}  // namespace

std::unique_ptr<LogStore> make_memory_log_store(Post post) {
  return std::make_unique<MemoryLogStore>(std::move(post));
}

}  // namespace jobflow::store
