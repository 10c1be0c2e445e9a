"""Snapshots by the real program: the command, the daemon's tick, its metrics and its route, with the real tmux."""

import json
import os
import pathlib
import socket
import subprocess
import unittest

import harness

# Fields that move with whatever else this machine does.
NOISE = "[load1, mem_used_bytes, mem_free_bytes, nproc_cur, fork_pressure_pct, screen_count]"


class SnapshotCase(harness.TestCase):
    """With an agent that runs, a folder for snapshots and tmux sockets of the test's own."""

    def setUp(self):
        super().setUp()
        self.tree = harness.Tree(self.directory, "wait")
        self.addCleanup(self.tree.stop)
        self.agent = self.tree.name
        self.dir = pathlib.Path(self.directory, "snapshots")
        self.tmux_dir = os.path.join(self.directory, "tmux")
        os.mkdir(self.tmux_dir)
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith("AGENT_EXPORTER") and key != "STATE_DIRECTORY"}
        self.environment.update(TMUX_TMPDIR=self.tmux_dir, AGENT_EXPORTER_SNAPSHOT_DIR=str(self.dir))

    def config(self, extra=""):
        return self.write("agents.yaml", f"agents:\n  - {{name: {self.agent}, match: {{comm: {self.agent}}}}}\n"
                          f"snapshot:\n  interval: 1s\n  names: [{self.agent}]\n  ignore: {NOISE}\n{extra}")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-f", "/dev/null", *arguments], env=self.environment, check=True,
                              capture_output=True, text=True, timeout=harness.PATIENCE).stdout

    def new_session(self, name):
        if not hasattr(self, "server"):
            self.server = True
            self.addCleanup(lambda: self.tmux("kill-server"))
        self.tmux("new-session", "-d", "-s", name, "sleep 1000")

    def snapshot(self, *arguments, agent=None):
        return subprocess.run([harness.EXPORTER, "snapshot", f"--agent={agent or self.agent}", *arguments],
                              env=self.environment, capture_output=True, text=True, timeout=harness.PATIENCE)

    def read(self, kind, agent=None):
        return json.loads((self.dir / f"{agent or self.agent}.{kind}.json").read_text())


class CommandTest(SnapshotCase):
    def take(self, *arguments):
        result = self.snapshot(f"--config.file={self.config()}", *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return self.read("latest")

    def test_fields(self):
        snapshot = self.take()
        self.assertEqual(list(snapshot), [
            "agent", "timestamp", "host", "tmux_count", "tmux_names", "screen_count", f"{self.agent}_procs", "load1",
            "mem_total_bytes", "mem_used_bytes", "mem_free_bytes", "nproc_cur", "nproc_max", "fork_pressure_pct",
            "context_percent", "agent_meta", "pids", "has_diff", "diff_fields"])
        self.assertEqual(snapshot["agent"], self.agent)
        self.assertEqual(snapshot["host"], socket.gethostname())
        self.assertEqual((snapshot["tmux_count"], snapshot["tmux_names"]), (0, []))
        self.assertEqual(snapshot[f"{self.agent}_procs"], 1)
        self.assertEqual(snapshot["mem_used_bytes"] + snapshot["mem_free_bytes"], snapshot["mem_total_bytes"])
        self.assertEqual(snapshot["nproc_max"], int(pathlib.Path("/proc/sys/kernel/pid_max").read_text()))
        self.assertEqual(snapshot["fork_pressure_pct"],
                         round(100 * snapshot["nproc_cur"] / snapshot["nproc_max"], 2))

    def test_nothing_changes_then_a_tmux_session_does(self):
        first = self.take()
        self.assertEqual((first["has_diff"], first["diff_fields"]), (False, []))
        second = self.take()
        self.assertEqual((second["has_diff"], second["diff_fields"]), (False, []))
        self.assertFalse((self.dir / f"{self.agent}.diff.json").exists())
        self.assertEqual(self.read("prev"), first)

        self.new_session("work")
        third = self.take()
        self.assertEqual(third["diff_fields"], ["pids.tmux.server", "tmux_count", "tmux_names"])
        self.assertEqual(self.read("diff"), {"agent": self.agent, "timestamp": third["timestamp"],
                                             "diff_fields": third["diff_fields"]})
        self.new_session("more")
        fourth = self.take()
        self.assertEqual((fourth["has_diff"], fourth["diff_fields"]), (True, ["tmux_count", "tmux_names"]))
        self.assertEqual(fourth["tmux_names"], ["more", "work"])
        self.assertEqual(fourth["pids"]["tmux"]["server"], int(self.tmux("display-message", "-p", "#{pid}")))
        pane = self.take("--session=work")["pids"]["tmux"]["pane"]
        self.assertEqual(pane, int(self.tmux("display-message", "-p", "-t", "=work:", "#{pane_pid}")))

    def test_no_diff(self):
        self.take()
        self.new_session("work")
        snapshot = self.take("--no-diff")
        self.assertEqual((snapshot["has_diff"], snapshot["diff_fields"], snapshot["tmux_count"]), (False, [], 1))

    def test_print(self):
        result = self.snapshot("--print", f"--config.file={self.config()}")
        self.assertEqual(json.loads(result.stdout), self.read("latest"))
        terse = json.loads(self.snapshot("--terse", f"--config.file={self.config()}").stdout)
        self.assertEqual([key for key, value in terse.items() if isinstance(value, dict)], [])
        self.assertEqual((terse["agent"], terse[f"{self.agent}_procs"], terse["pids.tmux.pane"]), (self.agent, 1, None))
        result = self.snapshot(f"--config.file={self.config()}")
        self.assertEqual(result.stdout, f"{self.dir}/{self.agent}.latest.json written, nothing changed\n")

    def test_directory_by_flag_and_home(self):
        home = os.path.join(self.directory, "home")
        self.environment["HOME"] = home
        self.assertEqual(self.snapshot("--dir=~/a/b", f"--config.file={self.config()}").returncode, 0)
        self.assertTrue(pathlib.Path(home, "a/b", f"{self.agent}.latest.json").is_file())

    def test_agent_that_nobody_knows(self):
        result = self.snapshot(agent="../who")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr, r"\Aagent_exporter: warning: no agent called \.\./who [^\n]*\n\Z")
        self.assertEqual(sorted(os.listdir(self.dir)), ["%2E.%2Fwho.latest.json", "%2E.%2Fwho.lock"])

    def test_refusals(self):
        for arguments, text in ((["snapshot"], "--agent is required"),
                                (["snapshot", "--agent="], "--agent"),
                                (["snapshot", "--agent=x", "--dir=/proc/nosuch"], "/proc/nosuch")):
            with self.subTest(arguments):
                result = harness.run(*arguments)
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(text, result.stderr.splitlines()[-1])


