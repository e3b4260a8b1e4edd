"""The main job with the real programs: start, apply, trigger, wait, look, stop; exit codes."""

import json
import os
import stat
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import Caller, Stage, job, until, workflow  # noqa: E402

WORKFLOW = """
apiVersion: jobflow/v1
kind: Workflow
metadata: {name: sum}
spec:
  inputs: {x: {type: integer, default: 2}}
  steps:
    - id: double
      python: {script: "import json, sys; print(json.load(sys.stdin) * 2)", stdin: "{{ inputs.x }}"}
    - {id: show, needs: [double], shell: {command: "cat", stdin: "{{ steps.double.output }}"}}
  output: "{{ steps.double.output }}"
"""


# Interfaces 3, but for event_subscribers, which comes with the first one.
METRICS = """
trigger_lateness_seconds firings_total runs_total run_queue_wait_seconds run_duration_seconds
step_transition_seconds attempts_total retries_total queue_depth queue_oldest_age_seconds workers
worker_slots stale_reports_refused_total shards_owned takeovers_total takeover_seconds
commit_seconds commit_batch_size store_errors_total log_bytes_total log_dropped_total
http_requests_total http_request_duration_seconds build_info
""".split()

HELLO = """
apiVersion: jobflow/v1
kind: Job
metadata: {name: hello}
spec: {shell: {command: "echo hi; echo bad >&2; echo '{\\"n\\": 1}'"}}
"""


