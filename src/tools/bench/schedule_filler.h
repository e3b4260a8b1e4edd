// Fills a data folder with schedules before its server starts, by the engine's own decisions: a
// million of them through the API would only measure the API.
#pragma once

#include <functional>
#include <string>

namespace jobflow::bench {

// Jobs s0, s1, … in the store of the server named "solo"; `spec(i)` is the JSON of a job's spec.
// Throws std::runtime_error when one is refused.
void fill_with_schedules(const std::string& data_folder,
                         int count,
                         const std::function<std::string(int)>& spec);

}  // namespace jobflow::bench
