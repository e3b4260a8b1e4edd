"""kill -9, again and again, and then the judge (S1.1-S1.3, S1.5, S6.7).

A failing seed is run again with JOBFLOW_SEED=seed.
"""

import collections
import glob
import http.client
import os
import random
import re
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import judge  # noqa: E402
from stage import (SOURCE, Caller, Process, Stage, free_port, job,  # noqa: E402
                   program, until, workflow)

DEMO = os.path.join(SOURCE, "examples", "package-report")
BODY = os.path.join(SOURCE, "tests", "kill", "body.sh")
KILLS_MIN, FOUND_UNFINISHED_MIN = 30, 20
RANDOM_KILLS = 26
ON_TIME_S = 5  # limits::kOnTime: instants that are no older all fire (S4.6)
# A place that only a new or an old store passes; it has a test of its own.
AT_START = re.compile("migrat")


def crash_points():
    """Every place the product can be told to die at, read from the product."""
    names = set()
    for path in glob.glob(os.path.join(SOURCE, "src", "**", "*.cc"), recursive=True):
        if not path.endswith("_test.cc"):
            with open(path, encoding="utf-8") as file:
                names.update(re.findall(r'\bcrash_point\("(\w+)"\)', file.read()))
    return sorted(names)


def now_ms():
    return time.time_ns() // 1_000_000


class Load(threading.Thread):
    """A client that goes on triggering whatever happens, and remembers what it was told.

    Every request has an idempotency key; one that got no answer is sent again with the same key.
    """

    def __init__(self, server_now, seed):
        super().__init__(daemon=True)
        self.server_now = server_now  # answers the server of the moment, or None
        self.random = random.Random(seed)
        self.acknowledged = set()
        self.keys = collections.defaultdict(set)
        self.unanswered = collections.deque()
        self.ending = threading.Event()
        self.problems = []

    def item(self):
        kind, name = self.random.choice(
            [("job", "once"), ("job", "once"), ("job", "thrice"), ("job", "stumbling"),
             ("workflow", "diamond")])
        return self.keyed({kind: name})

    def keyed(self, item):
        key = f"key-{len(self.keys)}"
        self.keys[key] = set()
        return {**item, "idempotency_key": key}

    def send(self, caller, items):
        if len(items) == 1:
            item = dict(items[0])
            kind = "job" if "job" in item else "workflow"
            answer = caller.post(f"/api/v1/{kind}s/{item.pop(kind)}/trigger", item)
            answers = [answer.json if answer.status in (200, 201) else {"problem": answer.json}]
        else:
            answer = caller.post("/api/v1/runs/batch", {"items": items})
            refused = [{"problem": answer.json}] * len(items)
            answers = answer.json["items"] if answer.status == 200 else refused
        for item, told in zip(items, answers):
            if "problem" in told:
                # Not taken, or nobody knows: asked again with the same key.
                if told["problem"]["code"] not in ("unavailable", "outcome_unknown", "queue_full"):
                    self.problems.append(told["problem"])
                self.unanswered.append(item)
            else:
                self.acknowledged.add(int(told["id"]))
                self.keys[item["idempotency_key"]].add(int(told["id"]))

    def run(self):
        caller, of = None, None
        while not (self.ending.is_set() and not self.unanswered):
            server = self.server_now()
            if server is None:
                time.sleep(0.005)
                continue
            items = [self.unanswered.popleft() for _ in range(min(20, len(self.unanswered)))]
            if not self.ending.is_set():
                items += [self.item() for _ in range(self.random.choice((1, 1, 2, 5)))]
            try:
                if of is not server:
                    caller, of = Caller(server), server
                self.send(caller, items)
            except (OSError, http.client.HTTPException, ValueError):
                self.unanswered.extend(items)
                of = None
            time.sleep(self.random.uniform(0.02, 0.12))

    def finish(self):
        self.ending.set()
        self.join(60)
        if self.is_alive():
            raise AssertionError(f"{len(self.unanswered)} requests never got an answer")


class KillTest(Stage):
    def setUp(self):
        super().setUp()
        self.ledger = self.file("ledger", "")
        self.seed = int(os.environ.get("JOBFLOW_SEED", random.randrange(1 << 32)))
        print(f"JOBFLOW_SEED={self.seed}", file=sys.stderr)
        self.random = random.Random(self.seed)
        self.ports = (free_port(), free_port())

    def body(self, name, seconds, failures=0, **spec):
        argv = [BODY, self.ledger, str(seconds), str(failures)]
        return job(name, "shell", {"argv": argv}, **spec)

    def judged(self, rows, allowed, **known):
        """The judge's complaints, about definitions whose runs may start `allowed[id]` times."""
        lines = judge.read_ledger(self.ledger)
        self.assertTrue(lines, "no body ran at all")
        return judge.judge(
            rows, lines, max_attempts=lambda run: allowed[run.definition],
            has_body=lambda run: run.kind != judge.WORKFLOW and run.definition in allowed, **known)

    def server_again(self, **how):
        return self.server(ports=self.ports, **how)


