// The handler http against a scripted server on loopback (S7.5).
#include "model/limits.h"
#include "worker/testing/builtin_stage.h"
#include "worker/testing/scripted_http.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

namespace jobflow::worker {
namespace {

class HttpTest : public BuiltinTest {
 protected:
  BuiltinOptions offered() override { return {.http = rules}; }
  ScriptedHttp& serve(ScriptedHttp::Script script, bool tls = false) {
    http = std::make_unique<ScriptedHttp>(std::move(script), tls);
    return *http;
  }
  v1::Finished get(Json params = Json::object(), const std::string& target = "/") {
    params["url"] = http->url(target);
    return run("http", params);
  }
  // Of a run that succeeded.
  Json answer(Json params = Json::object(), const std::string& target = "/") {
    const v1::Finished end = get(std::move(params), target);
    EXPECT_EQ(end.outcome(), v1::OUTCOME_SUCCEEDED) << end.error();
    return end.outcome() == v1::OUTCOME_SUCCEEDED ? Json::parse(end.result_json()) : Json::object();
  }

  HttpRules rules;
  std::unique_ptr<ScriptedHttp> http;
};

TEST_F(HttpTest, TheAnswerIsTheResult) {
  serve([](const HttpCall&) {
    return HttpReply{.headers = {{"Content-Type", "application/json; charset=utf-8"},
                                 {"X-Twice", "a"},
                                 {"X-Twice", "b"}},
                     .body = R"({"id": 7, "tags": ["x"]})"};
  });
  const Json result = answer();
  EXPECT_EQ(result.at("status").as_int(), 200);
  EXPECT_EQ(result.at("headers").at("x-twice").as_string(), "a, b");
  EXPECT_EQ(result.at("json").at("id").as_int(), 7);
  EXPECT_FALSE(result.at("truncated").as_bool());
  EXPECT_FALSE(result.contains("body"));
  EXPECT_EQ(http->call(0).method, "GET");
  EXPECT_FALSE(http->call(0).headers.contains("content-type"));
}

TEST_F(HttpTest, TheRequestIsWhatTheParamsSay) {
  serve([](const HttpCall&) { return HttpReply{.status = 201, .body = "made"}; });
  Json query = {{"q", "a b&c"}, {"n", 5}};
  query["list"] = Json::array({"x", "y"});
  EXPECT_EQ(answer({{"method", "PUT"},
                    {"headers", {{"X-Key", "secret"}, {"Accept", "text/plain"}, {"X-Empty", ""}}},
                    {"query", query},
                    {"body", {{"a", 1}}}},
                   "/path?have=1#part")
                .at("body")
                .as_string(),
            "made");
  HttpCall call = http->call(0);
  EXPECT_EQ(call.method, "PUT");
  EXPECT_EQ(call.target, "/path?have=1&q=a%20b%26c&n=5&list=x&list=y");
  EXPECT_EQ(call.body, R"({"a":1})");
  EXPECT_EQ(call.headers["content-type"], "application/json");
  EXPECT_EQ(call.headers["x-key"], "secret");
  EXPECT_TRUE(call.headers.contains("x-empty"));
  EXPECT_FALSE(call.headers.contains("idempotency-key"));
  // A text goes as it is; with a body and no method it is POSTed, with a key of the run's own.
  answer({{"body", "plain"}});
  call = http->call(1);
  EXPECT_EQ(call.method, "POST");
  EXPECT_EQ(call.body, "plain");
  EXPECT_FALSE(call.headers.contains("content-type"));
  EXPECT_EQ(call.headers["idempotency-key"], "jobflow-" + std::to_string(token));
  EXPECT_FALSE(answer({{"method", "HEAD"}}).at("body").as_string().size() > 0);
  EXPECT_EQ(http->call(2).method, "HEAD");
  answer({{"method", "DELETE"}});
  EXPECT_EQ(http->call(3).headers["content-length"], "0");
}

TEST_F(HttpTest, AnUnexpectedStatusFails) {
  serve([](const HttpCall& call) {
    return HttpReply{.status = std::stoi(call.target.substr(1)), .body = "because"};
  });
  v1::Finished end = get({}, "/404");
  EXPECT_EQ(end.error_kind(), "http_status");
  EXPECT_EQ(end.error(), "GET " + http->url("/404") + " answered 404: because");
  EXPECT_TRUE(end.do_not_retry());
  EXPECT_EQ(answer({{"expect", {200, 404}}}, "/404").at("status").as_int(), 404);
  EXPECT_EQ(answer({{"expect", "400-410"}}, "/404").at("status").as_int(), 404);
  EXPECT_EQ(get({{"expect", 200}}, "/204").outcome(), v1::OUTCOME_FAILED);
}

TEST_F(HttpTest, WhatMayPassIsTriedAgainWhenTheServerSays) {  // S3.2
  serve([](const HttpCall& call) {
    HttpReply reply{.status = std::stoi(call.target.substr(1))};
    if (reply.status == 429) {
      reply.headers.emplace_back("Retry-After", "7");
    }
    if (reply.status == 503) {  // as a date: long past, or far ahead
      reply.headers.emplace_back("Retry-After", "Fri, 01 Jan 2094 00:00:00 GMT");
    }
    return reply;
  });
  v1::Finished end = get({}, "/429");
  EXPECT_EQ(end.outcome(), v1::OUTCOME_FAILED);
  EXPECT_FALSE(end.do_not_retry());
  EXPECT_EQ(end.retry_after_ms(), 7000);
  end = get({}, "/503");
  EXPECT_FALSE(end.do_not_retry());
  EXPECT_EQ(end.retry_after_ms(), hours(24).ms) << "at most a day";
  end = get({}, "/500");
  EXPECT_FALSE(end.do_not_retry());
  EXPECT_EQ(end.retry_after_ms(), 0) << "by the job's own policy";
  EXPECT_TRUE(get({{"retry_on", {503, "42x", 429}}}, "/500").error_kind() == "invalid_params");
  EXPECT_TRUE(get({{"retry_on", {503}}}, "/500").do_not_retry());
  EXPECT_FALSE(get({{"retry_on", {"4xx"}}}, "/404").do_not_retry());
}

TEST_F(HttpTest, ALargeAnswerIsCutWithAMark) {  // S5.4: whatever comes, the result fits
  serve([](const HttpCall& call) {
    if (call.target == "/endless") {
      return HttpReply{.way = HttpReply::Way::endless};
    }
    return HttpReply{.body = call.target == "/controls" ? std::string(100'000, '\x01')
                                                        : std::string(5000, 'y') + "\xc3\xa4"};
  });
  Json result = answer({}, "/endless");
  EXPECT_TRUE(result.at("truncated").as_bool());
  EXPECT_EQ(result.at("body").as_string().size(), 128 * 1024);
  EXPECT_LT(http->endless_bytes(), 64U << 20) << "the rest is not read";
  result = answer({{"max_body", 100}});
  EXPECT_TRUE(result.at("truncated").as_bool());
  EXPECT_EQ(result.at("body").as_string(), std::string(100, 'y'));
  EXPECT_EQ(answer({{"max_body", 5001}}).at("body").as_string(), std::string(5000, 'y'))
      << "not in the middle of a character";
  EXPECT_FALSE(answer({{"max_body", 5002}}).at("truncated").as_bool());
  result = answer({}, "/controls");  // six bytes each in JSON
  EXPECT_TRUE(result.at("truncated").as_bool());
  EXPECT_GT(result.at("body").as_string().size(), 10'000U);
}

TEST_F(HttpTest, BytesThatAreNoTextComeInBase64) {
  serve([](const HttpCall&) { return HttpReply{.body = std::string("\xff\x00\x01\x02", 4)}; });
  EXPECT_EQ(answer().at("body_base64").as_string(), "/wABAg==");
}

TEST_F(HttpTest, WhatCallsItselfJsonAndIsNotIsText) {
  serve([](const HttpCall&) {
    return HttpReply{.headers = {{"Content-Type", "application/json"}}, .body = "{oops"};
  });
  EXPECT_EQ(answer().at("body").as_string(), "{oops");
}

TEST_F(HttpTest, RedirectsAreFollowedAndSecretsStayWithTheirHost) {
  ScriptedHttp elsewhere([](const HttpCall&) { return HttpReply{.body = "there"}; });
  serve([&](const HttpCall& call) {
    const bool away = call.target == "/away";
    return call.target == "/here"
               ? HttpReply{.body = "here"}
               : HttpReply{.status = call.target == "/keep" ? 307 : 302,
                           .headers = {{"Location", away ? elsewhere.url("/x") : "/here"}}};
  });
  const Json params = {{"headers", {{"Authorization", "Bearer secret"}, {"Accept", "text/plain"}}},
                       {"body", "data"}};
  EXPECT_EQ(answer(params, "/").at("body").as_string(), "here");
  HttpCall call = http->call(1);
  EXPECT_EQ(call.method, "GET");
  EXPECT_EQ(call.body, "");
  EXPECT_EQ(call.headers["authorization"], "Bearer secret");
  EXPECT_EQ(answer(params, "/keep").at("body").as_string(), "here");
  EXPECT_EQ(http->call(3).method, "POST");
  EXPECT_EQ(http->call(3).body, "data");
  EXPECT_EQ(answer(params, "/away").at("body").as_string(), "there");
  call = elsewhere.call(0);
  EXPECT_FALSE(call.headers.contains("authorization"));
  EXPECT_EQ(call.headers["accept"], "text/plain");
  // As many as are asked for.
  const v1::Finished end = get({{"redirects", 0}}, "/keep");
  EXPECT_EQ(end.error(), "GET " + http->url("/keep") + " answered 307");
  EXPECT_EQ(answer({{"redirects", 0}, {"expect", "3xx"}}).at("headers").at("location").as_string(),
            "/here");
}

TEST_F(HttpTest, RedirectsEnd) {
  serve([](const HttpCall&) {
    return HttpReply{.status = 301, .headers = {{"Location", "/again"}}};
  });
  const v1::Finished end = get();
  EXPECT_NE(end.error().find("redirects still, after 5"), std::string::npos) << end.error();
  EXPECT_TRUE(end.do_not_retry());
  EXPECT_EQ(http->calls(), 6U);
}

TEST_F(HttpTest, NothingButWhatTheOperatorAllowsIsCalled) {  // a forged request stays within
  serve([](const HttpCall& call) {
    return HttpReply{.status = 302,
                     .headers = {{"Location", call.target == "/file" ? "file:///etc/passwd"
                                                                     : "http://example.org/"}}};
  });
  const std::string port = http->url().substr(http->url().rfind(':'));
  rules = {.hosts = {"127.0.0.1" + port.substr(0, port.find('/'))}};
  begin({});
  v1::Finished end = get();
  EXPECT_EQ(end.error_kind(), "http_refused");
  EXPECT_TRUE(end.do_not_retry());
  EXPECT_EQ(end.error(),
            "GET http://example.org/: this worker was not started to call example.org:80 "
            "(worker.http.hosts)");
  EXPECT_EQ(get({}, "/file").error_kind(), "http_refused");
  // A name says nothing about an address: what is connected to is looked at.
  rules = {.refused_addresses = {"loopback"}};
  begin({});
  end = get();
  EXPECT_EQ(end.error_kind(), "http_refused") << end.error();
  EXPECT_NE(end.error().find("is at a loopback address"), std::string::npos) << end.error();
  EXPECT_EQ(http->calls(), 2U);
}

TEST_F(HttpTest, TlsIsVerified) {
  serve([](const HttpCall&) { return HttpReply{.body = "safe"}; }, true);
  v1::Finished end = get();
  EXPECT_EQ(end.error_kind(), "http_tls") << end.error();
  EXPECT_EQ(http->calls(), 0U);
  EXPECT_EQ(answer({{"ca", http->certificate()}}).at("body").as_string(), "safe");
  std::ofstream(folder / "ca.pem") << http->certificate();
  rules.ca_file = (folder / "ca.pem").string();
  begin({});
  EXPECT_EQ(answer().at("body").as_string(), "safe");
}

TEST_F(HttpTest, WhoDoesNotAnswerTimesOut) {
  serve([](const HttpCall&) { return HttpReply{.way = HttpReply::Way::silent}; });
  const v1::Finished end = get({{"timeout", 50}});
  EXPECT_EQ(end.error_kind(), "http_timeout") << end.error();
  EXPECT_FALSE(end.do_not_retry());
}

TEST_F(HttpTest, ACancelEndsTheTransfer) {  // S5.3
  serve([](const HttpCall& call) {
    return HttpReply{.way = call.target == "/" ? HttpReply::Way::silent : HttpReply::Way::endless};
  });
  order("http", {{"url", http->url()}});
  http->call(0);
  session->cancel(token, token);
  EXPECT_EQ(session->finished(token).outcome(), v1::OUTCOME_CANCELLED);
}

TEST_F(HttpTest, WhoIsNotThereOrHangsUpCanBeTriedAgain) {
  serve([](const HttpCall&) { return HttpReply{.body = "half", .way = HttpReply::Way::cut}; });
  v1::Finished end = get();
  EXPECT_EQ(end.error_kind(), "http_connection") << end.error();
  EXPECT_FALSE(end.do_not_retry());
  const std::string gone = http->url();
  http.reset();
  end = run("http", {{"url", gone}});
  EXPECT_EQ(end.error_kind(), "http_connection") << end.error();
  EXPECT_FALSE(end.do_not_retry());
}

TEST_F(HttpTest, NoSecretIsInLogsOrErrors) {
  serve([](const HttpCall& call) {
    return HttpReply{.status = 400,
                     .body = "bad token " + call.headers.at("x-key") + " and " +
                             call.headers.at("authorization").substr(7)};
  });
  const v1::Finished end =
      get({{"headers", {{"Authorization", "Bearer s3cr3t-a"}, {"X-Key", "s3cr3t-b"}}},
           {"query", {{"key", "s3cr3t-c"}}}},
          "/x");
  EXPECT_EQ(end.error(), "GET " + http->url("/x") + " answered 400: bad token *** and ***");
  EXPECT_EQ(log(), "1 GET " + http->url("/x") + ": 400\n");
  for (const v1::LogLine& line : session->lines_now(token)) {
    EXPECT_EQ(line.fields_json().find("s3cr3t"), std::string::npos) << line.fields_json();
  }
}

}  // namespace
}  // namespace jobflow::worker
