#include "model/definition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace jobflow {
namespace {

// One problem a line: "pointer: message".
std::string told(const Decoded& decoded) {
  std::ostringstream text;
  for (const FieldProblem& problem : decoded.problems) {
    text << problem.pointer << ": " << problem.message << "\n";
  }
  return text.str();
}

Decoded job(const std::string& spec) {
  return decode_definition(DefinitionKind::job, R"({"metadata":{"name":"j"},"spec":)" + spec + "}");
}

Decoded workflow(const std::string& spec) {
  return decode_definition(DefinitionKind::workflow,
                           R"({"metadata":{"name":"w"},"spec":)" + spec + "}");
}

bool tells(const Decoded& decoded, const std::string& pointer, const std::string& words) {
  return std::any_of(decoded.problems.begin(), decoded.problems.end(), [&](const auto& problem) {
    return problem.pointer == pointer && problem.message.find(words) != std::string::npos;
  });
}

TEST(Definition, AFullJobIsReadAsWritten) {
  const auto decoded = decode_definition(DefinitionKind::job, R"({
    "apiVersion": "jobflow/v1", "kind": "Job",
    "metadata": {"name": "report", "namespace": "finance", "title": "The report",
                 "description": "Once a day", "labels": {"team": "billing"}},
    "spec": {"enabled": false, "handler": "billing.report", "params": {"day": "today", "rate": 0.2},
             "priority": -7, "strategy": "least_loaded", "tags": ["gpu", "big", "gpu"],
             "retry": {"max_attempts": 3, "initial": "5s", "factor": 3, "max": "1h", "jitter": 0},
             "timeout": "30m", "queue_timeout": 600000,
             "triggers": [{"cron": "30 2 * * *", "params": {"day": "x"}},
                          {"name": "hourly", "cron": "@hourly", "enabled": false}]}})");
  ASSERT_EQ(told(decoded), "");
  const Definition& definition = decoded.definition;
  EXPECT_EQ(definition.name, "report");
  EXPECT_EQ(definition.name_space, "finance");
  EXPECT_EQ(definition.title, "The report");
  EXPECT_EQ(definition.labels.at("team"), "billing");
  EXPECT_FALSE(definition.enabled);
  const Task& task = definition.job().task;
  EXPECT_EQ(task.handler, "billing.report");
  EXPECT_EQ(task.params, R"({"day":"today","rate":0.2})");
  EXPECT_EQ(task.priority, -7);
  EXPECT_EQ(task.strategy, Strategy::least_loaded);
  EXPECT_EQ(task.tags, (std::vector<std::string>{"big", "gpu"}));
  EXPECT_EQ(task.retry, (RetryPolicy{3, seconds(5), 3, hours(1), 0}));
  EXPECT_EQ(task.timeouts, (Timeouts{minutes(30), minutes(10)}));
  ASSERT_EQ(definition.triggers().size(), 2U);
  EXPECT_EQ(definition.triggers()[0],
            (TriggerSpec{
                .name = "cron-1", .schedule = {.cron = "30 2 * * *"}, .params = R"({"day":"x"})"}));
  EXPECT_EQ(definition.triggers()[1],
            (TriggerSpec{.name = "hourly", .schedule = {.cron = "@hourly"}, .enabled = false}));
}

TEST(Definition, TheDocumentIsCanonicalAndReadsBackTheSame) {
  const auto first = decode_definition(DefinitionKind::job, R"( {"kind":"Job",
      "spec": {"noop": null, "timeout" : 1000}, "apiVersion":"jobflow/v1",
      "metadata":{"name":"a"}} )");
  ASSERT_EQ(told(first), "");
  EXPECT_EQ(first.definition.document,
            R"({"metadata":{"name":"a"},"spec":{"noop":null,"timeout":1000}})");
  const auto again = decode_definition(DefinitionKind::job, first.definition.document);
  EXPECT_EQ(told(again), "");
  EXPECT_EQ(again.definition.document, first.definition.document);
  EXPECT_EQ(again.definition.job().task, first.definition.job().task);
}

