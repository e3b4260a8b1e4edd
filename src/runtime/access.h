// Who asks: doors turn a bearer token into a principal before anything else happens (S13.2).
#pragma once

#include "model/outcome.h"

#include <string>
#include <string_view>

namespace jobflow::runtime {

struct Principal {
  std::string name;  // "token:admin"
  std::string role;  // "admin" | "worker"
};

// Thread-safe.
class Access {
 public:
  virtual ~Access() = default;
  // `unauthenticated` when the token is unknown or expired.
  virtual Outcome<Principal> authenticate(std::string_view bearer_token) const = 0;
};

}  // namespace jobflow::runtime
