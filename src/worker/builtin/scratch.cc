#include "worker/builtin/scratch.h"

#include "worker/builtin/spawn.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <stdlib.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace jobflow::worker {
namespace {

constexpr mode_t kFolderMode = 0711;  // bodies of other users pass through it

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Scratch::~Scratch() {
  if (!folder_.empty()) {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
}

std::string Scratch::path_of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  if (folder_.empty()) {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "jobflow-worker-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr || ::chmod(pattern.c_str(), kFolderMode) != 0) {
      fail("cannot make " + pattern);
    }
    folder_ = pattern;
  }
  return folder_ + "/" + name;
}

ScratchFile::ScratchFile(Scratch& scratch,
                         const std::string& name,
                         const ProcessUser& owner,
                         std::string_view content)
    : path_(scratch.path_of(name)) {
  const Descriptor file(
      ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  while (file.is_open() && !content.empty()) {
    const ssize_t put = ::write(file.get(), content.data(), content.size());
    if (put <= 0) {
      break;
    }
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  if (!file.is_open() || !content.empty() ||
      (!owner.is_own && ::fchown(file.get(), owner.uid, owner.gid) != 0)) {
    const int error = errno;
    ::unlink(path_.c_str());
    errno = error;
    fail("cannot write " + path_);
  }
}

ScratchFile::~ScratchFile() {
  ::unlink(path_.c_str());
}

}  // namespace jobflow::worker