TEST(Definition, AShorthandNamesTheBuiltInHandler) {
  const auto shell = job(R"({"shell":{"command":"true"}})");
  ASSERT_EQ(told(shell), "");
  EXPECT_EQ(shell.definition.job().task.handler, "shell");
  EXPECT_EQ(shell.definition.job().task.params, R"({"command":"true"})");
  EXPECT_EQ(job(R"({"noop":null})").definition.job().task.params, "{}");
  EXPECT_TRUE(tells(job(R"({"shell":"true"})"), "/spec/shell", "must be an object, not a string"));
  EXPECT_TRUE(tells(job(R"({"shell":{},"noop":{}})"), "/spec/noop", "'shell' is already given"));
  EXPECT_TRUE(tells(job(R"({"handler":"x","noop":{}})"), "/spec/noop", "'handler' is already"));
  EXPECT_TRUE(tells(job(R"({"shell":{},"params":{}})"), "/spec/params", "goes with 'handler'"));
  EXPECT_TRUE(tells(job("{}"), "/spec/handler", "is missing"));
}

TEST(Definition, AStrategyWithWhatGoesWithIt) {  // S6.1
  const auto hash = job(R"({"noop":{},"strategy":"hash","hash_key":"customer.id"})");
  ASSERT_EQ(told(hash), "");
  EXPECT_EQ(hash.definition.job().task.strategy, Strategy::hash);
  EXPECT_EQ(hash.definition.job().task.hash_key, "customer.id");
  const auto named = job(R"({"noop":{},"strategy":"designated","workers":["b","a","b"]})");
  ASSERT_EQ(told(named), "");
  EXPECT_EQ(named.definition.job().task.workers, (std::vector<std::string>{"a", "b"}));
  const auto own = job(R"({"noop":{},"strategy":"fullest_first"})");
  ASSERT_EQ(told(own), "") << "whether it is compiled in is the engine's to say";
  EXPECT_EQ(own.definition.job().task.strategy, Strategy::custom);
  EXPECT_EQ(own.definition.job().task.custom_strategy, "fullest_first");
  EXPECT_TRUE(tells(job(R"({"noop":{},"strategy":"designated"})"), "/spec/workers", "is missing"));
  EXPECT_TRUE(tells(job(R"({"noop":{},"workers":["a"]})"), "/spec/workers", "goes with strategy"));
  EXPECT_TRUE(tells(job(R"({"noop":{},"hash_key":"a"})"), "/spec/hash_key", "goes with strategy"));
  for (const char* path : {"", ".a", "a.", "a..b", "a b", "{{ a }}"}) {
    EXPECT_TRUE(
        tells(job(std::string(R"({"noop":{},"strategy":"hash","hash_key":")") + path + "\"}"),
              "/spec/hash_key", ""))
        << path;
  }
}

TEST(Definition, AStepsStrategyReplacesTheDefaultOneWithAllThatWentWithIt) {
  const auto decoded = decode_definition(DefinitionKind::workflow, R"({"metadata":{"name":"w"},
      "spec":{"defaults":{"strategy":"designated","workers":["a"]},
              "steps":[{"id":"x","noop":{}},{"id":"y","noop":{},"strategy":"random"}]}})");
  ASSERT_EQ(told(decoded), "");
  EXPECT_EQ(decoded.definition.workflow().steps[0].task.workers.size(), 1U);
  EXPECT_TRUE(decoded.definition.workflow().steps[1].task.workers.empty());
}

