"""An agent whose idle helper is almost out of descriptors, most of them pipes: everything that speaks of it names both."""

import json
import pathlib
import subprocess
import sys
import unittest

import harness

TOKEN = "correct-horse-battery-staple"
CHILDREN = 32
LIMIT, HELD, PIPES = 1024, 930, 900

# Of the root's children one holds 930 descriptors (0, 1, 2, 450 pipe pairs, 27 files) and waits, as the others do.
PROGRAM = f"""
import os, resource, subprocess, sys, time
if sys.argv[1:] == ["leak"]:
    resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))
    held = [os.pipe() for _ in range({PIPES // 2})] + [os.open(os.devnull, os.O_RDONLY) for _ in range({HELD - PIPES - 3})]
    os.dup2(0, 1)  # the root reads to the end
    time.sleep(3600)
leaking = subprocess.Popen([sys.executable, "-B", os.path.join(os.path.dirname(sys.argv[0]), "mcp_hoarder.py"), "leak"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
leaking.stdout.read()
others = [subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL) for _ in range({CHILDREN - 1})]
print(leaking.pid, flush=True)
sys.stdin.read()
for child in [leaking, *others]:
    child.kill()
"""


class FdsTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        script = self.write("hoarding_agent.py", PROGRAM)
        self.write("mcp_hoarder.py", PROGRAM)
        self.config = self.write("agents.yaml", "builtin_profiles: false\nagents:\n"
                                 f"  - {{name: hoarder, match: {{script: {pathlib.Path(script).name}}}}}\n")
        agent = subprocess.Popen([sys.executable, "-B", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(agent.stdout.close)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.stdin.close)
        self.pid = int(agent.stdout.readline())
        self.who = f"mcp_hoarder.py (pid {self.pid}), {PIPES} of them pipes"

    def test_the_process_and_its_kind_are_named_everywhere(self):
        token = self.write("token", TOKEN + "\n")
        exporter = self.exporter(f"--config.file={self.config}", f"--web.token-file={token}")
        samples = exporter.scrape()
        kinds = {dict(labels)["fd_kind"]: value for (_, labels), value in
                 harness.matching(samples, "agent_open_fds_by_kind", agent="hoarder").items()}
        self.assertGreater(kinds["pipe"], PIPES)
        self.assertEqual(sum(kinds.values()),
                         sum(harness.matching(samples, name, agent="hoarder").popitem()[1]
                             for name in ("agent_self_open_fds", "agent_descendants_open_fds")))
        holder, = harness.matching(samples, "agent_limit_holder_info", agent="hoarder", resource="fds", scope="tree")
        labels = dict(holder[1])
        self.assertEqual((labels["pid"], labels["command"], labels["fd_kind"]), (str(self.pid), "mcp_hoarder.py", "pipe"))

        answer = exporter.request("GET", "/agents", {"Authorization": f"Bearer {TOKEN}"})
        agent, = [one for one in json.loads(answer.text)["agents"] if one["agent"] == "hoarder"]
        sentence = f"{HELD} of 1,024 file descriptors are used, by {self.who}"
        self.assertEqual(agent["concern"]["sentence"], sentence)
        status = harness.run("status", "--socket=none", f"--config.file={self.config}")
        self.assertIn(sentence, " ".join(status.stdout.split()))
        row, = [process for process in agent["processes"] if process["pid"] == self.pid]
        self.assertEqual((row["open_fds"], row["max_fds"]), (HELD, LIMIT))
        self.assertEqual(row["open_fds_by_kind"]["pipe"], PIPES)
        self.assertEqual(sum(row["open_fds_by_kind"].values()), HELD)

    def test_fds_shows_them(self):
        for target in ("hoarder", str(self.pid)):
            with self.subTest(target):
                result = harness.run("fds", target, "--socket=none", f"--config.file={self.config}")
                self.assertEqual(result.returncode, 0, result.stderr)
                lines = result.stdout.splitlines()
                self.assertEqual(lines[0], f"mcp_hoarder.py (pid {self.pid}) holds {HELD} of 1,024 descriptors")
                self.assertRegex(lines[1], rf"^  pipe +{PIPES}  to itself$")


if __name__ == "__main__":
    unittest.main()