class DaemonTest(SnapshotCase):
    def start(self, extra=""):
        exporter = harness.Exporter(f"--config.file={self.config(extra)}", env=self.environment)
        self.addCleanup(exporter.kill)
        self.token = pathlib.Path(exporter.state.name, "token").read_text().strip()
        return exporter

    def show(self, exporter, agent, token=None):
        return exporter.request("GET", f"/snapshot?agent={agent}", {"Authorization": f"Bearer {token or self.token}"})

    def test_tick_metrics_and_route(self):
        helper = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(helper.kill)
        pidfile = self.write("helper.pid", f"{helper.pid}\n")
        exporter = self.start(f"  agents:\n    - name: {self.agent}\n      sidecars:\n"
                              f"        - {{name: helper, pidfile: {pidfile}}}\n"
                              f"        - {{name: missing, pidfile: {pidfile}.nosuch}}\n")
        stamp = harness.key("agent_snapshot_timestamp_seconds", agent=self.agent)
        first = harness.wait_for(lambda: exporter.scrape().get(stamp), "a first snapshot")
        harness.wait_for(lambda: exporter.scrape()[stamp] > first, "a second snapshot")
        self.new_session("work")
        samples = harness.wait_for(
            lambda: (s := exporter.scrape()).get(harness.key("agent_host_tmux_sessions")) == 1 and s, "the session")
        self.assert_value(samples, 1, "agent_host_named_processes", name=self.agent)
        self.assert_value(samples, 1, "agent_sidecar_up", agent=self.agent, name="helper", kind="process")
        self.assert_value(samples, 0, "agent_sidecar_up", agent=self.agent, name="missing", kind="process")
        self.assert_value(samples, 0, "agent_snapshot_failures_total", agent=self.agent)
        self.assertIn(harness.key("agent_snapshot_diff_fields", agent=self.agent), samples)
        self.assertEqual(harness.promtool_check(exporter.get().text), "")

        helper.kill()
        helper.wait()
        gone = harness.key("agent_sidecar_up", agent=self.agent, name="helper", kind="process")
        harness.wait_for(lambda: exporter.scrape()[gone] == 0, "the helper's end")
        response = self.show(exporter, self.agent)
        self.assertEqual((response.status, response.headers["Content-Type"]), (200, "application/json"))
        snapshot = json.loads(response.text)
        self.assertEqual(snapshot["pids"]["container_daemon"], exporter.process.pid)
        self.assertEqual(snapshot["tmux_names"], ["work"])
        self.assertEqual(self.read("diff")["agent"], self.agent)
        self.assertEqual(exporter.stop(), 0)

    def test_route_needs_the_token_and_an_agent(self):
        exporter = self.start()
        self.assertEqual(exporter.get(f"/snapshot?agent={self.agent}").status, 401)
        self.assertEqual(self.show(exporter, self.agent, token="x" * 32).status, 403)
        self.assertEqual(self.show(exporter, "nosuch").status, 404)
        self.assertEqual(self.show(exporter, "../agents").status, 404)
        self.assertEqual(self.show(exporter, "").status, 400)
        harness.wait_for(lambda: self.show(exporter, self.agent).status == 200, "a snapshot")

    def test_without_the_section_nothing_is_written(self):
        config = self.write("plain.yaml", "max_agents: 10\n")
        exporter = harness.Exporter(f"--config.file={config}", env=self.environment)
        self.addCleanup(exporter.kill)
        self.assert_absent(exporter.scrape(), "agent_snapshot_timestamp_seconds")
        self.assert_absent(exporter.scrape(), "agent_host_named_processes")
        self.assertFalse(self.dir.exists())

    def test_directory_that_cannot_be_written(self):
        self.dir.write_text("a file is in the way")
        exporter = self.start()
        failures = harness.key("agent_snapshot_failures_total", agent=self.agent)
        harness.wait_for(lambda: exporter.scrape().get(failures, 0) >= 2, "two failures")
        said = [line for line in exporter.log.all if f"the snapshot of {self.agent} failed" in line]
        self.assertEqual(len(said), 1, said)
        self.dir.unlink()
        harness.wait_for(lambda: (self.dir / f"{self.agent}.latest.json").exists(), "a snapshot after all")

    def test_command_and_daemon_agree(self):
        exporter = self.start()
        latest = self.dir / f"{self.agent}.latest.json"
        harness.wait_for(latest.exists, "a snapshot")
        result = self.snapshot("--print", f"--config.file={self.config()}")
        self.assertEqual(json.loads(result.stdout)["pids"]["container_daemon"], exporter.process.pid)
        self.assertEqual(json.loads(result.stdout)["diff_fields"], [])


if __name__ == "__main__":
    unittest.main()
