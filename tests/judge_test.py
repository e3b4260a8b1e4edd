"""The judge must see what it is there to see: each broken promise, and nothing in a good world."""

import unittest

import judge
from judge import Attempt, EverySecond, Line, Rows, Run, Skipped


def run(number, **fields):
    row = {"state": judge.SUCCEEDED, "kind": 0, "definition": 5, "parent": 0, "trigger": 0,
           "planned": 0, "attempt": 1, "token": number + 1, "step": "", "key": "",
           "error_kind": "", "error": ""}
    return Run(id=number, **{**row, **fields})


def rows(*runs, attempts=(), skipped=()):
    return Rows({row.id: row for row in runs}, list(attempts), list(skipped))


def until(end):
    return [EverySecond(7, 1500, 1600, end, end)]


def ran(number, token=None, attempt=1, what=("start", "end")):
    return [Line(number, token or number + 1, attempt, word, 0) for word in what]


def verdict(store, lines=(), attempts_allowed=1, **known):
    return judge.judge(store, list(lines), max_attempts=lambda _: attempts_allowed,
                       has_body=lambda row: row.kind != judge.WORKFLOW, **known)


class Judge(unittest.TestCase):
    def blames(self, clause, *arguments, **known):
        complaints = verdict(*arguments, **known)
        self.assertTrue(complaints, "nothing found")
        self.assertTrue(all(text.startswith(clause) for text in complaints), complaints)

    def test_a_good_world_is_left_in_peace(self):
        store = rows(run(10), run(20, attempt=2, token=25, state=judge.SUCCEEDED),
                     run(30, trigger=7, planned=2000),
                     run(40, state=judge.FAILED, error_kind="lost", attempt=3, token=48),
                     attempts=[Attempt(20, 1, 21, 4)],
                     skipped=[Skipped(7, 3000, 4000, 2, "misfire")])
        lines = ran(10) + ran(20, 21, 1, ["start"]) + ran(20, 25, 2) + ran(30) + ran(40, 41)
        self.assertEqual([], verdict(store, lines, 3, acknowledged={10, 20},
                                     keys={"a": set()}, triggers=until(4900)))

    def test_a_forgotten_instant(self):
        self.blames("S1.1", rows(run(1, trigger=7, planned=2000)), ran(1), triggers=until(3900))

    def test_an_instant_with_two_outcomes(self):
        store = rows(run(1, trigger=7, planned=2000),
                     skipped=[Skipped(7, 2000, 2000, 1, "misfire")])
        self.blames("S1.1", store, ran(1), triggers=until(2900))

    def test_a_firing_of_the_past(self):
        self.blames("S1.1", rows(run(1, trigger=7, planned=1000)), ran(1), triggers=until(1900))

    def test_a_firing_after_the_end(self):
        store = rows(run(1, trigger=7, planned=2000), run(3, trigger=7, planned=3000))
        self.blames("S1.1", store, ran(1) + ran(3), triggers=until(2900))

    def test_a_miscounted_skip(self):
        self.blames("S1.1", rows(skipped=[Skipped(7, 2000, 4000, 2, "misfire")]),
                    triggers=until(4900))

    def test_a_lost_acknowledgement(self):
        self.blames("S1.5", rows(run(1)), ran(1), acknowledged={1, 2})

    def test_a_key_with_two_runs(self):
        self.blames("S5.2", rows(run(1, key="a"), run(2, key="a")), ran(1) + ran(2, 30),
                    keys={"a": {1}})

    def test_a_key_answered_with_a_run_that_is_not_its_own(self):
        self.blames("S5.2", rows(run(1, key="a")), ran(1), keys={"a": {9}})

    def test_a_run_that_never_ends(self):
        self.blames("S1.2", rows(run(1, state=3)), ran(1))

    def test_a_success_without_a_body(self):
        self.blames("S1.2", rows(run(1)))
        self.blames("S1.2", rows(run(1)), ran(1, what=["start"]))

    def test_a_retry_that_did_not_come(self):
        self.blames("S1.2", rows(run(1, state=judge.FAILED)), ran(1), 3)

    def test_a_second_start_where_one_is_allowed(self):
        store = rows(run(1, state=judge.FAILED, error_kind="lost"))
        self.blames("S6.7", store, ran(1, 2) + ran(1, 3, what=["start"]))

    def test_a_lost_run_that_went_on(self):
        store = rows(run(1, state=judge.FAILED, error_kind="lost", attempt=2, token=3))
        self.blames("S6.7", store, ran(1))

    def test_a_body_of_a_run_that_is_not_there(self):
        self.blames("I4", rows(), ran(1))

    def test_a_token_started_twice(self):
        self.blames("S6.5", rows(run(1, token=2)), ran(1, 2) + ran(1, 2), 3)

    def test_a_token_that_went_back(self):
        self.blames("S1.3", rows(run(1, attempt=2, token=4)), ran(1, 9, 1) + ran(1, 4, 2), 3)


if __name__ == "__main__":
    unittest.main()
