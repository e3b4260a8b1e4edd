#include "cli/session.h"

#include <boost/json.hpp>

#include <string>

namespace jobflow::cli {
namespace {

namespace json = boost::json;

void write(const json::value& value, std::string& out, std::size_t depth);

void write_object(const json::object& object, std::string& out, std::size_t depth) {
  if (object.empty()) {
    out += "{}";
    return;
  }
  out += "{\n";
  bool first = true;
  for (const auto& member : object) {
    out += first ? "" : ",\n";
    first = false;
    out.append(2 * depth + 2, ' ');
    out += json::serialize(json::string(member.key())) + ": ";
    write(member.value(), out, depth + 1);
  }
  out += '\n';
  out.append(2 * depth, ' ');
  out += '}';
}

void write_array(const json::array& array, std::string& out, std::size_t depth) {
  if (array.empty()) {
    out += "[]";
    return;
  }
  out += "[\n";
  bool first = true;
  for (const json::value& item : array) {
    out += first ? "" : ",\n";
    first = false;
    out.append(2 * depth + 2, ' ');
    write(item, out, depth + 1);
  }
  out += '\n';
  out.append(2 * depth, ' ');
  out += ']';
}

void write(const json::value& value, std::string& out, std::size_t depth) {
  if (value.is_object()) {
    write_object(value.get_object(), out, depth);
  } else if (value.is_array()) {
    write_array(value.get_array(), out, depth);
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

std::string pretty_json(std::string_view text) {
  boost::system::error_code failed;
  const json::value value = json::parse(text, failed);
  if (failed) {
    return std::string(text);
  }
  std::string out;
  write(value, out, 0);
  return out;
}

}  // namespace jobflow::cli
