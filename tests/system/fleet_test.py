"""Twenty workers that are killed, stopped, cut off and drained under load for a minute (S3.5, S6.5-
S6.7, S7.2-S7.4, S7.7), and then the judge (fleet_judge.py).

FLEET_SECONDS says for how long. A failing seed is run again with JOBFLOW_SEED=seed.
"""

import collections
import dataclasses
import glob
import heapq
import os
import random
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fleet_judge  # noqa: E402
import judge  # noqa: E402
from cable import CUTS, Cable  # noqa: E402
from fleet_judge import Job  # noqa: E402
from stage import PATIENCE, SOURCE, Caller, Process, Stage, job, program, until  # noqa: E402

SECONDS = float(os.environ.get("FLEET_SECONDS", "60"))
BODY = os.path.join(SOURCE, "tests", "system", "fleet_body.sh")
WORKERS = 20
LEASE_S = 5
LONG_S = (LEASE_S + 2.5, LEASE_S + 4)  # loses what the worker has
SHORT_S = (0.2, 0.3 * LEASE_S)         # loses nothing
OUTLIVE_S = 6 * LEASE_S                # whatever is done to its worker, a body lives longer
NOTICE_S = 1.5  # a machine that goes on after a stop needs a moment to notice what it missed
DISTURBED_MAX = 10  # workers at once, so that there is always somebody to work
FIRST_FIVE = [f"w{number:02}" for number in range(1, 6)]

AGAIN = {"max_attempts": 20, "initial": "100ms", "factor": 1.5, "max": "2s"}
FAIR = Job(max_attempts=20, must_succeed=True)


@dataclasses.dataclass(frozen=True)
class Load:
    rate: float  # runs a second
    spec: dict
    rules: Job
    ms: tuple = (100, 100)  # how long a function's body lives, from and to
    beats: tuple = ()       # a process', in 0.15 s
    again_ms: int = 0       # later attempts of it; 0 = as long
    keys: int = 0
    failures: int = 0
    manner: str = ""


LOADS = {
    "single": Load(2, {"concurrency": 1, "retry": AGAIN}, dataclasses.replace(FAIR, max_runs=1)),
    "few": Load(0.5, {"concurrency": {"max_runs": 3}, "retry": AGAIN},
                dataclasses.replace(FAIR, max_runs=3), beats=(2, 4), failures=1),
    "tenants": Load(6, {"strategy": "hash", "hash_key": "key", "retry": AGAIN, "concurrency":
                        {"max_runs": 8, "key": "key", "max_runs_per_key": 1}},
                    dataclasses.replace(FAIR, max_runs=8, max_runs_per_key=1), ms=(100, 300),
                    keys=8),
    # Bodies that outlive a lease: a worker that did not stop them in time would be found out.
    "tenants-long": Load(0.6, {"retry": AGAIN,
                               "concurrency": {"key": "key", "max_runs_per_key": 1}},
                         dataclasses.replace(FAIR, max_runs_per_key=1), ms=(9000, 11000),
                         again_ms=400, keys=16),
    "pairs": Load(2, {"strategy": "least_loaded", "retry": AGAIN,
                      "concurrency": {"key": "env.KEY", "max_runs_per_key": 2}},
                  dataclasses.replace(FAIR, max_runs_per_key=2), beats=(2, 6), keys=4),
    "once": Load(5, {"strategy": "random"}, Job()),
    "once-alone": Load(0.4, {"concurrency": 1, "priority": -5}, Job(max_runs=1), beats=(1, 3)),
    "long": Load(0.35, {"strategy": "designated", "workers": FIRST_FIVE, "priority": 20,
                       "concurrency": 6, "retry": AGAIN},
                 dataclasses.replace(FAIR, max_runs=6), ms=(2000, 6000)),
    "long-process": Load(0.25, {"concurrency": 5, "retry": AGAIN, "priority": 20},
                         dataclasses.replace(FAIR, max_runs=5), beats=(15, 40)),
    "urgent": Load(4, {"tags": ["even"], "priority": 90, "retry": AGAIN}, FAIR, ms=(50, 50)),
    "stubborn": Load(0.08, {"timeout": "1s", "concurrency": 2, "retry": {
        "max_attempts": 2, "initial": "100ms"}}, Job(max_attempts=2, max_runs=2), beats=(60, 60),
                     manner="stubborn"),
    "detached": Load(0.3, {"handler": "fleet.detached", "concurrency": 3, "retry": AGAIN},
                     dataclasses.replace(FAIR, max_runs=3, detached=True), ms=(1000, 3000)),
}

