"""The stage of the tests of the whole: the real programs, in a folder of their own, on free ports.

Every process started here dies with the test (PR_SET_PDEATHSIG) and is ended by its own pid only.
"""

import ctypes
import dataclasses
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.environ.get("JOBFLOW_BIN", os.path.join(SOURCE, "build", "release", "bin"))
# Sanitizers make everything slower; waiting longer costs nothing when things go well.
PATIENCE = float(os.environ.get("JOBFLOW_TEST_PATIENCE", "20"))

_libc = ctypes.CDLL(None, use_errno=True)


def _environment(more):
    """Ours without what configures jobflow or the tests, and `more`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBFLOW_")}
    return {**kept, **(more or {})}


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def program(name="jobflow"):
    path = os.path.join(BIN, name)
    if not os.access(path, os.X_OK):
        sys.exit(f"JOBFLOW_BIN must name the folder of the programs: there is no {path}")
    return path


def free_port():
    """A port for a server that must come back on it. Below the ephemeral range: a client that keeps
    calling an ephemeral port while nobody listens can end up connected to itself."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def until(what, condition, seconds=None):
    """Waits for `condition` to be true and returns it; fails naming `what`."""
    deadline = time.monotonic() + (seconds or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for: {what}")
        time.sleep(0.01)


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict
    text: str

    @property
    def json(self):
        return json.loads(self.text)


class Process:
    """One process with its output in files."""

    def __init__(self, folder, name, arguments, environment=None):
        self.out_path = os.path.join(folder, name + ".out")
        self.err_path = os.path.join(folder, name + ".err")
        with open(self.out_path, "ab") as out, open(self.err_path, "ab") as err:
            self.popen = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder,
                env=_environment(environment), preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.alive():
            self.popen.send_signal(number)

    def kill(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.popen.wait()

    def ended(self, seconds=None):
        """The exit code; minus the signal's number when one ended it."""
        try:
            return self.popen.wait(seconds or PATIENCE)
        except subprocess.TimeoutExpired:
            said = self.said()
            raise AssertionError(f"process {self.pid} did not end; it said:\n{said}") from None

    def stop(self, seconds=None):
        self.signal(signal.SIGTERM)
        return self.ended(seconds)

    def said(self):
        texts = []
        for path in (self.out_path, self.err_path):
            with open(path, encoding="utf-8", errors="replace") as file:
                texts.append(file.read())
        return "".join(texts)


class Server(Process):
    """`jobflow server` over a data folder. Its address comes from the folder's server.json."""

    def __init__(self, stage, *more, environment=None, data=None, ports=(0, 0)):
        self.data = data or stage.data
        self.known = None
        super().__init__(stage.folder, "server",
                         [program(), "server", "--data", self.data,
                          "--http-listen", f"127.0.0.1:{ports[0]}",
                          "--grpc-listen", f"127.0.0.1:{ports[1]}", *more], environment)

    def _address(self):
        try:
            with open(os.path.join(self.data, "server.json"), encoding="utf-8") as file:
                known = json.load(file)
        except (OSError, ValueError):
            return None
        return known if known.get("pid") == self.pid else None

    def came_up(self, seconds=None):
        """True when it is ready, False when it ended before."""
        def ready():
            if not self.alive():
                return "ended"
            self.known = self._address()
            return self.known and "ready"
        return until("the server is ready", ready, seconds) == "ready"

    def ready(self):
        if not self.came_up():
            raise AssertionError(f"the server ended with {self.ended()}; it said:\n{self.said()}")
        return self

    @property
    def http(self):
        host, _, port = self.known["http"].removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def grpc(self):
        return self.known["grpc"]

    def token(self, name="admin"):
        with open(os.path.join(self.data, name + ".token"), encoding="ascii") as file:
            return file.read().strip()


class Caller:
    """A person's HTTP client: one connection, the admin's token unless told otherwise."""

    def __init__(self, server, token=None):
        self.server = server
        self.token = server.token() if token is None else token
        self.connection = http.client.HTTPConnection(*server.http, timeout=PATIENCE)

    def __del__(self):
        self.connection.close()

    def call(self, method, path, body=None, headers=None, raw=None):
        content = raw if raw is not None else None if body is None else json.dumps(body)
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if content is not None:
            sent["Content-Type"] = "application/json"
        self.connection.request(method, path, content, {**sent, **(headers or {})})
        reply = self.connection.getresponse()
        return Answer(reply.status, dict(reply.getheaders()), reply.read().decode())

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body=None, **more):
        return self.call("POST", path, body, **more)

    def apply(self, document):
        """Saves a definition, given as an object."""
        answer = self.post("/api/v1/definitions", document)
        if answer.status != 200:
            raise AssertionError(f"apply: {answer.status} {answer.text}")
        return answer.json

    def trigger(self, job, kind="jobs", **body):
        answer = self.post(f"/api/v1/{kind}/{job}/trigger", body)
        if answer.status not in (200, 201):
            raise AssertionError(f"trigger {job}: {answer.status} {answer.text}")
        return answer.json["id"]

    def run(self, number):
        return self.get(f"/api/v1/runs/{number}").json

    def ended(self, number, seconds=None):
        final = ("succeeded", "failed", "cancelled", "timed_out", "expired", "skipped")

        def end():
            run = self.run(number)
            return run if run["state"] in final else None
        return until(f"run {number} ends", end, seconds)


class Stage(unittest.TestCase):
    """A test with a folder, and processes that end with it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="jobflow-test-")
        self.data = os.path.join(self.folder, "data")
        self.processes = []
        self.addCleanup(self._clear)

    def _clear(self):
        for process in self.processes:
            process.kill()
        result = self._outcome.result
        failed = any(test is self for test, _ in result.failures + result.errors)
        if failed:
            # Processes of one name share their files.
            for said in {process.out_path: process.said() for process in self.processes}.items():
                print("--- {}:\n{:.4000}".format(*said), file=sys.stderr)
        if failed and os.environ.get("JOBFLOW_TEST_KEEP"):
            print(f"kept: {self.folder}", file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, process):
        self.processes.append(process)
        return process

    def server(self, *more, **how):
        return self.start(Server(self, *more, **how))

    def worker(self, server, *more, environment=None, name="worker"):
        return self.start(Process(
            self.folder, name,
            [program(), "worker", "--server", server.grpc, "--token-file",
             os.path.join(server.data, "worker.token"), "--name", name,
             "--allow", "shell,python", *more], environment))

    def jobflow(self, *arguments, server=None, stdin="", environment=None, seconds=None):
        """The command line, to its end: exit code, standard output, standard error."""
        known = ["--data", server.data] if server else []
        done = subprocess.run([program(), *known, *arguments], input=stdin, text=True,
                              capture_output=True, cwd=self.folder, timeout=seconds or 2 * PATIENCE,
                              env=_environment({"NO_COLOR": "1", **(environment or {})}),
                              preexec_fn=_die_with_parent, check=False)
        return done.returncode, done.stdout, done.stderr

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def job(name, handler="noop", params=None, **spec):
    return {"apiVersion": "jobflow/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"handler": handler, "params": params or {}, **spec}}


def workflow(name, *steps, **spec):
    return {"apiVersion": "jobflow/v1", "kind": "Workflow", "metadata": {"name": name},
            "spec": {"steps": list(steps), **spec}}
