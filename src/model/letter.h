// What one shard tells another (I10). A letter is a row of its sender until the receiver's own
// transaction has recorded its number; so it is applied exactly once, and in order for each pair.
#pragma once

#include "model/id.h"
#include "model/states.h"

#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace jobflow {

// To a run's home: its end is awaited by a run of the sender.
struct WatchRun {
  Id run, watcher;
  bool operator==(const WatchRun&) const = default;
};
// To the watcher's home: the run it waits for has ended so.
struct RunEnded {
  Id run, watcher;
  std::optional<RunState> state;  // none: there is no such run
  bool operator==(const RunEnded&) const = default;
};
// To the home of a job or workflow, which need not exist: whenever a run of it ends, this trigger
// is told so under the number `follow`.
struct FollowRuns {
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space, name;
  Id trigger, follow;
  int states = 0;  // it waits for: a bit a RunState
  bool operator==(const FollowRuns&) const = default;
};
struct StopFollowing {
  Id trigger, follow;
  bool operator==(const StopFollowing&) const = default;
};
// To a trigger that follows. Once for each end, also when a run is retried and ends again.
struct UpstreamEnded {
  Id trigger, follow, run;
  std::optional<RunState> state;  // none: too many follow already, it is not told of any
  Instant at;
  int hops = 0;  // of a run that comes of it
  bool operator==(const UpstreamEnded&) const = default;
};
// To a semaphore's home: the run wants a permit of it, under the number `ask`; or says once more
// that it does, or that it holds one.
struct AskPermit {
  std::string name_space, semaphore;
  Id run, ask;
  int priority = 0;
  Instant since;      // it is queued
  bool held = false;  // it was granted, as far as the run's home knows
  bool operator==(const AskPermit&) const = default;
};
// It holds the permit no more, or wants it no more.
struct ReturnPermit {
  std::string name_space, semaphore;
  Id run, ask;
  bool operator==(const ReturnPermit&) const = default;
};
// To the run's home: it holds the permit it asked for. One who does not want it returns it.
struct PermitGranted {
  std::string name_space, semaphore;
  Id run, ask;
  bool operator==(const PermitGranted&) const = default;
};
// Of a newer version. Nobody who cannot read it may take it as done.
struct UnknownLetter {
  std::string text;
  bool operator==(const UnknownLetter&) const = default;
};
using LetterBody = std::variant<WatchRun,
                                RunEnded,
                                FollowRuns,
                                StopFollowing,
                                UpstreamEnded,
                                AskPermit,
                                ReturnPermit,
                                PermitGranted,
                                UnknownLetter>;

// A letter that is not known to be applied. Numbers come from the sender's ids, so that they grow
// also when the store forgot some of its history (house 3.7, 8).
struct LetterRow {
  ShardNumber from = 0, to = 0;
  Id number;
  Id after;  // the one of this pair that was unacknowledged before it; none = unset
  LetterBody body;
  bool operator==(const LetterRow&) const = default;
};

// The last letter of a sender that the receiver has applied.
struct LetterMarkRow {
  ShardNumber to = 0, from = 0;
  Id number;
  bool operator==(const LetterMarkRow&) const = default;
};

// Who waits for a run to end: in that run's home.
struct WatchRow {
  Id run, watcher;
  bool operator==(const WatchRow&) const = default;
};

// Which trigger is told when runs of a job or workflow end: in that one's home.
struct FollowRow {
  ShardNumber shard = 0;
  DefinitionKind kind = DefinitionKind::job;
  std::string name_space, name;
  Id trigger, follow;
  int states = 0;  // a bit a RunState
  bool operator==(const FollowRow&) const = default;
};

// A permit of a semaphore, or the wish for one: in the semaphore's home.
struct PermitRow {
  ShardNumber shard = 0;
  Id ask;  // the number under which the run asked
  Id run;
  std::string name_space, semaphore;
  int priority = 0;
  Instant since;    // the run is queued
  Instant granted;  // unset: it waits
  bool operator==(const PermitRow&) const = default;
};

// The same as the run's home knows it.
struct HoldRow {
  Id ask;  // of the run's shard
  Id run;
  std::string name_space, semaphore;
  bool granted = false;
  bool operator==(const HoldRow&) const = default;
};

// A body as JSON text, and back; what cannot be understood is kept as it is.
std::string encode_letter(const LetterBody& body);
LetterBody decode_letter(std::string_view text);

}  // namespace jobflow
