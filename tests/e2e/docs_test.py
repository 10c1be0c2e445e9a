"""What README.md, CONTRIBUTING.md, CHANGELOG.md and docs/ name is there, and what is there is named: metrics, commands,
flags, configuration keys, files and headings.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest

import harness

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/**/*.md"))
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
CONFIGURATION, METRICS = TEXTS["docs/configuration.md"], TEXTS["docs/metrics.md"]

# Look like metrics and are none: the program, keys of its JSON, a collector, the guide's example.
NO_METRICS = {"agent_exporter", "agent_meta", "agent_self", "agent_largest_process_resident_memory_bytes"}

# Not on this host's page, and why.
ABSENT = set()
if not os.path.exists("/proc/pressure/memory"):
    ABSENT.add("agent_host_pressure_waiting_seconds_total")  # a kernel without PSI, or psi=0

# Flags of other programs, by whose they are.
OTHERS_FLAGS = {
    "alerts/generate.py": {"--write", "--set", "--speed-up"},
    "cmake, ctest": {"--preset", "--build", "--install", "--target"},
    "curl": {"--max-time"},
    "dashboards/render/scene.py": {"--minutes"},
    "docker": {"--build", "--cap-add", "--cap-drop", "--cgroupns", "--init", "--pid", "--read-only", "--security-opt",
               "--user"},
    "tests/kernels/run.sh": {"--only"},
    "node": {"--max-old-space-size"},
    "prlimit, ps": {"--nofile", "--pid", "--ppid", "--sort"},
    "systemctl": {"--now"},
    "tests/lint.sh": {"--fix", "--tidy"},
    "triage.py, a command line that an example matches": {"--queue", "--slot"},
}
# What hooks and meta commands are told; agent_meta_test.py and hooks_test.py see it.
TOLD_VARIABLES = {f"AGENT_EXPORTER_{name}" for name in ("AGENT", "PIDS", "HOOK", "EVENT", "TIMESTAMP", "MESSAGE",
                                                       "CATEGORY", "DIFF_FIELDS", "SESSION")}
# Collectors that are none: any, and the guide's.
PLACEHOLDERS = ("NAME", "largest_process")

# What a configuration with an unknown key looks like, section by section, and the page that tells of its keys.
SECTIONS = {
    "X: 1": "docs/configuration.md",
    "agents: [{X: 1}]": "docs/configuration.md",
    "agents: [{match: {X: 1}}]": "docs/configuration.md",
    "agents: [{match: {comm: a}, rate_limit_log: /a, rate_limit_patterns: {X: 1}}]": "docs/ledger.md",
    "ledger: {X: 1}": "docs/ledger.md",
    "meta: [{agent: a, source: claude-code, X: 1}]": "docs/agent-meta.md",
    "meta: [{agent: a, source: file, X: 1}]": "docs/agent-meta.md",
    "meta: [{agent: a, source: command, X: 1}]": "docs/agent-meta.md",
    "snapshot: {X: 1}": "docs/snapshot.md",
    "snapshot: {agents: [{X: 1}]}": "docs/snapshot.md",
    "snapshot: {agents: [{name: a, sidecars: [{X: 1}]}]}": "docs/snapshot.md",
    "hooks: {X: 1}": "docs/hooks.md",
    "hooks: {on_leak: [{X: 1}]}": "docs/hooks.md",
    "conditions: [{X: 1, name: a, when: instances == 0}]": "docs/hooks.md",
    "snapshot: {hooks: {X: 1}}": "docs/hooks.md",
    "snapshot: {hooks: {on_diff: [{X: 1}]}}": "docs/hooks.md",
}
WEB_SECTIONS = ("X: 1", "tls_server_config: {X: 1}")


def code(text):
    """The fenced blocks and the words in backticks."""
    fence = r"^```.*?\n(.*?)^```$"
    return re.findall(fence, text, re.MULTILINE | re.DOTALL) + re.findall(
        r"`([^`]+)`", re.sub(fence, "", text, flags=re.MULTILINE | re.DOTALL))


def commands():
    listing = harness.run("--help").stdout.split("Commands:\n")[1].split("\nFlags:\n")[0]
    return re.findall(r"^  ([a-z][a-z-]*)", listing, re.MULTILINE)


def flags(*command):
    """Those that the help of a command lists."""
    return set(re.findall(r"^  (?:-\w, )?(--[\w.-]+)", harness.run(*command, "--help").stdout, re.MULTILINE))


def collectors():
    return re.findall(r"^  (\w+) ", harness.run("--help").stdout.split("Collectors, ")[1], re.MULTILINE)


def headings(text):
    """The anchors of a page, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}


