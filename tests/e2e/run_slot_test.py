"""`run` below a serve: one scrape target shows every slot, and only one's own children can be handed over."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import unittest

import harness
from run_harness import RunTestCase, children_of, is_alive, task_of

CYCLES = 1000


class SlotTest(RunTestCase):
    def setUp(self):
        super().setUp()
        self.socket = f"{self.directory}/run.sock"

    def serve(self, *flags, interval="100ms"):
        return self.exporter(f"--config.file={self.config_for(interval=interval)}", f"--socket={self.socket}", *flags)

    def slot(self, command, *flags, **popen):
        return self.start(command, f"--socket={self.socket}", *flags, **popen)

    def test_every_slot_shows_in_one_scrape(self):
        for source in (("--process.events=none", "--process.source=procfs"), ()):
            with self.subTest(source):
                self.check_slots(self.serve(*source))

    def check_slots(self, serve):
        runs = [self.slot(["/bin/sh", "-c", "sleep 1000 >/dev/null 2>&1 & read line; exit $line"], "--name=pool", "--kind=w",
                          f"--slot={slot}", stdin=subprocess.PIPE) for slot in (1, 2)]
        labels = [{"agent": "pool", "kind": "w", "slot": str(slot)} for slot in (1, 2)]

        def both():
            samples = serve.scrape()
            return all(samples.get(harness.key("agent_children", **each)) == 1 for each in labels) and samples
        samples = harness.wait_for(both, "both slots with a child each")
        for each in labels:
            self.assert_value(samples, 1, "agent_up", **each)
            self.assertGreater(samples[harness.key("agent_self_resident_memory_bytes", **each)], 0)
            self.assertGreater(samples[harness.key("agent_slot_resident_memory_bytes", **each)], 0)
            self.assertIn(harness.key("agent_slot_cpu_usage_ratio", **each), samples)
        time.sleep(0.5)  # five ticks: the record is made of ticks, while a scrape looks in between
        os.kill(task_of(runs[0]), signal.SIGKILL)
        runs[0].finish()
        runs[1].finish(b"1\n")
        self.assertEqual([run.code for run in runs], [-9, 1])
        self.assertNotEqual(runs[0].diagnosis["oom"]["verdict"], "confirmed")
        self.assertGreater(runs[0].diagnosis["external"]["resident_bytes"], 0)
        self.assertEqual([len(run.diagnosis["flight"]["left_behind"]) for run in runs], [1, 1])
        killed = runs[0].diagnosis["category"]
        self.assertEqual(killed, "killed" if runs[0].diagnosis["oom"]["verdict"] == "denied" else "oom-host")
        for category, each in zip((killed, "plugin-error"), labels):
            harness.wait_for(lambda: serve.scrape().get(
                harness.key("agent_exits_total", category=category, **each)) == 1, category)
        samples = serve.fresh()
        for each in labels:
            self.assert_value(samples, 0, "agent_instances", **each)
            self.assert_absent(samples, "agent_slot_cpu_usage_ratio", **each)
            self.assertIn(harness.key("agent_last_exit_timestamp_seconds", **each), samples)
            self.assertIn(harness.key("agent_last_exit_resource_used_ratio", resource="fds", **each), samples)
        serve.log.find(rf"level=warn.*agent pool kind w slot 1 .*ended, {killed}: .*Last seen RSS")
        for run in runs:
            os.kill(int(run.diagnosis["flight"]["left_behind"][0].split("(")[1][:-1]), signal.SIGKILL)
        serve.stop()

    def test_a_run_that_is_killed_leaves_its_task_watched(self):
        serve = self.serve()
        run = self.slot(["sleep", "1000"], "--name=left")
        task = task_of(run)
        harness.wait_for(lambda: serve.scrape().get(harness.key("agent_up", agent="left")) == 1, "the slot")
        run.process.kill()
        serve.log.find(rf"run of agent left \(pid {task}\) was killed; still watching the agent")
        self.assert_value(serve.fresh(), 1, "agent_up", agent="left")
        os.kill(task, signal.SIGKILL)
        harness.wait_for(lambda: serve.fresh().get(harness.key("agent_up", agent="left")) == 0, "the end")

    def test_only_ones_own_children_are_taken(self):
        self.serve()
        stranger = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(lambda: (stranger.kill(), stranger.wait()))

        def ask(pid, start_ticks):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(self.socket)
                request = {"watch": {"pid": pid, "start_ticks": start_ticks, "name": "x", "kind": "", "slot": ""}}
                client.sendall(json.dumps(request).encode() + b"\n")
                return json.loads(client.makefile().readline())
        start = int(pathlib.Path(f"/proc/{stranger.pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
        self.assertEqual(ask(stranger.pid, start), {"ok": True})
        self.assertIn("does not see it", ask(stranger.pid, start + 1)["error"])
        parent = int(pathlib.Path(f"/proc/{os.getppid()}/stat").read_text().rsplit(")", 1)[1].split()[19])
        self.assertIn("not a child", ask(os.getppid(), parent)["error"])

    @unittest.skipUnless(os.geteuid() == 0, "a second user's requests need root")
    def test_other_users_can_neither_claim_names_nor_flood(self):
        rules = ("builtin_profiles: false\nsample_interval: 100ms\nagents:\n"
                 "  - {name: mine, match: {comm: mine, user: root}}\n")
        serve = self.exporter(f"--config.file={self.write('agents.yaml', rules)}", f"--socket={self.socket}")
        os.chmod(self.directory, 0o755)
        # As nobody: claims names for a child of its own, then hands over 70 children, then asks 5,000 times.
        script = self.write("stranger.py", f'''
import json, os, socket, subprocess, time
def ask(name, pid, keep=[]):
    start = int(open(f"/proc/{{pid}}/stat").read().rsplit(")", 1)[1].split()[19])
    client = socket.socket(socket.AF_UNIX)
    client.connect({self.socket!r})
    client.sendall(json.dumps({{"watch": {{"pid": pid, "start_ticks": start, "name": name}}}}).encode() + b"\\n")
    keep.append(client)
    return client.makefile().readline().strip()
children = [subprocess.Popen(["sleep", "1000"]) for _ in range(70)]
answers = {{name: ask(name, children[0].pid) for name in ("mine", "other", "agent_exporter", "free")}}
answers["another's"] = ask("free", os.getppid())
answers["many"] = []
for child in children:
    time.sleep(0.06)  # below the cap of requests a second
    answers["many"].append("ok" in ask("free", child.pid, []))
refused = 0
for _ in range(5000):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect({self.socket!r})
        client.settimeout(10)
        try:
            client.sendall(b"nonsense\\n")
            refused += client.recv(100) == b""
        except OSError:
            refused += 1
answers["refused"] = refused
print(json.dumps(answers))
for child in children:
    child.kill()
''')
        result = subprocess.run([*harness.NOBODY[:-1], "/usr/bin/python3", script], capture_output=True, text=True,
                                timeout=harness.PATIENCE, check=True)
        answers = json.loads(result.stdout)
        self.assertIn("configured for other users", answers["mine"])
        self.assertIn("the exporter's own", answers["other"])
        self.assertIn("the exporter's own", answers["agent_exporter"])
        self.assertIn("ok", answers["free"])
        self.assertIn("not handed over", answers["another's"])
        self.assertEqual(answers["many"].count(True), 64)
        self.assertGreater(answers["refused"], 4500)
        self.assertLess(sum(map(len, serve.log.all)), 10_000)

    def test_without_a_serve_it_watches_itself(self):
        run = self.slot(["/bin/sh", "-c", "exit 1"])
        run.finish()
        self.assertEqual(run.code, 1)
        self.assertIn(b"watching the task from here", run.err)

    def test_a_serve_that_goes_away_costs_the_figures_only(self):
        serve = self.serve()
        run = self.slot(["/bin/sh", "-c", "read line; exit 1"], "--name=s", stdin=subprocess.PIPE)
        harness.wait_for(lambda: serve.scrape().get(harness.key("agent_up", agent="s")) == 1, "the slot")
        serve.stop()
        self.assertFalse(os.path.exists(self.socket))
        run.finish(b"\n")
        self.assertEqual((run.code, run.diagnosis["category"]), (1, "plugin-error"))
        self.assertIn(b"no figures for the task", run.err)

    def test_a_thousand_cycles_leave_nothing_behind(self):
        serve = self.serve(interval="1s")
        # What a first slot, a first scrape and the first ticks set up for good is there before counting begins.
        self.assertEqual(self.slot(["/bin/true"], "--name=cycle").finish().code, 0)
        time.sleep(3)
        serve.fresh()
        before = (serve.open_fds(), len(os.listdir(f"/proc/{serve.process.pid}/task")))
        command = [harness.EXPORTER, "run", f"--socket={self.socket}", "--name=cycle", "--", "/bin/true"]
        script = 'n=$1; shift; i=0; while [ $i -lt $n ]; do "$@" || exit 1; i=$((i+1)); done'
        loop = subprocess.run(["/bin/sh", "-c", script, "sh", str(CYCLES), *command], capture_output=True,
                              timeout=250, stdin=subprocess.DEVNULL)
        self.assertEqual((loop.returncode, loop.stdout, loop.stderr), (0, b"", b""))
        samples = serve.fresh()
        self.assert_value(samples, CYCLES + 1, "agent_exits_total", agent="cycle", category="success")
        self.assert_value(samples, 0, "agent_instances", agent="cycle")
        harness.wait_for(lambda: (serve.open_fds(), len(os.listdir(f"/proc/{serve.process.pid}/task"))) <= before,
                         "the serve to let go of descriptors and threads")
        self.assertEqual(children_of(os.getpid()).keys(), {serve.process.pid})
        self.assertEqual(children_of(serve.process.pid), {})


if __name__ == "__main__":
    unittest.main()
