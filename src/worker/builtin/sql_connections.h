// The databases `sql` may speak to: named by the worker's operator, never by a definition. Values;
// thread-safe.
//
//   main=sqlite:/var/lib/app/app.db?busy_timeout=10s     mode: rw (default), ro, rwc (makes it)
#pragma once

#include "model/outcome.h"
#include "worker/builtin/sql_session.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace jobflow::worker {

class SqlConnections {
 public:
  // Of texts "name=url".
  static Outcome<SqlConnections> from(const std::vector<std::string>& texts);

  bool empty() const { return openers_.empty(); }
  // Throws SqlError when there is none of that name, or it cannot be opened.
  std::unique_ptr<SqlSession> open(const std::string& name, Context& run) const;

 private:
  using Open = std::function<std::unique_ptr<SqlSession>(Context& run)>;
  std::map<std::string, Open> openers_;
};

}  // namespace jobflow::worker
