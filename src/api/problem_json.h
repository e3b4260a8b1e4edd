// Problems as RFC 9457 documents, and the HTTP status of each code.
#pragma once

#include "api/http.h"
#include "model/outcome.h"

#include <string>
#include <string_view>

namespace jobflow::api {

// The status that stands for `code`; the table is in api/openapi.yaml.
int status_of(ProblemCode code);

// Appends the document. `request_id` "" leaves it out: inside a batch's answer it is said once.
// `command`: under which id its outcome, when that is unknown, can be asked for later (S12.4).
void append_problem(std::string& out,
                    const Problem& problem,
                    std::string_view request_id,
                    Id command = {});

// The whole answer, with WWW-Authenticate or Retry-After where the status asks for one.
Response problem_response(const Problem& problem, std::string_view request_id, Id command = {});

// A problem of HTTP itself (405, 415, 426, 431), which has no code of its own.
Response http_problem(int status,
                      ProblemCode code,
                      std::string_view title,
                      std::string_view detail,
                      std::string_view request_id);

// `detail` about one place in the request.
Problem invalid(std::string pointer, std::string message);

}  // namespace jobflow::api
