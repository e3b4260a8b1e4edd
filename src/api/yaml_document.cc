#include "api/yaml_document.h"

#include "api/yaml_scalar.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <charconv>
#include <cmath>
#include <istream>
#include <optional>
#include <streambuf>

namespace jobflow::api {
namespace {

namespace json = boost::json;

// Reads text in place: a stringstream would copy it.
class TextBuffer final : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // only read
    setg(begin, begin, begin + text.size());
  }
};

struct YamlRefused {
  int line = 0;
  std::string message;
};

std::string escaped(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::size_t count_values(const json::value& value) {
  std::size_t count = 1;
  if (value.is_array()) {
    for (const auto& item : value.get_array()) {
      count += count_values(item);
    }
  } else if (value.is_object()) {
    for (const auto& pair : value.get_object()) {
      count += count_values(pair.value());
    }
  }
  return count;
}

int depth_of(const json::value& value) {
  int deepest = 0;
  if (value.is_array()) {
    for (const auto& item : value.get_array()) {
      deepest = std::max(deepest, depth_of(item));
    }
  } else if (value.is_object()) {
    for (const auto& pair : value.get_object()) {
      deepest = std::max(deepest, depth_of(pair.value()));
    }
  } else {
    return 0;
  }
  return deepest + 1;
}

// Builds one value from the parser's events. Problems leave as YamlRefused.
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const TextLimits& limits) : limits_(limits) {}

  TextDocument take() { return std::move(document_); }
  bool is_empty() const { return empty_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    document_.lines.emplace("", mark.line + 1);
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (wants_key()) {
      throw YamlRefused{mark.line + 1, "a key must not be empty"};
    }
    add(json::value(nullptr), mark, anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto at = anchors_.find(anchor);
    if (wants_key() || at == anchors_.end()) {
      throw YamlRefused{mark.line + 1,
                        wants_key() ? "an alias cannot be a key" : "an alias into itself"};
    }
    const int depth = static_cast<int>(open_.size()) + at->second.depth;
    if (depth > limits_.depth) {
      throw YamlRefused{mark.line + 1, too_deep()};
    }
    count(at->second.values, mark);
    add(json::value(at->second.value), mark, 0);
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& text) override {
    if (wants_key()) {
      begin_field(text, mark);
      return;
    }
    auto value = yaml_scalar(tag, text);
    if (!value) {
      throw YamlRefused{mark.line + 1, value.problem().detail};
    }
    add(std::move(value).value(), mark, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(json::value(json::array()), tag, "tag:yaml.org,2002:seq", mark, anchor);
  }
  void OnSequenceEnd() override { finish(); }

  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(json::value(json::object()), tag, "tag:yaml.org,2002:map", mark, anchor);
  }
  void OnMapEnd() override { finish(); }

 private:
  struct Open {
    json::value value;
    std::string pointer;
    std::optional<std::string> key;  // of the field whose value comes next
    YAML::anchor_t anchor = 0;
    YAML::Mark mark;
  };
  struct Anchored {
    json::value value;
    std::size_t values = 1;
    int depth = 0;
  };

  std::string too_deep() const {
    return "nested more than " + std::to_string(limits_.depth) + " levels deep";
  }

  bool wants_key() const {
    return !open_.empty() && open_.back().value.is_object() && !open_.back().key;
  }

  void count(std::size_t values, const YAML::Mark& mark) {
    values_ += values;
    if (values_ > limits_.values) {
      throw YamlRefused{mark.line + 1, "more than " + std::to_string(limits_.values) +
                                           " values once aliases are copied"};
    }
  }

  // Where the next value stands.
  std::string next_pointer() const {
    if (open_.empty()) {
      return "";
    }
    const Open& top = open_.back();
    return top.pointer + "/" +
           (top.key ? escaped(*top.key) : std::to_string(top.value.get_array().size()));
  }

  void begin_field(const std::string& key, const YAML::Mark& mark) {
    Open& top = open_.back();
    if (top.value.get_object().contains(key)) {
      throw YamlRefused{mark.line + 1, "the key '" + key.substr(0, 64) + "' is there twice"};
    }
    top.key = key;
    document_.lines.insert_or_assign(top.pointer + "/" + escaped(key), mark.line + 1);
  }

  void begin(json::value empty,
             const std::string& tag,
             std::string_view own_tag,
             const YAML::Mark& mark,
             YAML::anchor_t anchor) {
    if (wants_key()) {
      throw YamlRefused{mark.line + 1, "a key must be a plain text"};
    }
    if (!tag.empty() && tag != "?" && tag != "!" && tag != own_tag) {
      throw YamlRefused{mark.line + 1, "the tag '" + tag.substr(0, 64) + "' is not taken here"};
    }
    if (static_cast<int>(open_.size()) >= limits_.depth) {
      throw YamlRefused{mark.line + 1, too_deep()};
    }
    Open open;
    open.value = std::move(empty);
    open.pointer = next_pointer();
    open.anchor = anchor;
    open.mark = mark;
    document_.lines.emplace(open.pointer, mark.line + 1);
    open_.push_back(std::move(open));
  }

  void finish() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    place(std::move(closed.value), closed.mark, closed.anchor);
  }

  void add(json::value value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    document_.lines.emplace(next_pointer(), mark.line + 1);
    place(std::move(value), mark, anchor);
  }

  void place(json::value value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    count(1, mark);
    empty_ = false;
    if (anchor != 0) {
      Anchored anchored{.value = value, .values = count_values(value), .depth = depth_of(value)};
      count(anchored.values, mark);
      anchors_.insert_or_assign(anchor, std::move(anchored));
    }
    if (open_.empty()) {
      empty_ = value.is_null();
      document_.value = std::move(value);
    } else if (Open& top = open_.back(); top.key) {
      top.value.get_object().emplace(*top.key, std::move(value));
      top.key.reset();
    } else {
      top.value.get_array().push_back(std::move(value));
    }
  }

  const TextLimits& limits_;
  TextDocument document_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t values_ = 0;
  bool empty_ = true;
};