def families(page):
    """{name: (type, labels)} of a text page; without the labels that any agent's metric has."""
    found = {name: (kind, set()) for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE)}
    for name, labels in re.findall(r"^(\w+)\{(.*)\} \S+$", page, re.MULTILINE):
        found[name][1].update(set(re.findall(r'(\w+)="', labels)) - {"agent", "slot"})
    return found


class MetricsTest(harness.TestCase):
    """Everything switched on, so that every metric that is named must be on the page."""

    maxDiff = None
    there = {}  # {name: (type, labels)}, gathered once for all tests here

    def full_exporter(self):
        watched, ends = self.tree("tree", self.tree("wait").path), self.tree("wait")
        meta = self.write("meta.json", json.dumps({"context_pct": 43.5, "subagents": 2, "model": "m"}))
        config = self.write("full.yaml", f"""
builtin_profiles: false
sample_interval: 200ms
agents:
  - {{name: {watched.name}, slot: "1", match: {{comm: {watched.name}}}}}
  - {{name: {ends.name}, match: {{comm: {ends.name}}}}}
  - {{name: reviewer, match: {{comm: claude, cmdline: '^claude 100000'}}}}
meta: [{{agent: {watched.name}, source: file, path: {meta}, interval: 1s}}]
snapshot:
  dir: {self.directory}/snapshots
  interval: 1s
  agents: [{{name: {watched.name}, sidecars: [{{name: helper, pid: {os.getpid()}}}]}}]
  names: [{watched.name}]
  hooks: {{on_diff: [{{name: hook, command: [/bin/true]}}]}}
conditions: [{{name: runs, when: instances > 0}}]
""")
        self.claude()
        usage = {"input_tokens": 1, "output_tokens": 1}
        self.claude_session("waiting", {"type": "assistant", "timestamp": "2999-01-01T00:00:00Z",
                                        "message": {"id": "m", "model": "m", "usage": usage, "content": []}},
                            limits=[{"window": "5h", "used_ratio": 0.5, "reset": time.time() + 1000}])
        exporter = self.exporter("--collector.io", "--collector.scheduling", f"--config.file={config}")
        # The end of an agent that was seen; a rate limit; what is read or written on threads of its own.
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_up", agent=ends.name)) == 1, "the agent")
        ends.stop()
        watched.tell("change")  # ends a child, so there is a reason to show
        event = harness.run("event", "rate-limit", f"--agent={watched.name}", "--source=breaker", "--kind=trip",
                            f"--ledger.path={exporter.state.name}/resource-ledger.db")
        self.assertEqual(event.returncode, 0, event.stderr)
        for metric in ("agent_last_exit_timestamp_seconds", "agent_rate_limit_events_total", "agent_context_ratio",
                       "agent_snapshot_timestamp_seconds", "agent_host_tmux_sessions", "agent_sidecar_up",
                       "agent_exporter_ledger_last_write_timestamp_seconds", "agent_tokens_total"):
            harness.wait_for(lambda metric=metric: harness.matching(exporter.scrape(), metric), metric)
        return exporter

    def leaking(self):
        """What is there only while an agent leaks, or copies of a command pile up; time runs fifty times as fast."""
        script = self.write("leaker_of_the_docs.py", """
import os, resource, subprocess, time
copies = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _ in range(3)]  # they end with this process
resource.setrlimit(resource.RLIMIT_NOFILE, (240, 240))
while True:
    started, held = time.monotonic(), []
    while len(held) < 230:
        held.append(open(os.devnull))
        time.sleep(max(0, started + len(held) / 12 - time.monotonic()))
""")
        config = self.write("leaking.yaml", f"""
builtin_profiles: false
sample_interval: 200ms
agents: [{{name: leaker, match: {{script: {pathlib.Path(script).name}}}}}]
""")
        exporter = self.exporter(f"--config.file={config}", command=[os.environ["FAST_EXPORTER"]], env={"FAST_CLOCK": "50"})
        agent = subprocess.Popen([sys.executable, "-B", script], stdin=subprocess.DEVNULL)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)

        def page_with_a_verdict():
            there = families(exporter.get().text)
            return there if "agent_leak_verdict" in there else None

        return harness.wait_for(page_with_a_verdict, "a verdict")

    def setUp(self):
        super().setUp()
        if not self.there:
            self.there.update(families(self.full_exporter().get().text))
            # A look that finds a file missing.
            proc = self.write("proc/stat", "btime 1\n")
            nothing = families(self.exporter(f"--path.procfs={pathlib.Path(proc).parent}").get().text)
            self.there["agent_exporter_unreadable"] = nothing["agent_exporter_unreadable"]
            for name, family in self.leaking().items():
                self.there.setdefault(name, family)

    def test_metrics_that_are_named_exist(self):
        for name, text in TEXTS.items():
            with self.subTest(name):
                # A * stands for any rest; a dot or slash makes it a file's name.
                named = set(re.findall(r"\bagent_(?:[a-z0-9_]*[a-z0-9]\b(?!_\*|[./])|[a-z0-9_]*_\*)", text))
                wrong = [word for word in named - NO_METRICS - ABSENT if not any(
                    metric == word or (word.endswith("*") and metric.startswith(word[:-1])) for metric in self.there)]
                self.assertEqual(wrong, [])

    def test_the_tables_of_metrics_are_complete(self):
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| \S.* \|$", METRICS, re.MULTILINE)
        self.assertEqual(METRICS.count("\n| `"), len(rows))
        listed = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}
        names = (listed.keys() | self.there.keys()) - ABSENT
        self.assertEqual({name: self.there.get(name) for name in names}, {name: listed.get(name) for name in names})


