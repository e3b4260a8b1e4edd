// A folder of a worker's own for what its bodies need in files; removed with it. Thread-safe.
#pragma once

#include "worker/builtin/process_user.h"

#include <mutex>
#include <string>
#include <string_view>

namespace jobflow::worker {

class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string path_of(const std::string& name);

 private:
  std::mutex mutex_;
  std::string folder_;  // made when first needed
};

// A file in there, which `owner` alone can read and write; gone with this object.
class ScratchFile {
 public:
  // Throws std::system_error when it cannot be written.
  ScratchFile(Scratch& scratch,
              const std::string& name,
              const ProcessUser& owner,
              std::string_view content = {});
  ~ScratchFile();
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

}  // namespace jobflow::worker
