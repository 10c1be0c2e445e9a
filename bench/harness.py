"""Building blocks of the benchmarks: groups of processes, measured exporters, the bare loop.

Everything started here ends with its `with` block, and also when this process ends or is killed.
"""

import contextlib
import ctypes
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

# The headers that Prometheus 2.42 sends.
SCRAPE_HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "X-Prometheus-Scrape-Timeout-Seconds": "10",
}
# Scrapes of agent_exporter within 500 ms share one observation, so we wait longer. The peers get the same pause.
PAUSE_SECONDS = 0.6
START_SECONDS = 60

_libc = ctypes.CDLL(None)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(argv, **options):
    # In its own session, so that Ctrl-C reaches only this script, which then stops everything in order.
    return subprocess.Popen(
        [str(word) for word in argv], preexec_fn=_die_with_parent, start_new_session=True, **options
    )


def end(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def live_processes():
    return sum(name.isdigit() for name in os.listdir("/proc"))


def named(program, name, directory):
    """Returns a link to `program` with another name. Its own folder lets several programs use the same name."""
    folder = pathlib.Path(directory) / pathlib.Path(program).name
    folder.mkdir(exist_ok=True)
    link = folder / name
    if not link.is_symlink():
        link.symlink_to(program)
    return link


@contextlib.contextmanager
def crowd(spawn_processes, name, count, fds, directory):
    """Starts `count` idle processes with `fds` descriptors each: one called `name`, the others are its children.

    Yields its pid.
    """
    if count < 1:
        yield None
        return
    process = start([named(spawn_processes, name, directory), count, fds], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError(f"could not start {count} processes")
        yield process.pid
    finally:
        process.stdin.close()  # it then stops its children and exits
        try:
            process.wait(START_SECONDS)
        finally:
            end(process)
            process.stdout.close()


class BareScan:
    """The bare loop (bare_scan.cc), run one pass at a time."""

    def __init__(self, program):
        self.name = "bare loop"
        self._process = start([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self._process)
        self._process.stdin.close()
        self._process.stdout.close()

    def cpu_seconds(self, passes):
        """Returns the CPU of one pass, as the mean of `passes`."""
        total = 0
        for _ in range(passes):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
            total += int(self._process.stdout.readline().split()[1])
            time.sleep(PAUSE_SECONDS)
        return total / passes / 1e9


class Exporter:
    """A running exporter on a free loopback port. {address} in `argv` is replaced by its address."""

    def __init__(self, name, argv):
        self.name = name
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        argv = [str(word).format(address=f"127.0.0.1:{self._port}") for word in argv]
        self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        self._process = start(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # As clock_getcpuclockid(3): the CPU time of all its threads, including those that have ended.
        self._cpu_clock = (~self._process.pid << 3) | 2

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.scrape()
                return self
            except OSError as error:
                self._connection.close()
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError(f"{self.name} does not answer") from error
                time.sleep(0.05)

    def __exit__(self, *_):
        self._connection.close()
        end(self._process)

    def scrape(self, headers=None):
        self._connection.request("GET", "/metrics", headers=SCRAPE_HEADERS if headers is None else headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{self.name} answers {response.status}")
        return body

    def value(self, pattern):
        """Returns the sum of the samples whose name and labels match `pattern`, from an unmeasured scrape."""
        lines = self.scrape(headers={}).decode().splitlines()
        samples = [line for line in lines if re.match(pattern, line)]
        if not samples:
            raise RuntimeError(f"{self.name} shows no {pattern}")
        return sum(float(line.rsplit(" ", 1)[1]) for line in samples)

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", status, re.M).group(1)) * 1024

    def cpu_seconds(self, scrapes):
        """Returns the CPU per scrape, as the mean of `scrapes`. It includes the exporter's background work."""
        before = time.clock_gettime(self._cpu_clock)
        for _ in range(scrapes):
            self.scrape()
            time.sleep(PAUSE_SECONDS)
        return (time.clock_gettime(self._cpu_clock) - before) / scrapes

    def idle_cpu_seconds(self, seconds):
        """Returns the CPU per second without scrapes."""
        before = time.clock_gettime(self._cpu_clock)
        time.sleep(seconds)
        return (time.clock_gettime(self._cpu_clock) - before) / seconds
