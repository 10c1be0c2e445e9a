"""What README.md and the pages for its readers' tasks show is what the program does: examples, columns, fields.

The queries are prometheus_test.py's; what it names and links is docs_test.py's.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap
import unittest

import harness

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
ADD_AN_AGENT, FIRST_ALERT, INSTALL = ((ROOT / "docs" / name).read_text()
                                      for name in ("add-an-agent.md", "first-alert.md", "install.md"))


def block(page, language, beginning):
    """The one fenced block of the page in that language with a line that begins like this, without its indent."""
    blocks = [textwrap.dedent(text) for text in
              re.findall(rf"^ *```{language}\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)]
    blocks = [text for text in blocks if re.search("^" + re.escape(beginning), text, re.MULTILINE)]
    if len(blocks) != 1:
        raise AssertionError(f"the page has {len(blocks)} blocks of {language} with {beginning!r}")
    return blocks[0]


class ReadmeTest(harness.TestCase):
    def test_the_rules_are_taken_and_counted_as_shown(self):
        path = self.write("agents.yaml", block(ADD_AN_AGENT, "yaml", "agents:"))
        result = harness.run("check-config", path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"\n{result.stdout.replace(path, 'agents.yaml')}", ADD_AN_AGENT)

    def test_a_misspelt_rule_is_refused_as_shown(self):
        path = self.write("misspelt.yaml", block(ADD_AN_AGENT, "yaml", "agents:").replace("{comm: reviewer}", "{com: reviewer}"))
        result = harness.run("check-config", path)
        self.assertEqual(result.returncode, 2)
        self.assertIn(f"\n{result.stderr.replace(path, 'misspelt.yaml')}", ADD_AN_AGENT)

    def test_the_rules_name_processes_as_shown(self):
        config = self.write("agents.yaml", block(ADD_AN_AGENT, "yaml", "agents:"))
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
        lines = block(ADD_AN_AGENT, "yaml", "agents:").splitlines()
        starts = {f"agents.yaml:{number} ({name})" for number, line in enumerate(lines, 1)
                  for name in re.findall(r'^  - name: "?([^"]+)"?$', line)}
        self.assertEqual(len(starts), 5)
        self.assertEqual(set(re.findall(r"agents\.yaml:\d+ \([^)]*\)", ADD_AN_AGENT)), starts)

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
        shown = json.loads(block(ADD_AN_AGENT, "text", "$ agent_exporter traits").split("\n", 1)[1])
        real = json.loads(harness.run("traits", "--agent", root.name,
                                      f"--config.file={self.config_for(root.name)}").stdout)
        self.assertEqual(list(shown), list(real))
        self.assertEqual(list(shown["agent_self"]), list(real["agent_self"]))

    def test_doctor_looks_at_what_is_shown(self):
        shown = re.findall(r"^ok +(\S.*?)  ", block(INSTALL, "console", "$ agent_exporter doctor"), re.MULTILINE)
        looked_at = [line[8:26].rstrip() for line in harness.run("doctor").stdout.splitlines()]
        self.assertEqual(shown, [name for name in looked_at if name in shown])

    def test_the_scrape_configs_are_ones(self):
        shutil.copy(ROOT / "alerts/agent_exporter.rules.yml", self.directory)
        for page in (README, FIRST_ALERT):
            path = self.write("prometheus.yml", block(page, "yaml", "scrape_configs:"))
            result = subprocess.run(["promtool", "check", "config", path], capture_output=True, text=True,
                                    timeout=harness.PATIENCE)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_short_rules_are_taken(self):
        for page in (README, FIRST_ALERT):
            result = harness.run("check-config", self.write("agents.yaml", block(page, "yaml", "agents:")))
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_the_leak_to_try_is_watched(self):
        script = re.search(r"^ *cat > leaky.py <<'END'\n(.*?)^ *END$", FIRST_ALERT, re.MULTILINE | re.DOTALL)[1]
        self.write("leaky.py", textwrap.dedent(script))
        command = re.search(r"^ *bash -c '(.*)'$", FIRST_ALERT, re.MULTILINE)[1]
        process = subprocess.Popen(["bash", "-c", command], cwd=self.directory, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        config = self.write("agents.yaml", block(FIRST_ALERT, "yaml", "agents:"))
        exporter = self.exporter(f"--config.file={config}")
        used = harness.key("agent_self_open_fds", agent="leaky")
        first = harness.wait_for(lambda: exporter.scrape().get(used), "the agent")
        harness.wait_for(lambda: exporter.scrape().get(used, 0) > first, "a leak")
        self.assert_value(exporter.scrape(), 300, "agent_self_max_fds", agent="leaky")


if __name__ == "__main__":
    unittest.main()
