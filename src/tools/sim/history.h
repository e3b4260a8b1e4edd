// What happened in a world, in order: the record that the checkers judge, that two runs of one seed
// must agree on byte for byte, and that a person reads when something is wrong.
#pragma once

#include "engine/command.h"
#include "engine/decision.h"
#include "model/event.h"
#include "runtime/feed.h"
#include "runtime/member_link.h"
#include "runtime/worker_door.h"
#include "store/batch.h"
#include "tools/sim/scheduler.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace jobflow::sim {

enum class Did : std::uint8_t {
  fault,         // text says which
  member_began,  // a process of the member; other = its lease in ms, 0 when it is alone
  member_ready,
  member_ended,  // text says how
  joined,        // the store: number = term
  landed,        // the store: a batch; number = of the batch, other = term
  asked,         // a client, for the first time; number = of the command
  delivered,     // a command reached a member's door, perhaps again
  answered,      // the member's answer leaves it
  heard_answer,  // the client has it
  gave_up,       // the client: the outcome is unknown
  told_worker,   // a message leaves the member for a worker
  heard_worker,  // what a worker said reaches the member
  told_member,   // a message leaves the member for another; text says for which
  heard_member,  // and is read there; number = the sender
  worker_told,   // and is read there; number = the incarnation
  worker_began,  // a process of the worker; number = its incarnation
  worker_ended,  // text says how
  connected,     // a worker was welcomed
  body_began,
  body_ended,    // text: the outcome
  heard_events,  // a subscriber
  lagged,        // a subscriber was told to begin anew
  resumed,       // one goes on with what the first one has heard; text: at which member
  calendar,      // the store: a calendar is saved or deleted; number = of its revision
  calm,          // from now on nothing fails any more
  settled,       // the members had time to be where they should be; number = their clock
  at_rest,       // nothing is left to do
};
std::string_view to_string(Did did);

// One thing that happened. The pointers hold only while it is being told to the checkers.
struct Record {
  Did did = Did::fault;
  std::string who = {};
  Id run = {};
  Id token = {};
  std::int64_t number = 0;
  std::int64_t other = 0;
  std::string text = {};

  const store::Batch* batch = nullptr;
  const engine::Request* request = nullptr;
  const Outcome<engine::Reply>* answer = nullptr;
  const runtime::ToWorker* to_worker = nullptr;
  const runtime::FromWorker* from_worker = nullptr;
  const runtime::MemberMessage* message = nullptr;
  const std::vector<runtime::NumberedEvent>* events = nullptr;
  const CalendarRow* calendar = nullptr;

  Micros at = 0;  // set by the history
};

class History {
 public:
  using Reader = std::function<void(const Record&)>;
  // A piece of a line, and what it speaks of.
  struct Part {
    std::vector<Id> ids;
    std::string text;
  };
  // Without text it costs little: a seed that fails is run again with it.
  History(const Scheduler& scheduler, bool with_text, Reader reader)
      : scheduler_(scheduler), with_text_(with_text), reader_(std::move(reader)) {}

  void add(Record record);
  // Of all that was recorded so far.
  std::uint64_t hash() const { return hash_; }
  std::size_t size() const { return size_; }
  // Every line, or only the last ones that speak of one of these ids, or of faults.
  std::string text() const;
  std::string text_about(const std::vector<Id>& ids, std::size_t lines) const;

 private:
  struct Line {
    Micros at;
    Did did;
    std::string who;
    std::vector<Part> parts;
  };
  void count(const Record& record);
  void write(const Record& record);
  // The whole line, or what of it is about one of `ids`.
  static std::string show(const Line& line, const std::vector<Id>* ids = nullptr);

  const Scheduler& scheduler_;
  const bool with_text_;
  const Reader reader_;
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
  std::size_t size_ = 0;
  std::vector<Line> lines_;
};

// A request in a few words, for a reader.
std::string to_text(const engine::Request& request);

}  // namespace jobflow::sim
