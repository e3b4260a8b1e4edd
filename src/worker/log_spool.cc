#include "worker/log_spool.h"

#include "model/check.h"
#include "model/limits.h"
#include "worker/utf8.h"

#include <algorithm>
#include <string>
#include <vector>

namespace jobflow::worker {
namespace {

constexpr std::size_t kLineOverhead = 64;  // what a line costs beside its text
constexpr std::size_t kChunkLines = 1000;

std::size_t cost(const LogLine& line) {
  return line.text.size() + line.fields.size() + kLineOverhead;
}

constexpr std::size_t kCutMarker = 80;  // room for what a cut line says about itself

void bound_line(LogLine& line) {
  if (line.text.size() > limits::kLogLineBytes) {
    const std::string_view kept = cut_text(line.text, limits::kLogLineBytes - kCutMarker);
    const std::size_t lost = line.text.size() - kept.size();
    line.text.resize(kept.size());
    line.text += " [jobflow: line cut, " + std::to_string(lost) + " bytes dropped]";
  }
  if (line.fields.size() > limits::kLogLineBytes) {
    line.fields = R"({"jobflow":"fields dropped: too large"})";
  }
  line.text = clean_text(std::move(line.text));
  line.fields = clean_text(std::move(line.fields));
}

}  // namespace

// Stands for `dropped` lines that were left out.
struct SpoolLine : LogLine {
  std::size_t dropped = 0;
};

class RunSpool {
 public:
  explicit RunSpool(std::pair<Id, int> its_key) : key(its_key) {}

