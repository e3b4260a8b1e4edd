// Stories about a shard as text: narrated commands, each with the whole trace it must leave.
//
//   # a remark
//   trigger resize params {"size": 3}
//     + run resize#1 queued params={"size":3} due=0s by=token:admin
//     ...
//
// A command's lines that begin with four blanks continue it; those that begin with two are its
// trace. The commands are listed in testdata/README.md.
#pragma once

#include <string>

namespace jobflow::engine::testing {

// The same story with the trace it really leaves. With `reload_each`, the shard is loaded anew from
// its rows after every decision; lines that tell of reads ("?") and of letters sent ("> letter")
// are left out, for a shard that was just loaded remembers less: it reads more, and sends again.
std::string replay(const std::string& story, bool reload_each);

// The story without those lines.
std::string without_repeats(const std::string& story);

// Where two texts begin to differ, with the lines around it; "" when they do not.
std::string first_difference(const std::string& expected, const std::string& found);

}  // namespace jobflow::engine::testing
