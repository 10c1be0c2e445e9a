"""How the program refuses to start, ends and re-reads its configuration."""

import getpass
import os
import re
import signal
import socket
import threading
import unittest

import harness


class RefusalTest(harness.TestCase):
    """What cannot work is said in one line, and the exit code is not 0."""

    def assert_refused(self, arguments, pattern):
        result = harness.run(*arguments)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stdout, "")
        # Where BPF or events cannot be had, the log says so first.
        said = "".join(line for line in result.stderr.splitlines(keepends=True) if "level=info" not in line)
        if "level=error" in said:  # serve's own, in its log
            self.assertRegex(said, r'\Ats=\S+Z level=error msg="[^\n]*"\n\Z')
            said = "agent_exporter: " + re.search('msg="(.*)"', said)[1].replace('\\"', '"') + "\n"
        self.assertRegex(said, rf"\Aagent_exporter: [^\n]*{pattern}[^\n]*\n\Z")

    def test_bad_configuration(self):
        for text, pattern in (
                ("agents:\n  - name: x\n    match: {com: codex}\n", r"agents\.yaml:3: .*com\b.*comm"),
                ("agents:\n  - name: x\n    match: {cmdline: '('}\n", r"agents\.yaml:2: .*\("),
                ("agents:\n  - name: x\n", r"agents\.yaml:2: "),
                ("agents:\n  - name: '{nosuch}'\n    match: {comm: x}\n", r"agents\.yaml:2: .*nosuch"),
                ("sample_interval: fast\n", r"agents\.yaml:1: .*fast"),
                ("agents: [\n", r"agents\.yaml:\d+: not valid YAML"),
                ("- 1\n", r"agents\.yaml:1: .*map")):
            with self.subTest(text):
                path = self.write("agents.yaml", text)
                self.assert_refused([f"--config.file={path}"], pattern)
                self.assert_refused(["check-config", path], pattern)

    def test_missing_configuration(self):
        for path in (f"{self.directory}/nosuch.yaml", self.directory):
            with self.subTest(path):
                self.assert_refused([f"--config.file={path}"], path)

    def test_bad_flags(self):
        for flag, pattern in (("--web.listen-adress=:1", "web.listen-adress"), ("--log.level=loud", "loud"),
                              ("--web.max-requests=-1", "-1"), ("--web.telemetry-path=x", "must start with /"),
                              ("--web.listen-address=127.0.0.1:99999", "127.0.0.1:99999"), ("nosuch", "nosuch")):
            with self.subTest(flag):
                self.assert_refused([flag], pattern)

    def test_port_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.assert_refused([f"--web.listen-address={address}"], f"{address}.*in use")

    def test_no_procfs(self):
        empty = self.write("empty/file", "")
        for path in (f"{self.directory}/nosuch", os.path.dirname(empty), empty):
            for command in ([], ["status"], ["traits"]):
                with self.subTest(path=path, command=command):
                    self.assert_refused([*command, f"--path.procfs={path}"], f"{path}.*--path.procfs")

    @unittest.skipUnless(os.geteuid() == 0, "changing to another user needs root")
    def test_unreadable_procfs(self):
        closed = os.path.dirname(self.write("closed/stat", "btime 1\n"))
        os.chmod(closed, 0o700)
        result = harness.run_as_nobody(self.directory, f"--path.procfs={closed}")
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex(result.stderr, rf"\Ats=\S+ level=error msg=\"[^\n]*{closed}[^\n]*ermission[^\n]*\n\Z")