RETRY = {"max_attempts": 3, "initial": "100ms", "factor": 1, "jitter": 0}
EVERY_SECOND = [{"name": "each-second", "cron": "* * * * * *"}]


class ServerKilled(KillTest):
    def setUp(self):
        super().setUp()
        self.kills = 0
        self.found_unfinished = 0
        self.current = None
        self.workers = []

    def test_what_is_acknowledged_survives_every_kill(self):
        self.current = self.server_again().ready()
        caller = Caller(self.current)
        allowed = self.apply_all(caller)
        self.new_worker()
        self.start_demo(caller)
        save_asked = now_ms()
        tick = self.applied(caller, self.body("tick", 0.05, triggers=EVERY_SECOND, retry=RETRY))
        saved = now_ms()
        allowed[tick] = 3
        load = Load(lambda: self.current, self.seed)
        load.start()

        points = [name for name in crash_points() if not AT_START.search(name)]
        rounds = [None] * RANDOM_KILLS + points
        self.random.shuffle(rounds)
        for number, point in enumerate(rounds):
            self.one_round(number, point)
            if number % 6 == 5:
                self.workers[-1].kill()
                self.new_worker()
            if number % 8 == 3:
                self.demo_once(load, number)

        caller = Caller(self.current)
        load.finish()
        end_asked = now_ms()
        caller.apply(self.body("tick", 0.05, triggers=EVERY_SECOND, retry=RETRY, enabled=False))
        ended = now_ms()
        trigger = int(caller.get("/api/v1/jobs/tick/triggers").json["items"][0]["id"])
        until("every run has ended", lambda: not self.live(caller), 90)
        self.assertEqual(0, self.current.stop(), self.current.said())

        rows = judge.read_rows(self.data)
        complaints = self.judged(
            rows, allowed, acknowledged=load.acknowledged, keys=load.keys,
            triggers=[judge.EverySecond(trigger, save_asked, saved, end_asked, ended)])
        self.report(rows, load)
        self.assertEqual([], complaints[:20], f"seed {self.seed}")
        self.assertEqual([], load.problems[:5])
        self.assertTrue(rows.skipped, "no instant was missed, though the server was away for long")
        self.assertTrue(self.demo_reports(rows), "the demo never came through")
        self.assertGreaterEqual(self.kills, KILLS_MIN)
        self.assertGreaterEqual(self.found_unfinished, FOUND_UNFINISHED_MIN)

    def report(self, rows, load):
        states = collections.Counter(run.state for run in rows.runs.values())
        print(f"{self.kills} kills, {self.found_unfinished} found unfinished runs;"
              f" {len(rows.runs)} runs, {len(load.acknowledged)} acknowledged,"
              f" states {dict(sorted(states.items()))},"
              f" {len(rows.attempts)} earlier attempts, {len(rows.skipped)} skip rows",
              file=sys.stderr)

    def applied(self, caller, document):
        caller.apply(document)
        kind = document["kind"].lower() + "s"
        return int(caller.get(f"/api/v1/{kind}/{document['metadata']['name']}").json["id"])

    def apply_all(self, caller):
        """Definition id -> how often a run of it may start."""
        step = {"handler": "shell", "with": {"argv": [BODY, self.ledger, "0.03", "0"]}}
        diamond = workflow("diamond", {"id": "a", **step}, {"id": "b", "needs": ["a"], **step},
                           {"id": "c", "needs": ["a"], **step},
                           {"id": "d", "needs": ["b", "c"], **step}, defaults={"retry": RETRY})
        return {self.applied(caller, self.body("once", 0.1)): 1,
                self.applied(caller, self.body("thrice", 0.1, retry=RETRY)): 3,
                self.applied(caller, self.body("stumbling", 0.05, 1, retry=RETRY)): 3,
                self.applied(caller, diamond): 3}

    def new_worker(self):
        self.workers.append(self.worker(self.current, "--slots", "12",
                                        name=f"worker-{len(self.workers) + 1}"))

    def live(self, caller):
        states = "&".join(f"state={state}" for state in
                          ("pending", "scheduled", "queued", "running", "waiting", "cancelling"))
        return caller.get(f"/api/v1/runs?limit=1&{states}").json["items"]

    def one_round(self, number, point):
        """Kills the server of the moment, counts what that interrupted, starts it again."""
        server = self.current
        if point is None:
            time.sleep(self.random.uniform(0.02, 0.7))
            server.kill()
        else:
            server.kill()  # so that the next one is armed from its start
            self.note_kill()
            passing = self.random.choice((1, 2, 5))
            server = self.server_again(environment={"JOBFLOW_CRASH_AT": f"{point}:{passing}"})
            if server.came_up():
                self.current = server
            until(f"the server passes {point}:{passing}", lambda: not server.alive())
            self.assertEqual(-signal.SIGKILL, server.ended(), server.said())
        self.current = None
        self.note_kill()
        if number == RANDOM_KILLS // 2:
            time.sleep(ON_TIME_S + 2.5)  # so that instants of the cron trigger are missed
        self.processes = [process for process in self.processes if process.alive()]
        server = self.server_again()
        if self.random.random() < 0.15:
            time.sleep(self.random.uniform(0, 0.1))  # kill it while it loads, too
            server.kill()
            self.note_kill()
            server = self.server_again()
        self.current = server.ready()

    def note_kill(self):
        self.current = None
        self.kills += 1
        self.found_unfinished += bool(judge.unfinished(judge.read_rows(self.data)))

    # --- the demo's workflow among the load

    def start_demo(self, caller):
        path = os.path.join(DEMO, "workflow.yaml")
        code, out, err = self.jobflow("apply", "-f", path, server=self.current)
        self.assertEqual(0, code, out + err)
        self.demo = int(caller.get("/api/v1/workflows/package-report").json["id"])
        self.start(Process(self.folder, "demo-worker", [program("package-report-worker")], {
            "JOBFLOW_SERVER": self.current.grpc,
            "JOBFLOW_TOKEN_FILE": os.path.join(self.data, "worker.token")}))

    def demo_once(self, load, number):
        folder = os.path.join(self.folder, f"report-{number}")
        load.unanswered.append(load.keyed({
            "workflow": "package-report", "params": {"output_dir": folder, "scripts": DEMO}}))

    def demo_reports(self, rows):
        """The demo's runs that say they succeeded, each with a report to show for it."""
        done = [run for run in rows.runs.values() if run.definition == self.demo
                and run.kind == judge.WORKFLOW and run.state == judge.SUCCEEDED]
        self.assertGreaterEqual(
            len(glob.glob(os.path.join(self.folder, "report-*", "report.html"))), len(done))
        return done


