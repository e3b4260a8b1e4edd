// One request on its way through a handler, and everything a handler may reach.
//
// A handler is a plain function: it answers once, by answer() or stream(), now or from a later
// callback. Exchanges live in shared_ptrs that callbacks hold; a handler runs on its exchange's
// loop and comes back to it with hop(). Nothing here knows sockets: tests bring their own Loop and
// Sink.
#pragma once

#include "api/http.h"
#include "model/handler_rules.h"
#include "model/outcome.h"
#include "model/time.h"
#include "runtime/command_door.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace jobflow::store {
class Store;
class LogStore;
}  // namespace jobflow::store
namespace jobflow::runtime {
class Clock;
class Metrics;
}  // namespace jobflow::runtime

namespace jobflow::api {

class NameBook;

// Where an exchange's pieces run, one after another. post() may be called from any thread.
class Loop {
 public:
  virtual ~Loop() = default;
  virtual void post(std::function<void()> task) = 0;
  virtual void after(Span wait, std::function<void()> task) = 0;  // dropped when the server stops
};

// The client's end of a stream of events. On the exchange's loop only.
class Sink {
 public:
  virtual ~Sink() = default;
  // Queues one event; `held` is let go once it has left. `json` has no line breaks.
  virtual void send(std::string_view type,
                    std::string_view id,
                    std::string_view json,
                    std::shared_ptr<const void> held) = 0;
  virtual std::size_t waiting_bytes() const = 0;
  virtual bool closed() const = 0;
  virtual void end() = 0;  // after what is queued
  virtual void on_closed(std::function<void()> told) = 0;
};

// What handlers reach; outlives every exchange.
struct Doors {
  runtime::CommandDoor& hall;
  store::Store& store;
  store::LogStore& logs;
  runtime::Metrics& metrics;
  runtime::Clock& clock;
  NameBook& names;
  std::string version;
  HandlerRules forbidden = {};               // what definitions may not name (S7.6)
  mutable std::atomic<bool> started{false};  // was ready once
};

struct Exchange {
  Request request;
  std::shared_ptr<const Doors> doors;
  std::shared_ptr<Loop> loop;
  std::function<void(Response)> answer;                                    // once; any thread
  std::function<void(std::function<void(std::shared_ptr<Sink>)>)> stream;  // instead; on the loop

  // Answers with a problem document.
  void refuse(const Problem& problem);
};
using ExchangePtr = std::shared_ptr<Exchange>;

// Gives a request that may change something the id of its command: the caller's, or a new one. With
// several commands theirs follow on.
std::optional<Problem> name_command(Exchange& exchange, int commands);
// What is asked, with who asks and under which id; `item` of several.
engine::Command command_of(const Request& request, engine::Request asked, std::size_t item = 0);

using Handler = void (*)(const ExchangePtr&);

// A callback for any thread that goes on with `next` on the exchange's loop.
template <class T, class Next>
std::function<void(T)> hop(const ExchangePtr& exchange, Next next) {
  return [exchange, next = std::move(next)](T value) {
    exchange->loop->post(
        [next, moved = std::make_shared<T>(std::move(value))] { next(std::move(*moved)); });
  };
}

// The same for an Outcome, whose problem becomes the answer.
template <class T, class Next>
std::function<void(Outcome<T>)> hop_ok(const ExchangePtr& exchange, Next next) {
  return hop<Outcome<T>>(exchange, [exchange, next = std::move(next)](Outcome<T> outcome) {
    if (outcome) {
      next(std::move(outcome).value());
    } else {
      exchange->refuse(outcome.problem());
    }
  });
}

}  // namespace jobflow::api
