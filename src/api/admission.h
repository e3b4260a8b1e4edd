// What every request passes before its handler: the path, the token, the role, the query and the
// kind of body. Runs on the head alone, before a body is read.
#pragma once

#include "api/router.h"
#include "runtime/access.h"

#include <optional>
#include <string_view>
#include <variant>

namespace jobflow::api {

// The parts of a head that only admission looks at.
struct Head {
  std::string_view method;         // as sent
  std::string_view authorization;  // the header's value
  bool has_body = false;
};

struct Admitted {
  const Route* route = nullptr;
  bool head_only = false;  // HEAD: as GET, without the body
};

struct Refused {
  Response response;
  const Route* route = nullptr;  // where there is one: metrics name it
};

// Fills `request` (path, query, places, principal) from its target and says which route takes it,
// or what to answer instead.
std::variant<Admitted, Refused> admit(const Router& router,
                                      const runtime::Access& access,
                                      const Head& head,
                                      std::string_view target,
                                      Request& request);

// What a role may do at most.
Permission permission_of(std::string_view role);

}  // namespace jobflow::api