class MainJob(Stage):
    def setUp(self):
        super().setUp()
        self.running = self.server().ready()
        self.caller = Caller(self.running)

    def command(self, *words, code=0, **how):
        got, out, err = self.jobflow(*words, server=self.running, **how)
        self.assertEqual(code, got, f"{words}: {out}{err}")
        return out

    def test_apply_trigger_wait_and_look(self):
        self.worker(self.running)
        path = self.file("job.yaml", HELLO)
        self.assertIn("hello", self.command("apply", "-f", path))
        self.command("apply", "-f", path)  # again changes nothing
        self.assertEqual(1, self.caller.get("/api/v1/jobs/hello").json["revision"])
        run = json.loads(self.command("-o", "json", "trigger", "hello", "--wait"))
        self.assertEqual(("succeeded", {"n": 1}), (run["state"], run["result"]))
        logs = self.command("run", "logs", run["id"])
        self.assertIn("hi", logs)
        self.assertIn("bad", logs)
        self.assertIn("hello", self.command("job", "ls"))
        self.assertIn("succeeded", self.command("run", "ls"))
        self.assertIn("worker", self.command("worker", "ls"))

    def test_exit_codes_of_a_failed_and_of_a_timed_out_run(self):
        self.worker(self.running)
        self.caller.apply(job("fails", "shell", {"command": "exit 3"}))
        self.caller.apply(job("hangs", "shell", {"command": "sleep 60"}, timeout="300ms"))
        self.command("trigger", "fails", "--wait", code=3)
        self.command("trigger", "hangs", "--wait", code=4)

    def test_a_workflow_hands_outputs_on(self):
        self.worker(self.running)
        self.command("apply", "-f", self.file("sum.yaml", WORKFLOW))
        run = json.loads(self.command("-o", "json", "trigger", "sum", "-p", "x=21", "--wait"))
        self.assertEqual(("succeeded", 42), (run["state"], run["result"]))

    def test_a_failed_step_skips_its_dependants_and_a_retry_mends_them(self):
        self.worker(self.running)
        flag = os.path.join(self.folder, "flag")
        self.caller.apply(workflow(
            "mend", {"id": "a", "handler": "noop"},
            {"id": "b", "needs": ["a"], "handler": "shell", "with": {"command": f"test -e {flag}"}},
            {"id": "c", "needs": ["b"], "handler": "noop"}))
        run = self.caller.trigger("mend", "workflows")
        self.assertEqual("failed", self.caller.ended(run)["state"])
        self.assertEqual(["succeeded", "failed", "skipped"], self.step_states(run))
        self.file("flag", "")
        self.assertEqual(202, self.caller.post(f"/api/v1/runs/{run}/retry").status)
        self.assertEqual("succeeded", until("the retry succeeds", lambda: self.succeeded(run)))
        self.assertEqual(["succeeded"] * 3, self.step_states(run))

    def succeeded(self, run):
        state = self.caller.run(run)["state"]
        return state if state == "succeeded" else None

    def step_states(self, run):
        steps = self.caller.get(f"/api/v1/runs/{run}/steps").json["items"]
        return [step["state"] for step in steps]

    def test_cancel_kills_the_whole_process_group(self):
        self.worker(self.running)
        pid_file = os.path.join(self.folder, "pid")
        self.caller.apply(job("long", "shell", {
            "command": f"sleep 300 & echo $! >{pid_file}.new; mv {pid_file}.new {pid_file}; wait"}))
        run = self.caller.trigger("long")
        until("the body runs", lambda: os.path.exists(pid_file))
        self.assertEqual(202, self.caller.post(f"/api/v1/runs/{run}/cancel").status)
        self.assertEqual("cancelled", self.caller.ended(run)["state"])
        with open(pid_file, encoding="ascii") as file:
            child = int(file.read())
        until("the body's child is gone", lambda: not os.path.exists(f"/proc/{child}"))

    def test_a_run_waits_for_a_worker_and_goes_when_one_comes(self):
        self.caller.apply(job("patient"))
        run = self.caller.trigger("patient")
        self.assertEqual("queued", self.caller.run(run)["state"])
        self.worker(self.running)
        self.assertEqual("succeeded", self.caller.ended(run)["state"])

    def test_a_restarted_server_knows_everything_and_drains_the_queue(self):
        self.caller.apply(job("later"))
        runs = [self.caller.trigger("later") for _ in range(20)]
        self.assertEqual(0, self.running.stop())
        self.running = self.server().ready()
        self.caller = Caller(self.running)
        self.worker(self.running)
        for run in runs:
            self.assertEqual("succeeded", self.caller.ended(run)["state"])

    def test_a_worker_drains_on_sigterm(self):
        worker = self.worker(self.running)
        body_runs = os.path.join(self.folder, "runs")
        self.caller.apply(job("short", "shell", {"command": f"touch {body_runs}; sleep 0.5"}))
        run = self.caller.trigger("short")
        # Running is said with the assignment; a worker that drains before it came refuses it.
        until("its body runs", lambda: os.path.exists(body_runs))
        self.assertEqual(0, worker.stop(), worker.said())
        self.assertEqual("succeeded", self.caller.ended(run)["state"])
        self.assertEqual(1, self.caller.run(run)["attempt"])

    def test_shell_is_off_unless_the_worker_was_started_with_it(self):
        plain = [word for word in self.worker(self.running).popen.args]
        self.assertIn("shell,python", plain)  # what the other tests ask for
        handlers = until("handlers are there", lambda: self.handlers())
        self.assertLessEqual({"shell", "python", "noop", "sleep", "fail"}, handlers)

    def handlers(self):
        return {item["name"] for item in self.caller.get("/api/v1/handlers").json["items"]}

    def test_secrets_are_for_their_owner_only(self):
        for name in ("admin.token", "worker.token"):
            mode = os.stat(os.path.join(self.data, name)).st_mode
            self.assertEqual(0o600, stat.S_IMODE(mode))

    def test_health_version_and_metrics(self):
        stranger = Caller(self.running, "")
        self.assertEqual(200, stranger.get("/livez").status)
        self.assertEqual(200, stranger.get("/readyz").status)
        self.assertIn("sqlite", self.caller.get("/version").text)
        metrics = self.caller.get("/metrics").text
        for name in METRICS:
            self.assertIn(f"# HELP jobflow_{name} ", metrics)
            self.assertIn(f"# TYPE jobflow_{name} ", metrics)


if __name__ == "__main__":
    unittest.main(verbosity=2)
