#!/usr/bin/env python3
"""Measures agent_exporter's BPF snapshots and its fork and exit events against their bars, on this machine.

Prints a Markdown table. Needs root, the release build and Debian's prometheus-process-exporter; bench/run.sh provides the
last two.
"""

import argparse
import concurrent.futures
import contextlib
import itertools
import os
import pathlib
import resource
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from harness import PAUSE_SECONDS, Exporter, crowd, end, live_processes, named, start
from peers import EVERY_NAME, FDS, PROCESS_EXPORTER, machine, say

AGENT = "watched"
PASSES = 50
SCRAPES = 200
STORM_SECONDS = 20
FORKS_A_SECOND = 2000
EXECS = 3000
BETWEEN_SCRAPES = 15
TICK = 0.01  # 1/USER_HZ
# The exporter walks all processes every 60 s as a cross-check, so a window of a minute includes one walk.
CROSS_CHECK_SECONDS = 60


class Table:
    def __init__(self):
        self.rows = []
        self.missed = False

    def add(self, figure, measured, bar, met):
        """`met` is None for figures without a bar. The load average is shown because load distorts wall-clock figures."""
        load = os.getloadavg()[0]
        verdict = {None: "", True: "yes", False: "**no**"}[met]
        self.missed |= met is False
        row = f"| {figure} | {measured} | {bar} | {verdict} | {load:.1f} |"
        say(row)
        self.rows.append(row)

    def __str__(self):
        return "\n".join(["| figure | measured | bar | met | load |", "|---|---|---|---|---|", *self.rows])


