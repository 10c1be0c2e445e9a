"""`run`: transparent, observe-only, and what it says of the ends it saw."""

import os
import pathlib
import re
import signal
import subprocess
import unittest

import harness
from run_harness import PYTHON, RunTestCase, children_of, is_alive, task_of


class TransparencyTest(RunTestCase):
    def test_passes_descriptors_and_exit_codes_on(self):
        run = self.run_to_end(["/bin/sh", "-c", "cat; echo err >&2; exit 7"], stdin=subprocess.PIPE, text=b"in \xff\n")
        self.assertEqual((run.code, run.out), (7, b"in \xff\n"))
        self.assertTrue(run.err.startswith(b"err\nagent_exporter: "), run.err)

    def test_a_success_adds_nothing_to_stderr(self):
        for flags in ((), ("--capture-stderr",)):
            run = self.shell("echo err >&2", *flags)
            self.assertEqual((run.code, run.out, run.err), (0, b"", b"err\n"))

    def test_the_command_finds_the_world_as_without_it(self):
        script = self.write("world.sh", "grep -E 'Sig(Blk|Ign|Cgt)' /proc/self/status; ulimit -a; ls /proc/self/fd\n"
                                        "ps -o pgid= -o sid= -p $PPID; ps -o pgid= -o sid= -p $$\n")
        for before in ("", "trap '' CHLD PIPE; "):
            def world(watched):
                result = subprocess.run(["/bin/sh", "-c", f"{before}{watched}/bin/sh {script}; true"], capture_output=True,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
                *lines, parent, own = result.stdout.decode().splitlines()
                self.assertEqual(own.split(), parent.split(), result)  # the same process group and session
                return lines
            self.assertEqual(world(f"{harness.EXPORTER} run --socket=none -- "), world(""))

    def test_arguments_arrive_as_they_are(self):
        words = ["[a,b]", "--name=x", "--", "", "a b", "{}", "-h"]
        run = self.run_to_end([PYTHON, "-c", "import sys; print(sys.argv[1:])", *words])
        self.assertEqual(run.out.decode().strip(), str(words))

    def test_what_cannot_start(self):
        marker = f"{self.directory}/started"
        for command, flags, code, pattern in (
                ([f"{self.directory}/nosuch"], (), 127, "nosuch: No such file"),
                ([self.directory], (), 126, "Permission denied"),
                ([self.write("plain", "text")], (), 126, "Permission denied"),
                (["touch", marker], ("--slot=a\nb",), 2, "--slot .*control character"),
                (["touch", marker], ("--name=" + "x" * 129,), 2, "--name .*longer than 128"),
                (["touch", marker], ("--interval=soon",), 2, "--interval: .*soon"),
                (["touch", marker], ("--listen=nonsense",), 2, "nonsense")):
            with self.subTest(command=command, flags=flags):
                run = self.run_to_end(command, *flags)
                self.assertEqual(run.code, code)
                self.assertRegex(run.err.decode(), rf"\Aagent_exporter: [^\n]*{pattern}[^\n]*\n\Z")
                self.assertFalse(os.path.exists(marker))
        for arguments in (["run"], ["run", "--"], ["run", "true"], ["--", "true"], ["diagnose-exit"]):
            self.assertEqual(harness.run(*arguments).returncode, 2, arguments)

    def test_a_task_that_cannot_be_watched_runs_all_the_same(self):
        run = self.shell("exit 3", "--path.procfs=/nosuch")
        self.assertEqual(run.code, 3)
        self.assertIn(b"the sampler is off, by the platform", run.err)
        run = self.shell("exit 3", "--no-sampler", "--log.level=info")
        self.assertIn(b"the sampler is off, by the operator", run.err)
        self.assertEqual(run.diagnosis["external"], {})
        run = self.shell("exit 3", "--interval=0", "--log.level=info")
        self.assertIn(b"the sampler is on: the baseline only", run.err)

    def test_captured_stderr_is_passed_through_unchanged(self):
        text = os.urandom(300_000)
        path = pathlib.Path(self.directory, "bytes")
        path.write_bytes(text)
        run = self.shell(f"cat {path} >&2", "--capture-stderr")
        self.assertEqual(run.err, text)


# Notes every signal that can be caught, in the order it comes, until it is told to end.
NOTES_SIGNALS = """
import os, signal, sys
signals = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("ready", flush=True)
while True:
    info = signal.sigwaitinfo(signals)
    print(signal.Signals(info.si_signo).name, info.si_pid, flush=True)
    if info.si_signo == signal.SIGTERM:
        sys.exit(0)
"""


class SignalTest(RunTestCase):
    def test_nothing_but_forwarded_signals_is_ever_sent(self):
        run = self.start([PYTHON, "-c", NOTES_SIGNALS], "--interval=50ms", "--listen=127.0.0.1:0", "--log.level=info")
        lines = harness.Lines(run.process.stdout)
        log = harness.Lines(run.process.stderr)
        log.find("listening on")
        lines.find("ready")
        trace = f"{self.directory}/trace"
        strace = subprocess.Popen(
            ["strace", "-f", "-p", str(run.pid), "-o", trace, "-e",
             "trace=kill,tkill,tgkill,rt_sigqueueinfo,rt_tgsigqueueinfo,pidfd_send_signal"], stderr=subprocess.PIPE)
        self.addCleanup(strace.kill)
        harness.Lines(strace.stderr).find("attached")
        sent = [signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH, signal.SIGINT, signal.SIGUSR2, signal.SIGTERM]
        for number in sent:
            run.process.send_signal(number)
            self.assertEqual(lines.find("SIG")[0] and lines.all[-1], f"{number.name} {run.pid}")
        self.assertEqual(run.process.wait(harness.PATIENCE), 0)
        strace.wait(harness.PATIENCE)
        self.assertEqual(lines.all[1:], [f"{number.name} {run.pid}" for number in sent])
        calls = [line for line in pathlib.Path(trace).read_text().splitlines() if re.search(r"\b\w*kill\(|sig\w*\(", line)]
        self.assertEqual(len(calls), len(sent), calls)

    def test_a_task_that_dies_of_a_forwarded_signal_was_stopped_on_purpose(self):
        run = self.start(["sleep", "1000"])
        task_of(run)
        run.process.send_signal(signal.SIGINT)
        run.finish()
        self.assertEqual(run.code, -signal.SIGINT)
        self.assertEqual(run.diagnosis["category"], "sigterm")
        self.assertEqual(run.err, b"")


class CategoryTest(RunTestCase):
    def test_the_table_of_precedence(self):
        for script, code, category in (("exit 0", 0, "success"), ("exit 143", 143, "sigterm"),
                                       ("kill -TERM $$", -15, "sigterm"), ("exit 137", 137, "killed"),
                                       ("kill -KILL $$", -9, "killed"), ("exit 134", 134, "oom-heap"),
                                       ("kill -ABRT $$", -6, "oom-heap"), ("exit 1", 1, "plugin-error"),
                                       ("exit 99", 99, "unknown"), ("kill -SEGV $$", -11, "unknown")):
            with self.subTest(script):
                run = self.shell(script, "--name=t", "--kind=k", "--slot=1")
                if category == "killed" and run.diagnosis["oom"]["verdict"] != "denied":
                    category = "oom-host"  # somebody was OOM-killed meanwhile, or it ended before the first look
                self.assertEqual((run.code, run.diagnosis["category"]), (code, category))
                said = f"agent_exporter: agent t kind k slot 1 (pid {run.diagnosis['pid']}) ended, {category}".encode()
                self.assertEqual(run.err.startswith(said), category not in ("success", "sigterm"), run.err)
                self.assertEqual(set(run.diagnosis["texts"]["end_user"]), {"en", "fr"})

    def test_kill_9_by_hand_is_not_called_an_oom_kill(self):
        for flags in ((), ("--process.events=none", "--process.source=procfs")):
            run = self.start(["sleep", "1000"], "--interval=50ms", *flags)
            task = task_of(run)
            harness.wait_for(lambda: pathlib.Path(f"/proc/{task}/comm").read_text() == "sleep\n", "exec")
            os.kill(task, signal.SIGKILL)
            run.finish()
            self.assertNotEqual(run.diagnosis["oom"]["verdict"], "confirmed", run.err)
            denied = run.diagnosis["oom"]["verdict"] == "denied"  # else somebody was OOM-killed meanwhile
            self.assertEqual(run.diagnosis["category"], "killed" if denied else "oom-host")

    def test_a_plugin_error_quotes_the_last_useful_lines(self):
        script = "echo '[worker] starting' >&2; echo >&2; echo 'TypeError: x is undefined' >&2; exit 1"
        run = self.shell(script, "--capture-stderr", "--stderr-prefix=[worker]")
        self.assertEqual(run.diagnosis["stderr"], ["TypeError: x is undefined"])
        self.assertIn(b"Last stderr: TypeError: x is undefined", run.err)
        run = self.shell("echo '[worker] x' >&2; exit 1", "--capture-stderr", "--stderr-prefix=[worker]")
        self.assertIn(b"It wrote nothing useful to stderr.", run.err)

    def test_nodes_heap_death(self):
        # It lives long enough to be sampled before it dies.
        script = ("const a = [], begun = Date.now(); while (Date.now() < begun + 1000);"
                  "while (true) a.push(new Array(100000).fill(1.5))")
        run = self.run_to_end(["node", "--max-old-space-size=32", "-e", script], "--capture-stderr", "--interval=50ms")
        self.assertIn(run.code, (-signal.SIGABRT, 134))
        self.assertEqual(run.diagnosis["category"], "oom-heap")
        self.assertIn("heap out of memory", " ".join(run.diagnosis["stderr"]))
        self.assertRegex(run.err, rb"Heap at its last collection: Mark-\w+ [0-9.]+ -> [0-9.]+ MB\. Last seen RSS")

    def test_diagnose_exit_says_it_from_figures_alone(self):
        result = harness.run("diagnose-exit", "--signal=KILL", f"--rss={815 << 20}", "--cpu=0.92")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"category: +oom-host\n")
        self.assertIn("Last seen RSS (external): 815.0MB. CPU usage (external): 0.92 (1.0 = one full core).",
                      result.stdout)
        self.assertIn("La tâche", result.stdout)
        self.assertEqual(harness.run("diagnose-exit", "--signal=NONE").returncode, 2)