# For one case at a time.
ALONE = {
    "alone-process": Load(0, {"concurrency": 1, "retry": AGAIN},
                          dataclasses.replace(FAIR, max_runs=1),
                          beats=(round(OUTLIVE_S / 0.15),) * 2, manner="shorter"),
    "alone-function": Load(0, {"concurrency": 1, "retry": AGAIN},
                           dataclasses.replace(FAIR, max_runs=1), ms=(OUTLIVE_S * 1000,) * 2,
                           again_ms=400),
    "alone-detached": Load(0, {"handler": "fleet.detached", "concurrency": 1, "retry": AGAIN},
                           dataclasses.replace(FAIR, max_runs=1, detached=True),
                           ms=(OUTLIVE_S * 1000,) * 2, again_ms=400),
}


class FleetTest(Stage):
    """A server, a ledger, and workers behind cables."""

    def setUp(self):
        super().setUp()
        self.ledger = self.file("ledger", "")
        self.mark = f"FLEET_MARK={os.urandom(8).hex()}"
        self.seed = int(os.environ.get("JOBFLOW_SEED", random.randrange(1 << 32)))
        self.random = random.Random(self.seed)
        self.running = self.server("--lease", f"{LEASE_S}s").ready()
        self.caller = Caller(self.running)
        self.cables = []
        self.addCleanup(lambda: [cable.close() for cable in self.cables])
        self.acknowledged = set()
        self.names = {}  # of the definitions, by id

    def note(self, what, process):
        """In one write, as the bodies do it."""
        with open(self.ledger, "ab", buffering=0) as file:
            file.write(f"act {what} {process}\n".encode())

    def apply(self, name, load):
        handler = "shell" if load.beats else "fleet.work"
        self.caller.apply(job(name, **{"handler": handler, **load.spec}))
        self.names[int(self.caller.get(f"/api/v1/jobs/{name}").json["id"])] = name

    def params(self, load):
        key = f"k{self.random.randrange(load.keys)}" if load.keys else "-"
        if load.beats:
            argv = [BODY, self.ledger, str(self.random.randint(*load.beats)), str(load.failures)]
            return {"argv": argv + [load.manner] * bool(load.manner), "env": {"KEY": key}}
        return {"key": key, "ms": self.random.randint(*load.ms), "failures": load.failures,
                **({"again_ms": load.again_ms} if load.again_ms else {})}

    def trigger(self, items):
        """A run of each of these jobs."""
        answer = self.caller.post("/api/v1/runs/batch", {"items": [
            {"job": name, "params": self.params({**LOADS, **ALONE}[name])} for name in items]})
        self.assertEqual(200, answer.status, answer.text)
        ids = [int(item["id"]) for item in answer.json["items"]]
        self.acknowledged.update(ids)
        return ids

    def live(self):
        states = "&".join(f"state={state}" for state in
                          ("pending", "scheduled", "queued", "running", "waiting", "cancelling"))
        return self.caller.get(f"/api/v1/runs?limit=5&{states}").json["items"]

    def everything_ended(self):
        left = until("every run has ended", lambda: not self.live() or None, 4 * PATIENCE)
        self.assertTrue(left)

    def processes_left(self):
        """What still lives and was started by a worker of this test, whoever its parent is now."""
        found = {}
        for path in glob.glob("/proc/[0-9]*/environ"):
            folder = os.path.dirname(path)
            try:
                with open(path, "rb") as file:
                    if self.mark.encode() not in file.read():
                        continue
                with open(os.path.join(folder, "cmdline"), "rb") as file:
                    found[int(os.path.basename(folder))] = file.read().replace(b"\0", b" ").decode()
            except OSError:
                continue  # it has ended meanwhile
        return found

    def verdict(self):
        """After the server's end."""
        self.rows = judge.read_rows(self.data)
        self.entries = fleet_judge.read_ledger(self.ledger)
        return self.judged(self.entries)

    def judged(self, entries):
        rules = {name: load.rules for name, load in {**LOADS, **ALONE}.items()}
        return fleet_judge.judged(self.rows, entries, rules, self.names, self.acknowledged)