class DocsTest(harness.TestCase):
    def test_commands_and_flags_that_are_named_exist(self):
        ours = {None: flags()} | {command: flags(command) for command in commands()}
        ours["event"] |= flags("event", "rate-limit")
        every = set().union(*ours.values(), *OTHERS_FLAGS.values())
        every |= {f"--{no}collector.{name}" for name in [*collectors(), *PLACEHOLDERS] for no in ("", "no-")}
        for name, text in TEXTS.items():
            with self.subTest(name):
                self.assertEqual(set(re.findall(r"(?<![\w-])--[a-z][\w.-]*\w", text)) - every, set())
                lines = "\n".join(code(text))
                for command in re.findall(r"^(?:\$ )?(?:\S*/)?agent_exporter ([a-z][a-z-]*)", lines, re.MULTILINE):
                    self.assertIn(command, ours)

    def test_variables_that_are_named_exist(self):
        ours = {"AGENT_EXPORTER_" + re.sub(r"[.-]", "_", flag[2:]).upper() for flag in flags()}
        ours |= TOLD_VARIABLES | {"AGENT_EXPORTER_" + flag[2:].replace("-", "_").upper() for flag in flags("run")}
        for name, text in TEXTS.items():
            with self.subTest(name):
                self.assertEqual(set(re.findall(r"\bAGENT_EXPORTER_\w+", text)) - ours, set())

    def test_no_other_programs_flag_is_excused_in_vain(self):
        everything = "\n".join(TEXTS.values())
        for flag in set().union(*OTHERS_FLAGS.values()):
            self.assertRegex(everything, re.escape(flag) + r"\b")

    def test_flags_and_collectors_that_exist_are_documented(self):
        for flag in flags():
            self.assertIn(f"`{flag}`", CONFIGURATION)
        for name in collectors():
            self.assertIn(f"`{name}`", CONFIGURATION)
        everything = "\n".join(text for name, text in TEXTS.items() if name.startswith("docs/"))
        for command in commands():
            for flag in flags(command):
                with self.subTest(f"{command} {flag}"):
                    self.assertRegex(everything, re.escape(flag) + r"\b")

    def known_keys(self, result):
        """What a message about the key X says is known."""
        self.assertEqual(result.returncode, 2, result.stdout)
        return re.search(r'unknown key "X"; known keys: (.*)', result.stderr)[1].split(", ")

    def test_configuration_keys_that_exist_are_documented(self):
        for section, page in SECTIONS.items():
            path = self.write("unknown.yaml", section + "\n")
            with self.subTest(section):
                for key in self.known_keys(harness.run("check-config", path)):
                    self.assertRegex(TEXTS[page], rf"\b{key}:|`{key}`")
        token = self.write("token", "0123456789abcdef0123\n")
        for section in WEB_SECTIONS:
            path = self.write("unknown.yml", section + "\n")
            with self.subTest(section):
                result = harness.run("open", f"--web.token-file={token}", f"--web.config.file={path}")
                for key in self.known_keys(result):
                    self.assertRegex(TEXTS["docs/web-config.md"], rf"\b{key}:|`{key}`")

    def test_configuration_examples_are_taken(self):
        path = self.write("unknown.yaml", "X: 1\n")
        ours = self.known_keys(harness.run("check-config", path))
        tried = 0
        for name, text in TEXTS.items():
            for example in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
                if re.search(r"^(\w+):", example, re.MULTILINE)[1] not in ours:
                    continue
                tried += 1
                path = self.write("example.yaml", example)
                with self.subTest(f"{name}: {example}"):
                    result = harness.run("check-config", path)
                    self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertGreater(tried, 6)

    def test_files_and_headings_that_are_linked_exist(self):
        for page in PAGES:
            for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
                with self.subTest(f"{page.relative_to(ROOT)}: {link}"):
                    file, _, heading = link.partition("#")
                    target = page.parent / file if file else page
                    self.assertTrue(target.exists())
                    if heading:
                        self.assertIn(heading, headings(target.read_text()))


if __name__ == "__main__":
    unittest.main()
