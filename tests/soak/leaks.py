"""Real leaks at their real pace, with the shipped rules in a real Prometheus that scrapes every 15 s.

An agent that leaks a descriptor a second under `ulimit -n 400`, a node that leaks to the limit of its heap, and one that reads a
file of 220 MB again and again in a control group of 256 MB. Bars: both leaks page before the end, with the time left that is
printed; node's end pages as oom-heap; of the one that only reads nobody hears.
"""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import unittest
import urllib.parse
import urllib.request

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
FDS = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
held, started = [], time.monotonic()
try:
    while True:
        held.append(open(os.devnull))
        time.sleep(max(0, started + len(held) - time.monotonic()))
except OSError:
    print(time.time(), flush=True)
time.sleep(3600)
"""
NODE = """
const held = [];
setInterval(() => { for (let i = 0; i < 170; ++i) held.push({text: "x".repeat(20) + Math.random()}); }, 100);
"""
READS = """
import sys, time
while True:
    with open(sys.argv[1], "rb") as file:
        while file.read(1 << 20):
            pass
    time.sleep(0.5)
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def memory_group(name, limit):
    """A control group of memory, v1 or v2; None where this user may not have one."""
    for base, file in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max")):
        group = pathlib.Path(base, name)
        with contextlib.suppress(OSError):
            group.mkdir()
            if (group / file).exists():
                (group / file).write_text(str(limit))
                return group
            group.rmdir()
    return None


class LeaksTest(harness.TestCase):
    def start(self, *command, **options):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True, **options)  # pylint: disable=consider-using-with
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def start_prometheus(self, target):
        config = self.write("prometheus.yml", f"""
global: {{scrape_interval: 15s, evaluation_interval: 15s}}
rule_files: ['{ROOT}/alerts/agent_exporter.rules.yml']
scrape_configs: [{{job_name: agents, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]
""")
        address = f"127.0.0.1:{free_port()}"
        with open(f"{self.directory}/prometheus.log", "wb") as log:
            self.start("prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory}/data",
                       f"--web.listen-address={address}", stdout=log, stderr=log)
        return f"http://{address}/api/v1/"

    def firing(self):
        """When each alert of an agent fired first: {(alert, agent): seconds since the epoch}."""
        now = time.time()
        query = urllib.parse.urlencode({"query": 'ALERTS{alertstate="firing"}', "start": now - 1000, "end": now, "step": 15})
        with urllib.request.urlopen(f"{self.prometheus}query_range?{query}", timeout=harness.PATIENCE) as answer:
            series = json.load(answer)["data"]["result"]
        first = {}
        for one in series:
            key = (one["metric"]["alertname"], one["metric"].get("agent", ""))
            first[key] = min(first.get(key, now), float(one["values"][0][0]))
        return first

    def test_leaks_page_and_reading_does_not(self):
        group = memory_group(harness.unique_name(), 256 << 20)
        if group is None:
            self.skipTest("needs a memory control group")
        self.addCleanup(lambda: harness.wait_for(lambda: self.removed(group), "rmdir"))
        fds, node, reads = (self.write(f"live_{name}", text) for name, text in
                            (("fds.py", FDS), ("heap.js", NODE), ("reads.py", READS)))
        big = self.write("big", "")
        with open(big, "wb") as file:
            for _ in range(220):
                file.write(os.urandom(1 << 20))
        config = self.write("agents.yaml", f"""
builtin_profiles: false
agents:
  - {{name: fds, match: {{script: {pathlib.Path(fds).name}}}}}
  - {{name: heap, match: {{script: {pathlib.Path(node).name}}}}}
  - {{name: reads, match: {{script: {pathlib.Path(reads).name}}}}}
""")
        exporter = self.exporter(f"--config.file={config}")
        self.prometheus = self.start_prometheus(exporter.port)
        began = time.time()
        reader = self.start(sys.executable, reads, big, preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())))
        leaker = self.start(sys.executable, fds, stdout=subprocess.PIPE)
        heap = self.start("node", "--max-old-space-size=128", node, stderr=subprocess.DEVNULL)
        heap.wait(900)
        heap_end = time.time()
        with leaker.stdout:
            fds_end = float(leaker.stdout.readline())
        time.sleep(45)
        fired = self.firing()
        self.assertIsNone(reader.poll())
        for (alert, agent), when in sorted(fired.items(), key=lambda item: item[1]):
            print(f"{when - began:5.0f} s  {alert} of {agent or 'the host'}", flush=True)

        def first(agent, pattern):
            return min((when for (alert, of), when in fired.items() if of == agent and re.search(pattern, alert)), default=None)

        for agent, pattern, end in (("fds", "FdLeak|NearLimit", fds_end), ("heap", "MemoryClimb|NearLimit", heap_end)):
            when = first(agent, pattern)
            self.assertIsNotNone(when, agent)
            print(f"{agent}: lasted {end - began:.0f} s, paged after {when - began:.0f} s, "
                  f"{(end - when) / (end - began):.0%} of the time left", flush=True)
            self.assertLess(when, end, agent)
        self.assertIsNotNone(first("heap", "AgentKilled|AgentDiedAtLimit"), "node's end")
        self.assertEqual([alert for alert, of in fired if of == "reads"], [])

    @staticmethod
    def removed(group):
        with contextlib.suppress(OSError):
            group.rmdir()
        return not group.exists()


if __name__ == "__main__":
    unittest.main()
