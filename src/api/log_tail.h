// The live tail of a run's log: reads on from where it is, waits when there is nothing new, ends
// when the run has ended and its last line was sent. Runs on its exchange's loop; ends with its
// sink.
#pragma once

#include "api/exchange.h"
#include "store/log_store.h"

#include <functional>
#include <memory>
#include <vector>

namespace jobflow::api {

// `query.attempt` and `query.from` say where to begin; `query.limit` is how many lines a read
// takes.
void tail_log(const ExchangePtr& exchange, std::shared_ptr<Sink> sink, store::LogQuery query);

// Reads a page with every line that was taken before the call: lines wait for their own writer, so
// that a run's row can tell of its end before its last line can be read. `next` runs on the loop.
void read_taken_lines(const ExchangePtr& exchange,
                      store::LogQuery query,
                      std::function<void(Outcome<std::vector<store::StoredLine>>)> next);

// How long a tail waits before it looks again.
inline constexpr Span kTailPause = milliseconds(200);
// A tail reads no further while its client has this much to take.
inline constexpr std::size_t kTailBytesMax = 1024 * 1024;

}  // namespace jobflow::api
