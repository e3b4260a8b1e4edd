"""./dev itself: what it does on a machine where packages are missing, without touching this one."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOBODY = 65534


class Dev(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="jobflow-dev-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.calls = os.path.join(self.folder, "calls")
        with open(self.calls, "w", encoding="utf-8"):
            os.chmod(self.calls, 0o666)
        # The tree may lie where nobody else can look.
        shutil.copy(os.path.join(ROOT, "dev"), self.folder)
        os.chmod(os.path.join(self.folder, "dev"), 0o755)

    def fake(self, name, script):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/bash\n" + script)
        os.chmod(path, 0o755)

    def missing(self, *packages):
        self.fake("dpkg-query", 'shift 3; for p; do case " %s " in *" $p "*) ;; '
                                '*) echo "installed $p" ;; esac; done' % " ".join(packages))
        self.fake("apt-get", f'echo "apt-get $DEBIAN_FRONTEND $*" >>{self.calls}')

    def sudo(self, allowed):
        self.fake("sudo", f'echo "sudo $*" >>{self.calls}; '
                          + ('[[ $1 != -n ]] || shift; exec "$@"' if allowed else "exit 1"))

    def dev(self, *arguments, user=None):
        path = f"{self.folder}:/usr/bin:/bin"
        done = subprocess.run([os.path.join(self.folder, "dev"), *arguments], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, cwd="/", user=user,
                              env={"PATH": path, "HOME": self.folder, "CI": "1"}, check=False)
        with open(self.calls, encoding="utf-8") as file:
            return done, file.read().splitlines()

    def test_nothing_missing_is_fast_and_calls_nothing(self):
        self.missing()
        done, calls = self.dev("deps")
        self.assertEqual((0, [], ""), (done.returncode, calls, done.stderr))

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_root_installs_what_is_missing_and_names_it(self):
        self.missing("mold", "clang-tidy-19")
        done, calls = self.dev("deps")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("mold clang-tidy-19", done.stderr)
        self.assertEqual(["apt-get noninteractive -q update", "apt-get noninteractive -q install -y"
                          " --no-install-recommends mold clang-tidy-19"], calls)

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_building_does_not_ask_for_the_tools_of_check(self):
        self.missing("clang-tidy-19")
        done, calls = self.dev("deps", "build")
        self.assertEqual((0, []), (done.returncode, calls))

    def unprivileged(self):
        return NOBODY if os.geteuid() == 0 else None

    def test_anybody_else_goes_through_sudo(self):
        self.missing("mold")
        self.sudo(allowed=True)
        done, calls = self.dev("deps", user=self.unprivileged())
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(any(re.match("sudo -n env .*apt-get -q install -y .*mold$", call)
                            for call in calls), calls)

    def test_without_root_and_sudo_it_says_what_to_run(self):
        self.missing("mold")
        self.sudo(allowed=False)
        done, calls = self.dev("deps", user=self.unprivileged())
        self.assertEqual(1, done.returncode)
        self.assertIn("As root, run: apt-get update && apt-get install", done.stderr)
        self.assertFalse([call for call in calls if call.startswith("apt-get")])

    def test_help_names_every_command(self):
        done, _ = self.dev()
        self.assertEqual(0, done.returncode)
        for command in "deps build demo run test check fmt bench sim model clean".split():
            self.assertRegex(done.stdout, rf"(?m)^  {command}\b")

    def test_an_unknown_command_fails_with_the_help(self):
        done, _ = self.dev("nonsense")
        self.assertEqual(1, done.returncode)
        self.assertIn("nonsense", done.stderr)
        self.assertIn("Usage", done.stderr)


if __name__ == "__main__":
    unittest.main()
