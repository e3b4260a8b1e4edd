// Drives every operation of api/openapi.yaml against a real server with a real hall on a memory
// store, and holds the table of routes against the contract in both directions.
#include "api/openapi.h"

#include "api/routes.h"
#include "api/server.h"
#include "api/testing/api_stage.h"
#include "api/testing/wire.h"
#include "model/json.h"
#include "runtime/hall.h"
#include "runtime/thread_executor.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <set>

namespace jobflow::api {
namespace {

namespace json = boost::json;
using testing::Wire;
using testing::WireReply;

const json::object& contract() {
  static const json::value kValue = *parse_json(openapi_json());
  return kValue.get_object();
}

// Follows $ref within the contract.
const json::object& resolved(const json::value& value) {
  const json::object* object = &value.get_object();
  while (const json::value* reference = object->if_contains("$ref")) {
    std::string_view path = reference->get_string();
    const json::value* at = nullptr;
    const json::object* in = &contract();
    path.remove_prefix(2);  // "#/"
    while (!path.empty()) {
      const std::size_t end = std::min(path.find('/'), path.size());
      at = &in->at(path.substr(0, end));
      in = at->is_object() ? &at->get_object() : nullptr;
      path.remove_prefix(std::min(end + 1, path.size()));
    }
    object = &at->get_object();
  }
  return *object;
}

struct Operation {
  std::string method, path, id;
  const json::object* about = nullptr;
  std::set<std::string> query;
  bool is_public = false;
};

void take_parameters(const json::object& from, Operation& operation) {
  const json::value* parameters = from.if_contains("parameters");
  if (parameters == nullptr) {
    return;
  }
  for (const json::value& one : parameters->get_array()) {
    const json::object& parameter = resolved(one);
    if (parameter.at("in").get_string() == "query") {
      operation.query.emplace(std::string_view(parameter.at("name").get_string()));
    }
  }
}

std::vector<Operation> operations() {
  std::vector<Operation> all;
  for (const auto& [path, item] : contract().at("paths").get_object()) {
    for (const auto& [method, about] : item.get_object()) {
      if (method == "parameters") {
        continue;
      }
      Operation operation{.path = path, .about = &about.get_object()};
      for (const char c : method) {
        operation.method.push_back(static_cast<char>(std::toupper(c)));
      }
      operation.id = about.get_object().at("operationId").get_string();
      operation.is_public = about.get_object().contains("security");
      take_parameters(item.get_object(), operation);
      take_parameters(about.get_object(), operation);
      all.push_back(std::move(operation));
    }
  }
  return all;
}

TEST(OpenApi, TheTableAndTheContractAreTheSame_S13_5) {
  std::map<std::string, const Route*> table;
  const std::vector<Route> routes = all_routes();
  for (const Route& route : routes) {
    table[std::string(to_string(route.method)) + " " + std::string(route.pattern)] = &route;
  }
  for (const Operation& operation : operations()) {
    const std::string name = operation.method + " " + operation.path;
    const auto at = table.find(name);
    ASSERT_NE(at, table.end()) << name << " is in openapi.yaml but is no route";
    const Route& route = *at->second;
    const std::set<std::string> query(route.query.begin(), route.query.end());
    EXPECT_EQ(query, operation.query) << name;
    EXPECT_EQ(route.permission == Permission::open, operation.is_public) << name;
    EXPECT_EQ(route.body != Body::none, operation.about->contains("requestBody")) << name;
    table.erase(at);
  }
  for (const auto& [name, route] : table) {
    ADD_FAILURE() << name << " is a route but is not in openapi.yaml";
  }
}

TEST(OpenApi, EveryReferenceLeadsSomewhere) {
  const std::string text = openapi_json();
  std::size_t at = 0;
  int count = 0;
  while ((at = text.find("\"$ref\":", at)) != std::string::npos) {
    const std::size_t end = text.find('}', at);
    const auto value = parse_json("{" + text.substr(at, end - at) + "}");
    ASSERT_TRUE(value);
    EXPECT_NO_THROW(resolved(*value)) << text.substr(at, end - at);
    at = end;
    ++count;
  }
  EXPECT_GT(count, 100);
}

// A worker that takes what it is given and does nothing with it.
class IdleWorker final : public runtime::WorkerStream {
 public:
  bool send(runtime::ToWorker) override { return true; }
  void close(Problem) override {}
};

class OpenApiDrive : public ::testing::Test {
 protected:
  void SetUp() override {
    std::promise<Outcome<Done>> ready;
    hall.start([&](Outcome<Done> done) { ready.set_value(std::move(done)); });
    ASSERT_TRUE(ready.get_future().get());
    ASSERT_TRUE(server.start());
    std::promise<Outcome<Done>> welcomed;
    hall.connected({.name = "w1",
                    .incarnation = {99},
                    .slots = 1,
                    .version = "1",
                    .handlers = {{"noop", "1", "does nothing"}}},
                   std::make_shared<IdleWorker>(),
                   [&](Outcome<Done> done) { welcomed.set_value(std::move(done)); });
    ASSERT_TRUE(welcomed.get_future().get());
  }
  void TearDown() override {
    server.stop();
    std::promise<void> stopped;
    hall.stop([&] { stopped.set_value(); });
    stopped.get_future().get();
    executor.stop();
  }

