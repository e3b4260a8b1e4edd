// What If-Match and If-None-Match ask for, and the ETag of a revision.
#pragma once

#include "api/http.h"
#include "model/outcome.h"

#include <string>

namespace jobflow::api {

struct Condition {
  int revision = 0;  // 0 = any
  bool must_exist = false;
  bool must_be_new = false;
};

Outcome<Condition> read_condition(const Request& request);
std::string etag(int revision);

}  // namespace jobflow::api
