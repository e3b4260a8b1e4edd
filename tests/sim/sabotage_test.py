"""The checkers can fail: each protection that is turned off is noticed, by a checker that speaks of
it, within a minute of simulation; and the same seed is clean with the protection in place.

JOBFLOW_FIRST_SEED=N begins elsewhere than at seed 1."""

import os
import pathlib
import re
import subprocess
import time
import unittest

BIN = pathlib.Path(os.environ.get("JOBFLOW_BIN", "build/release/bin"))
LIMIT = float(os.environ.get("JOBFLOW_SABOTAGE_SECONDS", "60"))
FIRST = int(os.environ.get("JOBFLOW_FIRST_SEED", "1"))

# What is turned off: how many members it takes, which checkers may notice, and the clause that they
# must name (docs/simulation.md, "Protections that can be turned off").
TABLE = {
    "no_fence": (1, {"fence"}, "I1"),
    "receipt_by_read": (1, {"answers", "effects", "events"}, "I4|S1.5|S7.3"),
    "effects_first": (1, {"answers", "effects"}, "I4"),
    "no_rollback": (1, {"answers", "effects", "events"}, "I4|S7.3"),
    "no_worker_epoch": (3, {"attempts"}, "S6.5"),
    "no_own_lease": (3, {"leases"}, "house 4"),
    "unnumbered_letters": (1, {"letters"}, "I10"),
    "ids_from_clock": (1, {"fence"}, "house 3.7"),
    "lease_not_restarted": (1, {"attempts"}, "S6.6"),
    "handed_without_epoch": (3, {"fence"}, "I1e"),
    "edit_fires_again": (1, {"firings"}, "S4.7|I2"),
    "commands_forgotten": (3, {"commands"}, "S12.4"),
    "place_kept": (1, {"rest"}, "I5"),
    "place_not_taken": (1, {"limits"}, "S3.5"),
    "permit_kept": (1, {"held", "rest"}, "S3.5|I5"),
    "permit_not_asked": (1, {"permits"}, "S3.5"),
    "no_token_check": (1, {"attempts", "effects"}, "S1.3|I3|S7.3|S1.2"),
}
CLEAN, USAGE, SAFETY, LIVENESS, CRASH = 0, 2, 10, 11, 12


def sim(program, *arguments, **more):
    return subprocess.run([BIN / program, *map(str, arguments)], capture_output=True, text=True,
                          **more)


class Caught(unittest.TestCase):
    def caught(self, switch):
        members, checkers, clause = TABLE[switch]
        world = ["--members", members]
        start = time.monotonic()
        seed = FIRST
        while (left := start + LIMIT - time.monotonic()) > 0:
            try:
                said = sim("jobflow-sim-sabotaged", *world, "--sabotage", switch,
                           "--seeds", f"{seed}-{seed + 1_000_000}", timeout=left)
            except subprocess.TimeoutExpired:
                break
            self.assertIn(said.returncode, (SAFETY, LIVENESS, CRASH), said.stderr)
            seed = int(re.findall(r"--seed (\d+)", said.stdout + said.stderr)[-1])
            broken = re.search(r"breaks a promise \((\w+), \w+\): (.*)", said.stdout)
            if broken and broken[1] in checkers and re.search(rf"\(.*\b({clause})\b", broken[2]):
                intact = sim("jobflow-sim-sabotaged", *world, "--seed", seed)
                if intact.returncode == CLEAN:
                    print(f"{switch}: seed {seed} ({members} members), {broken[1]} after "
                          f"{time.monotonic() - start:.1f} s: {broken[2]}")
                    return
            seed += 1  # something else is wrong there
        self.fail(f"{switch}: nobody noticed within {LIMIT} s, up to seed {seed}")

    def test_no_fence(self):
        self.caught("no_fence")

    def test_receipt_by_read(self):
        self.caught("receipt_by_read")

    def test_effects_first(self):
        self.caught("effects_first")

    def test_no_rollback(self):
        self.caught("no_rollback")

    def test_no_worker_epoch(self):
        self.caught("no_worker_epoch")

    def test_no_own_lease(self):
        self.caught("no_own_lease")

    def test_unnumbered_letters(self):
        self.caught("unnumbered_letters")

    def test_ids_from_clock(self):
        self.caught("ids_from_clock")

    def test_lease_not_restarted(self):
        self.caught("lease_not_restarted")

    def test_handed_without_epoch(self):
        self.caught("handed_without_epoch")

    def test_edit_fires_again(self):
        self.caught("edit_fires_again")

    def test_permit_kept(self):
        self.caught("permit_kept")

    def test_permit_not_asked(self):
        self.caught("permit_not_asked")

    def test_place_kept(self):
        self.caught("place_kept")

    def test_place_not_taken(self):
        self.caught("place_not_taken")

    def test_no_token_check(self):
        self.caught("no_token_check")

    def test_commands_forgotten(self):
        self.caught("commands_forgotten")


class Switches(unittest.TestCase):
    def test_each_is_in_the_table_and_others_are_refused(self):
        said = sim("jobflow-sim-sabotaged", "--sabotage", "rain", "--seed", 1)
        self.assertEqual(said.returncode, USAGE, said.stdout)
        names = re.search(r"there is no protection 'rain'; there are (.*)", said.stderr)[1]
        self.assertEqual(set(names.split(", ")), set(TABLE))
        self.assertTrue(all(hasattr(Caught, "test_" + name) for name in TABLE))

    def test_the_simulator_of_users_turns_nothing_off(self):
        said = sim("jobflow-sim", "--sabotage", "no_fence", "--seed", 1)
        self.assertEqual(said.returncode, USAGE, said.stdout)
        self.assertIn("turns no protections off", said.stderr)


if __name__ == "__main__":
    unittest.main()
