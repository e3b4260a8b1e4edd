// Problems as the status codes that worker.proto promises.
#pragma once

#include "model/outcome.h"

#include <grpcpp/support/status.h>

namespace jobflow::link {

grpc::Status to_status(const Problem& problem);

}  // namespace jobflow::link
