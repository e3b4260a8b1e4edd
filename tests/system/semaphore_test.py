"""Permits of a semaphore that jobs and a workflow share, on a real server that is killed (S3.5)."""

import datetime
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import Caller, Stage, free_port, job, until, workflow  # noqa: E402

PERMITS = 3
ROUNDS = 8


def semaphore(name, permits):
    return {"apiVersion": "jobflow/v1", "kind": "Semaphore", "metadata": {"name": name},
            "spec": {"permits": permits}}


def instant(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def most_at_once(stretches):
    """How many of these (start, end) overlap at most; one that ends as another starts does not."""
    moves = sorted([(start, 1) for start, _ in stretches] + [(end, -1) for _, end in stretches])
    most = now = 0
    for _, step in moves:
        now += step
        most = max(most, now)
    return most


class Semaphores(Stage):
    def setUp(self):
        super().setUp()
        self.ports = (free_port(), free_port())  # the worker finds it again
        self.running = self.server(ports=self.ports).ready()
        self.caller = Caller(self.running)

    def say(self, *arguments, code=0):
        ended, out, err = self.jobflow("-o", "json", *arguments, server=self.running)
        self.assertEqual(code, ended, out + err)
        return json.loads(out) if out else err

    def permits(self):
        return self.say("semaphore", "permits", "db")

    def ended(self, kind, name, count):
        runs = self.caller.get(f"/api/v1/runs?{kind}={name}&limit=100&state=succeeded").json["items"]
        return runs if len(runs) == count else None

    def test_no_more_run_than_there_are_permits_also_when_the_server_is_killed(self):
        self.caller.apply(semaphore("db", PERMITS))
        for name in ("a", "b"):
            self.caller.apply(job(name, "sleep", {"duration": "150ms"}, semaphores=["db"]))
        self.caller.apply(workflow("f", {"id": "s", "sleep": {"duration": "150ms"},
                                         "semaphores": ["db"]}))
        self.worker(self.running, "--slots", "50")
        for _ in range(ROUNDS):
            for kind, name in (("jobs", "a"), ("jobs", "b"), ("workflows", "f")):
                self.caller.post(f"/api/v1/{kind}/{name}/trigger", {})
        until("permits are held and waited for",
              lambda: self.permits()["held"] == PERMITS and self.permits()["waiting"] > 0)
        waiting = self.permits()["items"][-1]["run"]  # the last of those that wait
        self.assertIn("semaphore", [reason["code"] for reason in
                                    self.say("run", "explain", waiting)["reasons"]])
        self.running.kill()
        self.running = self.server(data=self.running.data, ports=self.ports).ready()
        self.caller = Caller(self.running)
        stretches = []
        for kind, name in (("job", "a"), ("job", "b"), ("workflow", "f")):
            for run in until(f"{name} is done", lambda: self.ended(kind, name, ROUNDS)):
                at = run
                if kind == "workflow":
                    at = self.caller.get(f"/api/v1/runs/{run['id']}/steps").json["items"][0]
                stretches.append((instant(at["started_at"]), instant(at["ended_at"])))
        self.assertEqual(3 * ROUNDS, len(stretches))
        self.assertEqual(PERMITS, most_at_once(stretches))
        told = until("all are back", lambda: self.permits()
                     if self.permits()["held"] == 0 else None)
        self.assertEqual((PERMITS, 0, []), (told["permits"], told["waiting"], told["items"]))

    def test_one_that_is_held_is_deleted_by_force_only_and_what_waits_goes_on_when_it_is_back(self):
        self.caller.apply(semaphore("db", 1))
        self.caller.apply(job("a", "sleep", {"duration": "30s"}, semaphores=["db"]))
        self.worker(self.running)
        first = self.caller.post("/api/v1/jobs/a/trigger", {}).json["id"]
        until("it runs", lambda: self.say("run", "get", first)["state"] == "running")
        second = self.caller.post("/api/v1/jobs/a/trigger", {}).json["id"]
        until("it waits", lambda: self.permits()["waiting"] == 1)
        refused = self.say("semaphore", "rm", "db", code=1)
        self.assertIn("hold it: 1, that wait: 1", refused)
        self.say("semaphore", "rm", "db", "--force")
        self.say("run", "cancel", first)
        until("it has ended", lambda: self.say("run", "get", first)["state"] == "cancelled")
        reasons = self.say("run", "explain", second)["reasons"]
        self.assertEqual([("semaphore", "waits for a permit of semaphore 'db'")],
                         [(reason["code"], reason["text"][:36]) for reason in reasons[:1]])
        self.caller.apply(semaphore("db", 1))
        until("it runs", lambda: self.say("run", "get", second)["state"] == "running")
        self.say("run", "cancel", second)


if __name__ == "__main__":
    unittest.main(verbosity=2)
