#!/usr/bin/env python3
"""How the exporter holds up when clients are slow, many or do not read.

  bench/attack.py [--program build/release/bin/agent_exporter] [--clients 1000] [--agents 200] [--seconds 5]

Prints a table: the latency of honest requests (p50, p99, worst) during each attack, and the resident memory.
"""

import argparse
import concurrent.futures
import contextlib
import multiprocessing
import os
import pathlib
import re
import resource
import selectors
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

HEAD = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
START = {"headers": HEAD + b"X-Drip: ", "bodies": HEAD + b"Content-Length: 100000\r\n\r\n"}


def raise_file_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


def context():
    tls = ssl.create_default_context()
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return tls


def drip(port, clients, start, tls, stop):
    """Keeps `clients` connections open that send a byte a second; one that is cut off connects again."""
    raise_file_limit()
    tls_context = context() if tls else None
    selector = selectors.DefaultSelector()
    now = time.monotonic
    sent = {}

    def connect():
        try:
            client = socket.create_connection(("127.0.0.1", port), timeout=1)
            if tls:
                client = tls_context.wrap_socket(client)
            client.sendall(start)
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ)
            sent[client] = now()
        except OSError:
            with contextlib.suppress(OSError, UnboundLocalError):
                client.close()

    def forget(client):
        selector.unregister(client)
        del sent[client]
        client.close()

    while not stop.is_set():
        for _ in range(min(50, clients - len(sent))):
            connect()
        for key, _ in selector.select(0.01):
            try:
                if not key.fileobj.recv(65536):
                    forget(key.fileobj)
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except OSError:
                forget(key.fileobj)
        for client in [one for one, at in sent.items() if now() - at > 1]:
            try:
                client.send(b"x")
                sent[client] = now()
            except OSError:
                forget(client)


def ask(port, path, tls=None):
    """(seconds, status) of one request; status 0 for none."""
    begin = time.monotonic()
    try:
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        if tls:
            client = tls.wrap_socket(client)
        with client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n".encode())
            answer = b""
            while piece := client.recv(1 << 20):
                answer = answer or piece[:16]
        return time.monotonic() - begin, int(answer[9:12] or 0)
    except (OSError, ValueError):
        return time.monotonic() - begin, 0


def latencies(port, path, seconds, tls):
    tls = context() if tls else None
    taken, failed, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        took, status = ask(port, path, tls)
        taken.append(took)
        failed += status != 200
        time.sleep(0.02)
    taken.sort()
    return taken[len(taken) // 2], taken[int(len(taken) * 0.99)], taken[-1], failed, len(taken)


class Target:
    def __init__(self, program, directory, agents, tls, port=None):
        self.agents = []
        for number in range(agents):
            name = f"{directory}/attacked{number}"
            if not os.path.exists(name):
                os.symlink(shutil.which("sleep"), name)
            self.agents.append(subprocess.Popen([name, "1000"]))
        config = pathlib.Path(directory, "agents.yaml")
        config.write_text("builtin_profiles: false\nagents:\n  - {name: '{comm}', match: {comm: '^attacked'}}\n",
                          encoding="utf-8")
        token = pathlib.Path(directory, "token")
        token.write_text("0123456789abcdef\n", encoding="ascii")
        token.chmod(0o600)
        flags = [f"--web.token-file={token}"]
        if tls:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                            "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", f"{directory}/key", "-out",
                            f"{directory}/cert"], check=True, capture_output=True)
            web = pathlib.Path(directory, "web.yaml")
            web.write_text("tls_server_config: {cert_file: cert, key_file: key}\n", encoding="utf-8")
            flags += [f"--web.config.file={web}"]
        self.process = subprocess.Popen(
            [program, "--web.listen-address=127.0.0.1:0", f"--config.file={config}", "--no-ledger", "--socket=none",
             *flags], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if match := re.search(r"listening on \w+://127.0.0.1:(\d+)", line):
                self.port = int(match[1])
                break

    def memory(self, field="VmRSS"):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"{field}:\s+(\d+)", text)[1]) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [self.process, *self.agents]:
            process.kill()
            process.wait()


def show(what, *figures):
    print(f"{what:<34}", *(f"{figure:>24}" for figure in figures), flush=True)


def dripping(options, directory, tls):
    for kind, start in START.items():
        with Target(options.program, directory, 0, tls) as target:
            stop = multiprocessing.Event()
            process = multiprocessing.Process(target=drip, args=(target.port, options.clients, start, tls, stop))
            process.start()
            time.sleep(2)
            for path in ("/metrics", "/-/healthy"):
                p50, p99, worst, failed, count = latencies(target.port, path, options.seconds, tls)
                show(f"drip {kind}{' over TLS' if tls else ''}, {path}", f"p50 {p50 * 1e3:.0f} ms",
                     f"p99 {p99 * 1e3:.0f} ms", f"worst {worst * 1e3:.0f} ms", f"{failed}/{count} not answered")
            show("", f"RSS {target.memory():.1f} MB")
            stop.set()
            process.join()


def together(options, directory):
    for clients in (200, 1000):
        with Target(options.program, directory, options.agents, False) as target:
            ask(target.port, "/metrics")
            before = target.memory()
            with concurrent.futures.ThreadPoolExecutor(clients) as pool:
                answers = list(pool.map(lambda _: ask(target.port, "/metrics"), range(clients)))
            statuses = {status: sum(one == status for _, one in answers) for _, status in answers}
            show(f"{clients} scrapes at once", str(statuses), f"worst {max(took for took, _ in answers):.2f} s",
                 f"RSS {before:.1f}, peak {target.memory('VmHWM'):.1f} MB")


def deaf(options, directory):
    with Target(options.program, directory, options.agents, False) as target:
        ask(target.port, "/metrics")
        before = target.memory()
        clients = []
        for _ in range(64):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", target.port))
            client.sendall(HEAD + b"\r\n")
            clients.append(client)
        time.sleep(1)
        p50, p99, worst, failed, count = latencies(target.port, "/metrics", options.seconds, False)
        show("64 readers that do not read", f"p50 {p50 * 1e3:.0f} ms, p99 {p99 * 1e3:.0f}", f"{failed}/{count} failed",
             f"RSS {before:.1f}, peak {target.memory('VmHWM'):.1f} MB")
        time.sleep(10)
        show("  10 s later", f"RSS {target.memory():.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/agent_exporter")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--agents", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", choices=("drip", "tls", "together", "deaf"))
    options = parser.parse_args()
    raise_file_limit()
    with tempfile.TemporaryDirectory() as directory:
        for name, attack in (("drip", lambda: dripping(options, directory, False)),
                             ("tls", lambda: dripping(options, directory, True)),
                             ("together", lambda: together(options, directory)),
                             ("deaf", lambda: deaf(options, directory))):
            if options.only in (None, name):
                attack()


if __name__ == "__main__":
    main()
