"""Bad definitions and requests: each is refused with its place and remedy, and harms nothing."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import Caller, Stage, job, workflow  # noqa: E402


def text(kind, name, spec):
    return f"apiVersion: jobflow/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


class BadInput(Stage):
    def setUp(self):
        super().setUp()
        self.running = self.server().ready()
        self.caller = Caller(self.running)
        self.caller.apply(job("good"))
        self.accepted = self.caller.trigger("good", delay="1h")

    def tearDown(self):
        # Whatever was thrown at it, the server stands and has lost nothing.
        self.assertEqual("scheduled", self.caller.run(self.accepted)["state"])
        self.assertEqual(0, self.running.stop(), self.running.said())

    def refused(self, answer, status, code, *words):
        self.assertEqual((status, code), (answer.status, answer.json.get("code")), answer.text)
        self.assertEqual("application/problem+json", answer.headers["Content-Type"])
        for word in words:
            self.assertIn(word, answer.text)

    def apply_fails(self, definition, *words, exit_code=1):
        path = self.file("bad.yaml", definition)
        code, out, err = self.jobflow("apply", "-f", path, server=self.running)
        self.assertEqual(exit_code, code, out + err)
        for word in words:
            self.assertIn(word, err)
        return err

    def test_broken_yaml_names_the_line(self):
        self.apply_fails("apiVersion: jobflow/v1\nkind: Job\nmetadata: {name: [\n", "bad.yaml",
                         "line")

    def test_broken_json(self):
        self.refused(self.caller.call("POST", "/api/v1/jobs/good/trigger", raw='{"params": '), 400,
                     "invalid")

    def test_unknown_fields_are_named(self):
        self.apply_fails(text("Job", "bad", "{handler: noop, handlr: x}"), "handlr")
        self.refused(self.caller.post("/api/v1/jobs/good/trigger", {"parms": {}}), 400, "invalid",
                     "parms")
        self.refused(self.caller.get("/api/v1/runs?stat=failed"), 400, "invalid", "stat")

    def test_a_cycle_is_named_step_by_step(self):
        steps = [{"id": "a", "needs": ["b"], "handler": "noop"},
                 {"id": "b", "needs": ["a"], "handler": "noop"}]
        self.refused(self.caller.post("/api/v1/definitions", workflow("ring", *steps)), 400,
                     "invalid", "needs")

    def test_every_problem_at_once(self):
        answer = self.caller.post("/api/v1/definitions", workflow(
            "many", {"id": "a", "needs": ["nobody"], "handler": "noop"},
            {"id": "a", "handler": "noop"}, {"id": "c"}))
        self.refused(answer, 400, "invalid", "nobody")
        self.assertGreaterEqual(len(answer.json["errors"]), 3)  # S8.2

    def test_a_missing_handler(self):
        self.apply_fails(text("Job", "bad", "{}"), "handler")

    def test_an_impossible_cron_is_refused_at_save(self):
        for cron, word in (("0 0 30 2 *", "no date"), ("61 * * * *", "61"), ("* *", "fields"),
                           ("@reboot", "reboot")):
            with self.subTest(cron):
                spec = f'{{handler: noop, triggers: [{{cron: "{cron}"}}]}}'
                self.apply_fails(text("Job", "bad", spec), "cron", word)

    def test_what_the_operator_forbids_is_refused_and_waits(self):  # S7.6
        self.caller.apply(job("before"))
        waits = self.caller.trigger("before")
        self.assertEqual(0, self.running.stop())
        self.running = self.server("--forbid-handlers", "default/noop,prod/sleep").ready()
        self.caller = Caller(self.running)
        err = self.apply_fails(text("Job", "after", "{noop: {}}"), "line 4", "/spec/noop",
                               "forbidden in the namespace 'default'")
        self.assertIn("forbid_handlers", err)
        self.worker(self.running)
        self.caller.apply(job("other", "sleep", {"duration": "1ms"}))
        other = self.caller.trigger("other")
        self.assertEqual("succeeded", self.caller.ended(other)["state"])
        handlers = {one["name"] for one in self.caller.get("/api/v1/handlers").json["items"]}
        self.assertIn("sleep", handlers)
        self.assertNotIn("noop", handlers)
        why = self.caller.get(f"/api/v1/runs/{waits}/explain").json
        self.assertEqual(("queued", "forbidden"), (why["state"], why["reasons"][0]["code"]), why)
        # The rule goes, and what waited runs.
        self.assertEqual(0, self.running.stop())
        self.running = self.server().ready()
        self.caller = Caller(self.running)
        self.worker(self.running, name="next")
        self.assertEqual("succeeded", self.caller.ended(waits)["state"])

    def test_a_forbidden_handler_that_is_no_rule_ends_the_start(self):  # S7.6
        code, _, err = self.jobflow("server", "--data", self.data + "-2", "--forbid-handlers", "shell")
        self.assertEqual(2, code, err)
        self.assertIn("NAMESPACE/HANDLER", err)

    def test_one_bad_document_saves_none(self):
        good = text("Job", "also-good", "{handler: noop}")
        self.apply_fails(good + "---\n" + text("Job", "bad", "{}"), "handler")
        self.assertEqual(404, self.caller.get("/api/v1/jobs/also-good").status)

    def test_params_over_the_limit(self):
        answer = self.caller.post("/api/v1/jobs/good/trigger", {"params": {"x": "y" * 300_000}})
        self.refused(answer, 413, "too_large", "/params", "262144")

    def test_a_body_over_the_limit(self):
        # Refused by what its head says, before it is sent.
        answer = Caller(self.running).call("POST", "/api/v1/jobs/good/trigger",
                                           headers={"Content-Length": str(17 << 20)})
        self.refused(answer, 413, "too_large")

    def test_one_bad_item_of_a_batch_harms_no_other(self):
        answer = self.caller.post("/api/v1/runs/batch", {"items": [
            {"job": "good"}, {"job": "nobody"}, {"job": "good", "params": {"x": "y" * 300_000}},
            {"job": "good"}]})
        self.assertEqual(200, answer.status, answer.text)
        items = answer.json["items"]
        self.assertEqual([None, "not_found", "too_large", None],
                         [item.get("problem", {}).get("code") for item in items])

    def test_wrong_ids(self):
        for path in ("/api/v1/runs/99", "/api/v1/jobs/nobody", "/api/v1/runs/99/logs",
                     "/api/v1/workflows/good"):
            with self.subTest(path):
                self.refused(self.caller.get(path), 404, "not_found")
        self.refused(self.caller.get("/api/v1/runs/seven"), 400, "invalid", "seven")
        self.assertEqual(5, self.jobflow("run", "get", "99", server=self.running)[0])
        self.assertEqual(5, self.jobflow("trigger", "nobody", server=self.running)[0])

    def test_no_and_wrong_tokens(self):
        for token in ("", "nonsense"):
            stranger = Caller(self.running, token)
            self.refused(stranger.get("/api/v1/jobs"), 401, "unauthenticated")
        worker = Caller(self.running, self.running.token("worker"))
        self.refused(worker.get("/api/v1/jobs"), 403, "forbidden")

    def test_a_name_that_is_taken_and_a_revision_that_moved(self):
        self.refused(self.caller.post("/api/v1/jobs", job("good")), 409, "already_exists", "good")
        answer = self.caller.call("PUT", "/api/v1/jobs/good", job("good"),
                                  headers={"If-Match": '"99"'})
        self.refused(answer, 412, "revision_mismatch")

    def test_wrong_methods_and_paths(self):
        self.assertEqual(405, self.caller.call("DELETE", "/api/v1/runs").status)
        self.assertEqual(404, self.caller.get("/api/v1/nothing").status)

    def test_usage_errors_exit_with_2(self):
        for words in (["nonsense"], ["apply"], ["trigger", "good", "--priority", "high"],
                      ["run", "ls", "--nonsense"]):
            with self.subTest(words):
                code, _, err = self.jobflow(*words, server=self.running)
                self.assertEqual(2, code, err)
                self.assertTrue(err.strip())

    def test_a_file_that_is_not_there(self):
        code, _, err = self.jobflow("apply", "-f", "/nowhere.yaml", server=self.running)
        self.assertEqual(1, code)
        self.assertIn("/nowhere.yaml", err)


class NoServer(Stage):
    def test_the_command_line_says_that_nobody_answers_and_what_to_do(self):
        code, out, err = self.jobflow("--server", "http://127.0.0.1:9", "job", "ls",
                                      environment={"JOBFLOW_TOKEN": "x"})
        self.assertEqual(1, code)
        self.assertIn("127.0.0.1:9", err)
        self.assertIn("jobflow server", err)
        self.assertEqual("", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
