// What the engine decided: changes to write, then effects to release once they are durable (I4).
#pragma once

#include "engine/command.h"
#include "model/change.h"
#include "model/event.h"
#include "model/image.h"
#include "model/work.h"

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
struct Reply {
  Id id;                 // of the run or definition
  int revision = 0;      // saved definition
  bool created = false;  // false: an earlier one answers (a repeated key, a name that was there)
  bool changed = true;   // false: saved what was saved already
  std::string name;      // saved definition
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
