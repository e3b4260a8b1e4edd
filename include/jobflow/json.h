// A JSON value: what params, results and log fields are made of. A value type; not thread-safe.
//
//   jobflow::Json a = {{"url", "https://…"}, {"width", 320}};   // pairs make an object
//   jobflow::Json b = {1, 2, 3};                                // anything else an array
//   a.at("width").as_int();  a["tags"] = b;  a.dump();
//
// Two strings in braces read as one pair: write Json::array({"a", "b"}) where a list is meant, and
// parentheses, Json(other), to copy. Whole numbers beyond 64 bits with sign become doubles.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace jobflow {

// A value was not what the reader asked for, or a text was not JSON.
class JsonError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Json {
 public:
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;  // in the order of insertion; names are unique

  Json();
  Json(std::nullptr_t);
  template <std::same_as<bool> T>
  Json(T value) : Json(Whole{value ? 1 : 0, Whole::Kind::boolean}) {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Json(T value)
      : Json(Whole{static_cast<std::int64_t>(value),
                   std::is_signed_v<T> ? Whole::Kind::with_sign : Whole::Kind::without_sign}) {}
  Json(double value);
  Json(const char* text);
  Json(std::string text);
  Json(std::string_view text);
  Json(std::initializer_list<Json> items);
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json();

  static Json array(std::initializer_list<Json> items = {});
  static Json object();
  static Json from(Array items);
  static Json from(Object members);          // names are unique
  static Json parse(std::string_view text);  // throws JsonError
  static std::optional<Json> try_parse(std::string_view text);
  std::string dump() const;

  bool is_null() const { return held_.index() == 0; }
  bool is_bool() const { return std::holds_alternative<bool>(held_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(held_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(held_); }
  bool is_string() const { return std::holds_alternative<std::string>(held_); }
  bool is_array() const { return std::holds_alternative<Array>(held_); }
  bool is_object() const { return std::holds_alternative<Object>(held_); }

  // Each throws JsonError when the value is of another kind.
  bool as_bool() const;
  std::int64_t as_int() const;  // also a double without fraction
  double as_double() const;     // any number
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;

  std::size_t size() const;  // of an array or object; 0 of anything else
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  const Json* find(std::string_view name) const;  // nullptr: no object, or no such member
  const Json& at(std::string_view name) const;    // throws JsonError when it is missing
  const Json& at(std::size_t index) const;
  Json& operator[](std::string_view name);  // null becomes an object; adds what is missing
  Json& operator[](std::size_t index);
  void push_back(Json item);  // null becomes an array

  bool operator==(const Json& other) const;

 private:
  struct Whole {  // what becomes of a bool or an integer is decided in one place
    enum class Kind : unsigned char { boolean, with_sign, without_sign };
    std::int64_t bits;
    Kind kind;
  };
  explicit Json(Whole whole);

  std::variant<std::nullptr_t, bool, std::int64_t, double, std::string, Array, Object> held_;
};

struct Json::Member {
  std::string name;
  Json value;
  bool operator==(const Member& other) const = default;
};

}  // namespace jobflow
