"""A world that does not play along: the port is taken, the folder cannot be written, the disk is
full, the store is of another kind or refuses a row. What was accepted is never lost.

A small disk is a tmpfs in a mount namespace of the server's own; where that is not allowed, those
tests are skipped and say so.
"""

import os
import socket
import sqlite3
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import BIN, PATIENCE, Caller, Process, Server, Stage, job, program, until  # noqa: E402


def namespaces_work():
    return subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0


class ServerOnASmallDisk(Server):
    """`jobflow server` on a tmpfs of its own, mounted with `options`."""

    def __init__(self, stage, options, *more):
        self.mounted = os.path.join(stage.folder, "disk")
        os.makedirs(self.mounted, exist_ok=True)
        self.data = self.mounted
        self.known = None
        command = f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"'
        Process.__init__(self, stage.folder, "server",
                         ["unshare", "-rm", "sh", "-c", command, self.mounted, program(), "server",
                          "--data", self.mounted, "--http-listen", "127.0.0.1:0",
                          "--grpc-listen", "127.0.0.1:0", *more])
        # Its folder as the rest of the world can see it.
        self.data = f"/proc/{self.pid}/root{self.mounted}"


class BadWorld(Stage):
    def fails_to_start(self, server, *words, code=1):
        self.assertFalse(server.came_up(), "it started")
        self.assertEqual(code, server.ended(), server.said())
        for word in words:
            self.assertIn(word, server.said())

    def test_a_port_in_use_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.fails_to_start(self.server(ports=(port, 0)), str(port), "--http-listen")
            self.fails_to_start(self.server(ports=(0, port)), str(port), "--grpc-listen")

    def test_an_address_outside_loopback_is_refused(self):
        self.fails_to_start(self.server("--http-listen", "0.0.0.0:0"), "loopback", code=2)

    def test_a_second_server_on_the_same_folder_does_not_take_it_over(self):
        first = self.server().ready()
        second = self.server()
        self.fails_to_start(second, self.data)
        Caller(first).apply(job("still-here"))
        self.assertEqual(0, first.stop())

    def test_a_folder_below_a_file(self):
        self.fails_to_start(self.server(data=self.file("file", "") + "/data"), "file")

    def test_a_store_of_a_newer_schema_is_left_alone(self):
        self.server().ready().stop()
        path = os.path.join(self.data, "jobflow.db")
        with sqlite3.connect(path) as store:
            store.execute("pragma user_version = 9999")
        store.close()
        with open(path, "rb") as file:
            before = file.read()
        self.fails_to_start(self.server(), "9999", "newer")
        with open(path, "rb") as file:
            self.assertEqual(before, file.read())

    def test_a_file_that_is_no_store(self):
        os.makedirs(self.data)
        with open(os.path.join(self.data, "jobflow.db"), "w", encoding="ascii") as file:
            file.write("a diary, not a database\n" * 100)
        self.fails_to_start(self.server(), "jobflow.db")

    def test_an_unknown_setting_is_refused(self):
        self.fails_to_start(self.server("--nonsense", "1"), "nonsense", code=2)

    def test_a_row_that_the_store_refuses_harms_no_other(self):
        self.server().ready().stop()
        with sqlite3.connect(os.path.join(self.data, "jobflow.db")) as store:
            store.execute("create trigger refuse before insert on runs"
                          " when new.params like '%poison%'"
                          " begin select raise(abort, 'poison is not stored'); end")
        store.close()
        server = self.server().ready()
        caller = Caller(server)
        caller.apply(job("good"))
        self.worker(server)
        answer = caller.post("/api/v1/runs/batch", {"items": [
            {"job": "good", "params": {"x": "poison" if n == 7 else ""}} for n in range(20)]})
        self.assertEqual(200, answer.status, answer.text)
        items = answer.json["items"]
        self.assertEqual([7], [n for n, item in enumerate(items) if "problem" in item])
        problem = items[7]["problem"]
        self.assertEqual("store_refused", problem["code"])
        self.assertTrue(problem["incident"])
        self.assertNotIn("poison is not stored", answer.text)  # internals stay inside
        self.assertIn(problem["incident"], server.said())
        for n, item in enumerate(items):
            if n != 7:
                self.assertEqual("succeeded", caller.ended(item["id"])["state"])
        self.assertEqual(0, server.stop())

    @unittest.skipUnless(namespaces_work(), "no mount namespaces here")
    def test_a_read_only_folder(self):
        server = self.start(ServerOnASmallDisk(self, "ro,size=8m"))
        self.fails_to_start(server, "read-only", self.folder)

    @unittest.skipUnless(namespaces_work(), "no mount namespaces here")
    def test_a_full_disk_takes_nothing_new_and_loses_nothing_and_recovers(self):
        server = self.start(ServerOnASmallDisk(self, "size=24m")).ready()
        caller = Caller(server)
        caller.apply(job("good"))
        accepted = [caller.trigger("good", params={"n": n}) for n in range(10)]
        filler = os.path.join(server.data, "filler")
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 65536) == 65536:
                    pass
            except OSError:
                pass  # full
        # The one whose commit meets the full disk may wait for it, or be told that nobody knows.
        answers = []
        full = threading.Event()

        def trigger_until_full():
            sender = Caller(server)
            while not full.is_set():
                answers.append(sender.post("/api/v1/jobs/good/trigger",
                                           {"params": {"x": "y" * 20000}}))

        sending = threading.Thread(target=trigger_until_full, daemon=True)
        sending.start()
        until("the disk is full", lambda: caller.get("/readyz").status == 503)
        full.set()
        refused = caller.post("/api/v1/jobs/good/trigger")
        self.assertEqual((503, "unavailable"), (refused.status, refused.json["code"]))
        self.assertIn("Retry-After", refused.headers)
        self.assertEqual(200, caller.get("/livez").status)
        self.assertIn("full", server.said())
        os.unlink(filler)
        until("it is ready again", lambda: caller.get("/readyz").status == 200)
        sending.join(PATIENCE)
        self.assertFalse(sending.is_alive(), "the last asker was never told")
        for answer in answers:
            if answer.status == 201:
                accepted.append(answer.json["id"])
            else:
                self.assertIn(answer.json["code"], ("unavailable", "outcome_unknown"))
        accepted.append(caller.trigger("good"))
        self.worker_of(server)
        for run in accepted:
            self.assertEqual("succeeded", caller.ended(run)["state"])
        self.assertEqual(0, server.stop())

    def worker_of(self, server):
        token = self.file("worker.token", server.token("worker"))
        return self.start(Process(self.folder, "worker", [
            program(), "worker", "--server", server.grpc, "--token-file", token]))


class BadWorker(Stage):
    def foreign(self, server, protocol):
        done = subprocess.run(
            [os.path.join(BIN, "foreign-worker"), server.grpc, str(protocol),
             os.path.join(server.data, "worker.token")],
            capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
        return done.stdout.strip()

    def test_a_worker_of_another_protocol_version_is_told_so(self):
        server = self.server().ready()
        self.assertEqual("WELCOME", self.foreign(server, 1))
        said = self.foreign(server, 2)
        self.assertTrue(said.startswith("9 "), said)  # FAILED_PRECONDITION
        self.assertIn("protocol", said)
        self.assertIn("2", said)
        self.assertEqual(0, server.stop())

    def test_a_worker_with_a_wrong_token_ends_and_says_why(self):
        server = self.server().ready()
        worker = self.start(Process(self.folder, "worker", [
            program(), "worker", "--server", server.grpc, "--token-file",
            self.file("wrong", "nonsense")]))
        self.assertEqual(1, worker.ended(), worker.said())
        self.assertIn("token", worker.said())


if __name__ == "__main__":
    unittest.main(verbosity=2)
