"""What the end-to-end tests share: the program under test, trees to watch, and scrapes taken apart.

CTest names the two programs in the environment: AGENT_EXPORTER and TREE_ROOT. By hand:
    AGENT_EXPORTER=build/dev/bin/agent_exporter TREE_ROOT=build/dev/bin/tree_root /usr/bin/python3 -B http_test.py
"""

import contextlib
import http.client
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as parse_text_families

EXPORTER = os.environ["AGENT_EXPORTER"]
TREE_ROOT = os.environ["TREE_ROOT"]
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
# Patience, not a measure of speed: the machine may be busy with anything, and sanitizers slow the program down.
PATIENCE = 60
# Built with a sanitizer: slower, and its own bookkeeping grows.
SANITIZED = b"__sanitizer" in pathlib.Path(EXPORTER).read_bytes()


def wait_for(condition, what):
    """Returns the first true value of condition(); asks again until PATIENCE runs out."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {PATIENCE} s in vain for {what}")
        time.sleep(0.02)


class Lines:
    """The lines of a pipe as they come, read by a thread so that the writer never blocks."""

    def __init__(self, pipe):
        self.all = []
        self._new = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        for line in pipe:
            line = line.decode("utf-8", "backslashreplace").rstrip("\n")
            self.all.append(line)
            self._new.put(line)
        self._new.put(None)

    def find(self, pattern):
        """The match of the first line, from the last one found on, in which pattern is found."""
        while True:
            line = self._new.get(timeout=PATIENCE)
            if line is None:
                raise AssertionError(f"ended without {pattern!r}: {self.all}")
            match = re.search(pattern, line)
            if match:
                return match

    def join(self):
        self._thread.join(PATIENCE)


class Tree:
    """A tree_root under a name of its own, which the rule of config_for() matches."""

    def __init__(self, directory, *mode, name=None):
        self.name = name or unique_name()
        self.path = os.path.join(directory, self.name)
        if not os.path.lexists(self.path):
            os.symlink(TREE_ROOT, self.path)
        self.process = subprocess.Popen([self.path, *map(str, mode)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pids = self._answer("ready")
        self.pid = self.process.pid

    def tell(self, line):
        """Says line and returns the numbers of the answer."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self._answer("done")

    def _answer(self, word):
        line = self.process.stdout.readline().decode()
        if not line.startswith(word):
            raise AssertionError(f"tree_root said {line!r} instead of {word}")
        return {key: float(value) for key, value in re.findall(r"(\w+)=(\S+)", line)}

    def stop(self):
        """Ends it and all it started; once is enough."""
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


_names = iter(range(1000))


def unique_name():
    """A comm that no other process has: tests run side by side. At most 15 bytes."""
    return f"ae{os.getpid()}x{next(_names)}"


class Response:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.text = self.body.decode("utf-8", "backslashreplace")


class Exporter:
    """The running program, on a port of its own."""

    def __init__(self, *flags, command=(), env=None):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AGENT_EXPORTER")}
        # Never this host's own state; anybody's, for the tests that change users.
        self.state = tempfile.TemporaryDirectory(prefix="agent_exporter_state_")
        os.chmod(self.state.name, 0o777)
        environment["STATE_DIRECTORY"] = self.state.name
        environment["AGENT_EXPORTER_SOCKET"] = "none"  # a flag overrides it
        environment.update(env or {})
        environment.update({key: os.environ[key] for key in ("ASAN_OPTIONS", "TSAN_OPTIONS") if key in os.environ})
        self.process = subprocess.Popen(
            [*(command or [EXPORTER]), "--web.listen-address=127.0.0.1:0", *flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
        self.log = Lines(self.process.stderr)
        try:
            self.port = int(self.log.find(r"listening on http://127\.0\.0\.1:(\d+)/")[1])
        except BaseException:
            self.kill()
            raise
        wait_for(lambda: self.get("/-/ready").status == 200, "/-/ready")

    def request(self, method, path, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, headers=headers or {})
            return Response(connection.getresponse())

    def get(self, path="/metrics", accept=None):
        return self.request("GET", path, {"Accept": accept} if accept else {})

    def scrape(self, path="/metrics", accept=None):
        """{(name, frozenset of labels): value} of a scrape that must go well."""
        response = self.get(path, accept)
        if response.status != 200:
            raise AssertionError(f"{path}: {response.status} {response.text}")
        return parse(response.text, accept is not None and "openmetrics" in accept)

    def fresh(self, accept=None):
        """A scrape whose figures were read after this was called: scrapes close together share one look."""
        stamp = key("agent_exporter_last_collect_timestamp_seconds", collector="agent_self")
        called = time.time()
        return wait_for(lambda: (samples := self.scrape(accept=accept))[stamp] > called and samples, "fresh figures")

    def open_fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def stop(self, number=signal.SIGTERM):
        """Ends the program by a signal; returns its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.log.join()
        self.process.stderr.close()
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.join()
        self.process.stderr.close()
        self.state.cleanup()


def parse(text, openmetrics=False):
    """All samples by name and labels, by prometheus_client's parser; a sample that comes twice is an error."""
    families = (parse_openmetrics_families if openmetrics else parse_text_families)(text)
    samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            if key in samples:
                raise AssertionError(f"sample shown twice: {key}")
            samples[key] = sample.value
    return samples


def key(metric, **labels):
    return (metric, frozenset(labels.items()))


def matching(samples, metric, **labels):
    """The samples of a metric that have these labels among theirs."""
    return {sample: value for sample, value in samples.items()
            if sample[0] == metric and sample[1] >= frozenset(labels.items())}


def promtool_check(text):
    """What `promtool check metrics` complains of; empty when it is content."""
    result = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True,
                            timeout=PATIENCE)
    return (result.stdout + result.stderr).decode() + ("" if result.returncode == 0 else f"exit {result.returncode}")


def copy_for_everybody(directory):
    """A copy of the program that any user may execute, wherever the build directory lies."""
    path = shutil.copy(EXPORTER, directory)
    os.chmod(path, 0o755)
    return path


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]


