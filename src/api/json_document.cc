#include "api/yaml_document.h"
#include "model/json.h"

#include <boost/json/array.hpp>

namespace jobflow::api {
namespace {

// Walks JSON text that is known to be valid and notes the line each value stands on.
class LineWalk {
 public:
  LineWalk(std::string_view text, std::map<std::string, int, std::less<>>& lines)
      : text_(text), lines_(lines) {}

  void walk() { value(""); }

 private:
  void blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n')) {
      line_ += text_[at_] == '\n' ? 1 : 0;
      ++at_;
    }
  }

  // A string as it stands, without its quotes. Escapes stay: only plain keys get a line.
  std::string_view quoted() {
    const std::size_t start = ++at_;
    while (text_[at_] != '"') {
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    return text_.substr(start, at_++ - start);
  }

  static std::string escaped(std::string_view key) {
    std::string out;
    for (const char c : key) {
      if (c == '~' || c == '/') {
        out += c == '~' ? "~0" : "~1";
      } else {
        out.push_back(c);
      }
    }
    return out;
  }

  void object(const std::string& pointer) {
    ++at_;
    for (blanks(); text_[at_] != '}'; blanks()) {
      if (text_[at_] == ',') {
        ++at_;
        blanks();
      }
      const std::string child = pointer + "/" + escaped(quoted());
      lines_.insert_or_assign(child, line_);
      blanks();
      ++at_;  // the colon
      value(child);
    }
    ++at_;
  }

  void array(const std::string& pointer) {
    ++at_;
    int index = 0;
    for (blanks(); text_[at_] != ']'; blanks()) {
      if (text_[at_] == ',') {
        ++at_;
      }
      value(pointer + "/" + std::to_string(index++));
    }
    ++at_;
  }

  void value(const std::string& pointer) {
    blanks();
    lines_.emplace(pointer, line_);
    const char c = text_[at_];
    if (c == '{') {
      object(pointer);
    } else if (c == '[') {
      array(pointer);
    } else if (c == '"') {
      quoted();
    } else {
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
    }
  }

  std::string_view text_;
  std::map<std::string, int, std::less<>>& lines_;
  std::size_t at_ = 0;
  int line_ = 1;
};

// The lines of item `index` of an array, as its own document's.
std::map<std::string, int, std::less<>> lines_below(
    const std::map<std::string, int, std::less<>>& all, std::size_t index) {
  const std::string prefix = "/" + std::to_string(index);
  std::map<std::string, int, std::less<>> below;
  for (auto at = all.lower_bound(prefix); at != all.end() && at->first.starts_with(prefix); ++at) {
    const std::string_view rest = std::string_view(at->first).substr(prefix.size());
    if (rest.empty() || rest.front() == '/') {
      below.emplace(rest, at->second);
    }
  }
  return below;
}

}  // namespace

Outcome<std::vector<TextDocument>> read_json(std::string_view text, const TextLimits& limits) {
  if (text.size() > limits.bytes) {
    return Problem{ProblemCode::too_large,
                   "the text is over " + std::to_string(limits.bytes) + " bytes"};
  }
  auto value = parse_json(text);
  if (!value) {
    return value.problem();
  }
  TextDocument whole;
  LineWalk(text, whole.lines).walk();
  std::vector<TextDocument> documents;
  if (!value->is_array()) {
    whole.value = std::move(value).value();
    documents.push_back(std::move(whole));
    return documents;
  }
  if (value->get_array().size() > static_cast<std::size_t>(limits.documents)) {
    return Problem{ProblemCode::too_large,
                   "more than " + std::to_string(limits.documents) + " documents"};
  }
  for (auto& item : value->get_array()) {
    TextDocument document{.lines = lines_below(whole.lines, documents.size())};
    document.value = std::move(item);
    documents.push_back(std::move(document));
  }
  return documents;
}

}  // namespace jobflow::api
