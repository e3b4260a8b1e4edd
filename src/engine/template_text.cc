#include "engine/template_text.h"

#include <algorithm>
#include <optional>

namespace jobflow::engine {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Reads the inside of one template, from behind its "{{".
class TemplateReader {
 public:
  explicit TemplateReader(std::string_view text) : rest_(text), start_(text) {}

  std::optional<TemplatePart> read() {
    TemplatePart part;
    skip_blanks();
    if (rest_.empty() || rest_.starts_with("}}")) {
      return refuse(rest_.empty() ? "'}}' is missing"
                                  : "it is empty: write a path such as inputs.x");
    }
    if (rest_.front() == '\'' || rest_.front() == '"') {
      const auto literal = read_quoted();
      if (!literal) {
        return std::nullopt;
      }
      part.text = *literal;
    } else if (!read_path(part)) {
      return std::nullopt;
    }
    skip_blanks();
    if (!rest_.starts_with("}}")) {
      return refuse(what_follows());
    }
    rest_.remove_prefix(2);
    return part;
  }

  std::string_view rest() const { return rest_; }

  std::string problem() const {
    const std::size_t end = start_.find("}}");
    const std::string_view inside = start_.substr(0, std::min<std::size_t>(end, 80));
    return "the template '{{" + std::string(inside) + (end <= 80 ? "}}" : "...") + "': " + problem_;
  }

 private:
  bool read_path(TemplatePart& part) {
    part.kind = TemplatePart::Kind::path;
    const std::string_view before = rest_;
    if (!read_name(part.path)) {
      return false;
    }
    while (!rest_.empty() && (rest_.front() == '.' || rest_.front() == '[')) {
      const bool is_dot = rest_.front() == '.';
      rest_.remove_prefix(1);
      if (is_dot ? !read_name(part.path) : !read_bracket(part.path)) {
        return false;
      }
    }
    part.text = before.substr(0, before.size() - rest_.size());
    return true;
  }

  bool read_name(std::vector<PathStep>& path) {
    if (rest_.empty() || !starts_name(rest_.front())) {
      refuse(path.empty() ? "it must start with a name, such as inputs or steps (for plain "
                            "braces write {{ '{{' }})"
                          : "a name is expected after '.': write ['...'] for other keys, and [0] "
                            "for items");
      return false;
    }
    std::size_t length = 1;
    while (length < rest_.size() && continues_name(length)) {
      ++length;
    }
    path.push_back({std::string(rest_.substr(0, length))});
    rest_.remove_prefix(length);
    return true;
  }

  // A hyphen belongs to a name only between its letters, so that `a - b` stays free to mean more.
  bool continues_name(std::size_t at) const {
    const auto plain = [this](std::size_t i) {
      return i < rest_.size() && (starts_name(rest_[i]) || is_digit(rest_[i]));
    };
    return plain(at) || (rest_[at] == '-' && plain(at + 1));
  }

  bool read_bracket(std::vector<PathStep>& path) {
    skip_blanks();
    PathStep step;
    if (!rest_.empty() && (rest_.front() == '\'' || rest_.front() == '"')) {
      const auto key = read_quoted();
      if (!key) {
        return false;
      }
      step.name = *key;
    } else {
      const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_digit);
      step.name.assign(rest_.begin(), end);
      step.is_index = true;
      rest_.remove_prefix(step.name.size());
      if (step.name.empty() || step.name.size() > 9) {
        refuse("a number or a quoted key is expected after '['");
        return false;
      }
    }
    skip_blanks();
    if (rest_.empty() || rest_.front() != ']') {
      refuse("']' is missing");
      return false;
    }
    rest_.remove_prefix(1);
    path.push_back(std::move(step));
    return true;
  }

  std::optional<std::string> read_quoted() {
    const char quote = rest_.front();
    const std::size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) {
      refuse("a quote is not closed");
      return std::nullopt;
    }
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  std::string what_follows() const {
    constexpr std::string_view kOperators = "+-*/%<>=!&?~";
    if (rest_.empty()) {
      return "'}}' is missing";
    }
    if (rest_.front() == '|' && !rest_.starts_with("||")) {
      return "filters are not supported yet: write the path alone";
    }
    if (rest_.front() == '|' || kOperators.find(rest_.front()) != std::string_view::npos ||
        rest_.starts_with("and ") || rest_.starts_with("or ")) {
      return "operators are not supported yet: write the path alone";
    }
    return "'" + std::string(rest_.substr(0, std::min<std::size_t>(rest_.find("}}"), 20))) +
           "' is not expected here";
  }

  void skip_blanks() {
    while (!rest_.empty() && is_blank(rest_.front())) {
      rest_.remove_prefix(1);
    }
  }

  std::nullopt_t refuse(std::string what) {
    problem_ = std::move(what);
    return std::nullopt;
  }

  std::string_view rest_;
  std::string_view start_;
  std::string problem_;
};

}  // namespace

Outcome<std::vector<TemplatePart>> parse_template(std::string_view text) {
  std::vector<TemplatePart> parts;
  while (!text.empty()) {
    const std::size_t open = text.find("{{");
    if (open != 0) {
      parts.push_back({TemplatePart::Kind::text, std::string(text.substr(0, open)), {}});
    }
    if (open == std::string_view::npos) {
      break;
    }
    TemplateReader reader(text.substr(open + 2));
    auto part = reader.read();
    if (!part) {
      return Problem{ProblemCode::invalid, reader.problem()};
    }
    parts.push_back(std::move(*part));
    text = reader.rest();
  }
  return parts;
}

}  // namespace jobflow::engine
