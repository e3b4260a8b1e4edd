// Reads the fields of a JSON object that somebody sent, and gathers everything that is wrong with
// it: wrong types, values out of range, fields nobody knows. Each problem has its JSON pointer.
#pragma once

#include "model/outcome.h"

#include <boost/json/object.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::api {

// Not thread-safe; borrows the object and the list of problems.
class JsonFields {
 public:
  JsonFields(const boost::json::object& object,
             std::string pointer,
             std::vector<FieldProblem>& problems)
      : object_(object), pointer_(std::move(pointer)), problems_(problems) {}

  // Each answers nothing when the field is absent or wrong. null counts as absent.
  std::optional<std::string_view> text(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t from, std::int64_t to);
  const boost::json::object* object(std::string_view name);
  const boost::json::array* array(std::string_view name);
  const boost::json::value* any(std::string_view name);

  void wrong(std::string_view name, std::string message);
  bool ok() const { return problems_.empty(); }
  // Call last: every field that was not asked for is a problem.
  void done();

 private:
  const boost::json::object& object_;
  std::string pointer_;
  std::vector<FieldProblem>& problems_;
  std::size_t taken_ = 0;
  std::array<std::string_view, 16> asked_;  // no allocation: batches make a thousand of these
  std::size_t asked_count_ = 0;
};

// The body as a JSON object; an absent body is an empty one. Keys that are there twice go to
// `twins`, or without it are a problem.
Outcome<boost::json::value> read_object(std::string_view body,
                                        boost::json::storage_ptr storage = {},
                                        std::vector<FieldProblem>* twins = nullptr);

}  // namespace jobflow::api