  // Asks, notes the operation as driven, and holds the answer against the contract.
  void drive_backfills(const std::string& trigger);
  void drive_semaphores();
  WireReply drive(const std::string& id,
                  const std::string& target,
                  int status,
                  const std::string& body = "",
                  const std::string& headers = "") {
    const Operation& operation = find(id);
    Wire wire(server.port());
    wire.send(testing::request_text(operation.method, target, body, headers));
    WireReply reply = wire.reply();
    EXPECT_EQ(reply.status, status) << id << " " << target << ": " << reply.body;
    judge(operation, reply);
    driven.insert(id);
    return reply;
  }

  const Operation& find(const std::string& id) {
    for (const Operation& operation : all) {
      if (operation.id == id) {
        return operation;
      }
    }
    ADD_FAILURE() << "no operation " << id;
    return all.front();
  }

  void judge(const Operation& operation, const WireReply& reply) {
    const json::object& responses = operation.about->at("responses").get_object();
    const json::value* response = responses.if_contains(std::to_string(reply.status));
    response = response == nullptr ? responses.if_contains("default") : response;
    ASSERT_NE(response, nullptr) << operation.id << " does not state " << reply.status;
    const json::value* content = resolved(*response).if_contains("content");
    const auto type = reply.headers.find("content-type");
    if (content == nullptr) {
      EXPECT_TRUE(type == reply.headers.end()) << operation.id;
      return;
    }
    ASSERT_NE(type, reply.headers.end()) << operation.id;
    const std::string bare = type->second.substr(0, type->second.find(';'));
    const json::value* stated = content->get_object().if_contains(bare);
    ASSERT_NE(stated, nullptr) << operation.id << " does not state " << bare;
    if (bare.ends_with("json")) {
      const auto value = parse_json(reply.body);
      ASSERT_TRUE(value) << operation.id << ": " << reply.body;
      judge_value(operation.id, stated->get_object().at("schema"), *value);
    }
  }

  // Required members, members nobody stated, and the shape of arrays: enough to notice drift.
  void judge_value(const std::string& where,
                   const json::value& schema_value,
                   const json::value& value) {
    const json::object& schema = resolved(schema_value);
    if (const json::value* items = schema.if_contains("items"); items && value.is_array()) {
      for (const json::value& item : value.get_array()) {
        judge_value(where + "/items", *items, item);
      }
      return;
    }
    if (!value.is_object()) {
      return;
    }
    const json::object& object = value.get_object();
    if (const json::value* required = schema.if_contains("required")) {
      for (const json::value& name : required->get_array()) {
        EXPECT_TRUE(object.contains(name.get_string())) << where << " lacks " << name.get_string();
      }
    }
    const json::value* properties = schema.if_contains("properties");
    if (properties == nullptr) {
      return;
    }
    for (const auto& [name, member] : object) {
      const json::value* property = properties->get_object().if_contains(name);
      EXPECT_NE(property, nullptr) << where << " does not state " << name;
      if (property != nullptr) {
        judge_value(where + "/" + std::string(name), *property, member);
      }
    }
  }