class Machine:
    """One of the workers: a name for good, and one process after the other."""

    def __init__(self, test, number, is_for_processes):
        self.test = test
        self.name = f"w{number:02}"
        self.tags = ["even"] if number % 2 == 0 else ["odd"]
        self.is_for_processes = is_for_processes
        self.without_groups = number % 4 < 2
        self.cable = Cable(test.running.grpc)
        test.cables.append(self.cable)
        self.generation = 0
        self.idle = True  # nothing is being done to it
        self.start()

    def start(self):
        self.generation += 1
        self.said_as = f"{self.name}.{self.generation}"
        name, value = self.test.mark.split("=")
        environment = {name: value, "FLEET_WORKER": self.said_as}
        token = os.path.join(self.test.data, "worker.token")
        if self.is_for_processes:
            if self.without_groups:
                environment["JOBFLOW_WORKER_PROCESS_CGROUP"] = "off"
            words = [program(), "worker", "--server", self.cable.address, "--token-file", token,
                     "--name", self.name, "--slots", "6", "--allow", "shell", "--tags",
                     ",".join(self.tags)]
        else:
            words = [program("fleet-worker"), self.cable.address, token, self.name, "12",
                     self.test.ledger, *self.tags]
        self.process = self.test.start(Process(self.test.folder, self.name, words, environment))

    # What can be done to it: each act does its first part and answers (in how many s, the rest).

    def kill(self):
        self.test.note("kill", self.said_as)
        self.process.kill()
        return self.test.random.uniform(0.1, 2), self.come_back

    def come_back(self):
        self.start()
        return 1, self.at_rest

    def at_rest(self):
        self.idle = True

    def stop_short(self):
        return self._stop(SHORT_S)

    def stop_long(self):
        return self._stop(LONG_S)

    def stop_and_kill(self):
        after, _ = self._stop(LONG_S)
        return after, self.kill

    def _stop(self, seconds):
        self.test.note("stop", self.said_as)
        self.process.signal(signal.SIGSTOP)
        return self.test.random.uniform(*seconds), self.go_on

    def go_on(self):
        self.process.signal(signal.SIGCONT)
        return NOTICE_S, self.awake

    def awake(self):
        self.test.note("awake", self.said_as)
        self.idle = True

    def cut_short(self):
        return self._cut(SHORT_S)

    def cut_long(self):
        return self._cut(LONG_S)

    def _cut(self, seconds):
        self.cut(self.test.random.choice(CUTS))
        return self.test.random.uniform(*seconds), self.heal

    def cut(self, how):
        self.test.note("cut", self.said_as)
        self.cable.cut(how)

    def heal(self):
        self.cable.heal()
        self.test.note("healed", self.said_as)
        return 1, self.at_rest

    def drain(self):
        self.test.note("drain", self.said_as)
        self.process.signal(signal.SIGTERM)
        self.drain_ends = time.monotonic() + 2 * PATIENCE
        return 0.2, self.drained

    def drained(self):
        if self.process.alive():
            if time.monotonic() > self.drain_ends:
                raise AssertionError(f"{self.said_as} does not leave:\n{self.process.said()[-2000:]}")
            return 0.2, self.drained
        code = self.process.ended()
        if code != 0:
            raise AssertionError(f"{self.said_as} drained with {code}:\n{self.process.said()[-2000:]}")
        return self.test.random.uniform(0.1, 1), self.come_back

    ACTS = [(kill, 3), (stop_short, 1), (stop_long, 2), (stop_and_kill, 1), (cut_short, 2),
            (cut_long, 3), (drain, 2)]


