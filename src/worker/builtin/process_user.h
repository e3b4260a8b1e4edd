// The user a body's processes run as. Values.
#pragma once

#include "model/outcome.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace jobflow::worker {

struct ProcessUser {
  std::string name, home;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  bool is_own = true;  // the worker's own: nothing is to be changed
};

// `users`: those the operator allows, the first of them when none is asked for; empty = any.
// A problem says why this worker cannot start processes as that user.
Outcome<ProcessUser> find_user(const std::string& asked, const std::vector<std::string>& users);

}  // namespace jobflow::worker
