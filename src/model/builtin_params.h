// What one param of a built-in handler may be: the kinds, and the check of a value. Pure; a part of
// builtin_handlers.
#pragma once

#include "model/json.h"
#include "model/outcome.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow {

enum class Takes : unsigned char {
  anything,
  text,
  texts,
  variables,
  truth,
  whole,
  span,
  size,
  limits,  // of a process: cpu, memory, files, processes
  method,  // of HTTP, like the next four
  url,
  headers,
  query,
  statuses,
  values,      // for the parameters of SQL
  statements,  // of SQL: texts, or objects of sql and values
};

struct Param {
  std::string_view name;
  Takes takes;
  std::int64_t least = 0, most = INT64_MAX;  // of a number, a span in ms or a size in bytes
};

// Gathers what is wrong with values, each with its pointer.
class ParamCheck {
 public:
  // With `templates`, texts with {{ }} are left alone: nobody knows yet what they become.
  explicit ParamCheck(bool templates) : templates_(templates) {}

  void check(const Param& param, const std::string& pointer, const JsonValue& value);
  void wrong(std::string pointer, std::string message) {
    problems_.push_back({std::move(pointer), std::move(message)});
  }
  bool clean() const { return problems_.empty(); }
  std::vector<FieldProblem> take() { return std::move(problems_); }

 private:
  bool is_template(const JsonValue& value) const;
  void members(std::span<const Param> params, const std::string& pointer, const JsonValue& value);
  void text(const std::string& pointer, const JsonValue& value);
  void word(const std::string& pointer, const JsonValue& value);
  void texts(const std::string& pointer, const JsonValue& value);
  void variables(const std::string& pointer, const JsonValue& value);
  void number(const Param& param, const std::string& pointer, const JsonValue& value);
  void span(const Param& param, const std::string& pointer, const JsonValue& value);
  void size(const Param& param, const std::string& pointer, const JsonValue& value);
  void method(const std::string& pointer, const JsonValue& value);
  void url(const std::string& pointer, const JsonValue& value);
  void headers(const std::string& pointer, const JsonValue& value);
  void query(const std::string& pointer, const JsonValue& value);
  void statuses(const std::string& pointer, const JsonValue& value);
  void statements(const std::string& pointer, const JsonValue& value);

  const bool templates_;
  std::vector<FieldProblem> problems_;
};

// "a, b, c".
std::string names_of(std::span<const Param> params);

}  // namespace jobflow
