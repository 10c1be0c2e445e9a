"""Follows CONTRIBUTING.md's guide to a new collector, and wants the tests green that it can touch.

It works on this very tree and build, so that only what the guide adds is compiled; but in a mount namespace of its own,
where what is written goes into memory (overlayfs) and is gone afterwards. Where that is not allowed the test is skipped.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD, CMAKE, CTEST = pathlib.Path(os.environ["BUILD"]).resolve(), os.environ["CMAKE"], os.environ["CTEST"]
SKIPPED = 77
METRIC = "agent_largest_process_resident_memory_bytes"
TARGETS = ("agent_exporter", "tree_root", "collectors_test", "golden_test")
TESTS = "^(collectors_test|golden_test|e2e_docs_test|e2e_readme_test)$"


def enter_namespace():
    """Runs this file again, in a mount namespace where writes to the tree and the build stay in memory."""
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    with tempfile.TemporaryDirectory(prefix="agent_exporter_guide_") as memory:
        script = 'mount -t tmpfs tmpfs "$1" || exit 77; memory=$1; shift\n'
        for number, place in enumerate((ROOT,) if ROOT in BUILD.parents else (ROOT, BUILD)):
            layers = f'lowerdir={place},upperdir=$memory/{number}/upper,workdir=$memory/{number}/work'
            script += f'mkdir -p "$memory/{number}/upper" "$memory/{number}/work"\n'
            script += f'mount -t overlay overlay -o "{layers}" "{place}" || exit 77\n'
        result = subprocess.run([*unshare, "sh", "-c", script + 'cd / && exec "$@"', "sh", memory, sys.executable, "-B",
                                 os.path.abspath(__file__)], env=os.environ | {"IN_NAMESPACE": "1"}, check=False)
    if result.returncode == SKIPPED:
        print("skipped: needs the right to mount an overlay, as root has it")
    return result.returncode


def run(*command, **environment):
    result = subprocess.run(command, cwd=ROOT, env=os.environ | environment, check=False, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}:\n{result.stdout}")
    return result.stdout


def steps():
    """The code blocks of each step: [(language, text), ...]."""
    guide = (ROOT / "CONTRIBUTING.md").read_text().split("\n## ")[1]
    return [re.findall(r"^```(\w+)\n(.*?)^```$", step, re.MULTILINE | re.DOTALL)
            for step in re.split(r"^\*\*\d\. ", guide, flags=re.MULTILINE)[1:]]


def insert(path, line, pattern):
    """Puts a line behind the last one that matches."""
    lines = (ROOT / path).read_text().splitlines(keepends=True)
    at = max(number for number, text in enumerate(lines) if re.search(pattern, text))
    lines.insert(at + 1, line)
    (ROOT / path).write_text("".join(lines))


class GuideTest(unittest.TestCase):
    def commands(self, text):
        """The guide's commands, on this build and with as little as the guide's changes need."""
        ours = {
            "cmake --preset dev": lambda: run(CMAKE, BUILD),
            "cmake --build --preset dev": lambda: run(CMAKE, "--build", BUILD, "-j", "2", "--target", *TARGETS),
            "UPDATE_GOLDEN=1 build/dev/bin/golden_test": lambda: run(BUILD / "bin/golden_test", UPDATE_GOLDEN="1"),
            "git diff tests/testdata": self.check_golden,
            "ctest --preset dev": lambda: run(CTEST, "--test-dir", BUILD, "--output-on-failure", "-R", TESTS),
        }
        self.golden = self.read_golden()
        self.assertEqual(text.splitlines(), list(ours))
        for command in ours.values():
            command()

    def read_golden(self):
        return {path: path.read_text().splitlines() for path in (ROOT / "tests/testdata").glob("golden.*")}

    def check_golden(self):
        for path, lines in self.read_golden().items():
            new = [line for line in lines if line not in self.golden[path]]
            self.assertTrue(new)
            self.assertEqual([line for line in new if METRIC not in line and '"largest_process"' not in line], [])
            self.assertEqual([line for line in lines if line not in new], self.golden[path])

    def test_ends_with_every_test_green(self):
        (_, collector), = steps()[0]
        (_, row), = steps()[1]
        (_, word), = steps()[2]
        (_, test), (_, test_word) = steps()[3]
        (_, metric_line), (_, collector_line) = steps()[4]
        (_, commands), = steps()[5]
        (ROOT / "collectors/largest_process.cc").write_text(collector)
        insert("collectors/table.h", row, r"^  ROW\(.*\\$")
        insert("collectors/CMakeLists.txt", word, r"^    \w+\.cc$")
        (ROOT / "tests/collectors/largest_process_test.cc").write_text(test)
        insert("tests/collectors/CMakeLists.txt", test_word, r"^    \w+_test\.cc$")
        insert("docs/metrics.md", metric_line, r"^\| `agent_page_faults_total` ")
        insert("docs/configuration.md", collector_line, r"^\| `pid_cpu` ")
        self.assertEqual(run("/usr/bin/python3", "-B", "tests/includes.py", "collectors/largest_process.cc"),
                         "includes: 1 files\n")
        self.commands(commands)


if __name__ == "__main__":
    if "IN_NAMESPACE" not in os.environ:
        sys.exit(enter_namespace())
    unittest.main()
