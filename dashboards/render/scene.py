#!/usr/bin/python3
"""Something to look at: exporters, real processes that behave like agents, and a Prometheus that scrapes them.

    AGENT_EXPORTER=build/dev/bin/agent_exporter dashboards/render/scene.py [--minutes N] [-- COMMAND…]

Three exporters on this one machine, each with rules of its own, pass for three hosts; a fourth target does not answer.
One agent leaks file descriptors in its child (20 a minute, of 1024), one grows by a megabyte a minute, one sits at 88 %
of its descriptors without growing, one restarts, one leaves orphans, one is configured and does not run. Runs COMMAND
after N minutes with PROMETHEUS_URL set and then ends all it started; without a command it stays until interrupted.
"""

import argparse
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ACTOR = pathlib.Path(__file__).with_name("actor.py")
# host -> [(agent, kind, [the actor's behaviours])]
HOSTS = {
    "build-01": [
        ("codex", "coder", ["leaking-child=3", "children=git:3", "memory=90", "busy=0.08"]),
        ("claude", "coder", ["sawtooth=120:260", "children=git:2", "children=rg:2", "busy=0.15"]),
        ("github-runner", "ci", ["memory=60", "children=make:1", "children=cc1plus:3", "busy=0.1"]),
    ],
    "build-02": [
        ("gemini", "coder", ["memory=150", "growing=1", "children=node:2"]),
        ("triage", "worker", ["memory=45", "restarting=300"]),
        ("reviewer", "worker", ["memory=70", "burst=20"]),
        ("aider", "coder", None),
    ],
    "ci-03": [
        ("claude", "coder", ["memory=210", "fds=900", "children=git:1"]),
        ("buildkite-agent", "ci", ["memory=50", "orphans=4", "children=docker:2", "busy=0.05"]),
    ],
}


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Scene:
    def __init__(self, directory, exporter):
        self.directory = pathlib.Path(directory)
        self.exporter = exporter
        self.processes = []
        self.stopping = threading.Event()
        self.targets = {}

    def start(self, *command, **options):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **options)
        self.processes.append(process)
        return process

    def keep_running(self, command, **options):
        """Starts command again whenever it ends, as a supervisor would."""
        def loop():
            while not self.stopping.is_set():
                self.start(*command, **options).wait()
                self.stopping.wait(2)
        threading.Thread(target=loop, daemon=True).start()

    def start_host(self, host, agents):
        folder = self.directory / host
        folder.mkdir()
        rules = []
        for agent, kind, behaviours in agents:
            # The command name of a program is that of the link it was started by.
            link = folder / agent
            link.symlink_to(os.path.realpath("/usr/bin/python3"))
            rules.append(f"  - {{name: {agent}, kind: {kind}, match: {{cmdline: '^{re.escape(str(link))} '}}}}\n")
            if behaviours is not None:
                self.keep_running([str(link), str(ACTOR), *behaviours])
        config = folder / "agents.yaml"
        config.write_text("builtin_profiles: false\nagents:\n" + "".join(rules))
        port = free_port()
        environment = {**os.environ, "STATE_DIRECTORY": str(folder)}
        self.keep_running([self.exporter, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}",
                           "--collector.io", "--collector.scheduling"], env=environment,
                          stderr=open(folder / "exporter.log", "ab"))
        self.targets[host] = port

    def start_prometheus(self):
        """Its URL; it evaluates the rules that come with the exporter."""
        groups = "".join(
            f"      - {{targets: ['127.0.0.1:{port}'], labels: {{instance: '{host}:10058'}}}}\n"
            for host, port in {**self.targets, "ci-04": free_port()}.items())
        rules = pathlib.Path(__file__).resolve().parents[2] / "alerts/agent_exporter.rules.yml"
        (self.directory / "prometheus.yml").write_text(
            "global: {scrape_interval: 5s, scrape_timeout: 4s, evaluation_interval: 15s}\n"
            f"rule_files: ['{rules}']\n"
            f"scrape_configs:\n  - job_name: agents\n    static_configs:\n{groups}")
        port = free_port()
        log = open(self.directory / "prometheus.log", "wb")
        self.start("prometheus", f"--config.file={self.directory}/prometheus.yml", "--web.enable-lifecycle",
                   f"--storage.tsdb.path={self.directory}/data", f"--web.listen-address=127.0.0.1:{port}",
                   stdout=log, stderr=log)
        return f"http://127.0.0.1:{port}"

    def stop(self):
        self.stopping.set()
        for process in self.processes:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        for process in self.processes:
            process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("command", nargs="*")
    options = parser.parse_args()
    exporter = os.environ.get("AGENT_EXPORTER")
    if not exporter:
        sys.exit("scene.py: AGENT_EXPORTER must name the program, such as build/dev/bin/agent_exporter")
    soft = 1024  # what a login shell gives
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    directory = tempfile.mkdtemp(prefix="agent_exporter_scene_")
    scene = Scene(directory, os.path.abspath(exporter))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for host, agents in HOSTS.items():
            scene.start_host(host, agents)
        url = scene.start_prometheus()
        print(f"PROMETHEUS_URL={url}\ndirectory={directory}", flush=True)
        if not options.command:
            while True:
                signal.pause()
        time.sleep(options.minutes * 60)
        sys.exit(subprocess.run(options.command, env={**os.environ, "PROMETHEUS_URL": url}, check=False).returncode)
    except KeyboardInterrupt:
        pass
    finally:
        scene.stop()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
