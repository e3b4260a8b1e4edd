#include "store/log_lines.h"
#include "store/memory/memory_store.h"

#include <map>
#include <mutex>
#include <tuple>

namespace jobflow::store {
namespace {

struct Chunks {
  std::mutex mutex;
  // By (run, attempt, first line); guarded by mutex.
  std::map<std::tuple<Id, int, std::int64_t>, PackedChunk> rows;
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
    auto& row = chunks.rows[{piece.run, piece.attempt, piece.first}];
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
