#include "api/json_places.h"

#include "model/json.h"
#include "model/limits.h"

#include <algorithm>

namespace jobflow::api {
namespace {

class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  JsonPlaces take() {
    value("");
    return std::move(places_);
  }

 private:
  void blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r' || text_[at_] == '\n')) {
      line_ += text_[at_] == '\n' ? 1 : 0;
      ++at_;
    }
  }

  // A string as it stands, quotes and escapes included.
  std::string_view quoted() {
    const std::size_t start = at_++;
    while (text_[at_] != '"') {
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    return text_.substr(start, ++at_ - start);
  }

  // "a" and "\u0061" are one key.
  std::string key() {
    const std::string_view raw = quoted();
    if (raw.find('\\') != std::string_view::npos) {
      if (const auto read = parse_json(raw); read && read->is_string()) {
        return std::string(std::string_view(read->get_string()));
      }
    }
    return std::string(raw.substr(1, raw.size() - 2));
  }

  void object(const std::string& pointer) {
    ++at_;
    for (blanks(); text_[at_] != '}'; blanks()) {
      if (text_[at_] == ',') {
        ++at_;
        blanks();
      }
      const std::string name = key();
      const std::string child = pointer_to(pointer, name);
      const auto [place, is_new] = places_.lines.try_emplace(child, line_);
      if (!is_new) {
        tell(child, name, place->second);
        place->second = line_;  // the last one counts, as it does in the value
      }
      inside_twins_ += is_new ? 0 : 1;
      blanks();
      ++at_;  // the colon
      value(child);
      inside_twins_ -= is_new ? 0 : 1;
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
      value(pointer_to(pointer, std::to_string(index++)));
    }
    ++at_;
  }

  void value(const std::string& pointer) {
    blanks();
    places_.lines.emplace(pointer, line_);
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

  // What lies below a twin meets the first one's members: no news.
  void tell(const std::string& pointer, std::string_view name, int first) {
    if (inside_twins_ == 0 &&
        places_.twins.size() < static_cast<std::size_t>(limits::kProblemsMax)) {
      places_.twins.push_back({pointer,
                               "the key '" + std::string(name.substr(0, 64)) +
                                   "' is there twice, first in line " + std::to_string(first) +
                                   ": drop one of the two",
                               line_});
    }
  }

  std::string_view text_;
  JsonPlaces places_;
  std::size_t at_ = 0;
  int line_ = 1;
  int inside_twins_ = 0;
};

std::size_t keys_of(const boost::json::value& value) {
  std::size_t keys = 0;
  if (const auto* object = value.if_object()) {
    keys += object->size();
    for (const auto& member : *object) {
      keys += keys_of(member.value());
    }
  } else if (const auto* array = value.if_array()) {
    for (const auto& item : *array) {
      keys += keys_of(item);
    }
  }
  return keys;
}

}  // namespace

JsonPlaces places_in(std::string_view text) {
  return Walk(text).take();
}

Problem twin_keys(std::vector<FieldProblem> twins) {
  const FieldProblem& first = twins.front();
  std::string detail = "line " + std::to_string(first.line) + ": " + first.message;
  return {ProblemCode::invalid, std::move(detail), std::move(twins)};
}

bool has_twin_keys(std::string_view text, const boost::json::value& parsed) {
  std::size_t colons = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      in_string = !in_string;
    } else if (in_string) {
      i += c == '\\' ? 1 : 0;
    } else {
      colons += c == ':' ? 1 : 0;
    }
  }
  return colons != keys_of(parsed);
}

}  // namespace jobflow::api
