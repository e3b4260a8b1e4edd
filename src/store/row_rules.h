// What no store may hold (the CHECKs of the SQL schema, said once more for stores without SQL).
// Each answers why the row is refused, or "".
#pragma once

#include "model/letter.h"
#include "model/rows.h"

#include <string>

namespace jobflow::store {

std::string why_refused(const RunRow& row, const RunProgress& progress);
std::string why_refused(const AttemptRow& row);
std::string why_refused(const DefinitionRow& row);
std::string why_refused(const TriggerRow& row);
std::string why_refused(const SkippedFiringRow& row);
std::string why_refused(const BackfillRow& row);
std::string why_refused(const TokenRow& row);
std::string why_refused(const CalendarRow& row);
std::string why_refused(const CommandRow& row);
std::string why_refused(const LetterRow& row);
std::string why_refused(const LetterMarkRow& row);
std::string why_refused(const WatchRow& row);
std::string why_refused(const FollowRow& row);
std::string why_refused(const PermitRow& row);
std::string why_refused(const HoldRow& row);

}  // namespace jobflow::store
