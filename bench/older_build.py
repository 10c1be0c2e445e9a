#!/usr/bin/env python3
"""Measures CPU beside an older build: of one look from the start (`status`), of `serve` for each tick, and for each scrape.

    bench/older_build.py --base OLD/build/release [--build build/release] [--processes 5000] [--rounds 5]

Both builds take turns on the same crowd, of which no rule takes any process, and for the scrapes on an agent with
descendants beside it. On procfs without events, so that every look walks all processes. Exit status 1: one of our
figures is more than --slack times the other.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import sys
import tempfile
import time

import harness
from harness import Exporter, end, live_processes, start

FDS = 10
TICKS = 6
SCRAPES = 50
WATCHED = 500
AGENT = "load"
# Half of the crowd are programs; the others look like what takes the most looking at: scripts of node and Python, whose
# links are followed.
SHARES = {"bystander": 0.5, "node": 0.25, "/usr/bin/python3": 0.15, "worker: processes jobs": 0.1}


def cpu_of_status(program, directory):
    """Seconds of CPU that one `status` takes."""
    process = start([program, "status", "--json"], stdout=open(os.devnull, "wb"), env=dict(os.environ, XDG_STATE_HOME=directory))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if status != 0:
        raise RuntimeError(f"{program} status failed")
    return usage.ru_utime + usage.ru_stime


def cpu_of_ticks(program, directory):
    """Seconds of CPU that one tick takes."""
    config = pathlib.Path(directory) / "ticks.yml"
    config.write_text("sample_interval: 1s\n")
    with Exporter("agent_exporter", serve(program, config)) as exporter:
        return exporter.idle_cpu_seconds(TICKS)


def cpu_of_scrapes(program, directory):
    """Seconds of CPU that one scrape takes, with what goes on in the background."""
    config = pathlib.Path(directory) / "scrapes.yml"
    config.write_text(f"agents:\n  - name: {AGENT}\n    match: {{comm: {AGENT}}}\n")
    with Exporter("agent_exporter", serve(program, config)) as exporter:
        seen = exporter.value(f'agent_descendants{{.*agent="{AGENT}"')
        if seen != WATCHED - 1:
            raise RuntimeError(f"{program} watches {seen} descendants, not {WATCHED - 1}")
        exporter.cpu_seconds(SCRAPES // 5)  # warms up
        return exporter.cpu_seconds(SCRAPES)


def serve(program, config):
    return [program, "serve", "--web.listen-address={address}", f"--config.file={config}", "--process.source=procfs",
            "--process.events=none", "--no-ledger", "--socket=none"]


@contextlib.contextmanager
def crowd(spawn, processes):
    with contextlib.ExitStack() as stack:
        for argv0, share in SHARES.items():
            process = start([argv0, int(processes * share), FDS], executable=str(spawn), stdin=-1, stdout=-1)
            stack.callback(end, process)
            stack.callback(process.stdin.close)
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("could not start the crowd")
        yield


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--processes", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--slack", type=float, default=1.05, help="ours may cost this much of the base's")
    options = parser.parse_args()
    programs = {"ours": options.build.resolve() / "bin/agent_exporter", "base": options.base.resolve() / "bin/agent_exporter"}
    spawn = options.build.resolve() / "bin/spawn_processes"
    missed = False
    with (tempfile.TemporaryDirectory() as directory, crowd(spawn, options.processes),
          harness.crowd(spawn, AGENT, WATCHED, FDS, directory)):
        print(f"{live_processes()} processes, load {os.getloadavg()[0]:.1f}\n")
        print("| CPU | ours | base | ours / base |\n|---|---|---|---|")
        for what, measure in (("one look from the start", cpu_of_status), ("a tick", cpu_of_ticks),
                              (f"a scrape, agent of {WATCHED}", cpu_of_scrapes)):
            figures = {name: [] for name in programs}
            for _ in range(options.rounds):
                for name, program in programs.items():
                    figures[name].append(measure(program, directory))
                time.sleep(0.1)
            ours, base = (statistics.median(figures[name]) * 1e3 for name in ("ours", "base"))
            missed |= ours > base * options.slack
            print(f"| {what}, median of {options.rounds} | {ours:.1f} ms | {base:.1f} ms | {ours / base:.2f} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
