// The handler's test, with the server that is installed beside the SDK.
#include "greet.h"

#include <jobflow/test_server.h>

int main() {
  jobflow::TestServer server;
  jobflow::Worker worker{{.server = server.address()}};
  worker.handle("greet", greet);
  worker.start();
  const jobflow::TestEnd end = server.trigger("greet", {{"name", "you"}}).wait();
  return end.result == jobflow::Json({{"hello", "you"}}) ? 0 : 1;
}
