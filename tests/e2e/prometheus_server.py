"""A real Prometheus for a test, on a port of its own."""

import contextlib
import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import harness

PROMETHEUS = shutil.which("prometheus")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Prometheus:
    """Scrapes these targets every second as job "agents"; ends with the test."""

    def __init__(self, test, targets, rules=""):
        port = free_port()
        rule_files = [test.write("rules.yml", rules)] if rules else []
        config = test.write("prometheus.yml", "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
                            f"rule_files: {rule_files}\nscrape_configs:\n  - job_name: agents\n    static_configs:\n"
                            f"      - targets: {targets}\n")
        log = open(f"{test.directory}/prometheus.log", "wb")  # pylint: disable=consider-using-with
        process = subprocess.Popen([PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={test.directory}/data",
                                    f"--web.listen-address=127.0.0.1:{port}"],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        test.addCleanup(log.close)
        test.addCleanup(process.wait)
        test.addCleanup(process.kill)
        self.url = f"http://127.0.0.1:{port}/api/v1/"

    def api(self, path, **parameters):
        """The data of an answer; None while there is none. A refused query is an error, with Prometheus' reason."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                with urllib.request.urlopen(url, timeout=harness.PATIENCE) as answer:
                    return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (400, 422):
                    raise AssertionError(f"{parameters}: {json.load(error)['error']}") from None
        except urllib.error.URLError:
            pass
        return None