TEST(Definition, HowManyRunsRunAtOnce) {  // S3.5
  EXPECT_EQ(job(R"({"noop":{},"concurrency":3})").definition.job().concurrency,
            (Concurrency{.max_runs = 3}));
  const auto keyed =
      job(R"({"noop":{},"concurrency":{"max_runs":9,"key":"tenant","max_runs_per_key":2}})");
  ASSERT_EQ(told(keyed), "");
  EXPECT_EQ(keyed.definition.job().concurrency,
            (Concurrency{.max_runs = 9, .key = "tenant", .max_runs_per_key = 2}));
  const std::pair<const char*, const char*> wrong[] = {
      {"0", "/spec/concurrency"},
      {"\"3\"", "/spec/concurrency"},
      {"{}", "/spec/concurrency/max_runs"},
      {R"({"key":"a"})", "/spec/concurrency/max_runs_per_key"},
      {R"({"max_runs_per_key":1})", "/spec/concurrency/key"},
      {R"({"max_runs":1,"max":1})", "/spec/concurrency/max"}};
  for (const auto& [text, pointer] : wrong) {
    EXPECT_TRUE(tells(job(std::string(R"({"noop":{},"concurrency":)") + text + "}"), pointer, ""))
        << text;
  }
}

TEST(Definition, WhatIsNotTriedAgain) {  // S3.2
  const auto decoded = job(R"({"noop":{},"retry":{"not_on":["timeout",3,"lost",3]}})");
  ASSERT_EQ(told(decoded), "");
  const RetryPolicy& retry = decoded.definition.job().task.retry;
  EXPECT_EQ(retry.not_on_kinds, (std::vector<std::string>{"lost", "timeout"}));
  EXPECT_EQ(retry.not_on_exit_codes, (std::vector<int>{3}));
  EXPECT_TRUE(
      tells(job(R"({"noop":{},"retry":{"not_on":[256]}})"), "/spec/retry/not_on", "item 0"));
  EXPECT_TRUE(tells(job(R"({"noop":{},"retry":{"not_on":3}})"), "/spec/retry/not_on", "a list"));
}

TEST(Definition, EveryProblemIsToldAtOnce) {  // S8.2
  const auto decoded = decode_definition(DefinitionKind::job, R"({
    "apiVersion": "jobflow/v2", "kind": "Job", "extra": 1,
    "metadata": {"name": "1st", "titel": "x", "labels": {"a": 1}},
    "spec": {"handlr": "x", "priority": 101, "strategy": "by hash", "tags": "gpu", "timeout": "soon",
             "retry": {"max_attempts": 0, "factor": "2"}, "params": [],
             "triggers": [{"crn": "* * * * *"}, {"cron": "x", "jitter": -1}]}})");
  EXPECT_EQ(
      told(decoded),
      "/apiVersion: 'jobflow/v2' is not known here: this server reads 'jobflow/v1'\n"
      "/metadata/name: '1st' is not a name: use 1 to 128 letters, digits, '.', '_' and '-', "
      "starting with a letter\n"
      "/metadata/labels/a: must be a string, not a number: put it in quotes\n"
      "/metadata/titel: unknown field: did you mean 'title'?\n"
      "/spec/params: must be an object, not a list\n"
      "/spec/handler: is missing: name a handler, or use one of shell, python, http, sql, "
      "noop, sleep, fail\n"
      "/spec/priority: must be a whole number from -100 to 100, not 101\n"
      "/spec/retry/max_attempts: must be a whole number from 1 to 1000, not 0\n"
      "/spec/retry/factor: must be a number from 1.0 to 100.0, not a string\n"
      "/spec/timeout: 'soon' is not a duration: write it like 250ms, 90s, 5m, 2h, 7d, 1h30m, "
      "PT90S, or as whole milliseconds\n"
      "/spec/strategy: 'by hash' is not the name of a strategy\n"
      "/spec/tags: must be a list, not a string\n"
      "/spec/triggers/0/cron: is missing: write an expression such as \"30 2 * * *\", or "
      "instead one of "
      "every, delay_after, at, in, after\n"
      "/spec/triggers/0/crn: unknown field: did you mean 'cron'?\n"
      "/spec/triggers/1/jitter: '-1' is not a duration: write it like 250ms, 90s, 5m, 2h, 7d, "
      "1h30m, PT90S, or as whole milliseconds\n"
      "/spec/handlr: unknown field: did you mean 'handler'?\n"
      "/extra: unknown field\n");
}

