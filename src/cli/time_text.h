// Instants and spans as people read them: local time, and how long ago. Pure but for the local
// zone.
#pragma once

#include "model/time.h"

#include <string>

namespace jobflow::cli {

// "2026-11-22 18:33:04", in local time; "" when unset.
std::string local_text(Instant instant);
// "18:33:04.120", in local time.
std::string local_clock_text(Instant instant);
// "just now", "12 s ago", "3 min ago", "in a moment", "in 5 min", "2 d ago"; "" when unset.
std::string relative_text(Instant instant, Instant now);
// "0.21 s", "4.3 s", "2 min 05 s", "3 h 12 min", "2 d 4 h".
std::string span_text(Span span);

}  // namespace jobflow::cli
