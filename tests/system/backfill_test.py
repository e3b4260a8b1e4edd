"""Past instants that are run on request, on a real server: paused, resumed, cancelled, across a
restart (S4.10, S4.8)."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import Caller, Stage, job, until  # noqa: E402

DAYS = 8


class Backfill(Stage):
    def setUp(self):
        super().setUp()
        self.running = self.server().ready()
        self.caller = Caller(self.running)
        # Nothing of it is due while the test runs.
        self.caller.apply(job("daily", triggers=[{"name": "noon", "cron": "0 12 * * *"}]))

    def say(self, *arguments):
        code, out, err = self.jobflow("-o", "json", *arguments, server=self.running)
        self.assertEqual(0, code, out + err)
        return json.loads(out) if out else None

    def begin(self, *more):
        return self.say("trigger", "backfill", "daily", "--from", "2020-03-01T00:00:00Z",
                        "--to", f"2020-03-0{DAYS + 1}T00:00:00Z", *more)["id"]

    def at(self, backfill):
        return self.say("backfill", "get", backfill)

    def runs(self, *states):
        asked = "".join(f"&state={state}" for state in states)
        return self.caller.get("/api/v1/runs?job=daily&limit=100" + asked).json["items"]

    def test_it_stands_still_while_it_is_paused_and_then_goes_on(self):
        backfill = self.begin("--parallel", "2")
        self.assertEqual(2, len(self.runs("queued")), "so many at a time")
        self.say("backfill", "pause", backfill, "--note", "the archive is full")
        # A restart forgets neither.
        self.assertEqual(0, self.running.stop(), self.running.said())
        self.running = self.server(data=self.running.data).ready()
        self.caller = Caller(self.running)
        self.worker(self.running)
        until("the two that had begun end", lambda: len(self.runs("succeeded")) == 2)
        told = self.at(backfill)
        self.assertEqual(("paused", "the archive is full", 2),
                         (told["state"], told["note"], told["runs"]), told)
        self.assertEqual(2, len(self.runs()))
        self.say("backfill", "resume", backfill)
        told = until("it ends", lambda: self.ended(backfill))
        self.assertEqual(("finished", DAYS, DAYS), (told["state"], told["runs"], told["succeeded"]))
        planned = [run["planned_at"] for run in reversed(self.runs("succeeded"))]
        self.assertEqual([f"2020-03-0{day}T12:00:00.000Z" for day in range(1, DAYS + 1)], planned,
                         "in their order")
        code, out, err = self.jobflow("audit", server=self.running)
        self.assertEqual(0, code, out + err)

    def test_cancelled_it_takes_its_live_runs_along(self):
        backfill = self.begin("--parallel", "3", "--newest-first")
        self.say("backfill", "cancel", backfill)
        told = until("it ends", lambda: self.ended(backfill))
        self.assertEqual(("cancelled", 3), (told["state"], told["runs"]))
        self.assertEqual(["cancelled"] * 3, [run["state"] for run in self.runs()])
        code, _, err = self.jobflow("backfill", "resume", backfill, server=self.running)
        self.assertNotEqual(0, code, "what is over does not go on")
        self.assertIn("cancelled", err)

    def ended(self, backfill):
        told = self.at(backfill)
        return told if told["ended_at"] else None


if __name__ == "__main__":
    unittest.main(verbosity=2)
