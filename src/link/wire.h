// The worker protocol's messages and the model's values, each turned into the other.
//
// This is where limits are kept: what a worker may not say is a Problem (the stream ends), what is
// merely too long is cut with a marker, and an end that cannot be taken as it is (a result over its
// limit, an outcome this server does not know) becomes a failure that says so. Pure; the take_
// functions leave the message they read in an unspecified state, since texts are moved out.
#pragma once

#include "model/outcome.h"
#include "model/work.h"
#include "runtime/worker_door.h"

#include <jobflow/v1/worker.pb.h>

#include <vector>

namespace jobflow::link {

// The version of the protocol that this server speaks.
inline constexpr unsigned kProtocol = 1;

Outcome<WorkerHello> take_hello(v1::Register& from);
// Everything but logs.
Outcome<runtime::FromWorker> take_reports(v1::WorkerMessage& from);
Outcome<std::vector<LogChunk>> take_logs(v1::WorkerMessage& from);
// How many lines the message's lines say were left out.
std::uint64_t dropped_lines(const v1::WorkerMessage& from);

void put(Assignment&& assignment, v1::Assign& to);
void put(const CancelOrder& cancel, v1::Cancel& to);
void put(const runtime::ShardEpoch& epoch, v1::Epoch& to);

}  // namespace jobflow::link
