"""Names, permissions and files that are out to break a scrape."""

import json
import os
import pathlib
import subprocess
import unittest

import harness

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class HostileNamesTest(harness.TestCase):
    # What prctl(PR_SET_NAME) is given, and what the label must say: the same in UTF-8.
    NAMES = {
        b"with a space": "with a space",
        b"pa) R 1 (ren": "pa) R 1 (ren",
        b")": ")",
        b"new\nline": "new\nline",
        b'quo"te': 'quo"te',
        b"back\\slash\\n": "back\\slash\\n",
        b"\xff": REPLACEMENT,
        b"cut \xe2\x82": f"cut {REPLACEMENT}",
        b"\xc3\xa9t\xc3\xa9": "\N{LATIN SMALL LETTER E WITH ACUTE}t\N{LATIN SMALL LETTER E WITH ACUTE}",
        b"{a=\"b\"} 1": '{a="b"} 1',
        b"# EOF": "# EOF",
        b"\x1b[31m\t\r": "\x1b[31m\t\r",
    }

    def test_names_appear_in_both_formats(self):
        tree = self.tree("names", *(name.hex() for name in self.NAMES))
        exporter = self.exporter(f"--config.file={self.config_for(tree.name)}")
        text = exporter.get().text
        self.assertEqual(harness.promtool_check(text), "")
        for accept in (None, harness.OPENMETRICS):
            with self.subTest(accept):
                samples = exporter.scrape(accept=accept)
                shown = {dict(labels)["pid"]: dict(labels)["comm"] for name, labels in samples
                         if name == "agent_process_resident_memory_bytes" and ("agent", tree.name) in labels}
                for index, label in enumerate(self.NAMES.values()):
                    self.assertEqual(shown[f"{tree.pids[f'p{index}']:.0f}"], label)

    def test_an_agent_may_be_called_anything(self):
        # The name of the agent itself comes from a hostile comm.
        mark = harness.unique_name()
        trees = [self.tree("wait", name=name) for name in ('a"g\\e\nn{t} #', "\udcff\udcfe é")]
        config = self.write("agents.yaml", "builtin_profiles: false\nagents:\n  - name: '{comm}'\n    match: "
                            f"{{exe: tree_root, cmdline: '^{self.directory}/'}}\n    slot: {mark}\n")
        exporter = self.exporter(f"--config.file={config}")
        self.assertEqual(harness.promtool_check(exporter.get().text), "")
        for accept in (None, harness.OPENMETRICS):
            with self.subTest(accept):
                samples = exporter.scrape(accept=accept)
                agents = {dict(labels)["agent"] for name, labels in samples
                          if name == "agent_up" and ("slot", mark) in labels}
                self.assertEqual(agents, {trees[0].name, f"{REPLACEMENT}{REPLACEMENT} é"})
        for command in (["status", "--json"], ["status"], ["explain", str(trees[1].pid)]):
            with self.subTest(command):
                self.assertEqual(harness.run(*command, f"--config.file={config}").returncode, 0)


