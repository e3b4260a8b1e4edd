"""The firing ledger of a real server: whole while it is left alone, and a lie is found (S4.8, I2)."""

import glob
import json
import os
import sqlite3
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from stage import Caller, Stage, job, until  # noqa: E402


class Ledger(Stage):
    def setUp(self):
        super().setUp()
        self.running = self.server().ready()
        caller = Caller(self.running)
        caller.apply(job("ticks", triggers=[{"name": "often", "every": "200ms"}]))
        caller.apply(job("rests", triggers=[{"name": "rarely", "cron": "0 0 1 1 *"}]))
        until("ten firings", lambda: len(caller.get("/api/v1/runs?job=ticks").json["items"]) >= 10)

    def audit(self, *arguments):
        code, out, err = self.jobflow("-o", "json", "audit", *arguments, server=self.running)
        return code, json.loads(out) if out else err

    def tampered(self, statement):
        """The server is stopped, its store changed by other hands, and it is started again."""
        self.assertEqual(0, self.running.stop(), self.running.said())
        for file in glob.glob(os.path.join(self.running.data, "*.db")):
            with sqlite3.connect(file) as store:
                if store.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone():
                    self.assertGreater(store.execute(statement).rowcount, 0)
        self.running = self.server(data=self.running.data).ready()

    def test_a_whole_ledger_is_clean(self):
        code, told = self.audit()
        self.assertEqual((0, True, 2), (code, told["clean"], told["triggers"]), told)
        self.assertGreaterEqual(told["ran"], 10)
        self.assertEqual(told["due"], told["ran"] + told["skipped"])
        # Down for a while: what was missed is in the ledger, too.
        self.assertEqual(0, self.running.stop(), self.running.said())
        self.running = self.server(data=self.running.data).ready()
        code, told = self.audit("--job", "ticks")
        self.assertEqual((0, True, 1), (code, told["clean"], told["triggers"]), told)

    def test_the_hours_to_come_are_forecast(self):
        code, out, err = self.jobflow("-o", "json", "forecast", "--hours", "1", server=self.running)
        told = json.loads(out)
        self.assertEqual((0, True, 1), (code, told["complete"], told["triggers"]), out[:500])
        self.assertAlmostEqual(5 * 3600, told["firings"], delta=2)
        self.assertEqual([("noop", False, told["firings"])],
                         [(one["handler"], one["has_worker"], one["waited"])
                          for one in told["handlers"]])
        self.assertEqual(300, told["peaks"][0]["firings"])
        code, out, err = self.jobflow("forecast", "--hours", "1", server=self.running)
        self.assertEqual(0, code)
        self.assertIn("no worker offers it now", out)
        self.assertEqual(2, self.jobflow("forecast", "--hours", "169", server=self.running)[0])

    def test_a_firing_that_vanished_is_missing(self):
        self.tampered("DELETE FROM runs WHERE id = (SELECT id FROM runs LIMIT 1 OFFSET 3)")
        code, told = self.audit()
        self.assertEqual((1, False, 1), (code, told["clean"], told["wrong"]), told)
        self.assertEqual("missing", told["items"][0]["findings"][0]["flaw"])
        code, out, err = self.jobflow("audit", server=self.running)
        self.assertEqual(1, code)
        self.assertIn("missing", out)
        self.assertIn("ticks/often", out)

    def test_a_firing_nobody_planned_is_found(self):
        self.tampered("UPDATE runs SET planned = planned + 7"
                      " WHERE id = (SELECT id FROM runs LIMIT 1 OFFSET 3)")
        flaws = {finding["flaw"] for item in self.audit()[1]["items"]
                 for finding in item["findings"]}
        self.assertEqual({"missing", "unplanned"}, flaws)

    def test_what_calendars_keep_from_running_is_held_against_them(self):
        caller = Caller(self.running)
        always = {"kind": "Calendar", "metadata": {"name": "always"}, "spec": {"weekly": [{}]}}
        self.assertEqual("created", caller.apply(always)["items"][0]["outcome"])
        rests = job("quiet", triggers=[{"name": "never", "every": "100ms", "exclude": ["always"]}])
        caller.apply(rests)
        code, _, err = self.jobflow("calendar", "rm", "always", server=self.running)
        self.assertEqual(1, code)
        self.assertIn("job 'quiet'", err)
        until("fifty ticks", lambda: len(
            caller.get("/api/v1/runs?job=ticks&limit=100").json["items"]) >= 50)
        self.assertEqual([], caller.get("/api/v1/runs?job=quiet").json["items"])
        # From now on it covers nothing: what is due from here on runs, what was before is skipped.
        code, out, err = self.jobflow("apply", "-f", "-", server=self.running, stdin=json.dumps(
            {"kind": "Calendar", "metadata": {"name": "always"}, "spec": {}}))
        self.assertEqual(0, code, err)
        self.assertIn("updated", out)
        until("it fires", lambda: caller.get("/api/v1/runs?job=quiet").json["items"])
        code, told = self.audit("--job", "quiet")
        self.assertEqual((0, True), (code, told["clean"]), told)
        self.assertGreater(told["skipped"], 20)
        # Other hands say that it never covered anything.
        self.tampered("UPDATE calendars SET updated = 1")
        code, told = self.audit("--job", "quiet")
        self.assertEqual(1, code, told)
        flaws = {finding["flaw"] for item in told["items"] for finding in item["findings"]}
        self.assertEqual({"calendar"}, flaws)

    def test_what_is_asked_wrongly_is_refused(self):
        code, _, err = self.jobflow("audit", "--from", "yesterday", server=self.running)
        self.assertEqual(1, code)
        self.assertIn("from", err)
        code, _, err = self.jobflow("audit", "--job", "nothing", server=self.running)
        self.assertEqual(5, code)


if __name__ == "__main__":
    unittest.main()
