"""The exporter's memory of who belongs to whom: a restart, however it came, loses none of it."""

import json
import os
import pathlib
import sqlite3
import subprocess
import unittest

import harness

# Whatever it starts ends with what holds the fifo open.
AGENT = """
import subprocess, sys
lifeline = open(sys.argv[1])
for _ in range(5):
    subprocess.run(['sh', '-c', 'exec 3<&0; cat <&3 & exit 0'], stdin=lifeline)
for _ in range(3):
    subprocess.Popen(['cat'], stdin=lifeline, start_new_session=True)
print('ready', flush=True)
sys.stdin.readline()
"""


class MemoryTest(harness.TestCase):
    def start(self, config, state):
        return self.exporter(f"--config.file={config}", "--ledger.path=" + os.path.join(state, "ledger.db"),
                             env={"STATE_DIRECTORY": state})

    def remembered(self, state):
        path = pathlib.Path(state, "tree.state")
        return json.loads(path.read_text())["processes"] if path.exists() else []

    def figures(self, exporter, name, state):
        """Of the first look and the first row of the ledger."""
        samples = exporter.scrape()
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_up")), "the ledger")
        with sqlite3.connect(f"file:{state}/ledger.db?mode=ro", uri=True) as db:
            sessions = db.execute("SELECT DISTINCT source FROM resource_samples WHERE source LIKE 'session:%' AND ts = "
                                  "(SELECT max(ts) FROM resource_samples)").fetchall()
        of = {metric: sum(harness.matching(samples, metric, agent=name).values())
              for metric in ("agent_orphans", "agent_descendants", "agent_children", "agent_instances")}
        return of, sorted(sessions)

    def test_killed_and_started_twenty_times(self):
        name = harness.unique_name()
        script = self.write(f"{name}.py", AGENT)
        config = self.write("agents.yaml", "builtin_profiles: false\nsample_interval: 200ms\n"
                            "ledger: {sample_interval: 1s, idle_sample_interval: 1s}\nagents:\n"
                            f"  - {{name: {name}, match: {{cmdline: '{name}.py'}}}}\n")
        state = os.path.join(self.directory, "state")
        os.mkdir(state)
        exporter = self.start(config, state)
        fifo = os.path.join(self.directory, "fifo")
        os.mkfifo(fifo)
        lifeline = os.open(fifo, os.O_RDWR)
        self.addCleanup(os.close, lifeline)
        agent = subprocess.Popen(["/usr/bin/python3", "-S", script, fifo], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True, start_new_session=True)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        self.addCleanup(agent.stdout.close)
        self.addCleanup(agent.stdin.close)
        self.assertEqual(agent.stdout.readline(), "ready\n")
        orphans = lambda: [entry for entry in self.remembered(state) if entry["is"] == "orphan"]
        harness.wait_for(lambda: len(orphans()) == 5, "five orphans in the file")
        exporter.kill()
        for turn in range(20):
            exporter = self.start(config, state)
            of, sessions = self.figures(exporter, name, state)
            self.assertEqual(of, {"agent_orphans": 5, "agent_descendants": 8, "agent_children": 3,
                                  "agent_instances": 1}, turn)
            self.assertEqual(len(sessions), 3, turn)
            exporter.kill()
        exporter = self.start(config, state)
        self.assertEqual(exporter.stop(), 0)
        self.assertEqual(len(orphans()), 5, "saved at a good end as well")
        agent.kill()
        exporter = self.start(config, state)
        of, _ = self.figures(exporter, name, state)
        self.assertEqual(of["agent_orphans"], 8, "its orphans outlive the agent, whose children are some now")
        exporter.kill()

    def test_a_file_that_is_none_is_moved_away(self):
        state = os.path.join(self.directory, "state")
        os.mkdir(state)
        path = pathlib.Path(state, "tree.state")
        path.write_text("what is this")
        exporter = self.start(self.config_for("nobody"), state)
        self.assertEqual(pathlib.Path(state, "tree.state.bad").read_text(), "what is this")
        self.assertEqual(len([line for line in exporter.log.all if "moved to" in line]), 1)
        harness.wait_for(path.exists, "a new one")
        self.assertEqual(exporter.stop(), 0)


if __name__ == "__main__":
    unittest.main()