  std::string id_in(const WireReply& reply) {
    const auto value = parse_json(reply.body);
    const json::value* id = value ? value->get_object().if_contains("id") : nullptr;
    return id == nullptr ? "0" : std::string(std::string_view(id->get_string()));
  }

  std::vector<Operation> all = operations();
  std::set<std::string> driven;
  runtime::SystemClock clock;
  runtime::Metrics metrics;
  std::unique_ptr<store::Store> store = store::make_memory_store();
  std::unique_ptr<store::LogStore> logs = store::make_memory_log_store();
  runtime::ThreadExecutor executor{clock};
  runtime::Hall hall{{}, *store, *logs, clock, executor, metrics};
  Server server{{.listen = "127.0.0.1:0"},
                hall,
                *store,
                *logs,
                metrics,
                clock,
                std::make_shared<testing::RoleAccess>()};
};

TEST_F(OpenApiDrive, NoOperationIsOpenByMistake_S13_5) {
  for (const Operation& operation : all) {
    std::string target = operation.path;
    for (const auto& [place, value] :
         {std::pair{"{id}", "7"}, {"{name}", "off"}, {"{revision}", "1"}}) {
      if (const std::size_t at = target.find(place); at != std::string::npos) {
        target.replace(at, std::string_view(place).size(), value);
      }
    }
    const auto asked = [&](const std::string& headers) {
      Wire wire(server.port());
      wire.send(testing::request_text(operation.method, target, "", headers));
      const WireReply reply = wire.reply();
      judge(operation, reply);
      return reply.status;
    };
    if (operation.is_public) {
      EXPECT_EQ(asked("No: Authorization\r\n"), 200) << operation.id;
    } else {
      EXPECT_EQ(asked("No: Authorization\r\n"), 401) << operation.id;
      EXPECT_EQ(asked("Authorization: Bearer nobody\r\n"), 401) << operation.id;
      EXPECT_EQ(asked("Authorization: Bearer worker\r\n"), 403) << operation.id;
    }
  }
}

// Daily, at three.
void OpenApiDrive::drive_backfills(const std::string& trigger) {
  const std::string past = R"({"from":"2025-01-01T00:00:00Z","to":"2025-01-05T00:00:00Z"})";
  const WireReply begun = drive("start_backfill", trigger + "/backfill", 201, past);
  EXPECT_NE(begun.body.find("\"total\":4,"), std::string::npos) << begun.body;
  drive("start_backfill", trigger + "/backfill", 400, R"({"from":"2025-01-01T00:00:00Z"})");
  drive("start_backfill", trigger + "/backfill", 400,
        R"({"from":"2025-01-01T04:00:00Z","to":"2025-01-01T05:00:00Z"})");
  drive("start_backfill", "/api/v1/triggers/77/backfill", 404, past);
  const std::size_t id_at = begun.body.find("\"id\":\"") + 6;
  const std::string one =
      "/api/v1/backfills/" + begun.body.substr(id_at, begun.body.find('"', id_at) - id_at);
  drive("list_backfills", "/api/v1/backfills?going_on=true&limit=1", 200);
  drive("list_backfills", "/api/v1/backfills?trigger=x", 400);
  drive("get_backfill", one, 200);
  drive("get_backfill", "/api/v1/backfills/77", 404);
  drive("pause_backfill", one + "/pause", 200, R"({"note":"the source is moving"})");
  drive("pause_backfill", one + "/pause", 400, R"({"not":"a field"})");
  drive("resume_backfill", one + "/resume", 200);
  drive("cancel_backfill", one + "/cancel", 200);
  drive("pause_backfill", one + "/pause", 409, "{}");
  drive("resume_backfill", "/api/v1/backfills/77/resume", 404);
}

void OpenApiDrive::drive_semaphores() {
  const std::string yaml = "Content-Type: application/yaml\r\n";
  const std::string text = "metadata: {name: db}\nspec: {permits: 2}\n";
  drive("validate_semaphore", "/api/v1/semaphores/validate", 200, text, yaml);
  drive("validate_semaphore", "/api/v1/semaphores/validate", 400,
        "metadata: {name: db}\nspec: {permits: 0}\n", yaml);
  drive("create_semaphore", "/api/v1/semaphores", 201, text, yaml);
  drive("create_semaphore", "/api/v1/semaphores", 409, text, yaml);
  drive("put_semaphore", "/api/v1/semaphores/db", 200, "metadata: {name: db}\nspec: {permits: 3}\n",
        yaml);
  drive("list_semaphores", "/api/v1/semaphores?limit=1", 200);
  drive("get_semaphore", "/api/v1/semaphores/db", 200);
  drive("get_semaphore", "/api/v1/semaphores/none", 404);
  drive("get_semaphore_revision", "/api/v1/semaphores/db/revisions/1", 200);
  drive("list_permits", "/api/v1/semaphores/db/permits", 200);
  drive("list_permits", "/api/v1/semaphores/none/permits", 404);
  drive("delete_semaphore", "/api/v1/semaphores/db?force=maybe", 400);
  drive("delete_semaphore", "/api/v1/semaphores/db", 204);
}

TEST_F(OpenApiDrive, EveryOperationAnswersAsTheContractSays) {
  const std::string yaml = "Content-Type: application/yaml\r\n";
  const std::string job =
      "metadata: {name: report}\nspec: {noop: {}, triggers: [{cron: '0 3 * * *'}]}\n";
  const std::string flow =
      "metadata: {name: flow}\nspec: {steps: [{id: a, noop: {}}, {id: b, needs: [a], noop: {}}]}\n";

  // --- definitions
  drive("validate_job", "/api/v1/jobs/validate", 200, job, yaml);
  drive("validate_workflow", "/api/v1/workflows/validate", 200, flow, yaml);
  drive("validate_job", "/api/v1/jobs/validate", 400, "spec: {}\n", yaml);
  drive("create_job", "/api/v1/jobs", 201, job, yaml);
  drive("create_job", "/api/v1/jobs", 409, job, yaml);
  drive("create_workflow", "/api/v1/workflows", 201, flow, yaml);
  const std::string put = R"({"metadata":{"title":"t"},"spec":{"noop":{}}})";
  drive("put_job", "/api/v1/jobs/report", 200, put, "If-Match: \"1\"\r\n");
  drive("put_job", "/api/v1/jobs/report", 412, put, "If-Match: \"1\"\r\n");
  drive("put_job", "/api/v1/jobs/fresh", 201, put);
  drive("put_workflow", "/api/v1/workflows/flow", 200, flow, yaml);
  drive("apply_definitions", "/api/v1/definitions", 200,
        "kind: Job\n" + job + "---\nkind: Workflow\n" + flow, yaml);
  drive("apply_definitions", "/api/v1/definitions?dry_run=true", 200, "kind: Job\n" + job, yaml);
  drive("apply_definitions", "/api/v1/definitions", 400, "kind: Job\n", yaml);
  drive("list_jobs", "/api/v1/jobs?limit=1", 200);
  drive("list_workflows", "/api/v1/workflows?namespace=default", 200);
  drive("get_job", "/api/v1/jobs/report", 200);
  drive("get_workflow", "/api/v1/workflows/flow", 200);
  drive("get_job_revision", "/api/v1/jobs/report/revisions/1", 200);
  drive("get_workflow_revision", "/api/v1/workflows/flow/revisions/1", 200);
  const std::string triggers = drive("list_job_triggers", "/api/v1/jobs/report/triggers", 200).body;
  const std::size_t id_at = triggers.find("\"id\":\"") + 6;
  const std::string trigger =
      "/api/v1/triggers/" + triggers.substr(id_at, triggers.find('"', id_at) - id_at);
  drive("show_trigger", trigger, 200);
  drive("show_trigger", "/api/v1/triggers/77", 404);
  const WireReply saved = drive("preview_saved_trigger", trigger + "/preview?count=3", 200);
  EXPECT_NE(saved.body.find("\"en\":\"At 03:00"), std::string::npos) << saved.body;
  drive("preview_saved_trigger", trigger + "/preview?count=0", 400);
  drive("preview_saved_trigger", trigger + "/preview?from=soon", 400);
  const WireReply berlin =
      drive("preview_trigger", "/api/v1/triggers/preview", 200,
            R"({"trigger":{"cron":"30 2 * * *","timezone":"Europe/Berlin"},"count":2,)"
            R"("from":"2027-03-27T12:00:00Z"})");
  EXPECT_NE(berlin.body.find(
                R"({"at":"2027-03-28T01:00:00.000Z","local":"2027-03-28T03:00:00.000+02:00"})"),
            std::string::npos)
      << berlin.body;
  EXPECT_NE(berlin.body.find("02:30 does not exist on 2027-03-28"), std::string::npos)
      << berlin.body;
  drive("preview_trigger", "/api/v1/triggers/preview", 200, R"({"trigger":{"delay_after":"5m"}})");
  const WireReply wrong = drive("preview_trigger", "/api/v1/triggers/preview", 400,
                                R"({"trigger":{"cron":"61 * * * *"}})");
  EXPECT_NE(wrong.body.find("/trigger/cron"), std::string::npos) << wrong.body;
  drive("preview_trigger", "/api/v1/triggers/preview", 400, R"({"count":1})");
  drive("preview_trigger", "/api/v1/triggers/preview", 400,
        R"({"trigger":{"every":"0s"},"more":1})");
  drive("pause_trigger", trigger + "/pause", 200, R"({"note":"the source is moving"})");
  drive("pause_trigger", trigger + "/pause", 400, R"({"not":"a field"})");
  EXPECT_NE(drive("show_trigger", trigger, 200).body.find("the source is moving"),
            std::string::npos);
  drive("resume_trigger", trigger + "/resume", 200);
  EXPECT_NE(drive("resume_trigger", trigger + "/resume", 200).body.find("\"changed\":false"),
            std::string::npos);
  drive("resume_trigger", "/api/v1/triggers/77/resume", 404);
  drive("list_firings", trigger + "/firings?limit=5", 200);
  drive("list_firings", trigger + "/firings?cursor=x", 400);
  drive_backfills(trigger);
  drive_semaphores();
  drive("forecast_firings", "/api/v1/forecast", 200);
  drive("forecast_firings", "/api/v1/forecast?hours=168&namespace=default", 200);
  drive("forecast_firings", "/api/v1/forecast?hours=0", 400);

  // --- calendars
  const std::string off = "metadata: {name: off}\nspec: {dates: [2026-12-25]}\n";
  const std::string ics = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
  drive("create_calendar", "/api/v1/calendars", 201, off, yaml);
  drive("create_calendar", "/api/v1/calendars", 409, off, yaml);
  drive("create_calendar", "/api/v1/calendars?name=ics", 201, ics,
        "Content-Type: text/calendar\r\n");
  drive("put_calendar", "/api/v1/calendars/off", 200, "{\"metadata\":{},\"spec\":{}}");
  drive("put_calendar", "/api/v1/calendars/off", 412, off, yaml + "If-Match: \"1\"\r\n");
  drive("put_calendar", "/api/v1/calendars/fresh", 201, "{\"metadata\":{},\"spec\":{}}");
  drive("list_calendars", "/api/v1/calendars", 200);
  drive("get_calendar", "/api/v1/calendars/off", 200);
  drive("get_calendar_revision", "/api/v1/calendars/off/revisions/1", 200);
  const std::string named =
      R"({"metadata":{},"spec":{"noop":{},"triggers":[{"every":"1h","exclude":["off"]}]}})";
  drive("put_job", "/api/v1/jobs/named", 201, named);
  drive("delete_calendar", "/api/v1/calendars/off", 409);
  drive("delete_calendar", "/api/v1/calendars/off?force=true", 204);
  drive("audit_ledger", "/api/v1/audit", 200);
  drive("audit_ledger", "/api/v1/audit?job=report", 200);
  drive("audit_ledger", "/api/v1/audit?from=yesterday", 400);
  drive("list_workflow_triggers", "/api/v1/workflows/flow/triggers", 200);

  // --- runs
  const std::string key = "Idempotency-Key: k\r\n";
  const std::string run =
      id_in(drive("trigger_job", "/api/v1/jobs/report/trigger", 201, "{}", key));
  EXPECT_EQ(id_in(drive("trigger_job", "/api/v1/jobs/report/trigger", 200, "{}", key)), run);
  drive("trigger_job", "/api/v1/jobs/nobody/trigger", 404, "{}");
  const std::string flow_run =
      id_in(drive("trigger_workflow", "/api/v1/workflows/flow/trigger", 201));
  drive("trigger_batch", "/api/v1/runs/batch", 200,
        R"({"items":[{"job":"report","delay":"1h"},{"job":"nobody"},{"workflow":"flow"}]})");
  drive("trigger_batch", "/api/v1/runs/batch", 400, "{}");
  drive("list_runs", "/api/v1/runs?state=queued&state=running&limit=2", 200);
  drive("get_run", "/api/v1/runs/" + run, 200);
  drive("get_run", "/api/v1/runs/" + flow_run, 200);
  drive("list_attempts", "/api/v1/runs/" + run + "/attempts", 200);
  drive("list_steps", "/api/v1/runs/" + flow_run + "/steps", 200);
  drive("list_steps", "/api/v1/runs/" + run + "/steps", 409);
  drive("explain_run", "/api/v1/runs/" + run + "/explain", 200);
  drive("explain_run", "/api/v1/runs/" + flow_run + "/explain", 200);
  drive("explain_run", "/api/v1/runs/4711/explain", 404);
  drive("read_logs", "/api/v1/runs/" + run + "/logs?level=info&text=a", 200);
  drive("cancel_run", "/api/v1/runs/" + flow_run + "/cancel", 202);
  drive("retry_run", "/api/v1/runs/" + run + "/retry", 409, "{}");

  const std::string command = to_string(Id{clock.now().ms << 22});
  drive("cancel_run", "/api/v1/runs/" + run + "/cancel", 202, "",
        "Jobflow-Command: " + command + "\r\n");
  drive("get_command", "/api/v1/commands/" + command, 200);
  drive("get_command", "/api/v1/commands/7", 404);

  // --- streams: their heads
  drive("stream_logs", "/api/v1/runs/" + run + "/logs/stream", 200);
  drive("stream_events", "/api/v1/events?run=" + flow_run, 200);
  drive("websocket_events", "/api/v1/ws", 426);

  // --- the rest
  drive("list_workers", "/api/v1/workers", 200);
  drive("list_handlers", "/api/v1/handlers", 200);
  drive("livez", "/livez", 200);
  drive("readyz", "/readyz?verbose", 200);
  for (const char* id : {"livez", "readyz", "startupz", "version", "openapi"}) {
    drive(id, (id == std::string("openapi") ? "/openapi.json" : "/" + std::string(id)) + "?x=1",
          400);
  }
  drive("startupz", "/startupz", 200);
  drive("metrics", "/metrics", 200);
  drive("version", "/version", 200);
  drive("openapi", "/openapi.json", 200);
  drive("delete_workflow", "/api/v1/workflows/flow", 204);
  drive("delete_job", "/api/v1/jobs/report", 412, "", "If-Match: \"99\"\r\n");
  drive("delete_job", "/api/v1/jobs/report", 204);

  for (const Operation& operation : all) {
    EXPECT_TRUE(driven.contains(operation.id)) << operation.id << " was not driven";
  }
}

}  // namespace
}  // namespace jobflow::api
