// A worker outside the tree: it starts, finds no server at the address, and leaves.
#include "greet.h"

#include <iostream>
#include <string_view>

int main() {
  jobflow::Worker worker{{.server = "127.0.0.1:1", .slots = 1, .log = [](std::string_view) {}}};
  worker.handle("greet", greet);
  worker.start();
  worker.drain();
  const int code = worker.wait();
  std::cout << jobflow::Json{{"left", code}}.dump() << '\n';
  return code;
}
