// The handler sql on SQLite files of the test (S7.5).
#include "worker/builtin/sql_connections.h"
#include "worker/testing/builtin_stage.h"

#include <gtest/gtest.h>

#include <string>

namespace jobflow::worker {
namespace {

class SqlTest : public BuiltinTest {
 protected:
  BuiltinOptions offered() override {
    const std::string file = "sqlite:" + (folder / "a.db").string();
    return {.allow = {"sql"},
            .sql = {"main=" + file + "?mode=rwc&busy_timeout=20ms",
                    "patient=" + file + "?busy_timeout=1h", "read=" + file + "?mode=ro",
                    "gone=sqlite:/no/such/folder/x.db"}};
  }
  v1::Finished sql(Json params, const std::string& connection = "main") {
    params["connection"] = connection;
    return run("sql", params);
  }
  v1::Finished sql(const char* text) { return sql({{"sql", text}}); }
  std::string rows(const char* text) {
    const v1::Finished end = sql(text);
    EXPECT_EQ(end.outcome(), v1::OUTCOME_SUCCEEDED) << end.error();
    const auto result = Json::try_parse(end.result_json());
    return result && result->contains("rows") ? result->at("rows").dump() : "none";
  }
};

TEST_F(SqlTest, ASelectAnswersItsRows) {
  EXPECT_EQ(sql("create table t(id integer primary key, name text, size real, data blob);"
                "insert into t values (1, 'one', 1.5, x'ff00'), (2, null, 1e999, null)")
                .result_json(),
            R"({"changes":2})");
  EXPECT_EQ(sql("select * from t order by id").result_json(),
            R"({"columns":["id","name","size","data"],"rows":[{"id":1,"name":"one","size":1.5E0,)"
            R"("data":"/wA="},{"id":2,"name":null,"size":null,"data":null}],"truncated":false,)"
            R"("changes":0})");
  EXPECT_EQ(sql("select * from t where 0").result_json(),
            R"({"columns":["id","name","size","data"],"rows":[],"truncated":false,"changes":0})");
  EXPECT_EQ(rows("insert into t(name) values ('a'), ('b') returning id"), R"([{"id":3},{"id":4}])");
}

TEST_F(SqlTest, ValuesAreBoundByNameAndByPlace) {
  const Json odd = {{"a", "x'; drop table t; --"}, {"b", {{"deep", true}}}, {"c", true}};
  EXPECT_NE(sql({{"sql", "select :a as a, @b as b, $c as c"}, {"values", odd}})
                .result_json()
                .find(R"({"a":"x'; drop table t; --","b":"{\"deep\":true}","c":1})"),
            std::string::npos);
  const Json three = Json::array({1, nullptr, 9'007'199'254'740'993});
  EXPECT_NE(sql({{"sql", "select ? as a, ? as b, ? as c"}, {"values", three}})
                .result_json()
                .find(R"({"a":1,"b":null,"c":9007199254740993})"),
            std::string::npos);
  EXPECT_EQ(sql({{"sql", "select :a"}, {"values", {{"b", 1}}}}).error(),
            "there is no value for :a");
  EXPECT_EQ(sql({{"sql", "select ?, ?"}, {"values", {1, 2, 3}}}).error(),
            "it has 2 parameters, and there are 3 values");
  EXPECT_EQ(sql({{"sql", "select ?"}, {"values", {{"a", 1}}}}).error(),
            "its parameter 1 has no name: give 'values' as a list");
}

TEST_F(SqlTest, AllStatementsAreOneTransaction) {
  sql("create table t(id integer primary key)");
  const Json item = {{"sql", "insert into t values (:id)"}, {"values", {{"id", 7}}}};
  Json statements = Json::array();
  statements.push_back("insert into t values (:id)");
  statements.push_back(item);
  statements.push_back("select count(*) as n from t");
  EXPECT_EQ(sql({{"statements", statements}, {"values", {{"id", 6}}}}).result_json(),
            R"({"columns":["n"],"rows":[{"n":2}],"truncated":false,"changes":2})");
  const v1::Finished end = sql({{"statements", statements}, {"values", {{"id", 5}}}});
  EXPECT_EQ(end.error(), "statement 2: UNIQUE constraint failed: t.id");
  EXPECT_EQ(end.error_kind(), "sql_constraint");
  EXPECT_TRUE(end.do_not_retry());
  EXPECT_EQ(rows("select id from t"), R"([{"id":6},{"id":7}])");
}

TEST_F(SqlTest, ManyRowsAreCutWithAMark) {  // S5.4
  const char* endless =
      "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n";
  Json result = Json::parse(sql(endless).result_json());
  EXPECT_EQ(result.at("rows").size(), 1000U);
  EXPECT_TRUE(result.at("truncated").as_bool());
  result = Json::parse(sql({{"sql", endless}, {"max_rows", 3}}).result_json());
  EXPECT_EQ(result.at("rows").size(), 3U);
  result = Json::parse(sql({{"sql", "select 1 as one limit 1"}, {"max_rows", 1}}).result_json());
  EXPECT_FALSE(result.at("truncated").as_bool());
  // However large a value is.
  result = Json::parse(
      sql("select 1 as i, 'x' as x union all select 2, hex(zeroblob(20000000))").result_json());
  EXPECT_EQ(result.at("rows").dump(), R"([{"i":1,"x":"x"}])");
  EXPECT_TRUE(result.at("truncated").as_bool());
  // What changes, changes whole, however many rows of it are shown.
  sql("create table t(id)");
  sql({{"sql", "insert into t select value from json_each('[1,2,3,4,5]') returning id"},
       {"max_rows", 2}});
  EXPECT_EQ(rows("select count(*) as n from t"), R"([{"n":5}])");
}

TEST_F(SqlTest, WhatIsWrongIsSaidInSqlitesWords) {
  v1::Finished end = sql("selec 1");
  EXPECT_EQ(end.error(), "near \"selec\": syntax error");
  EXPECT_EQ(end.error_kind(), "sql_error");
  EXPECT_TRUE(end.do_not_retry());
  EXPECT_EQ(sql("select 1 as a, 2 as a").error(),
            "two columns are called 'a': give one another name with AS");
  end = sql({{"sql", "select 1"}}, "gone");
  EXPECT_EQ(end.error_kind(), "sql_unavailable");
  EXPECT_FALSE(end.do_not_retry());
  end = sql({{"sql", "select 1"}}, "/etc/passwd");
  EXPECT_EQ(end.error(),
            "this worker has no connection '/etc/passwd' (worker.sql); it has gone, main, patient, "
            "read");
  EXPECT_TRUE(end.do_not_retry());
}

TEST_F(SqlTest, AConnectionMayOnlyRead) {
  sql("create table t(id)");
  EXPECT_EQ(sql({{"sql", "select count(*) as n from t"}}, "read").outcome(), v1::OUTCOME_SUCCEEDED);
  const v1::Finished end = sql({{"sql", "insert into t values (1)"}}, "read");
  EXPECT_EQ(end.error(), "attempt to write a readonly database");
  EXPECT_EQ(end.error_kind(), "sql_denied");
  EXPECT_TRUE(end.do_not_retry());
}

TEST_F(SqlTest, TheOperatorsThingsAreOutOfReach) {
  const std::string other = (folder / "other.db").string();
  EXPECT_EQ(sql({{"sql", "attach '" + other + "' as o"}}).error(),
            "other database files cannot be attached");
  EXPECT_NE(sql({{"sql", "vacuum into '" + other + "'"}}).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_EQ(sql("commit").error(), "all statements are one transaction already: leave COMMIT out");
  EXPECT_EQ(sql("select load_extension('x')").outcome(), v1::OUTCOME_FAILED);
  EXPECT_EQ(sql("pragma temp_store_directory = '/tmp'").error(),
            "PRAGMA temp_store_directory is not allowed here");
  EXPECT_EQ(sql("pragma user_version = 3").error(), "PRAGMA user_version is not allowed here");
  EXPECT_EQ(rows("pragma user_version"), R"([{"user_version":0}])");
  sql("create table t(id)");
  EXPECT_NE(rows("pragma table_info(t)"), "[]");
}

TEST_F(SqlTest, WhoeverHoldsTheFileIsWaitedFor) {
  sql("create table t(id)");
  // This one writes until it is stopped.
  const char* endless =
      "insert into t with recursive n(i) as (select 1 union all select 1 from n) select i from n "
      "where i > 1";
  order("sql", {{"connection", "patient"}, {"sql", endless}});
  const std::int64_t writer = token;
  session->accepted(writer);
  v1::Finished end;
  do {  // until it has begun
    end = sql("insert into t values (1)");
  } while (end.outcome() == v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(end.error(), "database is locked");
  EXPECT_EQ(end.error_kind(), "sql_busy");
  EXPECT_FALSE(end.do_not_retry());
  // A cancel ends both the wait and the work (S5.3).
  order("sql", {{"connection", "patient"}, {"sql", "insert into t values (2)"}});
  session->cancel(token, token);
  EXPECT_EQ(session->finished(token).outcome(), v1::OUTCOME_CANCELLED);
  session->cancel(writer, writer);
  EXPECT_EQ(session->finished(writer).outcome(), v1::OUTCOME_CANCELLED);
  EXPECT_EQ(sql({{"sql", "insert into t values (3)"}}, "patient").outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST(SqlConnections, WhatCannotBeReadIsTold) {
  const auto wrong = [](const std::string& text) {
    return SqlConnections::from({text}).problem().detail;
  };
  EXPECT_EQ(wrong("main"),
            "a connection is written name=url, e.g. main=sqlite:/var/lib/app/app.db");
  EXPECT_EQ(wrong("main=postgresql://localhost/x"),
            "the connection 'main' has a URL that is not known here: it begins with sqlite:");
  EXPECT_EQ(wrong("main=sqlite:app.db"),
            "the connection 'main' needs a path from the root: sqlite:/var/lib/app/app.db");
  EXPECT_EQ(wrong("main=sqlite:/a.db?mode=wr"),
            "the connection 'main' has the option 'mode=wr': there are mode=ro, rw or rwc and "
            "busy_timeout=5s");
  EXPECT_TRUE(SqlConnections::from({"main=sqlite:///a.db?mode=ro&busy_timeout=1s"}).ok());
  EXPECT_FALSE(SqlConnections::from({"a=sqlite:/a.db", "a=sqlite:/b.db"}).ok());
}

}  // namespace
}  // namespace jobflow::worker