class WorkerStopped(KillTest):
    def test_a_worker_that_was_silent_for_a_lease_is_lost_and_its_late_reports_change_nothing(self):
        server = self.server("--lease", "3s").ready()
        caller = Caller(server)
        gate = os.path.join(self.folder, "gate")
        allowed = {}
        for document, attempts in ((self.body("once", 1), 1),
                                   (self.body("thrice", 1, retry=RETRY), 3)):
            document["spec"]["params"]["env"] = {"GATE": gate}
            caller.apply(document)
            name = document["metadata"]["name"]
            allowed[int(caller.get(f"/api/v1/jobs/{name}").json["id"])] = attempts
        first = self.worker(server, name="first")
        once, thrice = caller.trigger("once"), caller.trigger("thrice")
        until("both bodies started", lambda: len(judge.read_ledger(self.ledger)) >= 2)
        first.signal(signal.SIGSTOP)
        self.worker(server, name="second")
        lost = caller.ended(once, 40)
        self.assertEqual(("failed", "lost"), (lost["state"], lost["error"]["kind"]))  # S6.7
        until("the second attempt started", lambda: len(judge.read_ledger(self.ledger)) >= 5)
        first.signal(signal.SIGCONT)
        until("a late report is refused", lambda: self.refused(caller) >= 1)  # S1.3
        self.file("gate", "")
        self.assertEqual("succeeded", caller.ended(thrice)["state"])
        self.assertEqual(lost, caller.run(once))
        attempts = caller.get(f"/api/v1/runs/{thrice}/attempts").json["items"]
        self.assertEqual(["lost", "succeeded"], [attempt["state"] for attempt in attempts])
        self.assertEqual(0, server.stop())
        rows = judge.read_rows(self.data)
        self.assertEqual([], self.judged(rows, allowed, acknowledged={int(once), int(thrice)}))

    def refused(self, caller):
        found = re.search(r"^jobflow_stale_reports_refused_total(?:{.*})? (\S+)$",
                          caller.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0


class MigrationKilled(KillTest):
    def test_a_store_whose_making_was_killed_is_made_at_the_next_start(self):
        points = [name for name in crash_points() if AT_START.search(name)]
        self.assertTrue(points, "the product names no crash point in a migration")
        for number, point in enumerate(points):
            data = os.path.join(self.folder, f"data-{number}")
            server = self.server(data=data, environment={"JOBFLOW_CRASH_AT": point})
            self.assertFalse(server.came_up(), f"{point} was not reached")
            self.assertEqual(-signal.SIGKILL, server.ended())
            server = self.server(data=data).ready()
            caller = Caller(server)
            caller.apply(job("after"))
            caller.trigger("after")
            self.assertEqual(0, server.stop())


if __name__ == "__main__":
    unittest.main(verbosity=2)