class Fleet(FleetTest):
    def test_what_is_done_to_twenty_workers_breaks_no_promise(self):
        print(f"JOBFLOW_SEED={self.seed}", file=sys.stderr)
        for name, load in LOADS.items():
            self.apply(name, load)
        # Five functions' workers for `designated`, then one after the other.
        machines = [Machine(self, number, number > 5 and number % 3 != 0)
                    for number in range(1, WORKERS + 1)]
        until("all workers are there", lambda: len(
            self.caller.get("/api/v1/workers").json["items"]) == WORKERS)
        problems = []
        end = time.monotonic() + SECONDS
        load = threading.Thread(target=self.give_work, args=(end, problems), daemon=True)
        load.start()
        acts = self.disturb(machines, end)
        load.join(PATIENCE)
        self.assertEqual([], problems)
        self.everything_ended()
        self.calm_after = time.monotonic() - end

        for machine in machines:
            machine.process.signal(signal.SIGTERM)
        for machine in machines:
            self.assertEqual(0, machine.process.ended(), machine.process.said()[-2000:])
        self.assertEqual({}, self.processes_left())
        self.assertEqual(0, self.running.stop(), self.running.said())

        verdict = self.verdict()
        self.report(acts, verdict)
        self.assertEqual([], verdict.complaints[:20], f"seed {self.seed}")
        # It was a storm, and it went round.
        self.assertGreaterEqual(sum(acts.values()), SECONDS / 2)
        self.assertGreaterEqual(len(self.acknowledged), 10 * SECONDS)
        self.assertGreaterEqual(len(fleet_judge.given_up(self.rows)), SECONDS / 6)

    def give_work(self, end, problems):
        owed = collections.Counter()
        last = time.monotonic()
        while last < end:
            time.sleep(0.25)
            now = time.monotonic()
            items = []
            for name, load in LOADS.items():
                owed[name] += load.rate * (now - last)
                items += [name] * int(owed[name])
                owed[name] -= int(owed[name])
            last = now
            self.random.shuffle(items)
            try:
                self.trigger(items or ["single"])
            except (OSError, AssertionError) as error:
                problems.append(str(error))
                return

    def disturb(self, machines, end):
        """Until `end`, and until all have what they were given back; answers what it did."""
        kinds, weights = zip(*Machine.ACTS)
        done = collections.Counter()
        coming = []  # (when, number, act)
        next_act = time.monotonic()
        while coming or time.monotonic() < end:
            now = time.monotonic()
            while coming and coming[0][0] <= now:
                _, _, act = heapq.heappop(coming)
                self.follow(coming, now, act())
            idle = [machine for machine in machines if machine.idle]
            if now >= next_act and now < end and len(idle) > WORKERS - DISTURBED_MAX:
                next_act = now + self.random.uniform(0.2, 0.6)
                machine = self.random.choice(idle)
                act = self.random.choices(kinds, weights)[0]
                done[act.__name__] += 1
                machine.idle = False
                self.follow(coming, now, act(machine))
            time.sleep(0.02)
        return done

    def follow(self, coming, now, what_then):
        if what_then is not None:
            after, act = what_then
            self.number = getattr(self, "number", 0) + 1
            heapq.heappush(coming, (now + after, self.number, act))

    def report(self, acts, verdict):
        states = collections.Counter(run.state for run in self.rows.runs.values())
        overlaps = collections.Counter(overlap.why for overlap in verdict.overlaps)
        print(f"{dict(acts)}; {len(self.rows.runs)} runs, states {dict(sorted(states.items()))},"
              f" {len(self.rows.attempts)} earlier attempts,"
              f" {len(fleet_judge.given_up(self.rows))} lost; calm after {self.calm_after:.1f} s;"
              f" overlaps that only the token protects: {dict(overlaps)}", file=sys.stderr)