def run_as_nobody(directory, *arguments):
    """run() as uid 65534; needs root."""
    return subprocess.run([*NOBODY, copy_for_everybody(directory), *arguments], capture_output=True, text=True,
                          timeout=PATIENCE, stdin=subprocess.DEVNULL)


def run(*arguments):
    """Runs the program with these arguments until it ends by itself."""
    return subprocess.run([EXPORTER, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          stdin=subprocess.DEVNULL, env=dict(os.environ, AGENT_EXPORTER_SOCKET="none"))


class TestCase(unittest.TestCase):
    """With a directory that everybody may read, and programs that are ended with the test."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="agent_exporter_e2e_")
        os.chmod(self.directory, 0o755)
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def assert_absent(self, samples, metric, **labels):
        """No sample of this metric has these labels, whatever others it has."""
        found = matching(samples, metric, **labels)
        self.assertEqual(found, {}, f"{metric} should be absent")

    def assert_value(self, samples, value, metric, **labels):
        self.assertEqual(samples.get(key(metric, **labels)), value, f"{metric} {labels}")

    def write(self, name, text):
        path = pathlib.Path(self.directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    def tree(self, *mode, name=None):
        tree = Tree(self.directory, *mode, name=name)
        self.addCleanup(tree.stop)
        return tree

    def claude(self, work="work"):
        """Starts what is Claude Code by its name and arguments, with a home of its own; returns its working directory."""
        work = self.claude_work = pathlib.Path(self.directory, work)
        work.mkdir()
        program = pathlib.Path(self.directory, "claude")
        program.symlink_to("/bin/sleep")
        home = dict(os.environ, HOME=f"{self.directory}/home", XDG_RUNTIME_DIR=f"{self.directory}/run")
        home.pop("CLAUDE_CONFIG_DIR", None)
        process = self.claude_process = subprocess.Popen(  # pylint: disable=consider-using-with
            ["claude", "100000"], executable=program, cwd=work, env=home)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return work

    def claude_session(self, status, *lines, session="s1", limits=()):
        """Writes the registry, the transcript and the status line of the process that claude() started."""
        pid, work = self.claude_process.pid, self.claude_work.resolve()
        ticks = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        folder = "".join(c if c.isalnum() else "-" for c in str(work))
        for path, text in [
                (f"home/.claude/projects/{folder}/{session}.jsonl", "".join(json.dumps(line) + "\n" for line in lines)),
                (f"run/agent_exporter/claude/{session}.json",
                 json.dumps({"session_id": session, "told": time.time(), "limits": list(limits)})),
                (f"home/.claude/sessions/{pid}.json",
                 json.dumps({"pid": pid, "sessionId": session, "cwd": str(work), "procStart": ticks, "status": status}))]:
            file = pathlib.Path(self.directory, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def exporter(self, *flags, **options):
        exporter = Exporter(*flags, **options)
        self.addCleanup(exporter.kill)
        return exporter

    def config_for(self, *names, interval="1h"):
        """A configuration that watches these comms and nothing else. With an interval of 1 h only scrapes look."""
        rules = "".join(f"  - {{name: {name}, match: {{comm: {name}}}}}\n" for name in names)
        return self.write("agents.yaml",
                          f"builtin_profiles: false\nsample_interval: {interval}\nagents:\n{rules}")
