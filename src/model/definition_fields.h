// Reads the members of one object of a definition document: each by name, type and limit; what is
// wrong is noted with its JSON pointer and reading goes on. Members nobody asked for are unknown.
#pragma once

#include "model/json.h"
#include "model/time.h"

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow {

// Everything wrong with a document; the first limits::kProblemsMax are kept, the rest counted.
class ProblemList {
 public:
  void add(std::string pointer, std::string message);
  bool is_full() const;  // a message would not be kept: do not bother to make it
  std::vector<FieldProblem> take();

 private:
  std::vector<FieldProblem> kept_;
  int dropped_ = 0;
};

// A word people write, and what to say about it.
struct FieldHint {
  std::string_view name;
  std::string_view advice;
};

class Fields {
 public:
  // What is not an object is a problem, and read as an empty one.
  Fields(ProblemList& problems, const JsonValue& value, std::string pointer);

  // The member, or nullptr when it is absent or null.
  const JsonValue* find(std::string_view name);
  // The member, null included.
  const JsonValue* find_any(std::string_view name);
  // The pointer of a member.
  std::string at(std::string_view name) const { return pointer_to(pointer_, name); }
  const std::string& pointer() const { return pointer_; }
  void wrong(std::string_view name, std::string message) {
    problems_.add(at(name), std::move(message));
  }

  // Each leaves `into` as it was, and says false, when the member is absent or wrong.
  bool text(std::string_view name, std::size_t bytes_max, std::string& into);
  bool name(std::string_view name, std::string& into);
  bool flag(std::string_view name, bool& into);
  bool whole(std::string_view name, int least, int most, int& into);
  bool number(std::string_view name, double least, double most, double& into);
  bool span(std::string_view name, Span least, Span& into);
  bool object_text(std::string_view name, std::size_t bytes_max, std::string& into);
  // The position of the word in `words`, or -1.
  int word(std::string_view name, std::span<const std::string_view> words);
  const boost::json::array* list(std::string_view name, int items_max);
  void must_have(std::string_view name, std::string_view advice);

  // Notes every member that no call above named.
  void refuse_others(std::span<const FieldHint> hints = {});

 private:
  ProblemList& problems_;
  const boost::json::object& object_;
  std::string pointer_;
  std::vector<std::string_view> known_;
};

}  // namespace jobflow