Problem refused(int line, std::string message) {
  Problem problem{ProblemCode::invalid,
                  "the YAML cannot be read: line " + std::to_string(line) + ": " + message};
  problem.fields.push_back({.pointer = "", .message = std::move(message), .line = line});
  return problem;
}

}  // namespace

int TextDocument::line_of(std::string_view pointer) const {
  for (;;) {
    if (const auto at = lines.find(pointer); at != lines.end()) {
      return at->second;
    }
    const std::size_t slash = pointer.rfind('/');
    if (slash == std::string_view::npos) {
      return 0;
    }
    pointer = pointer.substr(0, slash);
  }
}

void TextDocument::add_lines(std::vector<FieldProblem>& problems) const {
  for (FieldProblem& problem : problems) {
    if (problem.line == 0) {
      problem.line = line_of(problem.pointer);
    }
  }
}

Outcome<std::vector<TextDocument>> read_yaml(std::string_view text, const TextLimits& limits) {
  if (text.size() > limits.bytes) {
    return Problem{ProblemCode::too_large,
                   "the text is over " + std::to_string(limits.bytes) + " bytes"};
  }
  std::vector<TextDocument> documents;
  try {
    TextBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    for (;;) {
      Builder builder(limits);
      if (!parser.HandleNextDocument(builder)) {
        return documents;
      }
      if (builder.is_empty()) {
        continue;
      }
      if (static_cast<int>(documents.size()) >= limits.documents) {
        return Problem{ProblemCode::too_large,
                       "more than " + std::to_string(limits.documents) + " documents"};
      }
      documents.push_back(builder.take());
    }
  } catch (const YamlRefused& no) {
    return refused(no.line, no.message);
  } catch (const YAML::Exception& no) {
    return refused(no.mark.line + 1, no.msg);
  }
}

}  // namespace jobflow::api
