"""The other commands find the running service by its socket, and use its configuration, address and figures."""

import json
import os
import re
import subprocess
import unittest

import harness


class ServiceTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.socket = f"{self.directory}/run.sock"
        self.name = harness.unique_name()
        self.root = self.tree("wait", name=self.name)
        self.config = self.config_for(self.name, interval="1s")

    def serve(self, *flags, **options):
        return self.exporter(f"--config.file={self.config}", f"--socket={self.socket}", *flags, **options)

    def ask(self, *arguments, code=0):
        result = harness.run(f"--socket={self.socket}", *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout if code == 0 else result.stderr

    def test_status(self):
        exporter = self.serve()
        origin = f"From the service with pid {exporter.process.pid} ({self.config})."
        for flags in ([], ["--wide"]):
            lines = self.ask("status", *flags).splitlines()
            self.assertTrue(any(re.match(rf"..?{self.name} ", line) or line.startswith(self.name)
                                for line in lines), lines)
            self.assertEqual(lines[-1], origin)
        status = json.loads(self.ask("status", "--json"))
        agents = {agent["agent"]: agent for agent in status["agents"]}
        self.assertEqual(agents[self.name]["tree"][0]["pid"], self.root.pid)
        terse = json.loads(self.ask("status", "--json", "--terse"))
        self.assertNotIn("tree", terse["agents"][0])

    def test_traits_and_explain(self):
        exporter = self.serve()
        self.assertIn("agent_self", json.loads(self.ask("traits", f"--agent={self.name}")))
        self.assertIn("no agent \"nobody\"", self.ask("traits", "--agent=nobody", code=1))
        explained = self.ask("explain", str(self.root.pid))
        self.assertIn(f'It is a root of agent "{self.name}"', explained)
        self.assertIn(f"By the rules of the service with pid {exporter.process.pid} ({self.config}).", explained)

    def test_open(self):
        exporter = self.serve()
        link = self.ask("open").strip()
        self.assertRegex(link, rf"^http://127\.0\.0\.1:{exporter.port}/#token=\w+$")
        page = exporter.get("/agents", None).status, exporter.request(
            "GET", "/agents", {"Authorization": f"Bearer {link.split('=')[1]}"}).status
        self.assertEqual(page, (401, 200))

    def test_doctor(self):
        exporter = self.serve()
        findings = {finding["subject"]: finding for finding in json.loads(self.ask("doctor", "--json"))["findings"]}
        self.assertEqual(findings["service"]["mark"], "ok")
        self.assertIn(f"pid {exporter.process.pid} listens at http://127.0.0.1:{exporter.port}",
                      findings["service"]["finding"])

    def test_another_configuration_is_a_look_of_its_own(self):
        exporter = self.serve()
        other = self.write("other.yaml", "builtin_profiles: false\n")
        env = dict(os.environ, AGENT_EXPORTER_SOCKET="auto", XDG_RUNTIME_DIR=self.directory)
        os.makedirs(f"{self.directory}/agent_exporter")
        os.symlink(self.socket, f"{self.directory}/agent_exporter/run.sock")
        for config, last in ((other, f"the service with pid {exporter.process.pid} was not asked"),
                             (self.config, f"From the service with pid {exporter.process.pid}")):
            result = subprocess.run([harness.EXPORTER, f"--config.file={config}", "status"], env=env,
                                    capture_output=True, text=True, timeout=harness.PATIENCE, check=True)
            self.assertIn(last, result.stdout.splitlines()[-1])

    def test_no_service(self):
        for command in (["status"], ["traits"], ["explain", "1"], ["open"], ["doctor"]):
            error = self.ask(*command, code=1)
            self.assertIn(f"no service listens at {self.socket}", error)
        result = harness.run("--socket=none", "open", f"--web.token-file={self.write('token', 'x' * 32)}",
                             "--web.listen-address=127.0.0.1:1")
        self.assertEqual(result.returncode, 1)
        self.assertIn("nothing listens at 127.0.0.1:1", result.stderr)

    @unittest.skipIf(os.geteuid() != 0, "needs root to become another user")
    def test_another_user(self):
        self.serve()
        result = harness.run_as_nobody(self.directory, f"--socket={self.socket}", "status")
        self.assertEqual(result.returncode, 1)
        self.assertIn("answers only its own user and root", result.stderr)


if __name__ == "__main__":
    unittest.main()
