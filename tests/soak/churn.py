"""Three tmux sessions that loop python3, ls and git: no series of the tree is absent once, no ledger row is null.

300 scrapes with each source: procfs, netlink, bpf. Then the CPU of 100 x 20 ms children that nobody waits for, in the
ledger and in /metrics: within 2 %.
"""

import os
import sqlite3
import subprocess
import time
import unittest

import harness

SOURCES = {
    "procfs": ("--process.source=procfs", "--process.events=none"),
    "netlink": ("--process.source=procfs", "--process.events=netlink"),
    "bpf": ("--process.source=bpf", "--process.events=bpf"),
}
SCRAPES = 300
TREE = ("agent_descendants_resident_memory_bytes", "agent_descendants_open_fds", "agent_descendants_threads",
        "agent_children_open_fds", "agent_memory_bytes", "agent_resource_used_ratio")
LOOPS = ("while :; do python3 -c 'import json'; done", "while :; do ls -lR /usr/lib/python3 >/dev/null; done",
         "while :; do git --version; git -C / status >/dev/null 2>&1; done")

# A root that starts children which burn 20 ms each and which nobody waits for (SIGCHLD ignored).
BURNER = r"""
import os, signal, sys, time
open('/proc/self/comm', 'w').write(sys.argv[1])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print('ready', flush=True)
sys.stdin.readline()
for _ in range(100):
    if os.fork() == 0:
        while time.process_time() < 0.02: pass
        os._exit(0)
    time.sleep(0.03)
print('done', flush=True)
time.sleep(1000)
"""


class ChurnTest(harness.TestCase):
    def sources(self):
        for name, flags in SOURCES.items():
            if os.geteuid() == 0 or name == "procfs":
                yield name, flags

    def start_sessions(self, name):
        environment = dict(os.environ, TMUX_TMPDIR=self.directory, CHURN=name)
        environment.pop("TMUX", None)
        starts = "\n".join(
            f"subprocess.run(['tmux', '-f', '/dev/null', 'new-session', '-d', '-s', 's{i}', {loop!r}], check=True)"
            for i, loop in enumerate(LOOPS))
        script = self.write(f"{name}.py", f"import subprocess, time\n{starts}\ntime.sleep(10000)\n")
        agent = subprocess.Popen(["python3", script], env=environment)

        def end():
            subprocess.run(["tmux", "kill-server"], env=environment, check=False)
            agent.kill()
            agent.wait()
        self.addCleanup(end)
        return end

    def check_series(self, source, flags):
        agent = harness.unique_name()
        # Without events nobody sees who started the server, so its sessions are adopted.
        adopt = f", adopt: {{environ: {{CHURN: {agent}}}}}" if source == "procfs" else ""
        config = self.write("agents.yaml", "builtin_profiles: false\nsample_interval: 200ms\n"
                            "ledger: {sample_interval: 1s, idle_sample_interval: 1s}\n"
                            f"agents:\n  - {{name: {agent}, match: {{script: {agent}.py}}{adopt}}}\n")
        ledger = os.path.join(self.directory, f"{source}.db")
        # First, so that events show it that the agent started the tmux server.
        exporter = self.exporter(f"--config.file={config}", f"--ledger.path={ledger}", *flags)
        end = self.start_sessions(agent)
        try:
            descendants = lambda: sum(harness.matching(exporter.fresh(), "agent_descendants", agent=agent).values())
            harness.wait_for(lambda: descendants() >= 4, "the sessions")
            seen, absent, orphans = {}, {}, set()
            for i in range(SCRAPES):
                samples = exporter.fresh()
                shown = {sample for metric in TREE for sample in harness.matching(samples, metric, agent=agent)}
                for sample in shown:
                    seen[sample] = seen.get(sample, 0) + 1
                orphans.add(samples.get(harness.key("agent_orphans", agent=agent)))
                time.sleep(0.2)
        finally:
            end()
        exporter.stop()
        absent = {sample: SCRAPES - count for sample, count in seen.items() if count != SCRAPES}
        with sqlite3.connect(ledger) as database:
            rows, nulls, sources = database.execute(
                "select count(*), sum(cpu_percent is null or rss_bytes is null), count(distinct source) "
                "from resource_samples").fetchone()
        print(f"{source}: {SCRAPES} scrapes, {len(seen)} series of the tree, absent {absent or 0}; orphans {sorted(orphans)}; "
              f"ledger {rows} rows of {sources} sources, {nulls} null", flush=True)
        self.assertGreater(len(seen), 5)
        self.assertEqual(absent, {})
        self.assertEqual(orphans, {0})
        self.assertGreaterEqual(rows, 200)
        self.assertEqual(nulls, 0)

    def test_no_series_of_the_tree_is_absent_once(self):
        for source, flags in self.sources():
            with self.subTest(source):
                self.check_series(source, flags)

    def test_the_ledger_and_the_page_count_the_same_cpu(self):
        for name, flags in self.sources():
            if name == "procfs":
                continue  # without events children that nobody waits for cannot be counted
            with self.subTest(name):
                agent = harness.unique_name()
                burner = subprocess.Popen(["python3", "-c", BURNER, agent], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          text=True)
                self.addCleanup(burner.wait)
                self.addCleanup(burner.kill)
                self.assertEqual(burner.stdout.readline(), "ready\n")
                config = self.write("agents.yaml", "builtin_profiles: false\nsample_interval: 200ms\n"
                                    "ledger: {sample_interval: 1s, idle_sample_interval: 1s}\n"
                                    f"agents:\n  - {{name: {agent}, match: {{comm: {agent}}}}}\n")
                ledger = os.path.join(self.directory, f"{name}.db")
                exporter = self.exporter(f"--config.file={config}", f"--ledger.path={ledger}", *flags)
                time.sleep(3)
                before = self.cpu(exporter.fresh(), agent)
                burner.stdin.write("\n")
                burner.stdin.flush()
                self.assertEqual(burner.stdout.readline(), "done\n")
                time.sleep(4)
                counted = self.cpu(exporter.fresh(), agent) - before
                exporter.stop()
                with sqlite3.connect(ledger) as database:
                    rows = database.execute("select ts, cpu_percent from resource_samples where source = 'aggregate' "
                                            "order by ts").fetchall()
                kept = sum((at - earlier) / 1000 * percent / 100 for (earlier, _), (at, percent) in zip(rows, rows[1:]))
                print(f"{name}: /metrics {counted:.3f} s, ledger {kept:.3f} s ({kept / counted * 100:.1f} %)", flush=True)
                self.assertAlmostEqual(kept / counted, 1, delta=0.02)
                self.assertGreater(counted, 1.9)
                burner.stdin.close()
                burner.stdout.close()

    @staticmethod
    def cpu(samples, agent):
        return sum(value for metric in ("agent_self_cpu_seconds_total", "agent_descendants_cpu_seconds_total")
                   for value in harness.matching(samples, metric, agent=agent).values())


if __name__ == "__main__":
    unittest.main()
