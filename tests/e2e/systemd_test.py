"""The program as systemd starts it: told of readiness and reloads, given its socket, its log read by journald."""

import os
import signal
import socket
import subprocess
import unittest
import urllib.request

import harness


class SystemdTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.bind(f"{self.directory}/notify")
        self.manager.settimeout(harness.PATIENCE)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def start(self, *flags):
        """serve, with the listener as descriptor 3."""
        environment = {**os.environ, "NOTIFY_SOCKET": f"{self.directory}/notify", "LISTEN_FDS": "1"}
        process = subprocess.Popen(
            ["bash", "-c", f'exec 3<&{self.listener.fileno()}; export LISTEN_PID=$$; exec "$@"', "bash", harness.EXPORTER,
             "serve", "--socket=none", "--no-ledger", *flags],
            env=environment, pass_fds=[self.listener.fileno()], stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process, harness.Lines(process.stderr)

    def told(self):
        return dict(line.split("=", 1) for line in self.manager.recv(4096).decode().splitlines())

    def get(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/healthy", timeout=harness.PATIENCE) as answer:
            return answer.read()

    def test_ready_reload_and_end_are_told(self):
        config = self.write("config.yaml", "agents: []\n")
        process, _ = self.start(f"--config.file={config}")
        self.assertEqual(self.told(), {"READY": "1", "STATUS": f"listening on port {self.port}"})
        process.send_signal(signal.SIGHUP)
        self.assertEqual(self.told()["RELOADING"], "1")
        self.assertEqual(self.told(), {"READY": "1", "STATUS": "configuration reloaded"})
        self.write("config.yaml", "agents: [{name: 1}]\nwrong: 1\n")
        process.send_signal(signal.SIGHUP)
        self.assertEqual(self.told()["RELOADING"], "1")
        self.assertRegex(self.told()["STATUS"], "^configuration not reloaded: .*wrong")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(self.told(), {"STOPPING": "1"})
        self.assertEqual(process.wait(harness.PATIENCE), 0)

    def test_the_given_socket_is_used_and_outlives_the_program(self):
        for _ in range(2):
            process, _ = self.start("--web.listen-address=127.0.0.1:1")  # has no effect
            self.assertEqual(self.told()["STATUS"], f"listening on port {self.port}")
            for _ in range(3):
                self.assertEqual(self.get(), b"agent_exporter is healthy.\n")
            process.send_signal(signal.SIGTERM)
            self.assertEqual(self.told(), {"STOPPING": "1"})
            process.wait(harness.PATIENCE)
            with socket.create_connection(("127.0.0.1", self.port)):  # waits for the next one
                pass

    def test_journald_learns_the_priority(self):
        reader, writer = os.pipe()
        with open(reader, "rb") as log:
            stream = os.fstat(writer)
            process = subprocess.Popen([harness.EXPORTER, "serve", "--web.listen-address=127.0.0.1:0", "--socket=none"],
                                       env={**os.environ, "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"},
                                       stderr=writer)
            os.close(writer)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            self.assertTrue(log.readline().startswith(b"<6>ts="))


if __name__ == "__main__":
    unittest.main()
