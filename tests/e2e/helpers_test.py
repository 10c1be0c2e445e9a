"""Helpers of an earlier session that nobody ended: counted, with their memory, and since when the oldest runs."""

import pathlib
import subprocess
import unittest

import harness

# Ends when the file that it was given is gone.
HELPER = "import os, sys, time\nwhile os.path.exists(sys.argv[1]): time.sleep(0.1)\n"
# Starts the helpers of a session at each line; at the next line that session's shell ends, and its helpers stay.
AGENT = """
import subprocess, sys
shell = None
for line in sys.stdin:
    if shell:
        shell.communicate(b"\\n")
    count, helper, alive = line.split()
    shell = subprocess.Popen(["sh", "-c", f'for i in $(seq {count}); do /usr/bin/python3 -S {helper} {alive} & done; read end'],
                             stdin=subprocess.PIPE)
"""


class HelpersTest(harness.TestCase):
    def test_twelve_of_two_sessions_eight_of_them_left_behind(self):
        name = harness.unique_name()
        script = self.write(f"{name}.py", AGENT)
        helper, alive = self.write("mcp-server.cjs", HELPER), self.write("alive", "")
        self.addCleanup(pathlib.Path(alive).unlink)
        config = self.write("agents.yaml", f"""
builtin_profiles: false
sample_interval: 200ms
agents: [{{name: {name}, match: {{script: {name}.py}}}}]
""")
        exporter = self.exporter(f"--config.file={config}")
        agent = subprocess.Popen(["/usr/bin/python3", "-S", script], stdin=subprocess.PIPE, text=True)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.stdin.close)

        def figure(metric, **labels):
            return exporter.scrape().get(harness.key(f"agent_{metric}", agent=name, command="mcp-server.cjs", **labels))

        def start(count):
            agent.stdin.write(f"{count} {helper} {alive}\n")
            agent.stdin.flush()

        start(8)
        harness.wait_for(lambda: figure("command_processes") == 8, "the first session's helpers")
        oldest = figure("command_oldest_start_time_seconds")
        self.assertIsNone(figure("command_orphans"))
        start(4)
        harness.wait_for(lambda: figure("command_processes") == 12 and figure("command_orphans") == 8, "the orphans")
        self.assertEqual(figure("command_oldest_start_time_seconds"), oldest)
        self.assertGreater(figure("command_resident_memory_bytes"), 12 * 1_000_000)
        self.assertEqual(figure("command_started_total"), 12)
        self.assertEqual(exporter.scrape()[harness.key("agent_orphans", agent=name)], 8)


if __name__ == "__main__":
    unittest.main()
