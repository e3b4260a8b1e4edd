"""Handlers and workers that do what they should not: the run ends with a clear error, and nothing
else is disturbed (S3.3, S5.3, S5.4, S6.5, S6.7, S7.5, S10.2). What detaches itself from its body is
in fleet_test.py.
"""

import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import PATIENCE, Caller, Process, Stage, job, program, until  # noqa: E402

LEASE_S = 4
STOP_GRACE_S = 5  # Tuning::stop_grace of the SDK: then a body that ignores its stop is given up


class Neighbour(threading.Thread):
    """Runs of another job on another worker, one after the other, from begin to end."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.caller = Caller(server)
        self.caller.apply(job("neighbour", "python", {"script": "print(6 * 7)"}))
        self.enough = threading.Event()
        self.longest = 0
        self.runs = 0
        self.problem = None
        self.start()

    def run(self):
        try:
            while not self.enough.is_set():
                began = time.monotonic()
                ended = self.caller.ended(self.caller.trigger("neighbour"))
                self.longest = max(self.longest, time.monotonic() - began)
                assert (ended["state"], ended["result"]) == ("succeeded", 42), ended
                self.runs += 1
        except Exception as problem:  # told by the test's own thread
            self.problem = problem


class UnrulyTest(Stage):
    def setUp(self):
        super().setUp()
        self.running = self.server("--lease", f"{LEASE_S}s").ready()
        self.caller = Caller(self.running)
        self.worker(self.running, name="good")
        self.token_file = os.path.join(self.data, "worker.token")
        self.neighbour = Neighbour(self.running)

    def unruly(self, name="unruly"):
        return self.start(Process(self.folder, name, [program("unruly-worker"), self.running.grpc,
                                                      self.token_file, name]))

    def begun(self, handler, params=None, **spec):
        """A run of a job with that handler, once it runs."""
        name = handler.partition(".")[2].replace("_", "-")
        self.caller.apply(job(name, handler, params, **spec))
        run = self.caller.trigger(name)
        until("it runs", lambda: self.caller.run(run)["state"] != "queued")
        return run

    def nothing_else_was_disturbed(self, unruly=None):
        if unruly is not None:
            self.assertTrue(unruly.alive(), unruly.said())
            run = self.begun("unruly.behave")
            self.assertEqual("well", self.caller.ended(run)["result"])
        had = self.neighbour.runs
        until("the neighbour's runs go on", lambda: self.neighbour.runs > had + 1
              or self.neighbour.problem)
        self.neighbour.enough.set()
        self.neighbour.join(PATIENCE)
        self.assertIsNone(self.neighbour.problem)
        self.assertLess(self.neighbour.longest, PATIENCE / 4)
        self.assertEqual(200, self.caller.get("/readyz").status)

    def error(self, run):
        return (run["state"], run["error"]["kind"], run["error"]["message"])


class Unruly(UnrulyTest):
    def test_a_handler_that_never_returns(self):  # S3.3
        unruly = self.unruly()
        run = self.begun("unruly.never_return", timeout="1s")
        self.assertEqual(
            ("timed_out", "timeout", "the execution timeout of 1000 ms has passed; the body"
             " ignores its stop and goes on"), self.error(self.caller.ended(run)))
        self.nothing_else_was_disturbed(unruly)
        # Its thread and its slot are gone, and the process says why it does not end in order.
        unruly.stop()
        self.assertIn("a body ignores its stop; ending the process", unruly.said())

    def test_a_handler_that_ignores_cancel(self):  # S5.3
        unruly = self.unruly()
        run = self.begun("unruly.never_return")
        self.assertIn(self.caller.post(f"/api/v1/runs/{run}/cancel").status, (200, 202))
        began = time.monotonic()
        ended = self.caller.ended(run)
        self.assertLess(time.monotonic() - began, 2 * STOP_GRACE_S)
        self.assertEqual(("cancelled", "cancelled", "cancelled by token:admin"), self.error(ended))
        # That it is not over all the same stands in its log.
        *_, last = self.caller.get(f"/api/v1/runs/{run}/logs").json["items"]
        self.assertEqual(("error", "the body ignores its stop and goes on: only its token protects"
                          " what it writes to"), (last["level"], last["text"]))
        self.nothing_else_was_disturbed(unruly)

    def test_a_worker_that_is_full_of_bodies_that_ignore_their_stop(self):  # S6.2
        jammed, _ = self.unruly("jammed"), self.unruly("free")
        self.caller.apply(job("jam", "unruly.never_return", timeout="1s", strategy="designated",
                              workers=["jammed"]))
        for run in [self.caller.trigger("jam") for _ in range(3)]:
            self.assertEqual("timed_out", self.caller.ended(run)["state"])
        self.assertIn("ignores its stop: 3 of 3 slots are taken by such", jammed.said())
        # Whatever the strategy, nothing waits for it.
        for strategy in ({"strategy": "random"}, {"strategy": "hash", "hash_key": "key"}):
            self.caller.apply(job("behave", "unruly.behave", **strategy))
            runs = [self.caller.trigger("behave", params={"key": f"k{n}"}) for n in range(12)]
            ended = [self.caller.ended(run) for run in runs]
            self.assertEqual({("succeeded", "free")},
                             {(run["state"], run["worker"]) for run in ended})
        self.nothing_else_was_disturbed()

    def test_a_handler_that_crashes_its_process(self):  # S6.7
        first = self.unruly("first")
        run = self.begun("unruly.crash")
        ended = self.caller.ended(run)
        self.assertEqual(("failed", "lost"), self.error(ended)[:2])
        self.assertRegex(ended["error"]["message"], "^lost: it may have run; its worker ")
        self.assertLess(first.ended(), 0)
        # Each attempt takes a worker along; there are as many as the job allows, and no more.
        workers = [self.unruly(name) for name in ("second", "third", "fourth")]
        run = self.begun("unruly.crash", retry={"max_attempts": 2, "initial": "100ms"})
        ended = self.caller.ended(run, 2 * PATIENCE)
        self.assertEqual(("failed", "lost"), self.error(ended)[:2])
        self.assertEqual(2, ended["attempt"])
        left = [worker for worker in workers if worker.alive()]
        self.assertEqual(1, len(left))
        self.nothing_else_was_disturbed(left[0])

    def test_a_handler_that_floods_its_log(self):  # S10.2
        unruly = self.unruly()
        # Beyond 64 MiB of an attempt.
        run = self.begun("unruly.flood", {"lines": 9000, "bytes": 8000})
        ended = self.caller.ended(run, 4 * PATIENCE)
        self.assertEqual(("succeeded", {"lines": 9000}), (ended["state"], ended["result"]))
        found = self.caller.get(f"/api/v1/runs/{run}/logs?text=%5Bjobflow:&limit=10").json["items"]
        self.assertTrue(found, "no marker of what was dropped")
        self.nothing_else_was_disturbed(unruly)

    def test_a_handler_that_returns_300_mb(self):  # S5.4
        unruly = self.unruly()
        run = self.begun("unruly.return_much", {"bytes": 300_000_000},
                         retry={"max_attempts": 3, "initial": "100ms"})
        ended = self.caller.ended(run, 2 * PATIENCE)
        self.assertEqual(("failed", "result_too_large"), self.error(ended)[:2])
        self.assertRegex(ended["error"]["message"], "the result has 30000000. bytes, the limit is"
                         " 262144: store it elsewhere and return where it lies")
        self.assertEqual(1, ended["attempt"])  # another one would return as much
        self.nothing_else_was_disturbed(unruly)


class Lying(UnrulyTest):
    def setUp(self):
        super().setUp()
        self.liar = self.start(Process(self.folder, "liar", [
            program("lying-worker"), self.running.grpc, self.token_file]))

    def test_a_worker_that_reports_twice(self):  # S6.5, S7.3
        for _ in range(20):
            run = self.begun("lies.twice", retry={"max_attempts": 3, "initial": "100ms"})
            ended = self.caller.ended(run)
            self.assertEqual(("succeeded", "first", 1),
                             (ended["state"], ended["result"], ended["attempt"]))
        self.nothing_else_was_disturbed()
        self.assertEqual("first", self.caller.run(run)["result"])
        self.assertTrue(self.liar.alive(), self.liar.said())

    def test_a_worker_that_reports_for_anothers_run(self):  # S1.3, I3
        self.caller.apply(job("victim", "python", {"script": "import time; time.sleep(2); print(7)"}))
        victim = self.caller.trigger("victim")
        until("it runs", lambda: self.caller.run(victim)["state"] == "running")
        attempt, = self.caller.get(f"/api/v1/runs/{victim}/attempts").json["items"]
        lie = self.begun("lies.about", {"run": victim, "token": attempt["token"]})
        self.assertEqual("told", self.caller.ended(lie)["result"])
        ended = self.caller.ended(victim)
        self.assertEqual(("succeeded", 7, 1, "good"), (ended["state"], ended["result"],
                                                       ended["attempt"], ended["worker"]))
        refused, = (line for line in self.caller.get("/metrics").text.splitlines()
                    if line.startswith("jobflow_stale_reports_refused_total"))
        self.assertGreaterEqual(float(refused.split()[-1]), 12)
        self.nothing_else_was_disturbed()


if __name__ == "__main__":
    unittest.main(verbosity=2)
