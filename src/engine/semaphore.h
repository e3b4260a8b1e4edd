// The permits of one semaphore, at its home (S3.5): who holds one, and who waits for one, the most
// urgent first. All of it follows from rows; how many there are is the definition's to say. Not
// thread-safe.
#pragma once

#include "engine/queues.h"
#include "model/letter.h"

#include <cstddef>
#include <map>
#include <set>
#include <vector>

namespace jobflow::engine {

class Semaphore {
 public:
  // Its row says whether it holds one. `said`: when its run was told so last.
  void add(const PermitRow& row, Instant said);
  // False: nobody asked so.
  bool remove(Id ask);
  // Null: nobody asked so.
  const PermitRow* find(Id ask) const;
  // One that waits holds it from now on.
  const PermitRow& grant(Id ask, Instant now);

  std::size_t held() const { return rows_.size() - line_.size(); }
  std::size_t waiting() const { return line_.size(); }
  bool empty() const { return rows_.empty(); }
  // Whose turn it is; null when nobody waits.
  const PermitRow* next() const;

  // Of those that hold one: who was told so last before then.
  std::vector<Id> told_before(Instant then) const;
  void told(Id ask, Instant now);

 private:
  struct Place {
    PermitRow row;
    Instant said;
  };
  static Waiting waits_as(const PermitRow& row);

  std::map<Id, Place> rows_;                 // by ask
  std::set<Waiting, MoreUrgentFirst> line_;  // of those that wait; `run` is the ask
};

}  // namespace jobflow::engine
