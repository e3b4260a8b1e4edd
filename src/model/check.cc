#include "model/check.h"

#include <cstdio>
#include <cstdlib>

namespace jobflow {

void check_failed(const char* what, std::source_location where) {
  std::fprintf(stderr, "jobflow: broken assumption: %s (%s:%u)\n", what, where.file_name(),
               where.line());
  std::abort();
}

}  // namespace jobflow
