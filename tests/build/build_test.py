"""What `cmake -S . -B build` does on a machine with only the `build` packages, and where the revision comes from."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).parents[2]
CMAKE = os.environ.get("CMAKE", "cmake")
# The user's own settings would choose another generator, compiler or build type.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("CMAKE_", "CXX", "GIT_"))}


def run(*command, **options):
    result = subprocess.run(command, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            check=False, **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {result.stdout}")
    return result.stdout


class TestCase(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)


class PlainBuildTest(TestCase):
    def test_without_test_packages_the_program_alone_is_configured_in_release(self):
        absent = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in ("GTest", "benchmark")]
        output = run(CMAKE, "-S", ROOT, "-B", self.directory, *absent)
        self.assertIn("Tests: not built", output)
        self.assertIn("Benchmarks: not built", output)
        cache = (self.directory / "CMakeCache.txt").read_text()
        self.assertIn("CMAKE_BUILD_TYPE:STRING=Release\n", cache)
        self.assertIn("CMAKE_GENERATOR:INTERNAL=Unix Makefiles\n", cache)
        commands = json.loads((self.directory / "compile_commands.json").read_text())
        self.assertTrue(any(unit["file"].endswith("/exporter/main.cc") for unit in commands))
        for unit in commands:
            self.assertNotIn("/tests/", unit["file"])
            self.assertNotIn("-Werror", unit["command"])


class RevisionTest(TestCase):
    def sources(self, name):
        """A directory that holds what the revision is read with."""
        shutil.copytree(ROOT / "cmake", self.directory / name / "cmake", dirs_exist_ok=True)
        return self.directory / name

    def commit(self, repository):
        """Makes the directory a repository with a commit, and returns the commit."""
        git = ("git", "-C", repository, "-c", "user.name=a", "-c", "user.email=a@example.org")
        run(*git, "init", "-q")
        run(*git, "commit", "-q", "--allow-empty", "-m", "one")
        return run(*git, "rev-parse", "--short", "HEAD").strip()

    def revision(self, sources):
        return run(CMAKE, "-P", sources / "cmake/Revision.cmake").split("revision: ")[1].strip()

    def test_a_checkout_has_its_commit(self):
        commit = self.commit(self.sources("checkout"))
        self.assertEqual(self.revision(self.directory / "checkout"), commit)

    def test_a_linked_worktree_has_its_commit(self):
        commit = self.commit(self.sources("checkout"))
        run("git", "-C", self.directory / "checkout", "worktree", "add", "-q", self.directory / "linked")
        self.assertEqual(self.revision(self.sources("linked")), commit)

    def test_an_archive_inside_another_repository_has_none(self):
        self.commit(self.directory)
        self.assertEqual(self.revision(self.sources("unpacked")), "unknown")


    def test_the_environment_knows_better(self):
        with unittest.mock.patch.dict(ENVIRONMENT, AGENT_EXPORTER_REVISION="abc1234"):
            self.assertEqual(self.revision(self.sources("unpacked")), "abc1234")


class IncludesTest(TestCase):
    """tests/includes.py finds what a build by the eight does not."""

    def check(self, source):
        """What it says of a source beside a header of ours, thing.h."""
        for path, text in {"tests/includes.py": (ROOT / "tests/includes.py").read_text(), "source.cc": source,
                           "thing.h": "struct OurThing {\n  int member;\n};\n"}.items():
            (self.directory / path).parent.mkdir(exist_ok=True)
            (self.directory / path).write_text(text)
        return subprocess.run(["/usr/bin/python3", "-B", "tests/includes.py"], cwd=self.directory, check=False, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def test_a_header_of_ours_and_one_of_the_library_are_missed(self):
        result = self.check("std::string Name(const OurThing& thing);\n")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"source\.cc: uses std::string .* string\n")
        self.assertRegex(result.stdout, r"source\.cc: uses OurThing .* thing\.h\n")

    def test_what_is_included_is_not(self):
        result = self.check('#include <string>\n#include "thing.h"\nstd::string Name(const OurThing& thing);\n')
        self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_what_is_declared_on_the_spot_is_not(self):
        result = self.check("class OurThing;\nvoid Name(const OurThing& thing);  // not std::string\n")
        self.assertEqual((result.returncode, result.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main()
