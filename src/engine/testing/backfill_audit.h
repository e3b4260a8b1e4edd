// Looks at the rows and says what does not hold of backfills: each instant of theirs became one run
// at most, in order, and all of them are counted (I2, house 3.8).
#pragma once

#include "engine/testing/row_table.h"

#include <string>

namespace jobflow::engine::testing {

// As a run of it begins. Later ones may be live again because a person tries them again.
bool has_too_many(const RowTable& rows, Id backfill);

// The first thing that does not hold, or "".
std::string wrong_backfill(const RowTable& rows);

}  // namespace jobflow::engine::testing
