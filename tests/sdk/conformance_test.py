"""jobflow-worker-conformance: our own SDK passes, and a worker that is wrong on purpose does not."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import PATIENCE, program, until  # noqa: E402

LINE = re.compile(r"(ok|FAILED) +(\S+) +expected: (.+); seen: (.+)")


def suite(*words):
    return subprocess.run([program("jobflow-worker-conformance"), *words], capture_output=True,
                          text=True, timeout=250, check=False)


def verdicts(done):
    """{scenario: (word, seen)}, and that the last line adds up."""
    *lines, last = done.stdout.splitlines()
    found = {}
    for line in lines:
        word, name, _, seen = LINE.fullmatch(line).groups()
        found[name] = (word, seen)
    failed = sum(word == "FAILED" for word, _ in found.values())
    assert last == f"{len(found)} scenarios, {failed} failed", done.stdout + done.stderr
    return found


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Conformance(unittest.TestCase):
    def test_our_own_sdk_conforms(self):
        done = suite("--patience", str(PATIENCE), "--", program("conformance-worker"))
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        listed = {line.split()[0] for line in suite("--list").stdout.splitlines()}
        self.assertEqual(listed, set(verdicts(done)))
        page = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "worker-conformance.md")
        with open(page, encoding="utf-8") as file:
            _, examined = file.read().split("## What is examined")
        self.assertEqual(listed, set(re.findall(r"^\| `([a-z.-]+)` \|", examined, re.M)))

    def test_a_careless_worker_is_found_out(self):
        # What it does right is not held against it ...
        right = "registration,registration.name-taken,assignment,unknown"
        done = suite("--patience", str(PATIENCE), "--only", right, "--", program("careless-worker"))
        self.assertEqual(0, done.returncode, done.stdout)
        # ... and each wrong is seen as what it is.
        wrong = {
            "assignment.resent": "the body ran [2-9] times",
            "epochs": "SUCCEEDED instead of REFUSED of epoch 7 after an Epoch of 8",
            "results": "0 held on stream 2",
            "link.lost": "no worker connected",
            "cancel": "waited in vain for Finished 1 .*",
            "timeout": "waited in vain for Finished 1 .*",
            "heartbeat": "waited in vain for a heartbeat",
            "drain.sigterm": "the worker's stream ended before a heartbeat",
        }
        done = suite("--patience", str(PATIENCE / 10), "--only", ",".join(wrong), "--", program("careless-worker"))
        self.assertEqual(1, done.returncode, done.stdout)
        for name, (word, seen) in verdicts(done).items():
            self.assertEqual("FAILED", word, name)
            self.assertRegex(seen, wrong.pop(name))
        self.assertEqual({}, wrong)

    def test_a_worker_that_does_not_start_fails(self):
        done = suite("--patience", "2", "--only", "registration", "--", "/nonexistent/worker")
        self.assertEqual(1, done.returncode)
        self.assertEqual({"registration": ("FAILED", "no worker connected; it said: "
                                           "the command cannot be started")}, verdicts(done))

    def test_an_interrupt_leaves_no_process_behind(self):
        with tempfile.TemporaryDirectory(prefix="jobflow-interrupt-") as folder:
            note = os.path.join(folder, "pids")
            script = f'sleep 600 & echo $$ $! >{note}.new; mv {note}.new {note}; wait'
            running = subprocess.Popen(
                [program("jobflow-worker-conformance"), "--patience", "60", "--", "sh", "-c", script],
                env={**os.environ, "TMPDIR": folder})
            self.addCleanup(running.kill)
            until("the worker's start", lambda: os.path.exists(note))
            with open(note, encoding="utf-8") as file:
                pids = [int(word) for word in file.read().split()]
            running.terminate()
            self.assertEqual(128 + signal.SIGTERM, running.wait(PATIENCE))
            for pid in pids:
                until(f"the end of {pid}", lambda pid=pid: not is_running(pid))

    def test_wrong_usage_is_told_apart(self):
        for words in ([], ["--only", "nothing", "--", "true"], ["--patience", "x", "--", "true"],
                      ["--listen", "7701", "--", "true"]):
            done = suite(*words)
            self.assertEqual(2, done.returncode, done.stdout + done.stderr)
            self.assertNotEqual("", done.stderr)


if __name__ == "__main__":
    unittest.main()
