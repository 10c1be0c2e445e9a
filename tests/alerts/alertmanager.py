"""The real Alertmanager with the example configuration, and the webhook it tells."""

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
    """Takes notifications.

    `told` has (path, alertname, severity, agent) of every firing alert that came, `messages` the alerts with their times.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.told = set()
        self.messages = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # pylint: disable=invalid-name
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in message["alerts"]:
            if alert["status"] == "firing":
                labels = alert["labels"]
                self.server.messages.append((time.time(), alert))
                self.server.told.add((self.path, labels["alertname"], labels["severity"], labels.get("agent", "")))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Alertmanager:
    """Runs with the file as shipped, but for the webhook's address and the patience of its groups; ends with the test."""

    def __init__(self, test, webhook):
        directory = tempfile.mkdtemp(prefix="agent_exporter_alertmanager_")
        test.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        text = EXAMPLE.read_text().replace("127.0.0.1:9095", f"127.0.0.1:{webhook.server_port}")
        text = re.sub(r"group_(wait|interval): \w+", r"group_\1: 1s", text)
        config = pathlib.Path(directory, "alertmanager.yml")
        config.write_text(text)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{taken.getsockname()[1]}"
        self.url = f"http://{self.address}"
        with open(os.path.join(directory, "log"), "wb") as log:
            process = subprocess.Popen(
                ["prometheus-alertmanager", f"--config.file={config}", f"--storage.path={directory}/data",
                 f"--web.listen-address={self.address}", "--cluster.listen-address="],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        test.addCleanup(process.wait)
        test.addCleanup(process.kill)
        wait_for(self._ready, "Alertmanager")

    def _ready(self):
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def send(self, *alerts):
        request = urllib.request.Request(f"{self.url}/api/v2/alerts", json.dumps(alerts).encode(),
                                         {"Content-Type": "application/json"})
        urllib.request.urlopen(request, timeout=PATIENCE).close()

    def alerts(self):
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=PATIENCE) as answer:
            return json.load(answer)


def start(test):
    """(Alertmanager, Webhook) that end with the test."""
    webhook = Webhook()
    test.addCleanup(webhook.server_close)
    test.addCleanup(webhook.shutdown)
    return Alertmanager(test, webhook), webhook
