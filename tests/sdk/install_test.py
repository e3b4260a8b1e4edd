"""`cmake --install`, seen from a project outside the tree that finds the SDK there and nowhere else."""

import os
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["JOBFLOW_BUILD"]
SANITIZE = os.environ.get("JOBFLOW_SANITIZE", "")


class Install(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="jobflow-install-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.prefix = os.path.join(self.folder, "prefix")

    def call(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def install(self, component):
        self.call("cmake", "--install", BUILD, "--prefix", self.prefix, "--component", component)

    def files(self):
        return {os.path.relpath(os.path.join(root, name), self.prefix)
                for root, _, names in os.walk(self.prefix) for name in names}

    def test_a_project_outside_finds_the_sdk(self):
        self.install("sdk")
        headers = {name for name in self.files() if name.startswith("include/")}
        self.assertEqual({f"include/jobflow/{name}.h" for name in ("json", "worker", "test_server")},
                         headers)
        self.assertIn("bin/jobflow-worker-conformance", self.files())
        project = os.path.join(self.folder, "project")
        shutil.copytree(os.path.join(HERE, "outside"), project)
        built = os.path.join(self.folder, "build")
        flags = f"-fsanitize={SANITIZE}" if SANITIZE else ""
        self.call("cmake", "-G", "Ninja", "-S", project, "-B", built,
                  f"-DCMAKE_PREFIX_PATH={self.prefix}", f"-DCMAKE_CXX_FLAGS={flags}")
        self.call("cmake", "--build", built)
        self.assertEqual('{"left":0}\n', self.call(os.path.join(built, "outside")))
        self.call("ctest", "--test-dir", built, "--output-on-failure", "--no-tests=error")

    def test_another_version_is_refused(self):
        self.install("sdk")
        script = os.path.join(self.folder, "CMakeLists.txt")
        with open(script, "w", encoding="utf-8") as file:
            file.write("cmake_minimum_required(VERSION 3.25)\nproject(outside LANGUAGES NONE)\n"
                       "find_package(jobflow 99 CONFIG QUIET)\n"
                       "if(jobflow_FOUND)\n  message(FATAL_ERROR found)\nendif()\n"
                       "message(STATUS considered=${jobflow_CONSIDERED_VERSIONS})\n")
        said = self.call("cmake", "-S", self.folder, "-B", os.path.join(self.folder, "build"),
                         f"-DCMAKE_PREFIX_PATH={self.prefix}")
        self.assertRegex(said, r"considered=\d+\.\d+\.\d+")

    def test_the_program_is_installed(self):
        self.install("program")
        self.assertEqual({"bin/jobflow"}, self.files())
        self.assertIn("jobflow", self.call(os.path.join(self.prefix, "bin", "jobflow"), "--version"))


if __name__ == "__main__":
    unittest.main()
