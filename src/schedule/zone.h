// A time zone as a value: which offset its clock has from when on (S4.3). What its clock shows is
// a "reading": seconds since 1970-01-01 00:00 as if there were no zones.
#pragma once

#include "model/outcome.h"
#include "model/time.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::schedule {

using Reading = std::int64_t;

class Zone {
 public:
  // From `begin` (seconds since 1970, UTC) to the next stretch's, the clock is `offset` seconds
  // ahead of UTC. Readings below `shown` were shown before; those from there to its own first
  // reading are skipped.
  struct Stretch {
    std::int64_t begin;
    std::int64_t end;
    std::int32_t offset;
    Reading shown;
    Reading first() const { return begin + offset; }
    Reading after_last() const { return end + offset; }
  };

  // `changes`: in order; the first holds for all that was before.
  struct Change {
    std::int64_t at;
    std::int32_t offset;
  };
  Zone(std::string name, const std::vector<Change>& changes);

  const std::string& name() const { return name_; }
  // In order, without a hole, from the beginning of 1970 (UTC - 1 day) to beyond 2099.
  const std::vector<Stretch>& stretches() const { return stretches_; }
  // The stretch an instant (seconds since 1970, UTC) belongs to.
  std::size_t at(std::int64_t second) const;
  Reading reading(Instant instant) const;
  // The first instant whose reading is that one or a later one.
  Instant instant(Reading reading) const;

 private:
  std::string name_;
  std::vector<Stretch> stretches_;
};

// From the system's tz database, old aliases too; read once. A problem says what is wrong with the
// name, and what is near. Thread-safe.
Outcome<std::shared_ptr<const Zone>> find_zone(std::string_view name);
// Its version, e.g. "2025b"; "unknown" when it does not say.
std::string zone_database_version();

}  // namespace jobflow::schedule