  const std::pair<Id, int> key;
  std::deque<SpoolLine> lines;
  std::int64_t base = 0;       // number of lines.front()
  std::size_t sent = 0;        // of `lines`
  std::int64_t sent_ever = 0;  // number of the first line that never left
  std::size_t bytes = 0;       // of `lines`
  std::size_t run_total = 0;   // bytes of text this attempt ever wrote
  std::size_t dropped = 0;     // lines since the last marker
  std::size_t over_limit = 0;  // lines beyond the attempt's limit
  bool queued = false;         // stands in unsent_
  bool closed = false;
  Instant last_time;
  std::chrono::steady_clock::time_point sent_at{};
};

LogSpool::LogSpool(std::size_t bytes, std::size_t run_bytes)
    : bytes_max_(bytes), run_bytes_max_(run_bytes) {}

LogSpool::~LogSpool() = default;

RunSpool* LogSpool::open(Id run, int attempt) {
  const std::lock_guard lock(mutex_);
  const Key key{run, attempt};
  std::unique_ptr<RunSpool>& spool = spools_[key];
  if (spool == nullptr) {
    spool = std::make_unique<RunSpool>(key);
  }
  return spool.get();
}

bool LogSpool::full(const RunSpool& spool) const {
  return bytes_ >= bytes_max_ || spool.bytes >= run_bytes_max_;
}

void LogSpool::push(RunSpool& spool, LogLine line, std::size_t dropped) {
  spool.last_time = line.time;
  spool.bytes += cost(line);
  bytes_ += cost(line);
  spool.lines.push_back({std::move(line), dropped});
  if (!spool.queued) {
    spool.queued = true;
    unsent_.push_back(spool.key);
  }
}

void LogSpool::mark_dropped(RunSpool& spool) {
  if (spool.dropped > 0) {
    push(spool,
         {spool.last_time,
          LogLevel::warn,
          "[jobflow: " + std::to_string(spool.dropped) +
              " lines dropped here: they came faster than the server took them]",
          {}},
         spool.dropped);
    spool.dropped = 0;
  }
}

bool LogSpool::append(RunSpool* spool, LogLine line) {
  bound_line(line);
  const std::lock_guard lock(mutex_);
  if (spool->closed) {
    return false;
  }
  if (spool->over_limit > 0 || spool->run_total + line.text.size() > limits::kLogRunBytes) {
    if (spool->over_limit++ == 0) {
      mark_dropped(*spool);
      push(*spool,
           {line.time,
            LogLevel::warn,
            "[jobflow: the log limit of " + std::to_string(limits::kLogRunBytes / (1024 * 1024)) +
                " MiB is reached: what follows is dropped]",
            {}});
      return true;
    }
    return false;
  }
  if (full(*spool)) {
    ++spool->dropped;
    spool->last_time = line.time;
    return false;
  }
  mark_dropped(*spool);
  spool->run_total += line.text.size();
  push(*spool, std::move(line));
  return true;
}

void LogSpool::close(RunSpool* spool) {
  const std::lock_guard lock(mutex_);
  mark_dropped(*spool);
  if (spool->over_limit > 0) {
    push(*spool,
         {spool->last_time,
          LogLevel::warn,
          "[jobflow: " + std::to_string(spool->over_limit) + " lines dropped at the log limit]",
          {}},
         spool->over_limit);
  }
  spool->closed = true;
  const auto at = spools_.find(spool->key);
  check(at != spools_.end(), "an open log is known");
  forget_if_done(at);
}

void LogSpool::forget_if_done(std::map<Key, std::unique_ptr<RunSpool>>::iterator at) {
  if (at->second->closed && at->second->lines.empty()) {
    spools_.erase(at);  // unsent_ skips keys it does not find
  }
}

std::size_t LogSpool::move_lines(RunSpool& spool, v1::WorkerMessage& message, std::size_t bytes) {
  std::size_t moved = 0;
  while (spool.sent < spool.lines.size() && moved < bytes) {
    v1::LogChunk& chunk = *message.add_logs();
    chunk.set_run(spool.key.first.value);
    chunk.set_attempt(static_cast<std::uint32_t>(spool.key.second));
    chunk.set_offset(spool.base + static_cast<std::int64_t>(spool.sent));
    for (std::size_t count = 0;
         count < kChunkLines && spool.sent < spool.lines.size() && moved < bytes; ++count) {
      const SpoolLine& line = spool.lines[spool.sent++];
      v1::LogLine& out = *chunk.add_lines();
      out.set_time_ms(line.time.ms);
      out.set_level(static_cast<std::uint32_t>(line.level));
      out.set_text(line.text);
      out.set_fields_json(line.fields);
      out.set_dropped(line.dropped);
      moved += cost(line);
    }
    spool.sent_ever = std::max(spool.sent_ever, spool.base + static_cast<std::int64_t>(spool.sent));
    spool.sent_at = std::chrono::steady_clock::now();
  }
  return moved;
}

std::size_t LogSpool::take(v1::WorkerMessage& message, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  std::size_t taken = 0;
  for (std::size_t turns = unsent_.size(); turns > 0 && taken < bytes; --turns) {
    const Key key = unsent_.front();
    unsent_.pop_front();
    const auto at = spools_.find(key);
    if (at == spools_.end()) {
      continue;
    }
    RunSpool& spool = *at->second;
    // A share each, so that one flood does not hold up everybody's lines.
    taken += move_lines(spool, message, std::max<std::size_t>((bytes - taken) / 2, 4096));
    spool.queued = spool.sent < spool.lines.size();
    if (spool.queued) {
      unsent_.push_back(key);
    }
  }
  return taken;
}

bool LogSpool::take_of(Id run, int attempt, v1::WorkerMessage& message, std::size_t& bytes) {
  const std::lock_guard lock(mutex_);
  const auto at = spools_.find({run, attempt});
  if (at == spools_.end()) {
    return true;
  }
  const std::size_t moved = move_lines(*at->second, message, bytes);
  bytes -= std::min(bytes, moved);
  return at->second->sent == at->second->lines.size();
}

void LogSpool::acknowledge(Id run, int attempt, std::int64_t next_offset) {
  const std::lock_guard lock(mutex_);
  const auto at = spools_.find({run, attempt});
  if (at == spools_.end()) {
    return;
  }
  RunSpool& spool = *at->second;
  const std::int64_t upto = std::min(next_offset, spool.sent_ever);
  while (!spool.lines.empty() && spool.base < upto) {
    spool.bytes -= cost(spool.lines.front());
    bytes_ -= cost(spool.lines.front());
    spool.lines.pop_front();
    ++spool.base;
    spool.sent -= std::min<std::size_t>(spool.sent, 1);
  }
  spool.sent_at = std::chrono::steady_clock::now();
  forget_if_done(at);
  room_.notify_all();
}

void LogSpool::rewind() {
  const std::lock_guard lock(mutex_);
  for (auto& [key, spool] : spools_) {
    spool->sent = 0;
    if (!spool->queued && !spool->lines.empty()) {
      spool->queued = true;
      unsent_.push_back(key);
    }
  }
}

bool LogSpool::rewind_stale(std::chrono::steady_clock::time_point sent_before) {
  const std::lock_guard lock(mutex_);
  bool any = false;
  for (auto& [key, spool] : spools_) {
    if (spool->sent > 0 && spool->sent_at < sent_before) {
      any = true;
      spool->sent = 0;
      if (!spool->queued) {
        spool->queued = true;
        unsent_.push_back(key);
      }
    }
  }
  return any;
}

bool LogSpool::empty() const {
  const std::lock_guard lock(mutex_);
  return bytes_ == 0;
}

void LogSpool::wait_room(RunSpool* spool, std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  if (!full(*spool)) {
    return;
  }
  room_.wait_for(lock, at_most,
                 [&] { return bytes_ < bytes_max_ / 2 && spool->bytes <= run_bytes_max_ / 2; });
}

}  // namespace jobflow::worker
