"""A server that is away, and a store that somebody else holds: what was accepted goes on, and no
bound is held against a worker that could not be heard.
"""

import http.client
import json
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


    def test_events_and_keys_go_on_where_they_were_after_a_kill(self):  # S9.2, S5.2
        server = self.server().ready()
        caller = Caller(server)
        caller.apply(job("good"))
        seen = self.events(server, "", 1)
        self.assertEqual("snapshot", seen[0]["type"])
        first = caller.post("/api/v1/jobs/good/trigger", {"idempotency_key": "monday"})
        self.assertEqual(201, first.status)
        run = first.json["id"]
        before = self.events(server, seen[0]["cursor"], 1)
        self.assertEqual((run, "queued"), (before[0]["subject"], before[0]["data"]["state"]))
        server.kill()
        server = self.server().ready()
        caller = Caller(server)
        again = caller.post("/api/v1/jobs/good/trigger", {"idempotency_key": "monday"})
        self.assertEqual((200, run, False), (again.status, again.json["id"], again.json["created"]))
        self.worker(server)
        self.assertEqual("succeeded", caller.ended(run)["state"])
        after = self.events(server, before[0]["cursor"], 2)
        self.assertEqual([(run, "running"), (run, "succeeded")],
                         [(event["subject"], event["data"]["state"]) for event in after])
        numbers = [int(event["id"].partition(":")[2]) for event in [*before, *after]]
        self.assertEqual([numbers[0] + n for n in range(3)], numbers)

    def events(self, server, cursor, count):
        """The next events about the job from a cursor on; "" begins with a snapshot."""
        connection = http.client.HTTPConnection(*server.http, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/v1/events?job=good", headers={
            "Authorization": f"Bearer {server.token()}", **({"Last-Event-ID": cursor} if cursor
                                                            else {})})
        stream = connection.getresponse()
        self.assertEqual(200, stream.status)
        events = []
        while len(events) < count:
            line = stream.readline().decode()
            self.assertTrue(line, "the stream ended")
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
        return events


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
