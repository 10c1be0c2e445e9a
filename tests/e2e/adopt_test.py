"""`adopt` of a rule: processes outside the agent's tree, by their environment and by the real tmux."""

import os
import subprocess
import unittest

import harness


class AdoptTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.sockets = os.path.join(self.directory, "tmux")
        os.mkdir(self.sockets)
        self.environment = dict(os.environ, TMUX_TMPDIR=self.sockets, LC_ALL="C.UTF-8")
        self.environment.pop("TMUX", None)

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-f", "/dev/null", *arguments], env=self.environment, check=True,
                              capture_output=True, text=True).stdout

    def new_session(self, name):
        self.tmux("new-session", "-d", "-s", name, "sleep 1000")

    def descendants(self, exporter, name):
        return sum(harness.matching(exporter.scrape(), "agent_descendants", agent=name).values())

    def await_descendants(self, exporter, name, count):
        harness.wait_for(lambda: self.descendants(exporter, name) == count, f"{count} descendants")

    def config(self, name, adopt):
        return self.write("agents.yaml", f"""
sample_interval: 200ms
builtin_profiles: false
agents:
  - name: {name}
    match: {{comm: {name}}}
    adopt: {adopt}
""")

    def test_sessions_on_a_tmux_server_older_than_the_agent(self):
        self.addCleanup(lambda: self.tmux("kill-server"))
        self.new_session("agent-1")
        self.new_session("private")
        root = self.tree("wait")
        config = self.config(root.name, "{tmux: {sessions: 'agent-*'}}")
        for flags in ((), ("--process.source=procfs", "--process.events=none")):
            exporter = self.exporter(f"--config.file={config}", *flags, env=self.environment)
            samples = exporter.scrape()
            self.assertEqual(sum(harness.matching(samples, "agent_descendants", agent=root.name).values()), 1)
            self.assert_value(samples, 0, "agent_orphans", agent=root.name)
            self.assertEqual(exporter.stop(), 0)
        exporter = self.exporter(f"--config.file={config}", env=self.environment)
        self.new_session("agent-2")
        self.await_descendants(exporter, root.name, 2)
        pane = self.tmux("list-panes", "-t", "agent-2", "-F", "#{pane_pid}").strip()
        explained = subprocess.run([os.environ["AGENT_EXPORTER"], "explain", pane, f"--config.file={config}"],
                                   env=self.environment, capture_output=True, text=True, check=True).stdout
        self.assertIn("adopted by its tmux session", explained)

    def test_processes_with_the_mark_of_a_job_runner(self):
        root = self.tree("wait")
        config = self.config(root.name, "{environ: {AE_TEST_TRACKING_ID: 'github_*'}}")

        def start(mark):
            process = subprocess.Popen(["sleep", "1000"], env=dict(os.environ, AE_TEST_TRACKING_ID=mark))
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            return process

        start("github_1")
        start("other")
        exporters = [self.exporter(f"--config.file={config}", *flags)
                     for flags in ((), ("--process.source=procfs", "--process.events=none"))]
        for exporter in exporters:
            self.await_descendants(exporter, root.name, 1)
        later = start("github_2")
        for exporter in exporters:
            self.await_descendants(exporter, root.name, 2)
        explained = harness.run("explain", str(later.pid), f"--config.file={config}").stdout
        self.assertIn("adopted by its environment", explained)
        self.assertNotIn("github_2", explained)


if __name__ == "__main__":
    unittest.main()
