"""The exporter is killed and restarted 20 times under a tree with 5 orphans and 3 sessions: the same figures after the
first look each time."""

import os
import subprocess
import time
import unittest

import harness

TIMES = 20
AGENT = r"""
import subprocess, sys, time
sleep = sys.argv[1]  # nobody else's
time.sleep(2)
for i in range(5): subprocess.run(['sh', '-c', f'{sleep} & sleep 1.5; exit 0'])  # long enough for a look without events
for i in range(3): subprocess.Popen(['setsid', 'sh', '-c', f'{sleep}; true'])
print('ready', flush=True)
time.sleep(1000)
"""


class RestartsTest(harness.TestCase):
    def figures(self, samples, agent):
        shown = {metric: harness.matching(samples, metric, agent=agent)
                 for metric in ("agent_up", "agent_instances", "agent_orphans", "agent_descendants", "agent_children")}
        return {sample: value for samples in shown.values() for sample, value in samples.items()}

    def check(self, name, flags):
        agent = harness.unique_name()
        python = os.path.join(self.directory, agent)
        os.symlink("/usr/bin/python3", python)
        config = self.write("agents.yaml", "builtin_profiles: false\nsample_interval: 1s\n"
                            f"agents:\n  - {{name: {agent}, match: {{comm: {agent}}}}}\n")
        sleep = f"sleep 1000.{os.getpid()}{len(name)}"
        state = os.path.join(self.directory, f"state_{name}")
        os.mkdir(state)
        environment = {"STATE_DIRECTORY": state}
        exporter = self.exporter(f"--config.file={config}", *flags, env=environment)
        process = subprocess.Popen([python, "-c", AGENT, sleep], stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(subprocess.run, ["pkill", "-KILL", "-x", "-f", sleep], check=False)
        self.assertEqual(process.stdout.readline(), "ready\n")
        orphans = harness.key("agent_orphans", agent=agent)
        harness.wait_for(lambda: exporter.scrape().get(orphans) == 5, "five orphans")
        time.sleep(2.5)  # the state is saved with the tick after
        before = self.figures(exporter.fresh(), agent)
        wrong = 0
        for i in range(TIMES):
            if i % 2 == 0:
                exporter.process.kill()
                exporter.process.wait()
            else:
                exporter.process.terminate()
                exporter.process.wait()
            exporter = self.exporter(f"--config.file={config}", *flags, env=environment)
            after = self.figures(exporter.scrape(), agent)
            if after != before:
                wrong += 1
                print(f"{name}, restart {i + 1}: {sorted(set(before.items()) ^ set(after.items()))}", flush=True)
        print(f"{name}: {TIMES} restarts, {wrong} with other figures; orphans {before[orphans]:.0f}", flush=True)
        self.assertEqual(wrong, 0)

    def test_default(self):
        self.check("default", ())

    def test_netlink(self):
        self.check("netlink", ("--process.source=procfs", "--process.events=netlink"))

    def test_procfs(self):
        self.check("procfs", ("--process.source=procfs", "--process.events=none"))


if __name__ == "__main__":
    unittest.main()