class OnlyTheToken(FleetTest):
    """S7.7, one case at a time: who is cut off stops in time; who is stopped, or `detached`, does
    not, and beside its successor only the token tells which of the two is right."""

    def lost_on_the_way(self, names, disturb, calm):
        """Runs of these jobs, whose first workers are disturbed until second attempts live."""
        for name in names:
            self.apply(name, ALONE[name])
        first = [Machine(self, 1, True), Machine(self, 2, False)]
        runs = dict(zip(names, self.trigger(names)))
        until("the bodies live", lambda: all(self.lines(run, 1) > 2 for run in runs.values()))
        for machine in first:
            disturb(machine)
        second = [Machine(self, 3, True), Machine(self, 4, False)]
        until("second attempts live", lambda: all(self.lines(run, 2) for run in runs.values()),
              2 * PATIENCE)
        time.sleep(0.5)  # so that whoever lives on beside them writes, too
        for machine in first:
            calm(machine)
        for run in runs.values():
            ended = self.caller.ended(run, 2 * PATIENCE)
            self.assertEqual(("succeeded", 2), (ended["state"], ended["attempt"]), ended)
            attempts = self.caller.get(f"/api/v1/runs/{run}/attempts").json["items"]
            self.assertEqual(["lost", "succeeded"], [attempt["state"] for attempt in attempts])
        for machine in first + second:
            self.assertEqual(0, machine.process.stop(), machine.process.said())
        self.assertEqual({}, self.processes_left())
        self.assertEqual(0, self.running.stop(), self.running.said())
        verdict = self.verdict()
        self.assertEqual([], verdict.complaints)
        return verdict, runs

    def lines(self, run, attempt):
        return sum(isinstance(one, fleet_judge.Word) and (one.run, one.attempt) == (run, attempt)
                   for one in fleet_judge.read_ledger(self.ledger))

    def stale_beside_rightful(self, verdict, run, why):
        overlap, = (one for one in verdict.overlaps if one.rightful[0].run == run)
        self.assertEqual(why, overlap.why)
        stale, = overlap.stale
        rightful, = overlap.rightful
        self.assertEqual((run, run), (stale.run, rightful.run))
        # What a resource that looks at tokens refuses, and what it takes.
        self.assertLess(stale.token, rightful.token)
        self.assertGreater(stale.last, rightful.first)
        # Were it not for what was done to the worker, the same lines would be a breach.
        undisturbed = [one for one in self.entries if isinstance(one, fleet_judge.Word)]
        self.assertRegex("; ".join(self.judged(undisturbed).complaints),
                         f"S3.5: 2 bodies of {overlap.group[0]} at once, the limit is 1")

    def test_who_is_cut_off_stops_before_its_successor_starts_unless_detached(self):
        verdict, runs = self.lost_on_the_way(
            list(ALONE), lambda machine: machine.cut("silent"), Machine.heal)
        self.stale_beside_rightful(verdict, runs["alone-detached"], "detached")
        self.assertEqual(1, len(verdict.overlaps), verdict.overlaps)

    def test_the_processes_of_a_stopped_worker_live_on_beside_their_successors(self):
        verdict, runs = self.lost_on_the_way(["alone-process"], Machine.stop_long, self.wake)
        self.stale_beside_rightful(verdict, runs["alone-process"], "stopped")

    def wake(self, machine):
        machine.go_on()
        time.sleep(NOTICE_S)
        machine.awake()

    def test_a_killed_worker_leaves_no_process_behind(self):
        self.apply("long-process", LOADS["long-process"])
        for number in (1, 2):  # without control groups, and with
            machine = Machine(self, number, True)
            run, = self.trigger(["long-process"])
            until("its body lives", lambda run=run: self.lines(run, 1) > 2)
            self.assertGreaterEqual(len(self.processes_left()), 6)
            machine.process.kill()
            # It does not come back, and nobody else comes either.
            until("all have ended", lambda: not self.processes_left())


if __name__ == "__main__":
    unittest.main(verbosity=2)