class DestinationsTest(harness.TestCase):
    """Names go to terminals, logs, status bars and JSON as text and no more."""

    # What a terminal would obey: clear the screen (C0 and C1), write from right to left, forge a line.
    OBEYED = ("\x1b", "\x07", "\x7f", "\x9b", "\x85", "\u202e", "\u2066", "\u200f", "\u061c")
    NAMES = ("x\x1b[2J\x07\x7f", "y\x9b[2J\x85", "\u202e\u2066\u200f\u061c", "<b>\"'\\\n#{pid}")

    def assert_plain(self, text):
        for obeyed in self.OBEYED:
            self.assertNotIn(obeyed, text)

    def test_agents(self):
        trees = [self.tree("wait", name=name) for name in self.NAMES]
        config = self.write("agents.yaml", "builtin_profiles: false\nagents:\n  - name: '{comm}'\n    match: "
                            f"{{exe: tree_root, cmdline: '^{self.directory}/'}}\n")

        def out(*command, code=0):
            with self.subTest(command):
                result = harness.run(*command, f"--config.file={config}")
                self.assertEqual(result.returncode, code, result.stderr)
                self.assert_plain(result.stdout + result.stderr)
                return result.stdout

        for command in (["status"], ["status", "--wide"], ["doctor"], ["doctor", "--json"]):
            out(*command)
        agents = json.loads(out("status", "--json"))["agents"]
        self.assertLessEqual(set(self.NAMES), {agent["agent"] for agent in agents})
        for name, tree in zip(self.NAMES, trees):
            out("explain", str(tree.pid))
            out("explain", name)
            out("fds", name)
            self.assertEqual(json.loads(out("fds", "--json", str(tree.pid)))["processes"][0]["command"], name)
            self.assertEqual(json.loads(out("traits", f"--agent={name}"))["agent"], name)
            written = out("snapshot", f"--agent={name}", f"--dir={self.directory}/snapshots", "--print")
            self.assertEqual(json.loads(written)["agent"], name)
        unknown = "".join(self.OBEYED)
        for command in (["explain", unknown], ["fds", unknown], ["traits", f"--agent={unknown}"]):
            out(*command, code=1)
        exporter = self.exporter(f"--config.file={config}")
        self.assert_plain("".join(exporter.log.all))
        self.assertIn("found 4 agents", "".join(exporter.log.all))
        token = pathlib.Path(exporter.state.name, "token").read_text().strip()
        answer = exporter.request("GET", "/agents", {"Authorization": f"Bearer {token}"})
        self.assertLessEqual(set(self.NAMES), {agent["agent"] for agent in json.loads(answer.body)["agents"]})
        self.assertEqual((answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]),
                         ("application/json", "nosniff"))

    def test_sessions(self):
        name = "x\x1b[2J\x9b\u202e#{pid}#[fg=red]"
        self.claude(work=name)
        self.claude_session("waiting")
        config = self.write("agents.yaml", "builtin_profiles: false\nagents: [{name: reviewer, match: "
                            "{comm: claude, cmdline: '^claude 100000'}}]\n")
        socket = f"--socket={self.directory}/run.sock"
        exporter = self.exporter(f"--config.file={config}", socket)
        harness.wait_for(lambda: harness.matching(exporter.scrape(), "agent_session_state", session=name), "the session")
        harness.wait_for(lambda: "waits" in harness.run("tmux-status", socket).stdout, "the status bar")
        self.assertEqual(harness.run("tmux-status", socket).stdout, "1 waits: x?[2J??##{pid}##[fg=red]\n")
        for command in (["status"], ["status", "--json"]):
            self.assert_plain(harness.run(*command, socket).stdout)


@unittest.skipUnless(os.geteuid() == 0, "watching another user's processes from an unprivileged account needs root")
class UnprivilegedTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.root = self.tree("wait")
        self.config = self.config_for(self.root.name)
        self.command = [*harness.NOBODY, harness.copy_for_everybody(self.directory)]

    def test_what_may_not_be_read_is_absent(self):
        samples = self.exporter(f"--config.file={self.config}", "--collector.io", command=self.command).scrape()
        agent = {"agent": self.root.name}
        self.assert_absent(samples, "agent_io_bytes_total", **agent)
        self.assertGreater(samples[harness.key("agent_exporter_unreadable", file="io", reason="permission")], 0)
        if os.stat("/proc/self/fd").st_size > 0:
            # Since Linux 6.2 the size of the directory is the number, and everybody may ask for it.
            self.assert_value(samples, 3, "agent_self_open_fds", **agent)
        else:
            self.assert_absent(samples, "agent_self_open_fds", **agent)
            self.assert_absent(samples, "agent_process_open_fds", **agent)
            self.assertGreater(samples[harness.key("agent_exporter_unreadable", file="fd", reason="permission")], 0)
        self.assertGreater(samples[harness.key("agent_self_resident_memory_bytes", **agent)], 0)
        self.assert_value(samples, 1, "agent_self_threads", **agent)

    def test_hidden_processes_are_not_there(self):
        mount = ["unshare", "-m", "sh", "-c", 'mount -t proc -o hidepid=2 proc /proc && exec "$@"', "sh"]
        tried = subprocess.run([*mount, "true"], capture_output=True, text=True)
        if tried.returncode != 0:
            self.skipTest(f"procfs cannot be mounted with hidepid here: {tried.stderr.strip()}")
        exporter = self.exporter(f"--config.file={self.config}", command=[*mount, *self.command])
        for accept in (None, harness.OPENMETRICS):
            samples = exporter.fresh(accept=accept)
            self.assert_value(samples, 0, "agent_up", agent=self.root.name)
            self.assert_value(samples, 1, "agent_up", agent="agent_exporter")
            self.assert_absent(samples, "agent_self_resident_memory_bytes", agent=self.root.name)


