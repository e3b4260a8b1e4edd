// A server's folder: made private (0700), held by one process at a time, and told where that
// process listens. The hold ends with the process, however it ends.
#pragma once

#include "model/outcome.h"
#include "model/time.h"

#include <memory>
#include <string>

namespace jobflow::app {

class DataFolder {
 public:
  // Problems name the folder and what to do: it cannot be made or written, or a server runs in it.
  static Outcome<std::unique_ptr<DataFolder>> open(const std::string& path);
  ~DataFolder();
  DataFolder(const DataFolder&) = delete;
  DataFolder& operator=(const DataFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  // server.json: {http, grpc, pid, started}, whole or not at all. Removed when this ends.
  Outcome<Done> announce(const std::string& http, const std::string& grpc, Instant started);

 private:
  DataFolder(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::string path_;
  int lock_;
  bool announced_ = false;
};

}  // namespace jobflow::app
