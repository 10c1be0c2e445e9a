"""Hooks of the running program: told of what changed in a snapshot, and unable to hold up anything."""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import unittest

import harness


class Receiver:
    """A server that keeps the bodies of POSTs, as JSON."""

    def __init__(self):
        receiver = self
        self.bodies = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                receiver.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/changed"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class HooksTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.root = self.tree("wait")
        self.set_model("one")

    def set_model(self, model):
        """Something in the next snapshot differs from the last one's."""
        path = self.write("meta.json.new", json.dumps({"model": model}))
        os.replace(path, f"{self.directory}/meta.json")

    def start(self, hooks):
        config = self.write(
            "config.yaml", f"sample_interval: 200ms\nagents:\n  - {{name: a, match: {{comm: {self.root.name}}}}}\n"
            f"meta:\n  - {{agent: a, source: file, path: {self.directory}/meta.json, interval: 1s}}\n"
            f"snapshot:\n  dir: {self.directory}/snapshots\n  interval: 1s\n  agents: [a]\n  hooks:\n    on_diff:\n{hooks}")
        return self.exporter(f"--config.file={config}")

    def hook_count(self, exporter, hook, result):
        return exporter.scrape()[harness.key("agent_exporter_hooks_total", hook=hook, result=result)]

    def test_a_command_and_a_url_are_told_what_changed(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        script = self.write("notify", "#!/bin/sh\n"
                            f"echo \"$AGENT_EXPORTER_AGENT $AGENT_EXPORTER_DIFF_FIELDS\" >> {self.directory}/told\n")
        os.chmod(script, 0o755)
        exporter = self.start(f"      - {{name: mine, command: [{script}]}}\n      - {{url: '{receiver.url}'}}\n")
        told = pathlib.Path(self.directory, "told")
        stamp = harness.key("agent_snapshot_timestamp_seconds", agent="a")
        harness.wait_for(lambda: exporter.scrape().get(stamp), "a first snapshot")
        self.set_model("two")
        harness.wait_for(lambda: told.exists() and "agent_meta.model" in told.read_text(), "the command")
        self.assertRegex(told.read_text(), r"(?m)^a (\S*,)?agent_meta\.model(,\S*)?$")

        def body():
            return next((b for b in receiver.bodies if (b["snapshot"]["agent_meta"] or {}).get("model") == "two"), None)

        harness.wait_for(body, "the POST")
        self.assertEqual(body()["agent"], "a")
        self.assertIn("agent_meta.model", body()["diff_fields"])
        self.assertEqual(body()["timestamp"], body()["snapshot"]["timestamp"])
        harness.wait_for(lambda: self.hook_count(exporter, "mine", "ok") > 0, "its count")
        self.assertGreater(self.hook_count(exporter, "127.0.0.1", "ok"), 0)

    def test_a_hook_that_hangs_holds_up_neither_ticks_nor_scrapes_nor_others(self):
        receiver = Receiver()
        self.addCleanup(receiver.stop)
        fifo, started = f"{self.directory}/fifo", f"{self.directory}/started"
        os.mkfifo(fifo)
        script = self.write("hang", f"#!/bin/sh\necho $$ >> {started}\nread line < {fifo}\n")
        os.chmod(script, 0o755)
        exporter = self.start(f"      - {{name: hangs, command: [{script}]}}\n      - {{url: '{receiver.url}'}}\n")
        model = iter(range(1000))

        def change_until(condition, what):
            def look():
                self.set_model(f"m{next(model)}")
                return condition()
            return harness.wait_for(look, what)

        change_until(lambda: os.path.exists(started), "the hook")
        # It is never let go: what follows happens while it hangs, up to its limit of ten seconds.
        stamp = harness.key("agent_snapshot_timestamp_seconds", agent="a")
        first, told = exporter.scrape()[stamp], len(receiver.bodies)
        change_until(lambda: exporter.scrape()[stamp] > first and len(receiver.bodies) > told,
                     "a later snapshot of which the other hook is told")
        self.assertEqual(self.hook_count(exporter, "hangs", "timeout"), 0)
        harness.wait_for(lambda: self.hook_count(exporter, "hangs", "timeout") > 0, "its time limit")
        pid = pathlib.Path(started).read_text().split()[0]
        harness.wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its end")

    def test_a_near_limit_a_condition_and_the_end_are_told(self):
        script = self.write("leaker.py", """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = [open(os.devnull) for _ in range(57)]
time.sleep(600)
""")
        leaker = subprocess.Popen([sys.executable, script, "hooks_leaker"])
        self.addCleanup(leaker.wait)
        self.addCleanup(leaker.kill)
        notify = self.write("notify", "#!/bin/sh\n"
                            f"echo \"$AGENT_EXPORTER_EVENT|$AGENT_EXPORTER_CATEGORY|$AGENT_EXPORTER_MESSAGE\" >> {self.directory}/told\n")
        os.chmod(notify, 0o755)
        hook = f"[{{name: mine, command: [{notify}]}}]"
        config = self.write("config.yaml", f"""
builtin_profiles: false  # other tests' agents come and go meanwhile
sample_interval: 200ms
agents: [{{name: leaker, match: {{cmdline: hooks_leaker}}}}]
hooks: {{on_near_limit: {hook}, on_exit: {hook}}}
conditions:
  - {{name: many_fds, when: "agent_self.open_fds > 50 and instances == 1", for: 400ms, hooks: {hook}}}
  - {{name: few_fds, when: agent_self.open_fds < 50}}
""")
        exporter = self.exporter(f"--config.file={config}")
        told = pathlib.Path(self.directory, "told")

        def said():
            return sorted(told.read_text().splitlines()) if told.exists() else []

        harness.wait_for(lambda: len(said()) == 2, "two events")
        self.assertRegex(said()[0], r"^condition many_fds\|\|leaker: many_fds$")
        self.assertRegex(said()[1], r"^on_near_limit\|\|leaker: (60|61) of 64 file descriptors are used, by leaker.py \(pid \d+\), 5[89] of them devices$")
        samples = exporter.scrape()
        self.assertEqual(samples[harness.key("agent_condition", agent="leaker", condition="many_fds")], 1)
        self.assertEqual(samples[harness.key("agent_condition", agent="leaker", condition="few_fds")], 0)
        leaker.kill()
        leaker.wait()
        harness.wait_for(lambda: len(said()) == 3, "the end")
        self.assertRegex(said()[1], r"^on_exit\|\w+\|leaker: pid \d+ ended: \w+$")
        self.assertNotIn(harness.key("agent_condition", agent="leaker", condition="few_fds"), exporter.scrape())


if __name__ == "__main__":
    unittest.main()
