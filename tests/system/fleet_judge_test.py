"""The fleet's judge must see what it is there to see, and leave a good world in peace."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import fleet_judge  # noqa: E402
import judge  # noqa: E402
from fleet_judge import Job  # noqa: E402
from judge import Attempt, Rows, Run  # noqa: E402

JOBS = {
    "single": Job(max_attempts=5, max_runs=1, must_succeed=True),
    "tenants": Job(max_attempts=5, max_runs=3, max_runs_per_key=1, must_succeed=True),
    "once": Job(),
    "detached": Job(max_attempts=5, max_runs=1, detached=True, must_succeed=True),
}
NAMES = dict(enumerate(JOBS, 1))

# A run of `single` that ends well; another whose first worker is stopped, and whose first body
# lives beside the second until it notices; a detached one whose worker is cut off; one that was
# lost and is not tried again; two tenants at once.
GOOD = """
10 11 1 single - w1.1 start
10 11 1 single - w1.1 beat
10 11 1 single - w1.1 end
20 21 1 single - w2.1 start
act stop w2.1
20 22 2 single - w1.1 start
20 21 1 single - w2.1 beat
20 22 2 single - w1.1 beat
act awake w2.1
20 21 1 single - w2.1 stopped
20 22 2 single - w1.1 end
30 31 1 detached - w3.1 start
act cut w3.1
30 32 2 detached - w1.1 start
30 31 1 detached - w3.1 end
act healed w3.1
30 32 2 detached - w1.1 end
40 41 1 once - w4.1 start
act kill w4.1
50 51 1 tenants a w1.1 start
60 61 1 tenants b w2.1 start
50 51 1 tenants a w1.1 end
70 71 1 tenants a w3.1 start
60 61 1 tenants b w2.1 end
70 71 1 tenants a w3.1 end
"""


def run(number, job, **fields):
    row = {"state": judge.SUCCEEDED, "kind": 0, "definition": list(JOBS).index(job) + 1,
           "parent": 0, "trigger": 0, "planned": 0, "attempt": 1, "token": number + 1, "step": "",
           "key": "", "error_kind": "", "error": ""}
    return Run(id=number, **{**row, **fields})


def good_rows(**other):
    runs = {
        10: run(10, "single"), 20: run(20, "single", attempt=2, token=22),
        30: run(30, "detached", attempt=2, token=32),
        40: run(40, "once", state=judge.FAILED, error_kind="lost"),
        50: run(50, "tenants"), 60: run(60, "tenants"), 70: run(70, "tenants")}
    attempts = other.get("attempts", [Attempt(20, 1, 21, fleet_judge.LOST),
                                      Attempt(30, 1, 31, fleet_judge.LOST)])
    return Rows({**runs, **other.get("runs", {})}, attempts, [])


def verdict(text=GOOD, rows=None, acknowledged=(10, 20, 30, 40, 50, 60, 70)):
    ledger = [fleet_judge.parse(place, line) for place, line in enumerate(text.strip().split("\n"))]
    return fleet_judge.judged(rows or good_rows(), ledger, JOBS, NAMES, set(acknowledged))


class FleetJudge(unittest.TestCase):
    def blames(self, clause, text=GOOD, **more):
        complaints = verdict(text, **more).complaints
        self.assertTrue(complaints, "nothing found")
        self.assertTrue(any(one.startswith(clause) for one in complaints), complaints)

    def without(self, *lines):
        text = GOOD
        for line in lines:
            self.assertIn(line + "\n", text)
            text = text.replace(line + "\n", "", 1)
        return text

    def moved(self, line, before):
        return self.without(line).replace(before, line + "\n" + before, 1)

    def test_a_good_world_is_left_in_peace_and_its_overlaps_are_told(self):
        good = verdict()
        self.assertEqual([], good.complaints)
        self.assertEqual([("stopped", 21, 22), ("detached", 31, 32)], sorted(
            ((one.why, one.stale[0].token, one.rightful[0].token) for one in good.overlaps),
            key=lambda one: one[1]))

    def test_two_bodies_where_one_is_allowed(self):
        self.blames("S3.5", self.moved("20 21 1 single - w2.1 start", "10 11 1 single - w1.1 beat"))

    def test_two_bodies_of_a_key_where_one_is_allowed(self):
        self.blames("S3.5", self.moved("70 71 1 tenants a w3.1 start",
                                       "50 51 1 tenants a w1.1 end"))

    def test_an_overlap_on_a_machine_that_was_not_stopped(self):
        self.blames("S3.5", self.without("act stop w2.1", "act awake w2.1"))
        self.blames("S3.5", GOOD.replace("stop w2.1", "cut w2.1").replace("awake w2.1",
                                                                          "healed w2.1"))

    def test_an_overlap_of_an_attempt_that_was_not_given_up(self):
        self.blames("S3.5", rows=good_rows(attempts=[Attempt(20, 1, 21, 2),
                                                     Attempt(30, 1, 31, fleet_judge.LOST)]))

    def test_an_overlap_before_or_long_after_the_stop(self):
        self.blames("S3.5", self.moved("20 22 2 single - w1.1 start", "act stop w2.1"))
        early = self.without("act stop w2.1", "act awake w2.1")
        self.blames("S3.5", "act stop w2.1\nact awake w2.1" + early)

    def test_a_stale_body_with_the_greater_token(self):
        text = GOOD.replace("20 21 1", "20 23 1")
        self.blames("S7.7", text, rows=good_rows(attempts=[
            Attempt(20, 1, 23, fleet_judge.LOST), Attempt(30, 1, 31, fleet_judge.LOST)]))

    def test_a_rightful_body_that_the_token_would_refuse(self):
        self.blames("S1.3", GOOD.replace("10 11 1", "10 29 1"),
                    rows=good_rows(runs={10: run(10, "single", token=29)}))

    def test_a_detached_body_that_was_not_cut_off(self):
        self.blames("S3.5", self.without("act cut w3.1", "act healed w3.1"))

    def test_a_cut_off_body_that_goes_on_and_is_not_detached(self):
        text = GOOD.replace("stop w2.1", "cut w2.1").replace("awake w2.1", "healed w2.1")
        self.blames("S3.5", text)

    def test_a_lost_acknowledgement(self):
        self.blames("S1.5", acknowledged=(10, 90))

    def test_a_run_without_an_end(self):
        self.blames("S1.2", rows=good_rows(runs={10: run(10, "single", state=3)}))

    def test_a_second_start_where_one_is_allowed(self):
        self.blames("S6.7", GOOD + "40 49 1 once - w1.1 start\n")

    def test_a_token_that_was_started_twice(self):
        self.blames("S6.5", self.without() + "10 11 1 single - w5.1 start\n")

    def test_tokens_that_do_not_grow(self):
        text = GOOD.replace("20 21 1", "20 23 1")
        self.blames("S1.3", text, rows=good_rows(attempts=[
            Attempt(20, 1, 23, fleet_judge.LOST), Attempt(30, 1, 31, fleet_judge.LOST)]))

    def test_a_success_of_an_attempt_whose_body_did_not_end(self):
        self.blames("S1.2", self.without("20 22 2 single - w1.1 end"))
        self.blames("S1.2", self.without("10 11 1 single - w1.1 end"))

    def test_a_run_that_ended_without_a_body(self):
        lost = self.without("40 41 1 once - w4.1 start")
        self.assertEqual([], verdict(lost).complaints)  # on the way to its worker, perhaps
        self.blames("S1.2", lost, rows=good_rows(
            runs={40: run(40, "once", state=judge.FAILED, error_kind="handler")}))

    def test_a_run_that_was_given_up_or_never_tried(self):
        self.blames("S1.2", rows=good_rows(runs={60: run(60, "tenants", state=judge.FAILED,
                                                         attempt=5, error_kind="lost")}))
        self.blames("S1.2", self.without("60 61 1 tenants b w2.1 start",
                                         "60 61 1 tenants b w2.1 end"))


if __name__ == "__main__":
    unittest.main()
