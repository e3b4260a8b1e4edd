// What documents name and is not there: triggers that follow a job or workflow which does not
// exist, and semaphores. They may be meant so, and are saved, but whoever saves them hears of it
// (S4.1, S3.5).
#pragma once

#include "api/definition_text.h"
#include "api/exchange.h"

#include <functional>
#include <vector>

namespace jobflow::api {

// Goes on with the documents, and in each the warnings that were missing. One that is among the
// documents is as good as there. At most kReferencesLookedUp different ones are looked up; what the
// store does not answer is not spoken of.
inline constexpr std::size_t kReferencesLookedUp = 100;
void warn_of_missing(const ExchangePtr& exchange,
                     std::vector<Document> documents,
                     std::function<void(std::vector<Document>)> next);

}  // namespace jobflow::api
