// The handler of this project.
#pragma once

#include <jobflow/worker.h>

inline jobflow::Result greet(jobflow::Context& run) {
  return jobflow::succeeded({{"hello", jobflow::Json(run.params().at("name"))}});
}
