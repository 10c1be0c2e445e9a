"""Nothing missed: every child counted, however short its life, with events from BPF and from the proc connector."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

import harness

CPU = "agent_descendants_cpu_seconds_total"
TICK = 0.01  # USER_HZ is 100 on every Linux of our architectures


def total(exporter, metric, agent, **labels):
    return sum(harness.matching(exporter.fresh(), metric, agent=agent, **labels).values())


class EventsTest(harness.TestCase):
    def exporter_with(self, maker, root):
        """The exporter with events from `maker`; skips where this machine does not allow them."""
        config = self.config_for(root.name, interval="1s")
        refused = subprocess.run(
            [harness.EXPORTER, f"--process.events={maker}", f"--config.file={config}", "--path.procfs=/proc",
             "--web.listen-address=256.0.0.1:1"], capture_output=True, text=True, check=False, timeout=30).stderr
        if "cannot be had here" in refused:
            self.skipTest(refused.strip())
        return self.exporter(f"--config.file={config}", f"--process.events={maker}")

    def check_short_lived(self, maker):
        for children, milliseconds in ((300, 20), (2000, 1), (10, 500)):
            with self.subTest(maker=maker, children=children, milliseconds=milliseconds):
                root = self.tree("forks", children, milliseconds)
                exporter = self.exporter_with(maker, root)
                exporter.fresh()
                truth = root.tell("go")["children_cpu"]
                # 99.9 %, less what is cut when procfs shows user and system time in whole ticks.
                least = 0.999 * truth - 2 * TICK
                counted = harness.wait_for(
                    lambda: (cpu := total(exporter, CPU, root.name)) >= least and cpu, "the children's CPU")
                # A figure of two scheduler ticks beyond the truth would be a double count.
                self.assertLessEqual(counted, truth * 1.001 + 0.02)
                self.assertEqual(total(exporter, "agent_descendants_started_total", root.name), children)
                self.assertEqual(total(exporter, "agent_descendants_exited_total", root.name), children)
                self.assertEqual(total(exporter, "agent_descendants_exited_total", root.name, reason="ok"), children)
                exporter.stop()

    def test_bpf_counts_every_child(self):
        self.check_short_lived("bpf")

    def test_netlink_counts_every_child(self):
        self.check_short_lived("netlink")

    def test_a_daemon_that_outlives_its_agent_is_its_orphan(self):
        """Forked twice by a parent that is gone at once, with setsid in between: no look ever saw it below its agent."""
        for maker in ("bpf", "netlink"):
            with self.subTest(maker=maker):
                name = f"daemonizer{os.getpid()}"[:15]
                script = (f"open('/proc/self/comm','w').write('{name}')\n"
                          "import os,sys,time\n"
                          "print(flush=True); sys.stdin.readline()\n"
                          "if os.fork() == 0:\n"
                          "    os.setsid()\n"
                          "    pid = os.fork()\n"
                          "    if pid: os._exit(0)\n"
                          "    open('/proc/self/comm','w').write('the_daemon')\n"
                          "    print(os.getpid(), flush=True)\n"
                          "    time.sleep(300)\n"
                          "os.wait(); sys.stdin.readline()\n")
                agent = subprocess.Popen(["/usr/bin/python3", "-c", script], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
                agent.stdout.readline()

                class Root:  # what config_for needs
                    pass
                root = Root()
                root.name = name
                exporter = self.exporter_with(maker, root)
                exporter.fresh()
                agent.stdin.write("\n")
                agent.stdin.flush()
                daemon = int(agent.stdout.readline())
                try:
                    harness.wait_for(lambda: total(exporter, "agent_orphans", name) == 1, "the orphan")
                    agent.stdin.write("\n")
                    agent.stdin.flush()
                    agent.wait(timeout=20)  # the agent ends, its daemon does not
                    harness.wait_for(lambda: total(exporter, "agent_up", name) == 0, "the agent's end")
                    self.assertEqual(total(exporter, "agent_orphans", name), 1)
                finally:
                    os.kill(daemon, signal.SIGKILL)
                    agent.stdin.close()
                    agent.stdout.close()
                harness.wait_for(lambda: total(exporter, "agent_orphans", name) == 0, "the orphan's end")
                exporter.stop()

    def test_killed_it_leaves_nothing_attached(self):
        if subprocess.run(["which", "bpftool"], capture_output=True, check=False).returncode != 0:
            self.skipTest("bpftool is not installed")
        # Other tests' exporters come and go meanwhile, so these programs are known by their ids.
        def loaded():
            listed = subprocess.run(["bpftool", "prog", "show"], capture_output=True, text=True, check=True).stdout
            return dict(re.findall(r"^(\d+): .* name (\S+) ", listed, re.MULTILINE))
        root = self.tree("forks", 1, 1)
        exporter = self.exporter_with("bpf", root)
        infos = []
        for info in pathlib.Path(f"/proc/{exporter.process.pid}/fdinfo").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a connection that just ended
                infos.append(info.read_text())
        own = {found[1] for info in infos if (found := re.search(r"^prog_id:\s+(\d+)", info, re.MULTILINE))}
        names = {name for program, name in loaded().items() if program in own}
        self.assertGreaterEqual(names, {"snapshot", "on_fork", "on_exit", "on_free"})
        exporter.process.send_signal(signal.SIGKILL)
        exporter.process.wait(timeout=20)
        # The kernel lets programs go a moment after their last descriptor.
        deadline = time.monotonic() + 20
        while own & loaded().keys() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(own & loaded().keys(), set())


if __name__ == "__main__":
    unittest.main()
