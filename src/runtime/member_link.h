// Between the halls of a cluster: what members say to each other, as values. The link carries it
// (gRPC, or a simulated network); the hall is the desk.
//
// A link may lose, delay and repeat messages; between two members it keeps their order as long as
// nothing is lost. Nothing here decides anything: who may write says the store (I1), and whatever
// was lost is asked, sent or found out again.
#pragma once

#include "engine/command.h"
#include "engine/decision.h"
#include "engine/queues.h"
#include "model/outcome.h"
#include "runtime/worker_door.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace jobflow::runtime {

// A command for a shard that the receiver owns, as the sender believes (S12.4).
struct ForwardedCommand {
  std::int64_t request = 0;  // of the sender's process; answered with it
  engine::Command command;
};
struct ForwardedAnswer {
  std::int64_t request = 0;
  bool not_mine = false;  // nothing was done: the shard is somebody else's
  Outcome<engine::Reply> answer{engine::Reply{}};
};

// The workers whose streams the sender holds (house, Dispatch). Said in full when that changed or
// was asked for, else as a sign of life: the version alone.
struct WorkerDirectory {
  struct Entry {
    WorkerHello hello;       // as it came, with what it held then
    std::int64_t visit = 0;  // of the stream: another one means that it was away in between
    bool draining = false;
  };
  std::int64_t version = 0;
  bool in_full = false;
  std::vector<Entry> here;
  std::vector<Id> gone;  // since the last one: their attempts are lost
  Instant said;          // by the sender's monotonic clock
  Instant echo;          // the newest such time of the receiver that has come to the sender
};
struct AskDirectory {};
// How many runs wait at the sender for workers that the receiver holds; replaces what was wished
// before.
struct CreditWish {
  struct Want {
    engine::Ask ask;  // but for the bucket:
    Id incarnation;   // whose that is; unset: any worker that suits
    int runs = 0;
  };
  std::vector<Want> wants;
};
// Further runs that the receiver may give to these workers, within one second.
struct CreditGrant {
  struct Grant {
    Id incarnation;
    int runs = 0;
  };
  std::vector<Grant> grants;
};

// For a worker whose stream the receiver holds.
struct OrdersForWorker {
  Id incarnation;
  ToWorker orders;
};
// Assignments that did not reach their worker: no attempts (S6.7).
struct OrdersUnsent {
  std::vector<engine::AssignmentUnsent> those;
};
// From a worker whose stream the sender holds: what concerns the receiver's shards.
struct SaidByWorker {
  Id incarnation;
  FromWorker said;
};

// For a shard that the receiver owns, as the sender believes (I10). Both are sent again until what
// they bring about has come back.
struct LetterSent {
  LetterRow letter;
};
struct LetterApplied {
  ShardNumber from = 0, to = 0;  // of the letters
  Id up_to;
};

// What the journals of the sender's sources have gained: numbers from `first` up to `next` (S9.3).
struct JournalHeads {
  struct Head {
    ShardNumber source = 0;
    std::int64_t first = 1, next = 1;
  };
  std::vector<Head> heads;
};

// A hint to look at the store now: shards have moved.
struct LookNow {};
// To a process that goes on under a term that the store has taken away: it is fenced, and cut off
// from the store may not find out for long, with workers that listen to it.
struct TermIsOver {};

struct MemberMessage {
  std::int64_t from = 0;
  std::int64_t term = 0;  // of the sender: a new process is another sender
  // Of the history that the sender knows: what was true in another one says nothing in ours.
  std::int64_t generation = 0;
  // Whom it is for: what was meant for an earlier process, or comes a second time, is dropped. An
  // order said twice could be carried out once and come back as unsent the other time.
  std::int64_t to_term = 0;
  std::int64_t number = 0;  // of the sender's messages to that member
  std::variant<LookNow,
               TermIsOver,
               JournalHeads,
               ForwardedCommand,
               ForwardedAnswer,
               WorkerDirectory,
               AskDirectory,
               CreditWish,
               CreditGrant,
               OrdersForWorker,
               OrdersUnsent,
               SaidByWorker,
               LetterSent,
               LetterApplied>
      what;
};

// Never blocks, may lose. Called on the hall's executor.
class MemberLink {
 public:
  virtual ~MemberLink() = default;
  virtual void send(std::int64_t to, const std::string& address, MemberMessage message) = 0;
};

// Thread-safe; never blocks.
class MemberDesk {
 public:
  virtual ~MemberDesk() = default;
  virtual void member_said(MemberMessage message) = 0;
  // The link to it broke: what it was sent lately may never have come.
  virtual void member_lost(std::int64_t member) = 0;
};

}  // namespace jobflow::runtime