TEST(Definition, BrokenJsonIsOneProblemWithItsLine) {
  const auto decoded = decode_definition(DefinitionKind::job, "{\n\"metadata\": {\n\"name\" 1}}");
  ASSERT_EQ(decoded.problems.size(), 1U);
  EXPECT_EQ(decoded.problems[0].line, 3);
  EXPECT_EQ(decode_definition(DefinitionKind::job, "").problems.size(), 1U);
  EXPECT_EQ(told(decode_definition(DefinitionKind::job, "[]")),
            ": must be an object, not a list\n");
  EXPECT_EQ(
      decode_definition(DefinitionKind::job, std::string(9 * 1024 * 1024, ' ')).problems.size(),
      1U);
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  EXPECT_NE(told(job(R"({"noop":{"output":)" + deep + "}}")).find("32 levels deep"),
            std::string::npos);
}

TEST(Definition, MissingPartsAndAnotherKindAreNamed) {
  EXPECT_EQ(told(decode_definition(DefinitionKind::workflow, "{}")),
            "/metadata: is missing: write metadata: {name: ...}\n"
            "/spec: is missing: it says what runs, and when\n");
  const auto other = decode_definition(
      DefinitionKind::workflow, R"({"kind":"Job","metadata":{"name":"a"},"spec":{"noop":{}}})");
  EXPECT_EQ(told(other), "/kind: the document is a Job, but was handed in as a workflow\n");
  const auto odd = decode_definition(
      DefinitionKind::job, R"({"kind":"job","metadata":{"name":"a"},"spec":{"noop":{}}})");
  EXPECT_EQ(told(odd),
            "/kind: 'job' is not one of Job, Workflow, Semaphore: did you mean 'Job'?\n");
  EXPECT_TRUE(tells(decode_definition(DefinitionKind::job, R"({"metadata":{},"spec":{"noop":{}}})"),
                    "/metadata/name", "is missing"));
}

TEST(Definition, RetryBoundsFitEachOther) {  // S3.2
  EXPECT_TRUE(tells(job(R"({"noop":{},"retry":{"initial":"10s","max":"1s"}})"), "/spec/retry/max",
                    "is less than 'initial'"));
  const auto large = job(R"({"noop":{},"retry":{"initial":"1h"}})");
  EXPECT_EQ(told(large), "");
  EXPECT_EQ(large.definition.job().task.retry.max, hours(1));
  EXPECT_TRUE(tells(job(R"({"noop":{},"timeout":0})"), "/spec/timeout", "must be at least 1ms"));
  EXPECT_TRUE(tells(job(R"({"noop":{},"timeout":-5})"), "/spec/timeout", "is not a duration"));
}

TEST(Definition, TriggerNamesAreUnique) {
  EXPECT_TRUE(tells(job(R"({"noop":{},"triggers":[{"name":"cron-2","cron":"x"},{"cron":"x"}]})"),
                    "/spec/triggers/1/name", "is named 'cron-2' too"));
  std::string many = R"({"noop":{},"triggers":[)";
  for (int i = 0; i < 65; ++i) {
    many += std::string(i == 0 ? "" : ",") + R"({"cron":"* * * * *"})";
  }
  EXPECT_TRUE(tells(job(many + "]}"), "/spec/triggers", "at most 64"));
}