GROWS = """
import time
kept = []
while True:
    kept.append(b"x" * (2 << 20))
    time.sleep(0.02)
"""

LEAKS = """
import time
kept = []
try:
    while True:
        kept.append(open("/dev/null"))
        time.sleep(0.01)
except OSError:
    time.sleep(1)
    raise
"""

BUSY = """
import time
kept = []
begin = time.monotonic()
while time.monotonic() - begin < 10:
    kept.append(b"x" * (1 << 14))
    for i in range(100000): pass
print(time.process_time() / (time.monotonic() - begin))
"""


def memory_cgroup(name, limit):
    """A new memory cgroup of v2 where it has the controller, else of v1; None where neither can be made."""
    root = pathlib.Path("/sys/fs/cgroup")
    v2 = "memory" in (root / "cgroup.controllers").read_text().split() if (root / "cgroup.controllers").exists() else False
    group = root / name if v2 else root / "memory" / name
    try:
        group.mkdir()
        (group / ("memory.max" if v2 else "memory.limit_in_bytes")).write_text(str(limit))
    except OSError:
        return None
    return group


class WatchingTest(RunTestCase):
    def test_an_oom_kill_is_confirmed_with_the_last_memory(self):
        limit = 200 << 20
        group = memory_cgroup(harness.unique_name(), limit)
        if group is None:
            self.skipTest("needs root and a memory cgroup that can be made")
        self.addCleanup(lambda: harness.wait_for(lambda: not os.path.exists(group) or self.removed(group), "rmdir"))
        script = self.write("grows.py", GROWS)
        for flags in ((), ("--process.events=none", "--process.source=procfs")):
            with self.subTest(flags):
                run = self.shell(f"echo $$ > {group}/cgroup.procs; exec {PYTHON} {script}", "--interval=50ms", *flags)
                self.assertEqual(run.code, -signal.SIGKILL)
                self.assertEqual(run.diagnosis["category"], "oom-host")
                self.assertEqual(run.diagnosis["oom"]["verdict"], "confirmed", run.err)
                self.assertIn(b"The kernel confirms an OOM kill", run.err)
                last = run.diagnosis["external"]["resident_bytes"]
                self.assertAlmostEqual(last / limit, 1, delta=0.1)
                limits = {(use["resource"], use["source"]): use["limit"] for use in run.diagnosis["flight"]["limits"]}
                self.assertEqual(limits.get(("memory", "cgroup")), limit)

    @staticmethod
    def removed(group):
        try:
            group.rmdir()
            return True
        except OSError:
            return False

    def test_an_fd_leak_is_named_with_its_limit_and_growth(self):
        script = self.write("leaks.py", LEAKS)
        run = self.shell(f"ulimit -n 256; exec {PYTHON} {script}", "--interval=100ms", "--capture-stderr")
        self.assertEqual((run.code, run.diagnosis["category"]), (1, "plugin-error"))
        self.assertRegex(run.err.decode(), r"limits: fds 256 of 256 \(self, rlimit\)")
        self.assertRegex(run.err.decode(), r"growth: .*\bfds \+\d+ a minute")
        self.assertIn("Too many open files", run.diagnosis["stderr"][-1])
        self.assertGreater(run.diagnosis["growth"]["open_fds"]["per_minute"], 0)
        self.assertRegex(run.err.decode(), r"before end +RSS")

    def test_a_busy_task_shows_its_cpu_and_memory_at_every_tick(self):
        run = self.python(BUSY, "--interval=500ms")
        share = float(run.out)  # what it really got, of a machine that may be busy with anything
        points = run.diagnosis["flight"]["points"]
        self.assertGreaterEqual(len(points), 10)
        ratios = [point["cpu_ratio"] for point in points if "cpu_ratio" in point]
        self.assertAlmostEqual(sum(ratios) / len(ratios), share, delta=0.2 * share)
        if share > 0.97:
            self.assertGreater(min(ratios[1:]), 0.9, ratios)
        memory = [point["resident_bytes"] for point in points]
        self.assertGreater(memory[-1], memory[0])
        self.assertGreater(len(set(memory)), len(memory) / 2, memory)

    def test_metrics_of_its_own_hold_the_whole_tree_and_its_orphans(self):
        script = "(sleep 1000 >/dev/null 2>&1 & echo $! >orphan) & wait; read line; kill $(cat orphan)"
        run = self.start(["/bin/sh", "-c", script], "--name=pool", "--kind=w", "--slot=4", "--listen=127.0.0.1:0",
                         "--log.level=info", "--interval=50ms", stdin=subprocess.PIPE, cwd=self.directory)
        port = harness.Lines(run.process.stderr).find(r"listening on http://localhost:(\d+)/")[1]
        exporter = harness.Exporter.__new__(harness.Exporter)
        exporter.port = int(port)
        labels = {"agent": "pool", "kind": "w", "slot": "4"}
        samples = harness.wait_for(
            lambda: (samples := exporter.scrape()).get(harness.key("agent_orphans", **labels)) == 1 and samples, "orphan")
        self.assert_value(samples, 1, "agent_instances", **labels)
        self.assertEqual(harness.promtool_check(exporter.get().text), "")
        run.process.stdin.write(b"\n")
        run.process.stdin.close()
        self.assertEqual(run.process.wait(harness.PATIENCE), 0)

    def test_what_lives_on_below_is_named(self):
        run = self.shell("sleep 300 >/dev/null 2>&1 & exit 1", "--interval=50ms")
        self.assertEqual(len(run.diagnosis["flight"]["left_behind"]), 1)
        name, pid = re.fullmatch(r"(\w+) \((\d+)\)", run.diagnosis["flight"]["left_behind"][0]).groups()
        self.assertTrue(is_alive(int(pid)))
        os.kill(int(pid), signal.SIGKILL)


