"""What `cmake --install` installs, and that it works: the man page, the completions, the CMake package."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
CMAKE = os.environ.get("CMAKE", "cmake")
BUILD = os.environ["BUILD"]
PORTABLE = "AGENT_EXPORTER_PORTABLE:BOOL=ON" in pathlib.Path(BUILD, "CMakeCache.txt").read_text()

PROGRAM = """
bin/agent_exporter
lib/systemd/system/agent_exporter.service
lib/systemd/system/agent_exporter.socket
lib/sysusers.d/agent_exporter.conf
share/agent_exporter/alerts/agent_exporter.floors.rules.yml
share/agent_exporter/alerts/agent_exporter.rules.yml
share/agent_exporter/alerts/agent_exporter.vmalert.rules.yml
share/agent_exporter/alerts/alertmanager.example.yml
share/agent_exporter/alerts/thresholds.yml
share/agent_exporter/dashboards/agent.json
share/agent_exporter/dashboards/exporter.json
share/agent_exporter/dashboards/fleet.json
share/agent_exporter/dashboards/host.json
share/agent_exporter/dashboards/provisioning/dashboards/agent_exporter.yaml
share/agent_exporter/dashboards/provisioning/datasources/prometheus.yaml
share/agent_exporter/dashboards/sessions.json
share/agent_exporter/profiles.yaml
share/bash-completion/completions/agent_exporter
share/doc/agent_exporter/CHANGELOG.md
share/doc/agent_exporter/LICENSE
share/doc/agent_exporter/README.md
share/fish/vendor_completions.d/agent_exporter.fish
share/man/man1/agent_exporter.1
share/zsh/vendor-completions/_agent_exporter
""".split()


def run(*command, **options):
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {result.stdout}")
    return result.stdout


class InstallTest(unittest.TestCase):
    def install(self, component):
        """Installs below a DESTDIR; returns where /opt/test is."""
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        run(CMAKE, "--install", BUILD, "--prefix", "/opt/test", "--component", component,
            env={**os.environ, "DESTDIR": directory.name})
        prefix = pathlib.Path(directory.name, "opt/test")
        everything = [path for path in pathlib.Path(directory.name).rglob("*") if path.is_file()]
        self.assertTrue(all(prefix in path.parents for path in everything), everything)
        return prefix

    def test_the_program_and_all_that_belongs_to_it(self):
        prefix = self.install("program")
        self.assertEqual(sorted(str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file()), PROGRAM)

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not installed")
    def test_systemd_takes_the_units_and_finds_little_exposure(self):
        prefix = self.install("program")
        units = prefix / "lib/systemd/system"
        text = (units / "agent_exporter.service").read_text()
        self.assertIn("ExecStart=/opt/test/bin/agent_exporter serve", text)
        # The program is where the unit says only below DESTDIR.
        (units / "agent_exporter.service").write_text(text.replace("/opt/test/", f"{prefix}/"))
        self.assertEqual(run("systemd-analyze", "verify", *sorted(units.iterdir())), "")
        rating = run("systemd-analyze", "security", "--offline=true", units / "agent_exporter.service")
        self.assertLessEqual(float(re.search(r"Overall exposure level .*: ([0-9.]+)", rating)[1]), 2.5, rating)

    def test_the_man_page_shows_every_flag_and_no_warning(self):
        page = self.install("program") / "share/man/man1/agent_exporter.1"
        text = page.read_text().replace("\\-", "-")
        for flag in re.findall(r"^ +(?:-h, )?(--[\w.-]+)  ", run(f"{BUILD}/bin/agent_exporter", "--help"), re.MULTILINE):
            self.assertIn(flag, text)
        for words in (".SH run\n", "--capture-stderr", ".SH event rate-limit\n", ".B page_faults\n"):
            self.assertIn(words, text)
        if shutil.which("groff"):
            self.assertEqual(run("groff", "-man", "-Tutf8", "-ww", "-z", page), "")

    def complete(self, *words):
        """What bash offers for the last word."""
        script = self.install("program") / "share/bash-completion/completions/agent_exporter"
        return run("bash", "-euc", 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _agent_exporter;'
                   'printf "%s\\n" "${COMPREPLY[@]}"', "bash", script, "agent_exporter", *words).split()

    def test_bash_completes_commands_and_their_flags(self):
        self.assertEqual(self.complete("ex"), ["explain"])
        self.assertEqual(self.complete("status", "--t"), ["--terse"])
        self.assertEqual(self.complete("event", "rate"), ["rate-limit"])
        self.assertEqual(self.complete("--no-collector.page"), ["--no-collector.page_faults"])
        self.assertEqual(self.complete("run", "--", "--na"), [])

    def test_the_other_shells_read_theirs(self):
        share = self.install("program") / "share"
        for shell, script in (("zsh", "zsh/vendor-completions/_agent_exporter"),
                              ("fish", "fish/vendor_completions.d/agent_exporter.fish")):
            text = (share / script).read_text()
            for words in ("capture-stderr", "collector.page_faults", "rate-limit", "explain"):
                self.assertIn(words, text)
            if shutil.which(shell):
                run(shell, "-n", share / script)

    @unittest.skipIf(PORTABLE, "the portable program has no CMake package")
    def test_a_program_embeds_the_collectors(self):
        prefix = self.install("development")
        with tempfile.TemporaryDirectory() as build:
            sanitize = re.search(r"AGENT_EXPORTER_SANITIZE:\w+=(.*)", pathlib.Path(BUILD, "CMakeCache.txt").read_text())[1]
            run(CMAKE, "-S", ROOT / "tests/embed", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}",
                f"-DCMAKE_CXX_FLAGS={'-fsanitize=' + sanitize if sanitize else ''}")
            run(CMAKE, "--build", build)
            shown = run(f"{build}/embed_example")
        self.assertIn('agent_up{agent="this"} 1', shown)
        self.assertIn('agent_self_resident_memory_bytes{agent="this"}', shown)


if __name__ == "__main__":
    unittest.main()
