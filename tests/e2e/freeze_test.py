"""Whatever one process or mount does not answer, looks and scrapes go on, and figures are of now or absent.

The file systems here hang for as long as a test of them takes, and with them `ps` and whoever else reads a cmdline:
these tests run alone.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
import unittest

import hanging_fs
import harness

LOOK = harness.key("agent_exporter_last_collect_timestamp_seconds", collector="agent_self")
BLOCKED = harness.key("agent_exporter_blocked_reads")
AGE = harness.key("agent_exporter_look_age_seconds")


class FreezeTest(harness.TestCase):
    def setUp(self):
        if not hanging_fs.usable():
            self.skipTest("needs root and /dev/fuse")
        super().setUp()
        self.root = self.tree("wait")

    def hanging(self):
        hanging = hanging_fs.HangingFs(os.path.join(self.directory, "hanging"))
        self.addCleanup(hanging.close)
        return hanging

    def assert_looks_go_on(self, exporter, agent):
        """Three more looks, each with this agent's figures and no collector that fails."""
        for _ in range(3):
            samples = exporter.fresh()
            self.assert_value(samples, 1, "agent_up", agent=agent)
            self.assertTrue(harness.matching(samples, "agent_self_resident_memory_bytes", agent=agent))
            success = harness.matching(samples, "agent_exporter_collector_success")
            self.assertEqual({sample for sample, value in success.items() if value != 1}, set())

    def check_mmap(self, *flags):
        hanging = self.hanging()
        late = harness.unique_name()
        config = self.config_for(self.root.name, late, interval="200ms")
        with open(config, "a", encoding="utf-8") as rules:
            rules.write("  - {name: asks, match: {cmdline: '^no such program$'}}\n")  # everybody's command line is read
        before = self.exporter(f"--config.file={config}", *flags)
        self.assert_looks_go_on(before, self.root.name)
        victim = hanging.start_victim()
        after = self.exporter(f"--config.file={config}", *flags)  # finds it there
        for exporter in (before, after):
            self.assert_looks_go_on(exporter, self.root.name)
        harness.wait_for(lambda: after.scrape()[BLOCKED] >= 1, "the read that hangs")
        after.log.find(f"does not answer about the memory of pid {victim} ")
        other = self.tree("wait", name=late)
        for exporter in (before, after):
            harness.wait_for(lambda e=exporter: e.scrape().get(harness.key("agent_up", agent=late)) == 1, "a new agent")
        for command in (["explain", str(victim)], ["status", "--json"], ["traits", f"--agent={self.root.name}"]):
            self.assertEqual(harness.run(*command, f"--config.file={config}").returncode, 0, command)
        other.stop()
        # It ends although a thread of it waits.
        self.assertEqual(after.stop(), 0)
        hanging.close()
        harness.wait_for(lambda: before.scrape()[BLOCKED] == 0, "the end of the read")
        self.assertEqual(before.stop(), 0)

    def test_a_process_whose_memory_map_is_held(self):
        self.check_mmap()

    def test_the_same_from_proc_alone(self):
        self.check_mmap("--process.source=procfs", "--process.events=none")

    def test_files_that_do_not_answer(self):
        """A transcript, a pidfile and a log on a mount that dies."""
        hanging = self.hanging()
        self.claude()
        meta = self.write("meta.json", json.dumps({"model": "first"}))
        config = self.write("agents.yaml", f"""
sample_interval: 200ms
builtin_profiles: false
meta:
  - {{agent: reviewer, source: claude-code, interval: 1s, config_dir: {hanging.directory}/config}}
  - {{agent: {self.root.name}, source: file, interval: 1s, path: {meta}}}
agents:
  - {{name: reviewer, match: {{comm: claude, cmdline: '^claude 100000'}}, rate_limit_log: {hanging.directory}/agent.log}}
  - {{name: {self.root.name}, match: {{comm: {self.root.name}}}}}
  - {{name: by_pidfile, match: {{pidfile: {hanging.directory}/a.pid}}}}
""")
        exporter = self.exporter(f"--config.file={config}", f"--ledger.path={self.directory}/ledger.db")
        model = lambda name: harness.key("agent_meta_info", agent=self.root.name, model=name)
        harness.wait_for(lambda: exporter.scrape().get(model("first")) == 1, "meta of a file")
        hanging.stop_answering()
        harness.wait_for(lambda: exporter.scrape()[BLOCKED] >= 1, "reads that hang")
        self.assert_looks_go_on(exporter, self.root.name)
        self.write("meta.json", json.dumps({"model": "second"}))
        harness.wait_for(lambda: exporter.scrape().get(model("second")) == 1, "meta of another agent")
        hanging.close()
        harness.wait_for(lambda: exporter.scrape()[BLOCKED] == 0, "the end of the reads")
        self.assertEqual(exporter.stop(), 0)

    def test_a_process_that_hangs_in_its_exit_has_no_memory_and_hides_no_sum(self):
        """It gave its memory back and waits for a flush of a file: neither running nor a zombie."""
        hanging = self.hanging()
        script = (f"open('/proc/self/comm', 'w').write('{self.root.name}b')\n"
                  "import subprocess, sys, time\n"
                  f"child = subprocess.Popen(['sleep', '1000'], stdin=open('{hanging.directory}/f', 'rb+'))\n"
                  "print(child.pid, flush=True); time.sleep(1000)\n")
        agent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        self.addCleanup(agent.stdout.close)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        child = int(agent.stdout.readline())
        name = f"{self.root.name}b"
        config = self.config_for(name, interval="200ms")
        exporters = [self.exporter(f"--config.file={config}", *flags)
                     for flags in ((), ("--process.source=procfs", "--process.events=none"))]
        hanging.stop_answering()
        os.kill(child, 9)
        harness.wait_for(lambda: "VmRSS" not in pathlib.Path(f"/proc/{child}/status").read_text(), "its memory's end")
        harness.wait_for(lambda: pathlib.Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "D",
                         "its sleep in the flush")
        for exporter in exporters:
            for _ in range(3):
                samples = exporter.fresh()
                for metric in ("agent_descendants_resident_memory_bytes", "agent_descendants_open_fds",
                               "agent_descendants_threads"):
                    self.assertTrue(harness.matching(samples, metric, agent=name), metric)
        hanging.close()


class OldFiguresTest(harness.TestCase):
    def test_after_a_stop_figures_are_of_now(self):
        """SIGSTOP for longer than figures may be old: the first scrape afterwards shows new ones, and looks go on."""
        root = self.tree("wait")
        exporter = self.exporter(f"--config.file={self.config_for(root.name, interval='200ms')}")
        exporter.process.send_signal(19)
        time.sleep(12)  # what is tested is that time passes
        exporter.process.send_signal(18)
        samples = exporter.fresh()
        self.assert_value(samples, 1, "agent_up", agent=root.name)
        self.assertLess(samples[AGE], 10)
        self.assertEqual(exporter.get("/-/ready").status, 200)
        self.assertEqual(exporter.stop(), 0)


if __name__ == "__main__":
    unittest.main()
