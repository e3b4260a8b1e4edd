// Reads a compiled zone file (TZif, RFC 8536 with RFC 9636's names), its footer included: it holds
// the rules of the years after the file's last change. Pure: bytes in, changes out.
#pragma once

#include "model/outcome.h"
#include "schedule/zone.h"

#include <string_view>
#include <vector>

namespace jobflow::schedule {

Outcome<std::vector<Zone::Change>> read_zone_file(std::string_view bytes);

// The rule of a POSIX TZ text, e.g. "CET-1CEST,M3.5.0,M10.5.0/3", as changes after `from` and
// before `until` (seconds since 1970, UTC); the first one is what holds at `from`.
Outcome<std::vector<Zone::Change>> expand_zone_rule(std::string_view rule,
                                                    std::int64_t from,
                                                    std::int64_t until);

}  // namespace jobflow::schedule
