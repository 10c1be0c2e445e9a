"""60 s of a FUSE file system that does not answer: a process in mmap() on it, and a transcript on it.

Bars: every scrape below 100 ms, looks at their interval, the figures of another agent fresh.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import unittest

import hanging_fs
import harness

SECONDS = 60
LOOK = harness.key("agent_exporter_last_collect_timestamp_seconds", collector="agent_self")


@unittest.skipUnless(hanging_fs.usable(), "needs root and /dev/fuse")
class FrozenTest(harness.TestCase):
    def hanging(self):
        hanging = hanging_fs.HangingFs(os.path.join(self.directory, "hanging"))
        self.addCleanup(hanging.close)
        return hanging

    def measure(self, what, exporter, agent):
        """Scrapes twice a second; the sampler's own ticks come between them."""
        took, ages, looks = [], [], set()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            began = time.monotonic()
            samples = exporter.scrape()
            took.append(time.monotonic() - began)
            ages.append(time.time() - samples[LOOK])
            looks.add(samples[LOOK])
            self.assertEqual(samples[harness.key("agent_up", agent=agent)], 1)
            self.assertTrue(harness.matching(samples, "agent_self_resident_memory_bytes", agent=agent))
            failed = {k for k, v in harness.matching(samples, "agent_exporter_collector_success").items() if v != 1}
            self.assertEqual(failed, set())
            time.sleep(0.7)
        took.sort()
        blocked = samples[harness.key("agent_exporter_blocked_reads")]
        print(f"{what}: {len(took)} scrapes, median {took[len(took) // 2] * 1000:.1f} ms, longest {took[-1] * 1000:.1f} ms; "
              f"oldest figures {max(ages):.2f} s; {len(looks)} looks seen; blocked reads {blocked:.0f}", flush=True)
        self.assertGreaterEqual(blocked, 1)
        self.assertLess(took[-1], 0.1)
        self.assertLess(max(ages), 2)
        self.assertGreater(len(looks), len(took) * 0.9)

    def look_without_a_scrape(self, what, told):
        """A condition flips while nobody scrapes: the sampler's own tick notices, within two intervals."""
        for i in range(5):
            process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "frozen_comes_and_goes"])
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            began = time.monotonic()
            harness.wait_for(lambda i=i: told.exists() and len(told.read_text()) == i + 1, "the sampler's own tick")
            took = time.monotonic() - began
            print(f"{what}: without a scrape a new agent was noticed after {took:.2f} s", flush=True)
            self.assertLess(took, 2.5)
            process.kill()
            process.wait()
            time.sleep(2.2)

    def stop(self, what, exporter):
        began = time.monotonic()
        exporter.process.terminate()
        port_free = None
        while exporter.process.poll() is None and time.monotonic() - began < 5:
            if port_free is None and not self.listens(exporter.port):
                port_free = time.monotonic() - began
            time.sleep(0.01)
        ended = exporter.process.poll()
        print(f"{what}: after SIGTERM the port is free in {port_free if port_free is not None else time.monotonic() - began:.2f} s, "
              f"the process {'has ended' if ended is not None else 'is a zombie that waits for the kernel'} "
              f"after {time.monotonic() - began:.2f} s", flush=True)
        return ended

    @staticmethod
    def listens(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def test_a_process_in_mmap(self):
        for flags in ((), ("--process.source=procfs", "--process.events=none")):
            hanging = self.hanging()
            root = self.tree("wait")
            config = self.config_for(root.name, interval="1s")
            with open(config, "a", encoding="utf-8") as rules:
                rules.write("  - {name: asks, match: {cmdline: '^no such program$'}}\n"  # everybody's command line is read
                            "  - {name: comes, match: {args: frozen_comes_and_goes}}\n"
                            "conditions:\n"
                            "  - {name: here, when: instances > 0, agents: comes, hooks: "
                            f"[{{command: [/bin/sh, -c, 'printf x >> {self.directory}/told']}}]}}\n")
            told = pathlib.Path(self.directory, "told")
            told.unlink(missing_ok=True)
            exporter = self.exporter(f"--config.file={config}", *flags)
            hanging.start_victim()
            victim_seen = harness.key("agent_exporter_blocked_reads")
            harness.wait_for(lambda e=exporter: e.scrape()[victim_seen] >= 1, "a read that hangs")
            self.measure(f"mmap {' '.join(flags) or 'default'}", exporter, root.name)
            self.look_without_a_scrape("mmap", told)
            self.assertEqual(self.stop("mmap", exporter), 0)
            hanging.close()

    def test_a_transcript(self):
        hanging = self.hanging()
        root = self.tree("wait")
        self.claude()
        meta = self.write("meta.json", json.dumps({"model": "m"}))
        config = self.write("agents.yaml", f"""
sample_interval: 1s
builtin_profiles: false
meta:
  - {{agent: reviewer, source: claude-code, interval: 1s, config_dir: {hanging.directory}/config}}
  - {{agent: {root.name}, source: file, interval: 1s, path: {meta}}}
agents:
  - {{name: reviewer, match: {{comm: claude, cmdline: '^claude 100000'}}, rate_limit_log: {hanging.directory}/agent.log}}
  - {{name: {root.name}, match: {{comm: {root.name}}}}}
  - {{name: by_pidfile, match: {{pidfile: {hanging.directory}/a.pid}}}}
""")
        exporter = self.exporter(f"--config.file={config}")
        time.sleep(3)
        hanging.stop_answering()
        harness.wait_for(lambda: exporter.scrape()[harness.key("agent_exporter_blocked_reads")] >= 1, "a read that hangs")
        self.measure("transcript, log and pidfile", exporter, root.name)
        self.stop("transcript, log and pidfile", exporter)
        hanging.close()
        exporter.process.wait(20)


if __name__ == "__main__":
    unittest.main()
