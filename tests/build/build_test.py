"""What `cmake -S . -B build` does on a machine with only the `build` packages, and where the revision comes from."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

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
        self.assertIn("Tests: left out", output)
        self.assertIn("Benchmarks: left out", output)
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


if __name__ == "__main__":
    unittest.main()
