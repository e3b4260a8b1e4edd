#include "tools/conformance/play.h"

#include <jobflow/json.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>

namespace jobflow::conformance {
namespace {

constexpr std::int64_t kLongAgoMs = 1'700'000'000'000;
constexpr std::uint32_t kTripShard = 900;
constexpr auto kLook = std::chrono::milliseconds(5);

std::string make_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "jobflow-conformance-XXXXXX");
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), name);
  }
  return name;
}

}  // namespace

std::int64_t make_id(std::uint32_t shard, std::uint32_t number) {
  return (kLongAgoMs << 22) | (std::int64_t{shard} << 12) | number;
}

Play::Play(const Setting& setting)
    : setting_(setting),
      folder_(make_folder()),
      server_({.listen = setting.listen, .patience = setting.patience}) {}

Play::~Play() {
  candidate_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Play::start() {
  candidate_ = std::make_unique<Candidate>(setting_.command, server_.address(), file("words"));
}

SessionPtr Play::join() {
  start();
  return next();
}

SessionPtr Play::next() {
  SessionPtr session = server_.accept();
  session->welcome(kHeartbeatMs, kLeaseMs);
  return session;
}

Order Play::work(std::uint32_t number, bool waits) const {
  Order order;
  order.run = make_id(number % 512, number);
  order.token = make_id(number % 512, number + 1000);
  order.handler = kWork;
  Json params = {{"witness", file("witness")}, {"lines", 0}};
  if (waits) {
    params["until"] = file("release-" + std::to_string(order.token));
  }
  order.params = params.dump();
  return order;
}

void Play::release(const Order& order) const {
  const std::ofstream made(file("release-" + std::to_string(order.token)));
}

int Play::count(std::string_view what, const Order& order) const {
  std::ifstream witness(file("witness"));
  const std::string wanted = std::string(what) + " " + std::to_string(order.token);
  int found = 0;
  for (std::string line; std::getline(witness, line);) {
    found += line == wanted ? 1 : 0;
  }
  return found;
}

void Play::until_written(std::string_view what, const Order& order) const {
  const auto deadline = std::chrono::steady_clock::now() + setting_.patience;
  while (count(what, order) == 0) {
    expect(std::chrono::steady_clock::now() < deadline,
           "no '" + std::string(what) + "' was written by the body");
    std::this_thread::sleep_for(kLook);
  }
}

void Play::round_trip(const SessionPtr& session) {
  Order order;
  order.run = make_id(kTripShard, ++trips_);
  order.token = order.run + 1000;
  order.handler = kEcho;
  session->assign(order);
  expect_outcome(v1::OUTCOME_SUCCEEDED, finished(session, order), "a run that came after it");
  session->acknowledge(order.token);
}

v1::Finished Play::finished(const SessionPtr& session, const Order& order, int nth) const {
  v1::Finished end = session->finished(order.token, nth);
  expect(end.run() == order.run, "an end of run " + std::to_string(end.run()) +
                                     " with the token of " + std::to_string(order.run));
  return end;
}

std::string Play::last_words() const {
  std::ifstream words(file("words"));
  std::string last;
  for (std::string line; std::getline(words, line);) {
    last = line.empty() ? last : line;
  }
  return last;
}

std::string name_of(v1::Outcome outcome) {
  return v1::Outcome_IsValid(outcome) ? v1::Outcome_Name(outcome).substr(8)
                                      : "outcome " + std::to_string(outcome);
}

void expect_outcome(v1::Outcome expected, const v1::Finished& seen, const std::string& of) {
  const std::string error = seen.error().empty() ? "" : " (" + seen.error() + ")";
  expect(seen.outcome() == expected,
         name_of(seen.outcome()) + error + " instead of " + name_of(expected) + " of " + of);
}

bool holds(const v1::Register& hello, const Order& order) {
  for (const v1::Holding& held : hello.holding()) {
    if (held.run() == order.run && held.token() == order.token) {
      return true;
    }
  }
  return false;
}

}  // namespace jobflow::conformance
