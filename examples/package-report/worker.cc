// A worker of one's own: offers the handler `packages.sizes` to the server named by JOBFLOW_SERVER.
#include <jobflow/worker.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

namespace {

using jobflow::Json;

// Packages by size: up to 16 KiB, 64 KiB, 256 KiB, ... each four times the one before; then the
// rest.
constexpr std::array<std::int64_t, 8> kLimitsKib = {16, 64, 256, 1024, 4096, 16384, 65536, 262144};

struct Section {
  std::int64_t packages = 0;
  std::int64_t size_kib = 0;
};

Json sizes_of(const Json& group, jobflow::Context& run) {
  std::map<std::string, Section> sections;
  std::array<std::int64_t, kLimitsKib.size() + 1> histogram{};
  std::int64_t total_kib = 0;
  const Json::Array& packages = group.at("packages").as_array();
  for (std::size_t i = 0; i < packages.size(); ++i) {
    const std::int64_t size_kib = packages[i].at("size_kib").as_int();
    Section& section = sections[packages[i].at("section").as_string()];
    section.packages += 1;
    section.size_kib += size_kib;
    total_kib += size_kib;
    const auto* slot = std::lower_bound(kLimitsKib.begin(), kLimitsKib.end(), size_kib);
    histogram[static_cast<std::size_t>(slot - kLimitsKib.begin())] += 1;
    run.progress(static_cast<double>(i + 1) / static_cast<double>(packages.size()));
  }
  Json by_section = Json::object();
  for (const auto& [name, section] : sections) {
    by_section[name] = {{"packages", section.packages}, {"size_kib", section.size_kib}};
  }
  Json by_size = Json::array();
  for (const std::int64_t count : histogram) {
    by_size.push_back(count);
  }
  return {{"packages", packages.size()},
          {"size_kib", total_kib},
          {"sections", by_section},
          {"histogram", by_size}};
}

jobflow::Result sizes(jobflow::Context& run) {
  const std::string& path = run.params().at("file").as_string();
  std::ifstream file(path);
  if (!file) {
    return jobflow::failed("cannot read " + path).do_not_retry();
  }
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const Json result = sizes_of(Json::parse(text), run);
  run.log().info("added up", {{"packages", result.at("packages")}, {"kib", result.at("size_kib")}});
  return jobflow::succeeded(result);
}

}  // namespace

int main() {
  jobflow::Worker worker{{.name = "package-report", .slots = 4, .version = "1"}};
  worker.handle("packages.sizes", sizes,
                {.description = "Adds up the sizes of a group's packages"});
  return worker.run();
}