class BrokenProcfsTest(harness.TestCase):
    """A /proc that lies, lacks files or holds rubbish gives a scrape without those figures."""

    STAT = "{pid} ({comm}) S 1 1 1 0 -1 4194304 10 0 0 0 5 6 0 0 20 0 1 0 {start} 1000000 100 18446744073709551615" \
           " 1 1 1 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"

    def process(self, pid, **files):
        for name, text in files.items():
            self.write(f"proc/{pid}/{name}", text)

    def test_scrape_is_fine(self):
        self.write("proc/stat", "cpu 1 2 3\nbtime 1700000000\n")
        self.write("proc/meminfo", "MemTotal: lots\n")
        self.write("proc/loadavg", "0.1 0.2\n")
        self.write("proc/vmstat", "\x00\x01oom_kill\n")
        self.write("proc/pressure/cpu", "some avg10=x total=-1\n")
        self.write("proc/sys/kernel/pid_max", "99999999999999999999999\n")
        self.write("proc/sys/fs/file-nr", "")
        stat = self.STAT
        self.process(10, stat=stat.format(pid=10, comm="agent", start=5))  # no other file at all
        self.process(11, stat=stat.format(pid=11, comm="agent", start=6), status="VmRSS:\t-5 kB\nVmSize:\tx kB\n",
                     statm="a b c d e f g\n", limits="Max open files\n", io="read_bytes: ?\n", cgroup="nonsense",
                     cmdline="\0\0\0")
        self.process(12, stat="")
        self.process(13, stat="13 (agent S 1 1 1\n")
        self.process(14, stat="14 (agent) S 1 1\n")
        self.process(15, stat=stat.format(pid=15, comm="agent", start="x"))
        self.process(16, stat="16 (agent) " + "9" * 5000)
        self.process(17, stat=stat.format(pid=99, comm="agent", start=5))
        self.process(18, stat=stat.format(pid=18, comm="a) S 1 (b", start=7))
        os.makedirs(f"{self.directory}/proc/19")
        self.write("proc/99999999999999999999/stat", stat.format(pid=1, comm="agent", start=1))
        config = self.config_for("agent")
        exporter = self.exporter(f"--config.file={config}", f"--path.procfs={self.directory}/proc",
                                 f"--path.sysfs={self.directory}/nosuch", "--collector.io", "--collector.scheduling")
        self.assertEqual(harness.promtool_check(exporter.get().text), "")
        for accept in (None, harness.OPENMETRICS):
            with self.subTest(accept):
                samples = exporter.fresh(accept=accept)
                self.assert_value(samples, 2, "agent_instances", agent="agent")
                for absent in ("agent_self_resident_memory_bytes", "agent_self_max_fds"):
                    self.assert_absent(samples, absent, agent="agent")
                for absent in ("agent_host_memory_total_bytes", "agent_host_load1", "agent_host_pid_max",
                               "agent_host_open_fds", "agent_host_oom_kills_total"):
                    self.assert_absent(samples, absent)
                self.assertGreater(len(harness.matching(samples, "agent_exporter_unreadable", reason="malformed")), 3)


if __name__ == "__main__":
    unittest.main()
