"""The example configuration in the real Alertmanager: who is told, and what is muted by what."""

import http.server
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "alerts" / "alertmanager.example.yml"
PATIENCE = 60


def wait_for(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE} s in vain for {what}")
        time.sleep(0.05)
    return value


class Webhook(http.server.ThreadingHTTPServer):
    """Takes notifications; `told` has (path, alertname, severity, agent) of every firing alert that came."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.told = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # pylint: disable=invalid-name
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in message["alerts"]:
            if alert["status"] == "firing":
                labels = alert["labels"]
                self.server.told.add((self.path, labels["alertname"], labels["severity"], labels.get("agent", "")))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def alert(name, severity, instance="a:10058", **labels):
    return {"labels": {"alertname": name, "severity": severity, "instance": instance, "job": "agents", **labels},
            "annotations": {"summary": name}}


class InhibitionTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.mkdtemp(prefix="agent_exporter_alertmanager_")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        self.webhook = Webhook()
        self.addCleanup(self.webhook.server_close)
        self.addCleanup(self.webhook.shutdown)
        # The file as shipped, but for the address of the webhook and the patience of the groups.
        text = EXAMPLE.read_text().replace("127.0.0.1:9095", f"127.0.0.1:{self.webhook.server_port}")
        text = re.sub(r"group_(wait|interval): \w+", r"group_\1: 1s", text)
        config = pathlib.Path(directory, "alertmanager.yml")
        config.write_text(text)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with open(os.path.join(directory, "log"), "wb") as log:
            process = subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={directory}/data",
                 f"--web.listen-address={self.url[7:]}", "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_for(self.ready, "Alertmanager")

    def ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def send(self, *alerts):
        request = urllib.request.Request(f"{self.url}/api/v2/alerts", json.dumps(alerts).encode(),
                                         {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    def states(self):
        """{(alertname, severity, instance, agent): state} as Alertmanager has them."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=PATIENCE) as answer:
            return {(found["labels"]["alertname"], found["labels"]["severity"], found["labels"]["instance"],
                     found["labels"].get("agent", "")): found["status"]["state"] for found in json.load(answer)}

    def settled(self, count):
        def known():
            states = self.states()
            return len(states) == count and "unprocessed" not in states.values() and states
        return wait_for(known, f"{count} alerts")

    def test_pages_and_tickets_go_where_they_belong(self):
        self.send(alert("AgentFdLeakFast", "critical", agent="x", resource="fds"),
                  alert("AgentMemoryClimb", "warning", agent="y", resource="memory"))
        expected = {("/page", "AgentFdLeakFast", "critical", "x"), ("/ticket", "AgentMemoryClimb", "warning", "y")}
        wait_for(lambda: self.webhook.told == expected, "the page and the ticket")

    def test_what_mutes_what(self):
        muted = [
            # The page over the ticket of the same agent and resource, whatever its name and scope.
            alert("AgentFdLeakSlow", "warning", agent="x", resource="fds", scope="self"),
            alert("AgentDescendantFdLeak", "warning", agent="x", resource="fds", scope="tree"),
            # Gone: it leaks no more, and the ticket about it adds nothing to the page.
            alert("AgentNearLimit", "critical", agent="gone", resource="fds", scope="self"),
            alert("AgentMemoryClimb", "warning", agent="gone", resource="memory", scope="tree"),
            alert("AgentAbsent", "warning", agent="gone"),
            # A host that is not watched.
            alert("AgentRestartLoop", "warning", instance="down:10058", agent="z"),
            alert("AgentHostMemoryLow", "critical", instance="down:10058"),
            # One page and one ticket of the host itself.
            alert("AgentHostMemoryStall", "warning"),
            alert("AgentRestartLoop", "warning", agent="cycle"),
        ]
        active = [
            alert("AgentFdLeakFast", "critical", agent="x", resource="fds", scope="self"),
            # Another resource, another agent, the same agent on another host.
            alert("AgentMemoryClimb", "warning", agent="x", resource="memory", scope="tree"),
            alert("AgentFdLeakSlow", "warning", agent="y", resource="fds", scope="self"),
            alert("AgentFdLeakSlow", "warning", instance="b:10058", agent="x", resource="fds", scope="self"),
            alert("AgentRestartLoop", "warning", agent="x"),
            alert("AgentAbsent", "critical", agent="gone"),
            alert("AgentExporterDown", "critical", instance="down:10058"),
            alert("AgentHostMemoryStall", "critical"),
            # Lacks an agent and a resource, as the host's pages do: no reason to be muted by them.
            alert("AgentExporterCollectorStale", "warning", collector="limits"),
            alert("AgentLeakRestartCycle", "warning", agent="cycle"),
            # Not one of ours.
            alert("OtherAlert", "warning", instance="down:10058"),
        ]
        self.send(*active, *muted)

        def key(sent):
            labels = sent["labels"]
            return labels["alertname"], labels["severity"], labels["instance"], labels.get("agent", "")

        states = self.settled(len(active) + len(muted))
        expected = {**{key(sent): "active" for sent in active}, **{key(sent): "suppressed" for sent in muted}}
        self.assertEqual(states, expected)
        # Told are the active ones and nobody else.
        told = {(key(sent)[0], key(sent)[1], key(sent)[3]) for sent in active}
        wait_for(lambda: {one[1:] for one in self.webhook.told} >= told, "all active alerts")
        self.assertEqual({one[1:] for one in self.webhook.told} - told, set())


if __name__ == "__main__":
    unittest.main()
