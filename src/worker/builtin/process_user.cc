#include "worker/builtin/process_user.h"

#include <algorithm>
#include <array>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

namespace jobflow::worker {
namespace {

constexpr std::size_t kEntryBytes = 16 * 1024;
constexpr int kGroupsMax = 1024;

Problem refused(std::string why) {
  return {.code = ProblemCode::forbidden, .detail = std::move(why)};
}

}  // namespace

Outcome<ProcessUser> find_user(const std::string& asked, const std::vector<std::string>& users) {
  const std::string name = asked.empty() && !users.empty() ? users.front() : asked;
  if (name.empty()) {
    return ProcessUser{};
  }
  if (!users.empty() && std::ranges::find(users, name) == users.end()) {
    return refused("this worker was not started to run processes as the user '" + name +
                   "' (worker.process.users)");
  }
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, kEntryBytes> texts{};
  ::getpwnam_r(name.c_str(), &entry, texts.data(), texts.size(), &found);
  if (found == nullptr) {
    return refused("there is no user '" + name + "' on this worker's machine");
  }
  ProcessUser user{.name = name,
                   .home = entry.pw_dir,
                   .uid = entry.pw_uid,
                   .gid = entry.pw_gid,
                   .is_own = entry.pw_uid == ::geteuid()};
  if (user.is_own) {
    return user;
  }
  if (::geteuid() != 0) {
    return refused("this worker does not run as root: it cannot start processes as the user '" +
                   name + "'");
  }
  int count = kGroupsMax;
  user.groups.resize(kGroupsMax);
  if (::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0) {
    return refused("the user '" + name + "' has more than " + std::to_string(kGroupsMax) +
                   " groups");
  }
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

}  // namespace jobflow::worker