TEST(Definition, AWorkflowLinksItsSteps) {
  const auto decoded = workflow(R"({
    "inputs": {"day": {"type": "string", "required": true}, "rate": {"default": 0.5}, "x": null},
    "defaults": {"retry": {"max_attempts": 4}, "timeout": "1m", "tags": ["a"]},
    "steps": [{"id": "z", "needs": ["m"], "handler": "h", "with": {"d": "{{ inputs.day }}"}},
              {"id": "m", "noop": {}, "retry": {"initial": "9s"}},
              {"id": "a", "needs": ["m", "z"], "shell": {"command": "x"}, "timeout": "2m",
               "tags": []}],
    "output": {"sum": "{{ steps.a.output }}"}})");
  ASSERT_EQ(told(decoded), "");
  const WorkflowSpec& spec = decoded.definition.workflow();
  ASSERT_EQ(spec.steps.size(), 3U);
  EXPECT_EQ(spec.steps[0].needs, std::vector<int>{1});
  EXPECT_EQ(spec.steps[2].needs, (std::vector<int>{1, 0}));
  EXPECT_EQ(spec.steps[1].dependants, (std::vector<int>{0, 2}));
  EXPECT_EQ(spec.step_index("a"), 2);
  EXPECT_EQ(spec.step_index("m"), 1);
  EXPECT_EQ(spec.step_index("nope"), -1);
  EXPECT_EQ(spec.output, R"({"sum":"{{ steps.a.output }}"})");
  // Defaults reach each step field by field.
  EXPECT_EQ(spec.steps[1].task.retry.max_attempts, 4);
  EXPECT_EQ(spec.steps[1].task.retry.initial, seconds(9));
  EXPECT_EQ(spec.steps[0].task.timeouts.execution, minutes(1));
  EXPECT_EQ(spec.steps[2].task.timeouts.execution, minutes(2));
  EXPECT_TRUE(spec.steps[2].task.tags.empty());
  ASSERT_EQ(spec.inputs.size(), 3U);
  EXPECT_TRUE(spec.inputs[0].required);
  EXPECT_EQ(spec.inputs[1].default_value, "0.5");
  EXPECT_EQ(spec.inputs[2].type, InputType::any);
}

TEST(Definition, WrongNeedsAreNamed) {  // S8.2
  const auto decoded = workflow(R"({"steps":[
    {"id":"extract","needs":["extract"],"noop":{}},
    {"id":"load","needs":["extrct", 3, "extract", "extract"],"noop":{}},
    {"id":"load","needs":"extract","noop":{}},
    {"noop":{}, "depends_on": [], "if": "x"},
    7]})");
  EXPECT_EQ(told(decoded),
            "/spec/steps/2/needs: must be a list, not a string\n"
            "/spec/steps/3/id: is missing: every step has an id\n"
            "/spec/steps/3/depends_on: unknown field: did you mean 'needs'?\n"
            "/spec/steps/3/if: is not supported yet\n"
            "/spec/steps/4: must be an object, not a number\n"
            "/spec/steps/0/needs/0: the step 'extract' needs itself\n"
            "/spec/steps/1/needs/0: there is no step 'extrct': did you mean 'extract'?\n"
            "/spec/steps/1/needs/1: must be the id of a step, not a number\n"
            "/spec/steps/1/needs/3: 'extract' is needed twice: drop one\n"
            "/spec/steps/2/id: 'load' is already the id of the step at /spec/steps/1: ids are "
            "unique in a workflow\n");
}

TEST(Definition, ACircleIsNamedWithItsSteps) {  // S8.2
  const auto decoded = workflow(R"({"steps":[
    {"id":"a","needs":["c"],"noop":{}}, {"id":"b","needs":["a"],"noop":{}},
    {"id":"c","needs":["b"],"noop":{}}, {"id":"d","needs":["c"],"noop":{}},
    {"id":"x","needs":["y"],"noop":{}}, {"id":"y","needs":["x"],"noop":{}}]})");
  EXPECT_EQ(told(decoded),
            "/spec/steps/1/needs/0: these 3 steps need each other in a circle: a -> c -> b -> a "
            "(each needs the next): remove one need\n"
            "/spec/steps/5/needs/0: these 2 steps need each other in a circle: x -> y -> x (each "
            "needs the next): remove one need\n");
}

