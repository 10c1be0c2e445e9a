"""Caught before the kill, all real: a child of an agent leaks file descriptors; exporter, Prometheus and Alertmanager with the
shipped files tell a webhook before the child gets EMFILE.

Time runs faster, by SPEED_UP: every duration of the rules is divided by it, by the same generator that wrote
the shipped file, and the exporter's clock runs so many times as fast (fast_exporter). What it tells in seconds of that clock is
brought back to ours on the way to Prometheus.
"""

import contextlib
import http.server
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
import urllib.request

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "alerts"))

import alertmanager  # pylint: disable=wrong-import-position

SPEED_UP = 120
LEAK_SECONDS = 90
LIMIT = 300

# The root only waits; its child opens files evenly, says when none is left, and lives on like a hung agent.
PROGRAM = f"""
import os, resource, subprocess, sys, time
if sys.argv[1] == "root":
    resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))
    child = subprocess.Popen([sys.executable, sys.argv[0].replace("leaking_agent", "leaking_child"), "child"], stdin=subprocess.PIPE)
    sys.stdin.read()
    child.kill()
else:
    time.sleep({LEAK_SECONDS} / 5)  # a while of health before
    started, held = time.monotonic(), []
    try:
        while True:
            held.append(open(os.devnull))
            pause = started + len(held) * {LEAK_SECONDS} / {LIMIT} - time.monotonic()
            time.sleep(max(0, pause))
    except OSError as error:
        print(error.errno, time.time(), flush=True)
    time.sleep(3600)
"""


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class AlertsTest(harness.TestCase):
    def serve_in_our_seconds(self, exporter):
        """The port of a proxy that shows the exporter's figures of leaks in our seconds."""

        class Proxy(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # pylint: disable=invalid-name
                def ours(line):
                    factor = SPEED_UP if line[1].startswith("agent_leak_growth") else 1 / SPEED_UP
                    return f"{line[1]} {float(line[2]) * factor}"
                text = re.sub(r"(?m)^(agent_leak_(?:seconds|growth|evidence)\w+\{.*\}) (\S+)$", ours, exporter.get().text)
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def start_prometheus(self, target, manager):
        rules = subprocess.run([sys.executable, "-B", ROOT / "alerts" / "generate.py", f"--speed-up={SPEED_UP}"],
                               capture_output=True, text=True, check=True).stdout
        config = self.write("prometheus.yml", f"""
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: ['{self.write("rules.yml", rules)}']
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{manager.address}']}}]}}]}}
scrape_configs: [{{job_name: agents, static_configs: [{{targets: ['127.0.0.1:{target}']}}]}}]
""")
        address = f"127.0.0.1:{free_port()}"
        log = open(f"{self.directory}/prometheus.log", "wb")  # pylint: disable=consider-using-with
        process = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory}/data",
                                    f"--web.listen-address={address}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(log.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return f"http://{address}/api/v1/"

    def api(self, path, **parameters):
        with contextlib.suppress(OSError), urllib.request.urlopen(
                f"{self.prometheus}{path}?{urllib.parse.urlencode(parameters)}", timeout=harness.PATIENCE) as answer:
            return json.load(answer)["data"]
        return None

    def full_at(self, when):
        seen = self.api("query", query='agent_resource_used_ratio{agent="leaker", scope="tree", resource="fds"}', time=when)
        return float(seen["result"][0]["value"][1])

    def test_the_page_comes_before_the_limit(self):
        script = self.write("leaking_agent.py", PROGRAM)
        self.write("leaking_child.py", PROGRAM)  # by its name no agent
        config = self.write("agents.yaml", f"""
builtin_profiles: false
sample_interval: 500ms
agents:
  - name: leaker
    match: {{script: {pathlib.Path(script).name}}}
""")
        exporter = self.exporter(f"--config.file={config}", command=[os.environ["FAST_EXPORTER"]],
                                 env={"FAST_CLOCK": str(SPEED_UP)})
        target = self.serve_in_our_seconds(exporter)
        manager, webhook = alertmanager.start(self)
        self.prometheus = self.start_prometheus(target, manager)
        harness.wait_for(lambda: self.api("query", query="up == 1"), "the first scrape")

        agent = subprocess.Popen([sys.executable, "-B", script, "root"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(agent.stdout.close)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.stdin.close)
        number, hit = agent.stdout.readline().split()  # however long it takes
        self.assertEqual(int(number), 24, "EMFILE")
        hit = float(hit)

        told = {}
        for when, alert in webhook.messages:
            labels = alert["labels"]
            if labels.get("agent") == "leaker":
                told.setdefault((labels["alertname"], labels["severity"]), (when, alert))
        early = {key: round(hit - when, 1) for key, (when, _) in told.items()}
        print(f"before EMFILE, in seconds of {LEAK_SECONDS}: {early}", file=sys.stderr)
        # The page of the leak, and long after it that of more than 90 %.
        for name in ("AgentDescendantFdLeak", "AgentNearLimit"):
            self.assertGreater(early.get((name, "critical"), 0), 0, f"no page {name} before EMFILE; told: {early}")
            when, alert = told[name, "critical"]
            # Of the child, not of the agent itself, and it says who.
            self.assertEqual((alert["labels"]["scope"], alert["labels"]["resource"]), ("tree", "fds"))
            self.assertRegex(alert["annotations"]["description"], r"Held by .*, pid \d+; its most frequent kind is device\.")
        self.assertLess(self.full_at(told["AgentDescendantFdLeak", "critical"][0]), 0.85)
        # Nothing was said that is not so.
        self.assertEqual({name for name, _ in told} - {"AgentDescendantFdLeak", "AgentNearLimit"}, set())
        # Every rule was evaluated without an error, and no message holds one.
        broken = [rule["name"] for group in self.api("rules")["groups"] for rule in group["rules"] if rule.get("lastError")]
        self.assertEqual(broken, [])
        for alert in self.api("alerts")["alerts"]:
            self.assertNotRegex(str(alert["annotations"]), r"<error|%!|<no value>")


if __name__ == "__main__":
    unittest.main()
