#include "app/data_folder.h"

#include <boost/json.hpp>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace jobflow::app {
namespace {

Problem unavailable(std::string detail) {
  return {.code = ProblemCode::unavailable, .detail = std::move(detail)};
}

Problem cannot(const std::string& what, const std::string& path, int why) {
  std::string detail = "cannot " + what + " " + path + ": " + std::strerror(why);
  if (why == EROFS) {
    detail += "; it lies on a read-only file system: name another with --data";
  } else if (why == EACCES || why == EPERM) {
    detail += "; give this user the right to write there, or name another with --data";
  } else if (why == ENOTDIR || why == EEXIST) {
    detail += "; a file stands in the way: name another folder with --data";
  } else if (why == ENOSPC || why == EDQUOT) {
    detail += "; make room on that disk";
  } else {
    detail += "; name another folder with --data";
  }
  return unavailable(detail);
}

// 0 or the errno.
int make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    const bool whole = slash == std::string::npos;
    if (::mkdir(part.c_str(), whole ? 0700 : 0755) != 0 && errno != EEXIST) {
      struct stat found{};
      const int why = errno;
      if (::stat(part.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) {
        return why;
      }
    }
    if (whole) {
      struct stat found{};
      return ::stat(path.c_str(), &found) != 0 ? errno : S_ISDIR(found.st_mode) ? 0 : ENOTDIR;
    }
  }
}

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Outcome<std::unique_ptr<DataFolder>> DataFolder::open(const std::string& path) {
  if (const int why = make_folders(path); why != 0) {
    return cannot("make the data folder", path, why);
  }
  const std::string lock_path = path + "/server.lock";
  const int lock = ::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    return cannot("write to the data folder", path, errno);
  }
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    ::close(lock);
    if (why == EWOULDBLOCK) {
      return unavailable("a server runs in " + path +
                         " already (see server.json there): stop it, or "
                         "name another folder with --data");
    }
    return cannot("hold the data folder", path, why);
  }
  std::unique_ptr<DataFolder> folder(new DataFolder(path, lock));
  ::unlink(folder->file("server.json").c_str());  // of one that was killed
  return folder;
}

DataFolder::~DataFolder() {
  if (announced_) {
    ::unlink(file("server.json").c_str());
  }
  ::close(lock_);
}

Outcome<Done> DataFolder::announce(const std::string& http,
                                   const std::string& grpc,
                                   Instant started) {
  boost::json::object facts;
  facts["http"] = http;
  facts["grpc"] = grpc;
  facts["pid"] = ::getpid();
  facts["started"] = to_rfc3339(started);
  const std::string text = boost::json::serialize(facts) + "\n";
  const std::string path = file("server.json");
  const std::string fresh = path + ".new";
  const int out = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (out < 0) {
    return cannot("write", fresh, errno);
  }
  const bool written = write_all(out, text);
  const int why = errno;
  ::close(out);
  if (!written) {
    return cannot("write", fresh, why);
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) {
    return cannot("write", path, errno);
  }
  announced_ = true;
  return Done{};
}

}  // namespace jobflow::app