std::string chain(int steps, const std::string& first_needs) {
  std::string text = R"({"steps":[)";
  for (int i = 0; i < steps; ++i) {
    const std::string needs = i == 0 ? first_needs : "\"s" + std::to_string(i - 1) + "\"";
    text += std::string(i == 0 ? "" : ",") + R"({"id":"s)" + std::to_string(i) + R"(","needs":[)" +
            needs + R"(],"noop":{}})";
  }
  return text + "]}";
}

TEST(Definition, TenThousandStepsInOneLine) {  // S8.3
  EXPECT_EQ(told(workflow(chain(10'000, ""))), "");
  const auto circle = workflow(chain(10'000, R"("s9999")"));
  ASSERT_EQ(circle.problems.size(), 1U);
  EXPECT_NE(circle.problems[0].message.find("these 10000 steps"), std::string::npos);
  EXPECT_LT(circle.problems[0].message.size(), 400U);
  EXPECT_TRUE(tells(workflow(chain(10'001, "")), "/spec/steps", "at most 10000"));
}

TEST(Definition, ManyProblemsAreCounted) {
  std::string bad = R"({"steps":[)";
  for (int i = 0; i < 1000; ++i) {
    bad += std::string(i == 0 ? "" : ",") + R"({"id":"s)" + std::to_string(i) +
           R"(","needs":["nowhere"],"noop":{}})";
  }
  const auto many = workflow(bad + "]}");
  ASSERT_EQ(many.problems.size(), 201U);
  EXPECT_EQ(many.problems.back().message, "and 800 more problems");
}

TEST(Definition, TriggersMustGiveTheInputsAWorkflowNeeds) {
  const auto decoded = workflow(R"({"inputs":{"day":{"type":"string","required":true}},
    "steps":[{"id":"a","noop":{}}],
    "triggers":[{"cron":"@daily"},{"cron":"@daily","params":{"day":1,"x":2}},
                {"cron":"@daily","params":{"day":"mon"}}]})");
  EXPECT_EQ(told(decoded),
            "/spec/triggers/0/params/day: is required and was not given\n"
            "/spec/triggers/1/params/day: must be of type string, not a number\n"
            "/spec/triggers/1/params/x: the workflow has no such input\n");
}

TEST(Definition, InputsSayWhatTheyAre) {
  const auto decoded = workflow(R"({"inputs":{
      "a":{"type":"int"}, "b":{"type":"integer","default":1.5}, "c":{"required":true,"default":1},
      "1":{}, "e":"string"},
    "steps":[]})");
  EXPECT_EQ(told(decoded),
            "/spec/inputs/a/type: 'int' is not one of any, string, number, integer, boolean, "
            "object, array\n"
            "/spec/inputs/b/default: must be of type integer, not a number\n"
            "/spec/inputs/c/required: an input with a default is never missing: drop one of the "
            "two\n"
            "/spec/inputs/1: '1' is not a name: use letters, digits, '.', '_' and '-', starting "
            "with a letter\n"
            "/spec/inputs/e: must be an object, not a string\n"
            "/spec/steps: is empty: a workflow has at least one step\n");
}

TEST(Definition, ParamsOverTheLimitAreRefused) {
  const std::string large(limits::kParamsBytes, 'x');
  EXPECT_TRUE(tells(job(R"({"handler":"h","params":{"x":")" + large + "\"}}"), "/spec/params",
                    "is larger than 262144 bytes"));
}

TEST(Names, AreNeverTakenForIds) {  // S2.1
  for (const char* good : {"a", "Z9", "nightly-billing", "a.b_c-d"}) {
    EXPECT_TRUE(is_valid_name(good)) << good;
  }
  for (const char* bad : {"", "1a", "-a", ".a", "a b", "a/b", "\xc3\xa4", "a\n"}) {
    EXPECT_FALSE(is_valid_name(bad)) << bad;
  }
  EXPECT_TRUE(is_valid_name(std::string(128, 'a')));
  EXPECT_FALSE(is_valid_name(std::string(129, 'a')));
}

}  // namespace
}  // namespace jobflow