class WatcherDeathTest(RunTestCase):
    """kill -9 of the watcher: the task goes on, with its stderr, and somebody says so."""

    def test_the_task_outlives_its_watcher(self):
        for flags in ((), ("--capture-stderr",)):
            with self.subTest(flags):
                script = "while read line; do echo out $line; echo err $line >&2; done"
                run = self.start(["/bin/sh", "-c", script], *flags, stdin=subprocess.PIPE)
                out, err = harness.Lines(run.process.stdout), harness.Lines(run.process.stderr)
                run.process.stdin.write(b"1\n")
                run.process.stdin.flush()
                out.find("out 1")
                err.find("err 1")
                task = task_of(run)
                run.process.kill()
                run.process.wait()
                err.find(rf"the watcher \(pid {run.pid}\) was killed; .* \(pid {task}\) goes on unwatched")
                run.process.stdin.write(b"2\n")
                run.process.stdin.flush()
                out.find("out 2")
                err.find("err 2")
                self.assertTrue(is_alive(task))
                run.process.stdin.close()
                harness.wait_for(lambda: not is_alive(task), "the task's end")
                err.join()  # its stderr was closed: no guardian is left

    def test_nobody_says_anything_when_all_goes_well(self):
        run = self.shell("sleep 0.1", "--capture-stderr")
        self.assertEqual(run.err, b"")
        self.assertEqual(children_of(run.pid), {})


class CyclesTest(RunTestCase):
    def test_orphans_are_reaped_while_the_task_runs(self):
        script = "i=0; while [ $i -lt 300 ]; do (true &) ; i=$((i+1)); done; echo done; read line; exit 0"
        run = self.start(["/bin/sh", "-c", script], stdin=subprocess.PIPE)
        harness.Lines(run.process.stdout).find("done")
        harness.wait_for(lambda: len(children_of(run.pid)) == 2, "300 orphans to be reaped")
        run.process.stdin.close()
        self.assertEqual(run.process.wait(harness.PATIENCE), 0)


if __name__ == "__main__":
    unittest.main()
