"""Nothing missed: every child counted, however short its life, with events from BPF and from the proc connector."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import types
import unittest

import harness

CPU = "agent_descendants_cpu_seconds_total"
# How many children of six commands, and how much CPU: "24000 0" for as many a second as the machine can start.
MANY = os.environ.get("COMMANDS", "240 1").split()
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
        # Where only the proc connector can be had there is no BPF to read by either.
        source = "procfs" if maker == "netlink" else "auto"
        return self.exporter(f"--config.file={config}", f"--process.events={maker}", f"--process.source={source}")

    def check_short_lived(self, maker):
        for children, milliseconds in ((300, 20), (2000, 1), (10, 500)):
            with self.subTest(maker=maker, children=children, milliseconds=milliseconds):
                root = self.tree("forks", children, milliseconds)
                exporter = self.exporter_with(maker, root)
                exporter.fresh()
                truth = root.tell("go")["children_cpu"]
                # netlink reads the parent's sum from /proc, which cuts user and system time to whole ticks.
                off = truth * 0.001 + (0 if maker == "bpf" else 2 * TICK)
                counted = harness.wait_for(
                    lambda: (cpu := total(exporter, CPU, root.name)) >= truth - off and cpu, "the children's CPU")
                self.assertLessEqual(counted, truth + off)
                self.assertEqual(total(exporter, "agent_descendants_started_total", root.name), children)
                self.assertEqual(total(exporter, "agent_descendants_exited_total", root.name), children)
                self.assertEqual(total(exporter, "agent_descendants_exited_total", root.name, reason="ok"), children)
                exporter.stop()

    def test_bpf_counts_every_child(self):
        self.check_short_lived("bpf")

    def test_netlink_counts_every_child(self):
        self.check_short_lived("netlink")

    def check_commands(self, maker):
        children, milliseconds = int(MANY[0]), MANY[1]
        per_command = children // 6
        names = ["git", "rg", "make", "sed", "cc", "npm"]
        paths = [pathlib.Path(self.directory, name) for name in names]
        for path in paths:
            path.symlink_to(harness.TREE_ROOT)
        root = self.tree("commands", children, milliseconds, *paths)
        exporter = self.exporter_with(maker, root)
        exporter.fresh()
        began = time.monotonic()
        told = root.tell("go")
        print(f"{maker}: {children / (time.monotonic() - began):.0f} children a second")
        truth = {name: told[f"cpu{i}"] for i, name in enumerate(names)}
        whole = sum(truth.values())

        def figures(metric):
            return {dict(labels)["command"]: value
                    for (_, labels), value in harness.matching(exporter.fresh(), metric, agent=root.name).items()}

        def settled():
            cpu = figures("agent_command_cpu_seconds_total")
            return abs(sum(cpu.values()) - whole) <= 0.01 * whole + 2 * TICK and cpu
        cpu = harness.wait_for(settled, f"the commands' CPU to be {whole}")
        # A child before its execve is its parent's copy.
        started = harness.wait_for(
            lambda: sum((counts := figures("agent_command_started_total")).values()) >= children and counts, "all starts")
        self.assertEqual({name: count for name, count in started.items() if count},
                         {name: per_command for name in names})
        failed = figures("agent_command_failed_total")
        self.assertEqual({name: count for name, count in failed.items() if count}, {"npm": per_command // 2})
        self.assertAlmostEqual(sum(cpu.values()), total(exporter, CPU, root.name), delta=0.01 * whole)
        for name in names:
            print(f"  {name}: {cpu[name]:.3f} s of {truth[name]:.3f} s")
            self.assertAlmostEqual(cpu[name], truth[name], delta=0.02 * truth[name] + TICK)

    def test_bpf_counts_by_command(self):
        self.check_commands("bpf")

    def test_netlink_counts_by_command(self):
        self.check_commands("netlink")

    def check_unwaited(self, maker, how):
        for children, milliseconds in ((50, 20), (300, 1)):
            with self.subTest(maker=maker, how=how, children=children, milliseconds=milliseconds):
                root = self.tree("forks", children, milliseconds, how)
                exporter = self.exporter_with(maker, root)
                exporter.fresh()
                truth = root.tell("go")["children_cpu"]
                least = truth * 0.999
                counted = harness.wait_for(
                    lambda: (cpu := total(exporter, CPU, root.name)) >= least and cpu, "the children's CPU")
                # Of what a child uses after it called exit the truth knows nothing: a few hundred microseconds.
                processes = 2 * children if how in ("nested", "abandoned") else children
                most = truth * 1.001 + processes * 0.0005 + 0.02
                self.assertLessEqual(counted, most)
                # The last one may have used too little to be waited for above.
                harness.wait_for(lambda: total(exporter, "agent_descendants_exited_total", root.name) == processes,
                                 f"{processes} exits")
                if how == "left":
                    self.assertEqual(total(exporter, "agent_descendants", root.name, state="zombie"), children)
                    root.tell("reap")
                    harness.wait_for(lambda: total(exporter, "agent_descendants", root.name) == 0, "the zombies' end")
                    exporter.fresh()
                    # The parent's children time has all of it now: nothing counts twice.
                    self.assertLessEqual(total(exporter, CPU, root.name), most)
                exporter.stop()

    def test_bpf_counts_children_that_nobody_waits_for(self):
        self.check_unwaited("bpf", "ignored")

    def test_netlink_counts_children_that_nobody_waits_for(self):
        self.check_unwaited("netlink", "ignored")

    def test_bpf_counts_what_children_that_nobody_waits_for_waited_for(self):
        self.check_unwaited("bpf", "nested")

    def test_netlink_counts_what_children_that_nobody_waits_for_waited_for(self):
        self.check_unwaited("netlink", "nested")

    def test_bpf_counts_children_whose_parent_ends_without_waiting(self):
        self.check_unwaited("bpf", "abandoned")

    def test_bpf_counts_zombies(self):
        self.check_unwaited("bpf", "left")

    def test_netlink_counts_zombies(self):
        self.check_unwaited("netlink", "left")

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

    def test_a_daemon_outlives_the_terminal_it_was_started_in(self):
        """Started by an agent in tmux, whose end takes the agent along: the daemon is its orphan until it exits."""
        if shutil.which("tmux") is None:
            self.skipTest("tmux is not installed")
        name = f"in_tmux{os.getpid()}"[:15]
        ready = os.path.join(self.directory, "daemon")
        script = self.write("agent.py", f"open('/proc/self/comm','w').write('{name}')\n"
                            "import os,signal,sys,time\n"
                            f"while not os.path.exists('{ready}.go'): time.sleep(0.02)\n"
                            "if os.fork() == 0:\n"
                            "    os.setsid()\n"
                            "    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
                            "    open('/proc/self/comm','w').write('the_daemon')\n"
                            f"    open('{ready}.new','w').write(str(os.getpid())); os.rename('{ready}.new', '{ready}')\n"
                            "    time.sleep(300)\n"
                            "time.sleep(300)\n")
        tmux = ["tmux", "-S", os.path.join(self.directory, "tmux.sock"), "-f", "/dev/null"]
        subprocess.run([*tmux, "new-session", "-d", "/usr/bin/python3", script], check=True, timeout=20)
        self.addCleanup(subprocess.run, [*tmux, "kill-server"], check=False, capture_output=True)
        exporter = self.exporter_with("bpf", types.SimpleNamespace(name=name))
        harness.wait_for(lambda: total(exporter, "agent_up", name) == 1, "the agent")
        pathlib.Path(f"{ready}.go").touch()
        daemon = int(harness.wait_for(lambda: os.path.exists(ready) and pathlib.Path(ready).read_text(), "the daemon"))
        try:
            subprocess.run([*tmux, "kill-server"], check=True, timeout=20)
            harness.wait_for(lambda: total(exporter, "agent_up", name) == 0, "the agent's end")
            parent = re.search(r"^PPid:\s+(\d+)", pathlib.Path(f"/proc/{daemon}/status").read_text(), re.MULTILINE)[1]
            self.assertEqual(int(parent), 1)
            self.assertEqual(total(exporter, "agent_orphans", name), 1)
        finally:
            os.kill(daemon, signal.SIGKILL)
        harness.wait_for(lambda: total(exporter, "agent_orphans", name) == 0, "the orphan's end")

    def exporter_of(self, maker, script):
        """An exporter that is there before its agent; the agent's name."""
        name = harness.unique_name()
        path = self.write(f"{name}.py", script)
        root = types.SimpleNamespace(name=name)
        self.config_for = lambda *names, interval: self.write(
            "agents.yaml", f"builtin_profiles: false\nsample_interval: {interval}\nagents:\n"
            f"  - {{name: {name}, match: {{cmdline: '{name}.py$'}}}}\n")
        exporter = self.exporter_with(maker, root)
        exporter.fresh()
        return exporter, name, path

    def test_bpf_counts_lives_that_no_look_saw(self):
        exporter, name, path = self.exporter_of("bpf", "import os, time\ntime.sleep(0.3)\nos._exit(1)\n")
        for _ in range(10):
            subprocess.run(["/usr/bin/python3", "-S", path], check=False, timeout=60)
        harness.wait_for(lambda: total(exporter, "agent_exits_total", name) >= 10, "ten ends")
        self.assertEqual(total(exporter, "agent_exits_total", name, category="plugin-error"), 10)
        self.assertEqual(total(exporter, "agent_restarts_total", name), 9)
        exporter.stop()

    def test_loops_that_were_orphaned_in_an_agents_first_second(self):
        """Its shell is gone before anybody looked, and the loops are init's children."""
        loops = os.path.join(self.directory, "loops")
        for maker in ("bpf", "netlink"):
            with self.subTest(maker=maker):
                exporter, name, path = self.exporter_of(
                    maker, "import subprocess, time\n"
                    "subprocess.run(['bash', '-c', '(while :; do :; done) & echo $! >>%s; (while :; do :; done) & "
                    "echo $! >>%s; exit 0'], start_new_session=True)\ntime.sleep(300)\n" % (loops, loops))
                agent = subprocess.Popen(["/usr/bin/python3", "-S", path])
                try:
                    harness.wait_for(lambda: total(exporter, "agent_orphans", name) == 2, "the orphans")
                    before = total(exporter, CPU, name)
                    harness.wait_for(lambda: total(exporter, CPU, name) > before, "their CPU")
                    exporter.stop()
                finally:
                    agent.kill()
                    agent.wait(timeout=20)
                    for pid in pathlib.Path(loops).read_text().split():
                        os.kill(int(pid), signal.SIGKILL)
                    os.unlink(loops)

    def test_a_kernel_that_refuses_bpf_gets_procfs_and_one_line(self):
        if os.geteuid() != 0:
            self.skipTest("needs root, to give it up")
        root = self.tree("wait")
        config = self.config_for(root.name, interval="100ms")
        exporter = self.exporter(f"--config.file={config}",
                                 command=[*harness.NOBODY, harness.copy_for_everybody(self.directory)])
        self.assert_value(exporter.fresh(), 1, "agent_exporter_process_source_info", source="procfs")
        for _ in range(5):
            exporter.fresh()
        self.assertEqual(exporter.stop(), 0)
        refused = [line for line in exporter.log.all if "cannot use BPF" in line]
        self.assertEqual(len(refused), 1, exporter.log.all)
        self.assertEqual([line for line in exporter.log.all if "level=info" not in line], [])

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
