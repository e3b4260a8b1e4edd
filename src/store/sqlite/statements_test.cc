#include "store/sqlite/statements.h"

#include "store/sqlite/connection.h"
#include "store/sqlite/schema.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace jobflow::store::sqlite {
namespace {

std::vector<std::string> names_in(std::string_view path) {
  constexpr std::string_view kMark = "-- name: ";
  std::vector<std::string> names;
  for (const SqlFile& file : sql_files()) {
    if (file.path != path) {
      continue;
    }
    for (auto at = file.text.find(kMark); at != std::string_view::npos;
         at = file.text.find(kMark, at + 1)) {
      const auto begin = at + kMark.size();
      names.emplace_back(file.text.substr(begin, file.text.find('\n', begin) - begin));
    }
  }
  return names;
}

// What SQLite plans to do, a line a step.
std::string plan_of(Connection& connection, const char* sql) {
  const std::string text = std::string("EXPLAIN QUERY PLAN ") + sql;
  Statement statement(connection, text.c_str());
  std::string plan;
  for (auto row = statement.with(); row.step();) {
    plan += row.text(3) + "\n";
  }
  return plan;
}

// P11: nothing reads a whole table but what is told to, and nothing sorts what an index could.
TEST(Statements, NoneScansATable) {
  const std::set<std::string, std::less<>> small = {
      "tokens", "claim_shards", "list_members", "list_shards",
      // Marks: one an hour of what is kept.
      "newest_mark", "expired_mark", "delete_marks", "oldest_expired_mark"};
  for (const auto& [file, schema] :
       {std::pair("statements.sql", kStateSchema), std::pair("log_statements.sql", kLogSchema)}) {
    Connection connection(":memory:", true);
    ASSERT_TRUE(migrate(connection, schema, [] {}));
    const auto names = names_in(file);
    EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size()) << "a name twice";
    for (const std::string& name : names) {
      const char* sql = find_statement(file, name);
      const std::string plan = plan_of(connection, sql);
      const bool orders_by_number = name.starts_with("oldest_idempotency");
      if (!small.contains(name) && !orders_by_number) {
        EXPECT_EQ(plan.find("SCAN"), std::string::npos) << name << ":\n" << plan;
      }
      if (name != "triggers_of_definition") {  // 64 at most
        EXPECT_EQ(plan.find("TEMP B-TREE"), std::string::npos) << name << ":\n" << plan;
      }
    }
  }
}

TEST(Statements, MigrationsAreNumberedFromOne) {
  for (const Schema& schema : {kStateSchema, kLogSchema}) {
    const auto migrations = migrations_in(schema.migrations);
    ASSERT_FALSE(migrations.empty());
    EXPECT_EQ(newest_schema_version(schema), static_cast<int>(migrations.size()));
  }
}

}  // namespace
}  // namespace jobflow::store::sqlite