class Load:
    """process_load under the agent's name: the watched process, which starts others on request."""

    def __init__(self, program, name, directory):
        self._process = start([named(program, name, directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self._process.stdout.readline() != "ready\n":
            raise RuntimeError("process_load did not start")
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        end(self._process)
        self._process.stdout.close()

    def ask(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"process_load failed at {words}")
        return int(answer)


class Measurement:
    def __init__(self, options, directory):
        self.bin = options.build.resolve() / "bin"
        self.directory = pathlib.Path(directory)
        self.table = Table()

    def exporter(self, *flags, interval="1s"):
        """Returns an exporter that watches only AGENT, even if the host runs other agents."""
        config = self.directory / f"every_{interval}.yml"
        config.write_text(f"sample_interval: {interval}\nbuiltin_profiles: false\n"
                          f"agents: [{{name: {AGENT}, match: {{comm: {AGENT}}}}}]\n")
        argv = [self.bin / "agent_exporter", "serve", "--web.listen-address={address}", f"--config.file={config}", *flags]
        return Exporter(" ".join(("agent_exporter", *flags)), argv)

    @staticmethod
    def check_watched(exporter, watched):
        seen = sum(exporter.value(rf'{metric}\{{.*agent="{AGENT}"') for metric in ("agent_instances", "agent_descendants"))
        if seen != watched:
            raise RuntimeError(f"watching {seen} processes, not {watched}")

    def load(self):
        return Load(self.bin / "process_load", AGENT, self.directory)

    @staticmethod
    def settle():
        """Waits until the previous crowd has gone, so that it does not count for the next host."""
        before, now = -1, live_processes()
        while abs(now - before) > 5:
            time.sleep(0.5)
            before, now = now, live_processes()

    def host(self, stack, processes, watched):
        self.settle()
        spawn = self.bin / "spawn_processes"
        others = max(processes - live_processes() - watched, 0)
        stack.enter_context(crowd(spawn, AGENT, watched, FDS, self.directory))
        stack.enter_context(crowd(spawn, "bystander", others, FDS, self.directory))
        say(f"the host has {live_processes()} processes, {watched} watched")

    def snapshot_cpu(self):
        with contextlib.ExitStack() as stack:
            self.host(stack, 5000, 10)
            output = subprocess.run([self.bin / "snapshot_cpu", str(PASSES)], check=True, stdout=subprocess.PIPE, text=True)
            figures = {name: (int(size), int(nanos) / 1e6)
                       for name, size, nanos in map(str.split, output.stdout.splitlines())}
            by_name = self.directory / "every_name.yml"
            by_name.write_text(EVERY_NAME)
            with Exporter("process-exporter", [*PROCESS_EXPORTER, f"-config.path={by_name}"]) as peer:
                peer.cpu_seconds(1)
                its = peer.cpu_seconds(5) * 1e3
        processes, ours = figures["snapshot"]
        what = f"CPU a snapshot of {processes:,} processes, all fields and fd counts, median of {PASSES}"
        # As for procfs, the bare loop reads the same fields and drops them. The two others read less.
        for name, reading, bar, met in (
                ("same_fields", "a bare loop that reads the same fields and drops them", "<= 1.5 x", lambda r: r <= 1.5),
                ("two_numbers", "an iterator that reads two numbers a task", "(none)", lambda r: None),
                ("as_many_bytes", "an iterator that reads two numbers and writes as many bytes", "(none)", lambda r: None)):
            size, bare = figures[name]
            self.table.add(f"{what}, beside {reading} ({size // 1024:,} KiB)",
                           f"{ours:.2f} ms, bare {bare:.2f} ms: {ours / bare:.2f} x", bar, met(ours / bare))
        self.table.add(f"{what}, beside process-exporter's scrape", f"1/{its / ours:.0f} of {its:.0f} ms", "<= 1/200",
                       its / ours >= 200)

    def scrape_time(self):
        # The sampler does not run, so that every scrape must take its own observation.
        with contextlib.ExitStack() as stack:
            self.host(stack, 5000, 10)
            ours = stack.enter_context(
                self.exporter("--process.source=bpf", "--process.events=bpf", interval="1h"))
            self.check_watched(ours, 10)
            times = []
            for _ in range(SCRAPES):
                time.sleep(PAUSE_SECONDS)
                before = time.monotonic()
                ours.scrape()
                times.append((time.monotonic() - before) * 1e3)
            live = int(ours.value("agent_host_processes "))
        times.sort()
        p99 = times[len(times) * 99 // 100 - 1]
        self.table.add(f"whole scrape, client's clock, host of {live:,}, 10 watched, p99 of {SCRAPES} fresh ones",
                       f"{p99:.1f} ms (median {statistics.median(times):.1f}, most {times[-1]:.1f})", "<= 15 ms", p99 <= 15)

    @staticmethod
    def sum(exporter, metric):
        """Returns 0 if there is no such series yet."""
        try:
            return exporter.value(metric)
        except RuntimeError:
            return 0.0

    def tree_cpu(self):
        metric = r'agent_descendants_cpu_seconds_total\{.*agent="watched"'
        # For children that nobody waits for, the truth is the CPU that they report when they call exit. The exporter also
        # counts what the kernel does after that, hence the wider bar.
        loads = (("burn", "waited for", 1.001), ("unwaited", "of a parent that ignores SIGCHLD", 1.2))
        # /proc cuts a parent's sum to whole ticks, user and system time each; BPF tells nanoseconds.
        for maker, source, hidden in (("bpf", "bpf", 0), ("netlink", "procfs", 2 * TICK)):
            with self.load() as load, self.exporter(f"--process.events={maker}", f"--process.source={source}") as ours:
                for (order, whose, most), (count, milliseconds) in itertools.product(loads, ((300, 20), (2000, 1), (10, 500))):
                    before = self.sum(ours, metric)
                    scraped = time.monotonic()
                    truth = load.ask(order, count, milliseconds) / 1e6
                    time.sleep(max(1, BETWEEN_SCRAPES - (time.monotonic() - scraped)))
                    counted = self.sum(ours, metric) - before
                    bar = f"99.9 to {most * 100:.1f} %" + (", give or take two ticks" if hidden else "")
                    self.table.add(f"tree CPU, {count:,} x {milliseconds} ms children {whose}, events {maker}, source {source}",
                                   f"{counted:.3f} s of {truth:.3f} s: {counted / truth * 100:.2f} %", bar,
                                   0.999 * truth - hidden <= counted <= most * truth + hidden)

    def storm(self):
        metrics = [r'agent_descendants_started_total\{.*agent="watched"', r'agent_descendants_exited_total\{.*agent="watched"',
                   "agent_exporter_events_lost_total "]
        count = STORM_SECONDS * FORKS_A_SECOND
        for maker in ("bpf", "netlink"):
            with self.load() as load, self.exporter(f"--process.events={maker}") as ours:
                before = [self.sum(ours, metric) for metric in metrics]
                seconds = load.ask("rate", count, FORKS_A_SECOND) / 1e6
                time.sleep(3)  # three ticks, after which the last exits are counted
                started, exited, lost = (int(self.sum(ours, metric) - was) for metric, was in zip(metrics, before))
            self.table.add(f"{count:,} forks at {count / seconds:,.0f} a second, events {maker}",
                           f"started {started:,}, exited {exited:,}, lost {lost:,}", "exact, or lost accounts for the rest",
                           started == exited == count or (started <= count >= exited and 2 * count - started - exited <= lost))

    def slow_down(self, rounds):
        times = {False: [], True: []}
        with self.load() as load:
            load.ask("exec", EXECS // 3)
            for i in range(2 * rounds):
                watched = i % 4 in (1, 2)  # without, with, with, without: drift affects both equally
                with contextlib.ExitStack() as stack:
                    if watched:
                        ours = stack.enter_context(self.exporter("--process.events=bpf"))
                        self.check_watched(ours, 1)
                        time.sleep(0.5)
                    microseconds = load.ask("exec", EXECS) / EXECS
                say(f"{'with' if watched else 'without'}: {microseconds:.1f} us a life")
                times[watched].append(microseconds)
        without, with_us = (statistics.median(times[watched]) for watched in (False, True))
        slower = (with_us / without - 1) * 100
        self.table.add(f"fork + exec + exit of a watched process' child, medians of {rounds} rounds of {EXECS:,} each",
                       f"{without:.1f} us, watched {with_us:.1f} us: {slower:+.1f} % (fastest rounds {min(times[False]):.1f} "
                       f"and {min(times[True]):.1f} us)", "<= 3 % slower", slower <= 3)

    def own_cpu(self):
        with contextlib.ExitStack() as stack:
            self.host(stack, 0, 1000)
            for source in ("bpf", "procfs"):
                with self.exporter(f"--process.source={source}", "--process.events=bpf", interval="1s") as ours:
                    self.check_watched(ours, 1000)
                    time.sleep(3)
                    used = ours.idle_cpu_seconds(CROSS_CHECK_SECONDS) * 100
                self.table.add(f"own CPU, 1,000 watched, a tick a second for a minute, source {source}, events bpf",
                               f"{used:.2f} % of a core", "<= 1 %", used <= 1)

    def tick_growth(self):
        ticks_a_second = 5
        sources = ("bpf", "procfs")
        cpu, live = {}, {}
        for processes in (100, 5000):
            with contextlib.ExitStack() as stack:
                self.host(stack, processes, 10)
                exporters = {source: stack.enter_context(self.exporter(
                    f"--process.source={source}", "--process.events=bpf", interval="200ms")) for source in sources}
                for ours in exporters.values():
                    self.check_watched(ours, 10)
                time.sleep(3)
                live[processes] = live_processes()
                with concurrent.futures.ThreadPoolExecutor() as pool:
                    used = pool.map(lambda source: exporters[source].idle_cpu_seconds(CROSS_CHECK_SECONDS), sources)
                cpu.update({(source, processes): a_second / ticks_a_second * 1e3
                            for source, a_second in zip(sources, used)})
        for source in sources:
            few, many = cpu[source, 100], cpu[source, 5000]
            self.table.add(f"CPU a tick, 10 watched, host of {live[5000]:,} beside host of {live[100]:,}, source {source}, events bpf",
                           f"{many:.3f} ms beside {few:.3f} ms: {many / few:.2f} x", "<= 1.5 x", many / few <= 1.5)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--rounds", type=int, default=10,
                        help="rounds of the fork + exec + exit loop, each with and without the exporter")
    figures = ("snapshot-cpu", "scrape-time", "tree-cpu", "storm", "slow-down", "own-cpu", "tick-growth")
    parser.add_argument("--only", choices=figures, action="append", help="repeatable; default: all")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("BPF and the proc connector need root")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, most = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))

    with tempfile.TemporaryDirectory() as directory:
        measurement = Measurement(options, directory)
        run = dict(zip(figures, (
            measurement.snapshot_cpu,
            measurement.scrape_time,
            measurement.tree_cpu,
            measurement.storm,
            lambda: measurement.slow_down(options.rounds),
            measurement.own_cpu,
            measurement.tick_growth,
        )))
        for figure in options.only or figures:
            run[figure]()
    print(f"Machine: {machine()}.  ")
    print(f"Command: `{shlex.join(['bench/run.sh', 'kernel', *sys.argv[1:]])}`.  ")
    print("CPU is the sum of all threads; \"load\" is the load average over one minute at the time of the measurement.\n")
    print(measurement.table)
    return 1 if measurement.table.missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
