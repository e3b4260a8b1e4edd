// The dealer: which workers are connected through this member, whether they still speak, and what
// goes out to them next. It keeps the engine's roster true.
//
//   connected --silent for a lease--> gone          leases are judged on monotonic time and only
//   connected --stream ends--> away --a lease--> gone    count while this member could have heard
//   away --same incarnation--> connected            (S6.6: no worker is lost because we were away)
//
// Belongs to the hall and runs on its executor; not thread-safe.
#pragma once

#include "engine/roster.h"
#include "runtime/command_door.h"
#include "runtime/member_link.h"
#include "runtime/worker_door.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::runtime {

class Dealer {
 public:
  explicit Dealer(Span lease) : lease_(lease) {}

  engine::Roster& roster() { return roster_; }

  struct Arrival {
    bool is_new = false;  // this incarnation was not known here
    // The same name's earlier processes, away: over when they hold nothing. What they hold waits
    // for them until their lease ends: a new process does not prove that they are gone (S6.6).
    std::vector<Id> namesakes;
  };
  // `already_exists` when another live worker has the name and this incarnation is new here: one
  // that was here before, or that attempts are out with, is never turned away. `holder`: the member
  // that holds the worker's stream, 0 = this one; another member's worker takes only what that one
  // lends.
  Outcome<Arrival> connect(WorkerHello hello,
                           std::shared_ptr<WorkerStream> stream,
                           Instant now,
                           Instant monotonic,
                           std::int64_t holder = 0);
  void heard(Id incarnation, const FromWorker& said, Instant now, Instant monotonic);
  // False when this stream is not that worker's current one.
  bool closed(Id incarnation, const WorkerStream* stream, Instant monotonic);
  // Another member's worker: its stream there is over, or that member is.
  void leave(Id incarnation, Instant monotonic);
  // The worker said that it holds nothing and goes, or it was declared gone.
  void remove(Id incarnation);

  // Attempts of this incarnation are out; give it one lease to come back (after a start).
  void expect(Id incarnation, Instant monotonic);
  // This member could not listen for a while: all leases count anew.
  void restart_leases(Instant now, Instant monotonic);
  // For `deaf` until now it could not hear all of the others, and so not who may be with them: that
  // is no silence. Its own streams were heard.
  void stretch_leases(Span deaf, Instant now, Instant monotonic);
  // The incarnations whose lease has run out: gone.
  std::vector<Id> expired(Instant monotonic) const;

  // What goes out at the next flush(), a message a worker.
  ToWorker& outgoing(Id incarnation) { return outgoing_[incarnation]; }
  // Answers the assignments that did not leave: no attempts (S6.7).
  struct Unsent {
    Id run, token;
  };
  std::vector<Unsent> flush();
  void close_all(const Problem& reason);

  // The workers whose streams this member holds, as others are told of them.
  std::vector<WorkerDirectory::Entry> directory() const;
  // Whether its stream is up and this member's own, or who else holds it.
  bool is_here(Id incarnation) const;
  std::int64_t holder_of(Id incarnation) const;
  std::int64_t connection_of(Id incarnation) const;
  // Whether this worker has connected again since it said that, here or elsewhere.
  bool knows_newer(const WorkerHello& hello) const;
  std::vector<WorkerView> views() const;
  std::string name_of(Id incarnation) const;
  std::size_t size() const { return seats_.size(); }

 private:
  struct Seat {
    WorkerHello hello;
    std::shared_ptr<WorkerStream> stream;  // null: away
    Instant heard_monotonic;               // its lease counts from here
    Instant connected, heard;
    double load = 0;
    std::int64_t holder = 0;
    std::int64_t visit = 0;  // of this stream of ours
    bool draining = false;
    bool expected = false;  // known from rows only
    bool ended = false;     // the stream takes nothing more; closed() is still to come
    bool is_here() const { return stream != nullptr && !ended; }
  };

  void no_longer_here(Id incarnation);

  Span lease_;
  engine::Roster roster_;
  std::map<Id, Seat> seats_;
  std::map<Id, ToWorker> outgoing_;
  std::int64_t last_visit_ = 0;
};

}  // namespace jobflow::runtime
