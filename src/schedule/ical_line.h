// The lines of an iCalendar text (RFC 5545, 3.1): unfolded, and each split into name, parameters
// and value. Pure.
#pragma once

#include "model/outcome.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jobflow::schedule {

struct IcalLine {
  int number = 0;    // from 1, of where it begins in the text
  std::string name;  // in capitals, as are the parameters' names
  std::vector<std::pair<std::string, std::string>> parameters;  // without their quotes
  std::string value;

  // "" when it is not there.
  std::string_view parameter(std::string_view its_name) const;
};

struct IcalText {
  int number = 0;
  std::string text;
};
// Unfolded lines, without empty ones.
std::vector<IcalText> unfold(std::string_view text);

// A problem is told without the line's number.
Outcome<IcalLine> split_line(IcalText line);

std::string upper_case(std::string_view text);
// The pieces between commas; one empty piece for "".
std::vector<std::string_view> pieces_of(std::string_view list, char between = ',');

}  // namespace jobflow::schedule
