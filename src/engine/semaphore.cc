#include "engine/semaphore.h"

#include "model/check.h"

namespace jobflow::engine {

// Two asks of one run are two: the first may be on its way back.
Waiting Semaphore::waits_as(const PermitRow& row) {
  return {.priority = row.priority, .since = row.since, .run = row.ask};
}

void Semaphore::add(const PermitRow& row, Instant said) {
  check(rows_.try_emplace(row.ask, Place{row, said}).second, "an ask comes once");
  if (!row.granted.is_set()) {
    line_.insert(waits_as(row));
  }
}

bool Semaphore::remove(Id ask) {
  const auto place = rows_.find(ask);
  if (place == rows_.end()) {
    return false;
  }
  line_.erase(waits_as(place->second.row));
  rows_.erase(place);
  return true;
}

const PermitRow* Semaphore::find(Id ask) const {
  const auto place = rows_.find(ask);
  return place == rows_.end() ? nullptr : &place->second.row;
}

const PermitRow& Semaphore::grant(Id ask, Instant now) {
  Place& place = rows_.at(ask);
  check(line_.erase(waits_as(place.row)) == 1, "one that is granted a permit waits for it");
  place.row.granted = now;
  place.said = now;
  return place.row;
}

const PermitRow* Semaphore::next() const {
  return line_.empty() ? nullptr : &rows_.at(line_.begin()->run).row;
}

std::vector<Id> Semaphore::told_before(Instant then) const {
  std::vector<Id> asks;
  for (const auto& [ask, place] : rows_) {
    if (place.row.granted.is_set() && place.said < then) {
      asks.push_back(ask);
    }
  }
  return asks;
}

void Semaphore::told(Id ask, Instant now) {
  rows_.at(ask).said = now;
}

}  // namespace jobflow::engine
