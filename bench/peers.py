#!/usr/bin/env python3
"""Compares agent_exporter (procfs source, default configuration) with its peers on this machine, side by side.

Prints a Markdown table. Run it through bench/run.sh, which builds the programs.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import re
import resource
import shlex
import signal
import subprocess
import sys
import tempfile

from harness import PAUSE_SECONDS, BareScan, Exporter, crowd, live_processes

FDS = 10
WARM_UP = 3
IDLE_SECONDS = 30  # six of the sampler's ticks
# Memory is flat once every server thread and every job that runs every few minutes (the ledger's write, the state file)
# has run. That takes five of the ten minutes of 1,000 scrapes. The peak is of all scrapes.
SETTLED_SHARE = 0.5
MEGABYTE = 1e6

# The bars are for these flags. By default agent_exporter uses BPF if it can.
PROCFS = ["--process.source=procfs", "--process.events=none"]

PROCESS_EXPORTER = [
    "/usr/bin/prometheus-process-exporter",
    "-web.listen-address={address}",
    "-gather-smaps=false",
    "-threads=false",
]
# The whole host, grouped by name: the example in its documentation.
EVERY_NAME = "process_names: [{name: '{{.Comm}}', cmdline: ['.+']}]\n"
# Only processes called codex and their descendants; it reads little about the others.
CODEX_ONLY = ["-children=true", "-procnames=codex"]
NODE_EXPORTER = [
    "/usr/bin/prometheus-node-exporter",
    "--web.listen-address={address}",
    "--collector.disable-defaults",
    "--collector.processes",
]


def say(text):
    print(f"# {text}", file=sys.stderr, flush=True)


class Row:
    """One line of the table. `ours` and `peers` have one figure per repetition, and each must meet the bar."""

    def __init__(self, figure, unit, ours, peer, peers, bar, ratio, met):
        self.figure, self.unit, self.ours, self.peer, self.peers, self.bar = figure, unit, ours, peer, peers, bar
        self.ratios = [ratio(our, its) for our, its in zip(ours, peers)] if peers else []
        self.met = None if met is None else all(map(met, self.ratios if peers else ours))

    def __str__(self):
        show = lambda values: ", ".join(f"{value:.1f}" for value in values)
        verdict = "" if self.met is None else "yes" if self.met else "**no**"
        peers = f"{self.peer}: {show(self.peers)} {self.unit}" if self.peers else ""
        ratios = ", ".join(f"{ratio:.2f}" for ratio in self.ratios)
        return f"| {self.figure} | {show(self.ours)} {self.unit} | {peers} | {ratios} | {self.bar} | {verdict} |"


class Comparison:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.bin = options.build.resolve() / "bin"
        self.rows = []
        self.notes = []

    def ours(self, name="agent_exporter", flags=tuple(PROCFS)):
        program = self.bin / "agent_exporter"
        return Exporter(name, [program, "serve", "--web.listen-address={address}", *flags])

    def host(self, stack, processes, watched):
        """Starts processes until the host has `processes`, of which `watched` belong to the agent."""
        spawn = self.bin / "spawn_processes"
        others = processes - live_processes() - watched
        say(f"starting {watched} watched and {max(others, 0)} other processes")
        stack.enter_context(crowd(spawn, "codex", watched, FDS, self.directory))
        stack.enter_context(crowd(spawn, "bystander", others, FDS, self.directory))

    def check_watched(self, ours, watched):
        """Checks that the exporter really watches the whole tree with its descriptors."""
        seen = ours.value(r'agent_descendants\{.*agent="codex"') + ours.value(r'agent_instances\{.*agent="codex"')
        fds = ours.value(r'agent_descendants_open_fds\{.*agent="codex"')
        if (seen, fds) != (watched, (watched - 1) * FDS):
            raise RuntimeError(f"watching {seen} processes with {fds} descriptors, not {watched}")

    def measure(self, contenders):
        """Returns for each contender the CPU in ms per scrape, as a list with one figure per repetition.

        Measures one after the other, and reverses the order in every second repetition.
        """
        figures = {contender.name: [] for contender in contenders}
        for repetition in range(self.options.repetitions):
            for contender in contenders if repetition % 2 == 0 else reversed(contenders):
                contender.cpu_seconds(WARM_UP)
                milliseconds = contender.cpu_seconds(self.options.scrapes) * 1e3
                say(f"{contender.name}: {milliseconds:.2f} ms of CPU")
                figures[contender.name].append(milliseconds)
        return figures

    def whole_agent(self, processes, watched=1000):
        with contextlib.ExitStack() as stack:
            self.host(stack, processes, watched)
            ours = stack.enter_context(self.ours())
            self.check_watched(ours, watched)
            by_name = pathlib.Path(self.directory) / "every_name.yml"
            by_name.write_text(EVERY_NAME)
            peers = [
                stack.enter_context(Exporter(name, argv))
                for name, argv in (
                    ("process-exporter", [*PROCESS_EXPORTER, f"-config.path={by_name}"]),
                    ("process-exporter, codex only", PROCESS_EXPORTER + CODEX_ONLY),
                    ("node_exporter", NODE_EXPORTER),
                )
            ]
            seen = peers[1].value(r'namedprocess_namegroup_num_procs\{groupname="codex"')
            if seen != watched:
                raise RuntimeError(f"process-exporter watches {seen} processes, not {watched}")
            auto = stack.enter_context(self.ours("agent_exporter, source auto", ()))
            live = int(ours.value("agent_host_processes "))
            figures = self.measure([ours, *peers, auto])
            idle = ours.idle_cpu_seconds(IDLE_SECONDS)

        where = f"host of {live:,}, agent of {watched:,}"
        every, codex, node = peers
        times = lambda our, its: its / our
        share = lambda our, its: our / its
        self.rows += [
            Row(f"CPU per scrape, {where}", "ms", figures[mine.name], peer.name, figures[peer.name], bar, ratio, met)
            for mine, peer, bar, ratio, met in (
                (ours, every, "peer >= 25 x ours", times, lambda r: r >= 25),
                (ours, node, "ours < 1 x peer", share, lambda r: r < 1),
                (ours, codex, "(none)", times, None),
                (auto, every, "(none; uses BPF if it can)", times, None),
            )
        ]
        self.notes.append(f"The figures include the sampler, which runs every 5 s and alone uses "
                          f"{idle * 1e3:.1f} ms of CPU per second ({where}).")

    def drop_in(self, processes=5000, groups=30):
        """In place of process-exporter: its configuration, its metrics."""
        rules = pathlib.Path(self.directory) / "groups.yml"
        rules.write_text("process_names: [{comm: [%s]}]\n" % ", ".join(f"group{i}" for i in range(groups)))
        with contextlib.ExitStack() as stack:
            say(f"starting {processes} processes in {groups} groups")
            for i in range(groups):
                stack.enter_context(
                    crowd(self.bin / "spawn_processes", f"group{i}", processes // groups, FDS, self.directory))
            ours, procfs = (stack.enter_context(self.ours(name, (f"--compat.process-exporter={rules}", *flags)))
                            for name, flags in (("drop-in", ()), ("drop-in, procfs", PROCFS)))
            peer = stack.enter_context(Exporter("process-exporter", [*PROCESS_EXPORTER, f"-config.path={rules}"]))
            for each in (ours, peer):
                seen = each.value(r'namedprocess_namegroup_num_procs\{groupname="group0"')
                if seen != processes // groups:
                    raise RuntimeError(f"{each.name} sees {seen} processes in a group, not {processes // groups}")
            figures = self.measure([ours, procfs, peer])
        self.rows += [
            Row(f"CPU per scrape, {processes:,} processes in {groups} groups, {mine.name}", "ms", figures[mine.name],
                peer.name, figures[peer.name], bar, lambda our, its: its / our, met)
            for mine, bar, met in ((ours, "peer >= 100 x ours", lambda r: r >= 100), (procfs, "(none)", None))
        ]

    def bare_loop(self, processes=5000, watched=10):
        with contextlib.ExitStack() as stack:
            self.host(stack, processes, watched)
            ours = stack.enter_context(self.ours())
            self.check_watched(ours, watched)
            bare = stack.enter_context(BareScan(self.bin / "bare_scan"))
            live = int(ours.value("agent_host_processes "))
            figures = self.measure([ours, bare])
        self.rows.append(
            Row(f"CPU per scrape, host of {live:,}, {watched} watched", "ms", figures[ours.name], bare.name,
                figures[bare.name], "ours <= 1.3 x", lambda our, its: our / its, lambda r: r <= 1.3)
        )

    def memory(self, processes=5000, watched=1000):
        scrapes = self.options.memory_scrapes
        settled = int(scrapes * SETTLED_SHARE)
        with contextlib.ExitStack() as stack:
            self.host(stack, processes, watched)
            ours = stack.enter_context(self.ours())
            live = int(ours.value("agent_host_processes "))
            say(f"memory over {scrapes} scrapes")
            sizes = []
            for _ in range(scrapes):
                ours.cpu_seconds(1)
                sizes.append(ours.resident_bytes() / MEGABYTE)
        where = f"host of {live:,}, agent of {watched:,}, {scrapes:,} scrapes"
        growth = (sizes[-1] / sizes[settled] - 1) * 100
        self.rows += [
            Row(f"RSS, peak, {where}", "MB", [max(sizes)], "", [], "<= 20", None, lambda size: size <= 20),
            Row(f"RSS, growth from scrape {settled} to the last", "%", [growth], "", [], "flat: <= 1", None,
                lambda percent: percent <= 1),
        ]

    def serialising(self):
        ours, theirs = [], []
        for _ in range(self.options.repetitions):
            output = subprocess.run(
                [self.bin / "formats_bench", "--benchmark_format=json", "--benchmark_filter=text|Prometheus",
                 "--benchmark_repetitions=5", "--benchmark_enable_random_interleaving=true"],
                check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            ).stdout
            times = {run["name"]: run["cpu_time"] for run in json.loads(output)["benchmarks"]}
            ours.append(times["BM_Ours/text_median"])
            theirs.append(times["BM_PrometheusCppText_median"])
        self.rows.append(
            Row("serialising 20,000 series", "ms", ours, "prometheus-cpp's TextSerializer", theirs, "peer >= 5 x ours",
                lambda our, its: its / our, lambda r: r >= 5)
        )


def machine():
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    release = re.search(r'^PRETTY_NAME="(.*)"$', pathlib.Path("/etc/os-release").read_text(), re.M)
    return (f"{os.cpu_count()} cores, {model.group(1) if model else platform.machine()}, "
            f"kernel {platform.release()}, {release.group(1) if release else 'unknown release'}")


def peers_versions():
    names = ["prometheus-process-exporter", "prometheus-node-exporter", "prometheus-cpp-dev"]
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *names]
    return subprocess.run(query, check=False, stdout=subprocess.PIPE, text=True).stdout.split("\n")[:-1]


def report(comparison):
    options = comparison.options
    print(f"Machine: {machine()}.  ")
    print(f"Command: `{options.command}`.  ")
    print(f"Peers: {', '.join(peers_versions())}. process-exporter runs with "
          f"`{shlex.join(PROCESS_EXPORTER[2:])}` and groups all processes by name, or as \"codex only\" runs with "
          f"`{shlex.join(CODEX_ONLY)}`; node_exporter with `{shlex.join(NODE_EXPORTER[2:])}`; ours with "
          f"`{shlex.join(PROCFS)}` unless the figure says otherwise.  ")
    print(f"CPU is the sum of all threads (clock_getcpuclockid), the mean of {options.scrapes} scrapes "
          f"{PAUSE_SECONDS * 1e3:.0f} ms apart, {options.repetitions} repetitions in alternating order; "
          f"{FDS} descriptors per process.  ")
    for note in comparison.notes:
        print(f"{note}  ")
    print("\n| figure | ours | peer | ratio | bar | met |\n|---|---|---|---|---|---|")
    for row in comparison.rows:
        print(row)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--scrapes", type=int, default=50)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--memory-scrapes", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="a fifth of the scrapes")
    figures = ("agent-1000", "agent-5000", "bare-loop", "memory", "serialising", "drop-in")
    parser.add_argument("--only", choices=figures, action="append", help="repeatable; default: all")
    options = parser.parse_args()
    options.command = shlex.join(["bench/run.sh", *sys.argv[1:]])
    if options.quick:
        options.scrapes //= 5
        options.memory_scrapes //= 5

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, most = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))

    with tempfile.TemporaryDirectory() as directory:
        comparison = Comparison(options, directory)
        run = dict(zip(figures, (
            lambda: comparison.whole_agent(1000),
            lambda: comparison.whole_agent(5000),
            comparison.bare_loop,
            comparison.memory,
            comparison.serialising,
            comparison.drop_in,
        )))
        for figure in options.only or figures:
            run[figure]()
        report(comparison)
    return 0 if all(row.met in (None, True) for row in comparison.rows) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
