// What the engine decided: changes to write, then effects to release once they are durable (I4).
#pragma once

#include "engine/command.h"
#include "model/change.h"
#include "model/event.h"
#include "model/image.h"
#include "model/work.h"

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace jobflow::engine {

struct SendAssignment {
  Id incarnation;
  Assignment assignment;
};
struct SendCancel {
  Id incarnation;
  CancelOrder order;
};
// The report is durable, or will never count: the worker may forget it (S7.3).
struct SendAck {
  Id incarnation;
  Id token;
};
// To the shard it names; sent again until that one's acknowledgement is here (I10).
struct SendLetter {
  LetterRow letter;
};
// To the sender of these letters.
struct SendLetterAck {
  ShardNumber from = 0, to = 0;  // of the letters
  Id up_to;
};
using Effect = std::variant<SendAssignment, SendCancel, SendAck, SendLetter, SendLetterAck>;

// What the asker learns.
// Why a run does not run now, or what it is at (S5.6).
struct Explanation {
  struct Reason {
    std::string code;  // listed in api/openapi.yaml
    std::string text;  // an English sentence's worth
  };
  RunState state = RunState::queued;
  std::vector<Reason> reasons;  // each of them must go
  Instant earliest;             // when it can begin, if that is known
  Instant bound;                // when its state ends, whatever happens (I5); unset: does not apply
};

struct Reply {
  Id id;                 // of the run or definition
  int revision = 0;      // saved definition
  bool created = false;  // false: an earlier one answers (a repeated key, a name that was there)
  bool changed = true;   // false: saved what was saved already
  std::string name;      // saved definition
  std::shared_ptr<const Explanation> explanation = {};  // ExplainRun
};

struct Decision {
  std::vector<Change> changes;
  std::vector<Event> events;
  std::vector<Effect> effects;
  std::optional<Outcome<Reply>> answer;  // set when somebody asked
  // Not empty: nothing was decided; read these rows and ask again with them (3c).
  CommandReads reads;
  // The row budget was used up: the hall submits these next (house 3.8).
  std::vector<Request> more;
};

}  // namespace jobflow::engine
