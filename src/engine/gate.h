// A limit on how many runs of one job run at once, in all and for each key (S3.5). Those that want
// to begin wait here; the most urgent one that may is offered to the job's queue, and takes its
// place by beginning. All of it follows from the rows of the live runs. Not thread-safe.
#pragma once

#include "engine/queues.h"
#include "model/definition.h"

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

namespace jobflow::engine {

class Gate {
 public:
  explicit Gate(const Concurrency& limit) : limit_(limit) {}

  const Concurrency& limit() const { return limit_; }

  void enter(const Waiting& run, const std::string& key);
  // It begins, or wants to no more.
  void leave(Id run);
  // It runs, whether there was room or not: a limit may be lowered while more do.
  void begin(Id run, const std::string& key);
  // It runs no more. Said again, it changes nothing.
  void end(Id run);

  // The most urgent one that may begin now.
  std::optional<Waiting> next() const;
  // How many may begin now, one after the other.
  std::size_t ready() const;
  std::size_t waiting() const { return waiting_; }
  std::size_t running() const { return running_; }
  Instant waits_since() const;
  // How many run of those with the same key.
  std::size_t running_like(Id run) const;

  // The run whose turn it is stands before its queue, if any does: the shard's to keep up.
  std::optional<Waiting> offer;

 private:
  struct Line {  // of a key
    std::set<Waiting> runs;
    std::size_t running = 0;
  };
  struct Place {
    std::map<std::string, Line>::iterator line;
    std::optional<Waiting> waits;  // none: it runs
  };
  bool has_room(const Line& line) const;
  // Changes a line and keeps `heads_` true; a line that nothing holds goes.
  template <class Change>
  void change(std::map<std::string, Line>::iterator line, Change make);

  Concurrency limit_;
  std::map<std::string, Line> lines_;
  std::unordered_map<Id, Place> places_;
  std::set<Waiting, MoreUrgentFirst> heads_;  // of the lines that have room
  std::size_t waiting_ = 0, running_ = 0;
};

}  // namespace jobflow::engine
