"""What README.md and docs/ show is what the program does: names, flags, files, columns, and the examples as they stand.

The queries are prometheus_test.py's.
"""

import json
import pathlib
import re
import subprocess
import sys
import unittest

import harness

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = {page.name: page for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]}


def block(language, beginning):
    """The one fenced block of README.md in that language with a line that begins like this."""
    blocks = [text for text in re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
              if re.search("^" + re.escape(beginning), text, re.MULTILINE)]
    if len(blocks) != 1:
        raise AssertionError(f"README.md has {len(blocks)} blocks of {language} with {beginning!r}")
    return blocks[0]


class ReadmeTest(harness.TestCase):
    def test_the_rules_are_taken_and_counted_as_shown(self):
        path = self.write("agents.yaml", block("yaml", "agents:"))
        result = harness.run("check-config", path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"\n{result.stdout.replace(path, 'agents.yaml')}", README)

    def test_a_misspelt_rule_is_refused_as_shown(self):
        path = self.write("misspelt.yaml", block("yaml", "agents:").replace("{comm: reviewer}", "{com: reviewer}"))
        result = harness.run("check-config", path)
        self.assertEqual(result.returncode, 2)
        self.assertIn(f"\n{result.stderr.replace(path, 'misspelt.yaml')}", README)

    def test_the_rules_name_processes_as_shown(self):
        config = self.write("agents.yaml", block("yaml", "agents:"))
        script = self.write("triage.py", "import sys; sys.stdin.read()\n")
        process = subprocess.Popen([sys.executable, script, "--queue=bugs", "--slot=3"], stdin=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        # Until it has executed Python it is still this test.
        agents = harness.wait_for(lambda: [
            agent for agent in json.loads(harness.run("status", "--json", f"--config.file={config}").stdout)["agents"]
            if process.pid in [member["pid"] for member in agent.get("tree", [])]], "a rule to match")
        self.assertEqual([(agent["agent"], agent["kind"], agent["slot"]) for agent in agents],
                         [("triage-bugs", "worker", "3")])

    def test_explain_names_the_rules_as_shown(self):
        lines = block("yaml", "agents:").splitlines()
        starts = {f"agents.yaml:{number} ({name})" for number, line in enumerate(lines, 1)
                  for name in re.findall(r'^  - name: "?([^"]+)"?$', line)}
        self.assertEqual(len(starts), 5)
        self.assertEqual(set(re.findall(r"agents\.yaml:\d+ \([^)]*\)", README)), starts)

    def test_the_built_in_profiles_are_those_listed(self):
        profiles = (ROOT / "agents/profiles.yaml").read_text()
        there = set(re.findall(r"^  - name: (\S+)\n    kind: (\S+)$", profiles, re.MULTILINE))
        self.assertEqual(len(re.findall(r"^  - name:", profiles, re.MULTILINE)),
                         len(re.findall(r"^    kind:", profiles, re.MULTILINE)))
        listed = {(name, kind) for kind, names in re.findall(r"^\| (\w+) \| ((?:`[\w-]+` ?)+)\|$", README, re.MULTILINE)
                  for name in re.findall(r"`([\w-]+)`", names)}
        self.assertEqual(listed, there)

    def test_status_has_these_columns(self):
        root = self.tree("wait")
        table = harness.run("status", f"--config.file={self.config_for(root.name)}").stdout
        self.assertIn(table.splitlines()[0].split(), [line.split() for line in README.splitlines()])

    def test_traits_has_these_fields(self):
        root = self.tree("wait")
        shown = json.loads(block("text", "$ agent_exporter traits").split("\n", 1)[1])
        real = json.loads(harness.run("traits", "--agent", root.name,
                                      f"--config.file={self.config_for(root.name)}").stdout)
        self.assertEqual(list(shown), list(real))
        self.assertEqual(list(shown["agent_self"]), list(real["agent_self"]))

    def test_the_scrape_config_is_one(self):
        path = self.write("prometheus.yml", block("yaml", "scrape_configs:"))
        result = subprocess.run(["promtool", "check", "config", path], capture_output=True, text=True,
                                timeout=harness.PATIENCE)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_metrics_that_are_named_exist(self):
        root = self.tree("tree", self.tree("wait").path)
        # Every collector, and one of them without its file: that is counted as unreadable.
        proc = self.write("proc/stat", "btime 1\n")
        nothing = self.exporter(f"--path.procfs={pathlib.Path(proc).parent}")
        exporter = self.exporter("--collector.io", "--collector.scheduling",
                                 f"--config.file={self.config_for(root.name)}")
        root.tell("change")  # ends a child, so there are exits to count
        event = harness.run("event", "rate-limit", "--agent=codex", "--source=breaker", "--kind=trip",
                            f"--ledger.path={exporter.state.name}/resource-ledger.db")
        self.assertEqual(event.returncode, 0, event.stderr)
        counted = harness.key("agent_rate_limit_events_total", agent="codex", kind="trip")
        harness.wait_for(lambda: exporter.scrape().get(counted), "the event")
        there = {name for one in (exporter, nothing) for name, _ in one.fresh()}
        # What takes a configuration, events or somebody's end to show: the tests of each see it; the name is checked here.
        there |= {name for folder in ("collectors", "exporter") for source in ROOT.glob(f"{folder}/*.cc")
                  for name in re.findall(r'"(agent_[a-z0-9_]+)"', source.read_text())}
        # The guide's example, the program, a collector.
        others = {"agent_largest_process_resident_memory_bytes", "agent_exporter", "agent_self", "agent_meta"}
        for name, page in PAGES.items():
            named = set(re.findall(r"\bagent_[a-z0-9_]*[a-z0-9]\b(?![./])", page.read_text())) - others
            with self.subTest(name):
                self.assertEqual(named - there, set())

    def test_flags_that_are_named_exist(self):
        help_text = harness.run("--help").stdout
        collectors = re.findall(r"^  (\w+) ", help_text.split("Collectors, ")[1], re.MULTILINE)
        flags = set(re.findall(r"^  (?:-h, )?(--[\w.-]+)", help_text, re.MULTILINE))
        flags |= {f"--{no}collector.{name}" for name in collectors for no in ("", "no-")}
        for name, page in PAGES.items():
            named = set(re.findall(r"--(?:web|config|collector|no-collector|path|log)\.[\w.-]*\w", page.read_text()))
            with self.subTest(name):
                self.assertEqual({flag for flag in named if "largest_process" not in flag} - flags, set())

    def test_files_that_are_linked_exist(self):
        for name, page in PAGES.items():
            links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
            with self.subTest(name):
                self.assertEqual([link for link in links if not (page.parent / link).exists()], [])


if __name__ == "__main__":
    unittest.main()
