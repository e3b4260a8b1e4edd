"""A server that is away, and a store that somebody else holds: what was accepted goes on, and no
bound is held against a worker that could not be heard.
"""

import os
import sqlite3
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import PATIENCE, Caller, Server, Stage, free_port, job, until  # noqa: E402

# kTimeoutGrace of src/model/limits.h, in seconds: how long after a timeout the server ends a run.
TIMEOUT_GRACE = 10


class ServerAway(Stage):
    def test_no_bound_is_held_against_a_worker_that_could_not_be_heard(self):  # S6.6, S7.3
        ports = (free_port(), free_port())
        server = self.server(ports=ports).ready()
        caller = Caller(server)
        worker = self.worker(server)
        timeout = 2
        caller.apply(job("nap", "sleep", {"duration": "1s"}, timeout=f"{timeout}s"))
        run = caller.trigger("nap")
        until("it runs", lambda: caller.run(run)["state"] == "running")
        over = time.monotonic() + timeout + TIMEOUT_GRACE
        server.kill()
        # The time itself is what is waited for: every bound of the run passes with nobody there.
        until("the run's bounds are over", lambda: time.monotonic() > over + 0.5, 2 * PATIENCE)
        self.assertTrue(worker.alive(), worker.said())
        caller = Caller(self.server(ports=ports).ready())
        ended = caller.ended(run, 2 * PATIENCE)
        self.assertEqual(("succeeded", 1), (ended["state"], ended["attempt"]), ended)


class StoreHeld(Stage):
    """Another process has the write lock of jobflow.db."""

    def setUp(self):
        super().setUp()
        self.running = self.server().ready()
        self.caller = Caller(self.running)
        self.caller.apply(job("good"))
        self.accepted = [self.caller.trigger("good") for _ in range(5)]
        self.other = sqlite3.connect(os.path.join(self.data, "jobflow.db"), isolation_level=None,
                                     check_same_thread=False)
        self.addCleanup(self.other.close)
        self.other.execute("begin immediate")

    def trigger_all(self, count):
        """What each of `count` callers at once was told."""
        answers = []

        def trigger():
            answers.append(Caller(self.running).post("/api/v1/jobs/good/trigger"))

        callers = [threading.Thread(target=trigger, daemon=True) for _ in range(count)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(PATIENCE)
            self.assertFalse(caller.is_alive(), "a caller was never told")
        return answers

    def test_commands_are_refused_soon_and_nothing_accepted_is_lost(self):
        told = self.trigger_all(8)
        until("it says that it is not ready", lambda: self.caller.get("/readyz").status == 503)
        told += self.trigger_all(8)
        for answer in told:
            self.assertEqual(503, answer.status, answer.text)
            self.assertIn(answer.json["code"], ("unavailable", "outcome_unknown"))
            self.assertIn("Retry-After", answer.headers)
        for run in self.accepted:  # who only reads is served
            self.assertEqual("queued", self.caller.run(run)["state"])
        self.assertEqual(200, self.caller.get("/livez").status)
        self.other.execute("rollback")
        until("it is ready again", lambda: self.caller.get("/readyz").status == 200)
        self.worker(self.running)
        for run in [*self.accepted, self.caller.trigger("good")]:
            self.assertEqual("succeeded", self.caller.ended(run)["state"])
        self.assertEqual(0, self.running.stop())

    def test_a_server_that_is_told_to_stop_meanwhile_stops(self):
        asking = threading.Thread(
            target=lambda: Caller(self.running).post("/api/v1/jobs/good/trigger"), daemon=True)
        asking.start()
        until("it says that it is not ready", lambda: self.caller.get("/readyz").status == 503)
        began = time.monotonic()
        self.assertEqual(0, self.running.stop(), self.running.said())
        self.assertLess(time.monotonic() - began, PATIENCE / 4)
        self.other.execute("rollback")
        self.running = Server(self).ready()
        self.processes.append(self.running)
        caller = Caller(self.running)
        for run in self.accepted:
            self.assertEqual("queued", caller.run(run)["state"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
