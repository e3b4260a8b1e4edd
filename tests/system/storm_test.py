"""Two thousand triggers a second for a minute, the server killed twice (S1.1, S4.6, S4.8, I2).

Judged twice: by the server's own audit, and here, from the rows and from what the bodies wrote down.
"""

import collections
import datetime
import glob
import json
import os
import sqlite3
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import Caller, Process, Stage, free_port, job, program, until  # noqa: E402

TRIGGERS = int(os.environ.get("STORM_TRIGGERS", "2000"))
SECONDS = int(os.environ.get("STORM_SECONDS", "60"))


class Storm(Stage):
    def setUp(self):
        super().setUp()
        self.ports = (free_port(), free_port())
        self.running = self.server(ports=self.ports).ready()
        self.seen = os.path.join(self.folder, "seen")
        self.start(Process(self.folder, "witness",
                           [program("witness-worker"), self.running.grpc,
                            os.path.join(self.data, "worker.token"), self.seen]))

    def killed(self):
        self.running.kill()
        self.running = self.server(ports=self.ports).ready()

    def rows(self, statement):
        for file in glob.glob(os.path.join(self.data, "*.db")):
            with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as store:
                if store.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
                    return store.execute(statement).fetchall()
        self.fail("no store")

    def test_every_second_of_every_trigger_has_one_outcome(self):
        end = time.time() + SECONDS
        until_text = datetime.datetime.fromtimestamp(end, datetime.UTC).strftime("%FT%TZ")
        end_ms = int(end) * 1000
        caller = Caller(self.running)
        for number in range(TRIGGERS):
            caller.apply(job(f"storm-{number}", "witness",
                             triggers=[{"cron": "* * * * * *", "end": until_text}]))
        for part in (1, 2):
            time.sleep(max(0, end - SECONDS * (3 - part) / 3 - time.time()))
            self.killed()
        time.sleep(max(0, end + 1 - time.time()))
        final = "SELECT count(*) FROM runs WHERE state < 7"
        until("all runs have ended", lambda: self.rows(final) == [(0,)], 60)

        code, out, err = self.jobflow("-o", "json", "audit", server=self.running, seconds=120)
        told = json.loads(out)
        self.assertEqual((0, True, TRIGGERS), (code, told["clean"], told["triggers"]), out[:2000])

        self.assertEqual(0, self.running.stop(), self.running.said())
        outcomes = collections.defaultdict(collections.Counter)
        for trigger, planned in self.rows("SELECT trigger_id, planned FROM runs"):
            outcomes[trigger][planned] += 1
        for trigger, first, last, count in self.rows(
                "SELECT trigger_id, from_time, to_time, count FROM skipped_firings"):
            instants = range(first, last + 1, 1000)
            self.assertEqual(len(instants), count, (trigger, first, last))
            for planned in instants:
                outcomes[trigger][planned] += 1
        saved = self.rows("SELECT t.id, r.updated FROM triggers t"
                          " JOIN revisions r ON r.definition = t.definition")
        self.assertEqual(TRIGGERS, len(saved))
        for trigger, updated in saved:
            due = range(updated // 1000 * 1000 + 1000, end_ms, 1000)
            self.assertEqual(collections.Counter(due), outcomes[trigger], trigger)

        with open(self.seen, encoding="ascii") as file:
            bodies = collections.Counter(int(line.split()[0]) for line in file)
        runs = dict(self.rows("SELECT id, state FROM runs"))
        states = collections.Counter(runs.values())
        self.assertGreater(len(runs), TRIGGERS * SECONDS / 3, "too slow for a storm")
        self.assertLessEqual(set(bodies), set(runs), "a body that no row knows")
        # One attempt each: never two bodies (S1.2). A run that ended well had one.
        self.assertEqual(0, sum(count > 1 for count in bodies.values()))
        succeeded = {run for run, state in runs.items() if state == 7}
        self.assertLessEqual(succeeded, set(bodies), states)
        # Whose report the dead server had not heard was told to the next one (S7.2, S6.6).
        self.assertEqual(len(runs), len(succeeded), states)


if __name__ == "__main__":
    unittest.main()
