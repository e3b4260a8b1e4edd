#include "worker/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <vector>

namespace jobflow::worker {
namespace {

std::vector<Body*> pointers(std::vector<std::unique_ptr<Body>>& bodies, std::size_t count) {
  std::vector<Body*> result;
  for (std::size_t i = 0; i < count; ++i) {
    result.push_back(bodies.emplace_back(std::make_unique<Body>()).get());
  }
  return result;
}

TEST(Crew, BodiesThatWaitForEachOtherAllRunAtOnce) {
  std::vector<std::unique_ptr<Body>> bodies;
  std::latch all(100);
  Crew crew(100, [&](Body&) { all.arrive_and_wait(); });
  crew.start();
  crew.submit(pointers(bodies, 100));
  while (!all.try_wait()) {
    crew.tend();  // the pulse's part
  }
  crew.stop();
}

TEST(Crew, ShortBodiesStayOnFewThreads) {
  std::vector<std::unique_ptr<Body>> bodies;
  std::atomic<int> ran = 0;
  Crew crew(1000, [&](Body&) { ran.fetch_add(1); });
  crew.start();
  for (int part = 0; part < 20; ++part) {
    crew.submit(pointers(bodies, 1000));
  }
  while (ran.load() < 20'000) {
    std::this_thread::yield();
  }
  EXPECT_LE(crew.threads(), 2U);  // nobody tended it, so nobody was added
  crew.stop();
  EXPECT_EQ(ran.load(), 20'000);
}

TEST(Crew, NeverMoreThreadsThanSlots) {
  std::vector<std::unique_ptr<Body>> bodies;
  std::latch gate(1);
  std::latch busy(3);
  Crew crew(3, [&](Body&) {
    if (!busy.try_wait()) {
      busy.count_down();
    }
    gate.wait();
  });
  crew.start();
  crew.submit(pointers(bodies, 3));
  while (!busy.try_wait()) {
    crew.tend();
  }
  crew.submit(pointers(bodies, 5));
  for (int i = 0; i < 100; ++i) {
    crew.tend();
  }
  EXPECT_EQ(crew.threads(), 3U);
  gate.count_down();
  crew.stop();  // runs what was submitted
}

}  // namespace
}  // namespace jobflow::worker
