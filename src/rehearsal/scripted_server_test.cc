// The scripted server by itself; with a worker, the SDK's tests are its tests.
#include "rehearsal/scripted_server.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace jobflow::rehearsal {
namespace {

TEST(ScriptedServer, APortThatIsTakenIsNotShared) {
  const ScriptedServer first;
  EXPECT_THROW(ScriptedServer({.listen = first.address()}), std::runtime_error);
}

TEST(ScriptedServer, ComesBackOnItsPort) {
  ScriptedServer server;
  const std::string address = server.address();
  server.shut();
  server.shut();
  server.reopen();
  server.reopen();
  EXPECT_EQ(server.address(), address);
}

}  // namespace
}  // namespace jobflow::rehearsal
