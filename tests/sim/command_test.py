"""`jobflow sim` as a program: one seed is one history in every process, and exit codes tell."""

import os
import pathlib
import re
import subprocess
import unittest

SIM = pathlib.Path(os.environ.get("JOBFLOW_BIN", "build/release/bin")) / "jobflow-sim"


def sim(*arguments, **more):
    return subprocess.run([SIM, *arguments], capture_output=True, text=True, timeout=100, **more)


class Command(unittest.TestCase):
    def test_one_seed_has_one_history_in_every_process(self):
        """Addresses, the environment and the locale differ; the history does not, byte for byte."""
        for seed in ("7", "8", "9"):
            first = sim("--seed", seed, "--trace")
            other = sim("--seed", seed, "--trace", env={"LC_ALL": "C.UTF-8", "PAD": "x" * 5000})
            self.assertEqual(first.returncode, 0, first.stdout[-2000:] + first.stderr)
            self.assertGreater(len(first.stdout), 1000)
            self.assertEqual(first.stdout, other.stdout)

    def test_a_trace_changes_nothing(self):
        with_trace = re.search(r"history (\w+)", sim("--seed", "5", "--trace").stdout).group(1)
        without = re.search(r"history (\w+)", sim("--seed", "5").stdout).group(1)
        self.assertEqual(with_trace, without)

    def test_a_run_says_what_it_met(self):
        said = sim("--seeds", "1-40")
        self.assertIn(said.returncode, (0, 5), said.stdout + said.stderr)
        for word in ("40 seeds", "simulated hours", "process crash", "answer lost"):
            self.assertIn(word, said.stdout)

    def test_what_no_seed_reaches_is_explained(self):
        """Moves of the state machines, and named points of the server's code (issue 3)."""
        said = sim("--seeds", "1-1500", "--members", "2").stdout
        told = said[said.index("moves of the state machines"):] if "moves of the" in said else ""
        lines = (pathlib.Path(__file__).parent / "unreached.txt").read_text().splitlines()
        explained = {line.split(" | ")[0] for line in lines if not line.startswith("#")}
        unreached = [line for line in map(str.strip, told.splitlines())
                     if "--> " in line or re.fullmatch("[a-z_]+", line) and line != "clean"]
        self.assertEqual([one for one in unreached if one not in explained], [])

    def test_a_poor_run_is_no_proof(self):
        said = sim("--seeds", "1-40", "--without", "process crash",
                   "--without", "crash at a point")
        self.assertEqual(said.returncode, 5, said.stdout + said.stderr)
        self.assertIn("met too little", said.stdout)

    def test_wrong_usage_is_told(self):
        for arguments in (["--seeds", "9"], ["--seeds", "9-1"], ["--for", "soon"], ["--nonsense"],
                          ["--members", "0"], ["--without", "rain"]):
            said = sim(*arguments)
            self.assertEqual(said.returncode, 2, arguments)
            self.assertIn("error:", said.stderr)
        self.assertEqual(sim("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
