"""A spike that is over before the scrape is still seen: the highest of the last minute, kept by the sampler's ticks."""

import subprocess
import types
import unittest

import harness

MIB = 1 << 20
SCRIPT = """
import os, sys, time
open('/proc/self/comm', 'w').write(NAME)
print('ready', flush=True)
sys.stdin.readline()
memory = bytearray(64 << 20)
for at in range(0, len(memory), 4096):
    memory[at] = 1
files = [os.open('/dev/null', os.O_RDONLY) for _ in range(100)]
children = []
for _ in range(7):
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    children.append(pid)
time.sleep(1.5)  # the spike: some ticks, and no scrape
del memory
for fd in files:
    os.close(fd)
for pid in children:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
print('over', flush=True)
sys.stdin.readline()
"""


class MaximaTest(harness.TestCase):
    def value(self, samples, metric):
        return sum(harness.matching(samples, metric, agent=self.name).values())

    def test_a_spike_between_two_scrapes(self):
        self.name = harness.unique_name()
        agent = subprocess.Popen(["/usr/bin/python3", "-c", f"NAME = {self.name!r}\n{SCRIPT}"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(agent.stdout.close)
        self.addCleanup(agent.wait, 20)
        self.addCleanup(agent.stdin.close)
        self.assertEqual(agent.stdout.readline(), "ready\n")
        root = types.SimpleNamespace(name=self.name)
        exporter = self.exporter(f"--config.file={self.config_for(root.name, interval='200ms')}")
        before = exporter.fresh()
        agent.stdin.write("\n")
        agent.stdin.flush()
        self.assertEqual(agent.stdout.readline(), "over\n")
        after = exporter.fresh()
        for metric, least in (("agent_self_resident_memory_bytes", 60 * MIB), ("agent_self_open_fds", 100),
                              ("agent_descendants", 7)):
            with self.subTest(metric=metric):
                highest = self.value(after, f"{metric}_max")
                self.assertGreaterEqual(highest, self.value(before, metric) + least)
                self.assertLess(self.value(after, metric), self.value(before, metric) + least / 2)


if __name__ == "__main__":
    unittest.main()