class SignalTest(harness.TestCase):
    def test_ends_at_once_and_well(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                exporter = self.exporter()
                self.assertEqual(exporter.stop(number), 0)
                self.assertRegex(exporter.log.all[-1], signal.Signals(number).name)

    def test_ends_in_spite_of_clients(self):
        exporter = self.exporter()
        address = ("127.0.0.1", exporter.port)
        clients = [socket.create_connection(address) for _ in range(10)]
        for client in clients:
            self.addCleanup(client.close)
        for client in clients[:3]:  # half a request
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        for client in clients[3:6]:  # one that wants to stay
            client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
            self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200"))
        stopping = threading.Event()

        def scrape_on():
            while not stopping.is_set():
                try:
                    exporter.get()
                except OSError:
                    return

        scrapers = [threading.Thread(target=scrape_on) for _ in range(2)]
        for scraper in scrapers:
            scraper.start()
        harness.wait_for(lambda: exporter.scrape()[harness.key("agent_exporter_scrapes_total", format="text")] > 5,
                         "scrapes under way")
        code = exporter.stop()
        stopping.set()
        for scraper in scrapers:
            scraper.join()
        self.assertEqual(code, 0)


class ConfiguredTest(harness.TestCase):
    """A configured agent is one series, down or up: `agent_up == 0 and agent_configured == 1` must not lie."""

    def check(self, rule, down, up):
        name = harness.unique_name()
        config = self.write("agents.yaml", "builtin_profiles: false\nsample_interval: 1h\nagents:\n"
                            f"  - {{name: {name}, {rule}, match: {{comm: {name}}}}}\n")
        exporter = self.exporter(f"--config.file={config}")
        for labels, alive in ((down, 0), (up, 1), (up, 0)):
            tree = self.tree("wait", name=name) if alive else None
            samples = exporter.fresh()
            if tree is not None:
                tree.stop()
            for metric, value in (("agent_up", alive), ("agent_configured", 1)):
                self.assertEqual(harness.matching(samples, metric, agent=name),
                                 {harness.key(metric, agent=name, **labels): value})

    def test_kind_and_slot(self):
        self.check("kind: coder, slot: '7'", {"kind": "coder", "slot": "7"}, {"kind": "coder", "slot": "7"})

    def test_slot_from_a_template(self):
        self.check("kind: coder, slot: 's{user}'", {}, {"kind": "coder", "slot": f"s{getpass.getuser()}"})


class ReloadTest(harness.TestCase):
    def reload(self, exporter, answer):
        exporter.process.send_signal(signal.SIGHUP)
        return exporter.log.find(answer).string

    def test_new_rules_take_effect_and_counters_go_on(self):
        first, second = self.tree("forks", 1, 50), self.tree("wait")
        config = self.config_for(first.name)
        exporter = self.exporter(f"--config.file={config}")
        exporter.scrape()
        first.tell("go")
        cpu = [harness.key("agent_descendants_cpu_seconds_total", agent=first.name, mode=mode)
               for mode in ("user", "system")]
        before = exporter.fresh()
        self.assertGreater(sum(before[name] for name in cpu), 0)
        self.assert_absent(before, "agent_up", agent=second.name)

        self.config_for(first.name, second.name)
        self.reload(exporter, "configuration reloaded")
        after = exporter.fresh()
        self.assert_value(after, 1, "agent_up", agent=second.name)
        self.assert_value(after, 1, "agent_configured", agent=second.name)
        self.assert_value(after, 1, "agent_exporter_config_last_reload_successful")
        for name in cpu:
            self.assertGreaterEqual(after[name], before[name])
        first.tell("go")
        later = exporter.fresh()
        self.assertGreater(sum(later[name] for name in cpu), sum(after[name] for name in cpu))

        self.config_for(second.name)
        self.reload(exporter, "configuration reloaded")
        gone = exporter.fresh()
        self.assert_value(gone, 0, "agent_configured", agent=first.name)
        self.assert_value(gone, 0, "agent_up", agent=first.name)

    def test_bad_file_is_refused_and_the_old_rules_stay(self):
        tree = self.tree("wait")
        config = self.config_for(tree.name)
        exporter = self.exporter(f"--config.file={config}")
        lines = len(exporter.log.all)
        self.write("agents.yaml", "agents:\n  - nme: x\n")
        line = self.reload(exporter, "not reloaded")
        self.assertRegex(line, r"level=error .*agents\.yaml:2: .*nme")
        samples = exporter.fresh()
        self.assertEqual(len(exporter.log.all), lines + 1)
        self.assert_value(samples, 1, "agent_up", agent=tree.name)
        self.assert_value(samples, 0, "agent_exporter_config_last_reload_successful")

        self.config_for(tree.name)
        self.reload(exporter, "configuration reloaded")
        self.assertEqual(exporter.scrape()[harness.key("agent_exporter_config_last_reload_successful")], 1)


if __name__ == "__main__":
    unittest.main()
