// Starts a child process with three pipes, in a session of its own. Thread-safe.
#pragma once

#include "worker/builtin/process.h"

#include <string>
#include <sys/types.h>
#include <utility>

namespace jobflow::worker {

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  void close();

 private:
  int number_;
};

// pid == 0: it did not start, `trouble` says why. The pipes do not block.
struct Child {
  pid_t pid = 0;
  Descriptor in, out, err;
  std::string trouble;
};

Child spawn(const ProcessSpec& spec);

}  // namespace jobflow::worker
