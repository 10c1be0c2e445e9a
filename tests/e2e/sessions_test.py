"""Sessions of stand-ins that are called as the real agents are and write the same files: the state of each, what
never leaves a reader, and who is told."""

import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import time
import unittest

import harness

SECRET = "s3cret-of-the-test"
STATES = ("working", "waiting", "idle", "stuck", "ended")


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class SessionsTest(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.directory, "home")
        self.environment = dict(os.environ, HOME=str(self.home), XDG_RUNTIME_DIR=f"{self.directory}/run")
        for name in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
            self.environment.pop(name, None)
        self.rules = self.write("agents.yaml", self.config())

    def config(self, more=""):
        """Only the agents of this test: others may run on the machine."""
        return ("sample_interval: 200ms\nbuiltin_profiles: false\nagents:\n" +
                "".join(f"  - {{name: {name}, kind: coder, match: {{environ: 'SESSIONS_TEST={self.directory}', argv0: {argv0}}}}}\n"
                        for name, argv0 in (("claude", "claude"), ("codex", "codex"), ("gemini", "node"), ("opencode", "opencode"))) + more)

    def stand_in(self, folder, *argv, executable="/bin/sleep"):
        work = pathlib.Path(self.directory, folder)
        work.mkdir(exist_ok=True)
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            argv, executable=executable, cwd=work, stdin=subprocess.PIPE,
            env=dict(self.environment, SESSIONS_TEST=self.directory))
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def claude_agent(self, session, folder="proj"):
        process = self.stand_in(folder, "claude", "100000")
        process.session = session
        process.work = pathlib.Path(self.directory, folder).resolve()
        return process

    def tell(self, process, status):
        """The registry's file of a claude."""
        ticks = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
        self.write(f"home/.claude/sessions/{process.pid}.json", json.dumps(
            {"pid": process.pid, "sessionId": process.session, "cwd": str(process.work), "procStart": ticks, "status": status}))

    def transcript(self, process, *lines):
        folder = "".join(c if c.isalnum() else "-" for c in str(process.work))
        self.write(f"home/.claude/projects/{folder}/{process.session}.jsonl", "".join(json.dumps(line) + "\n" for line in lines))

    def answer(self, model, **content):
        return {"type": "assistant", "isSidechain": False, "timestamp": now(), "cwd": f"/{SECRET}",
                "message": {"id": model, "model": model, "usage": {"input_tokens": 50_000, "output_tokens": 5},
                            "content": [{"type": "text", "text": SECRET},
                                        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": SECRET}, **content}]}}

    def start(self, *flags):
        return self.exporter(f"--config.file={self.rules}", f"--ledger.path={self.directory}/ledger.db",
                             f"--socket={self.directory}/run.sock", *flags)

    def wait_for_state(self, exporter, state, session, agent="claude"):
        def states():
            samples = exporter.scrape()
            return [one for one in STATES
                    if harness.matching(samples, "agent_session_state", agent=agent, session=session, state=one)]
        harness.wait_for(lambda: states() == [state], f"{session} {state}")

    def sessions(self, exporter):
        token = pathlib.Path(exporter.state.name, "token").read_text().strip()
        agents = json.loads(exporter.request("GET", "/agents", {"Authorization": f"Bearer {token}"}).body)["agents"]
        return {session["session"]: session for agent in agents for session in agent["sessions"]}

    def test_the_state_of_a_session_from_its_start_to_its_end(self):
        process = self.claude_agent("s1")
        exporter = self.start()
        self.tell(process, "busy")
        self.wait_for_state(exporter, "working", "proj")
        self.tell(process, "waiting")
        self.wait_for_state(exporter, "waiting", "proj")
        self.tell(process, "idle")
        self.wait_for_state(exporter, "idle", "proj")
        self.tell(process, "busy")
        self.wait_for_state(exporter, "working", "proj")
        process.send_signal(signal.SIGSTOP)
        self.wait_for_state(exporter, "stuck", "proj")
        process.send_signal(signal.SIGCONT)
        self.wait_for_state(exporter, "working", "proj")
        process.kill()
        process.wait()
        self.wait_for_state(exporter, "ended", "proj")

    def test_two_sessions_in_one_folder_are_never_mixed(self):
        one, two = self.claude_agent("s1"), self.claude_agent("s2")
        self.transcript(one, self.answer("model-one"))
        self.transcript(two, self.answer("model-two"))
        self.tell(one, "busy")
        self.tell(two, "waiting")
        exporter = self.start()
        harness.wait_for(lambda: len([one for one in self.sessions(exporter).values() if "model" in one]) == 2, "both")
        for session in self.sessions(exporter).values():
            first = session["pid"] == one.pid
            self.assertEqual((session["model"], session["state"]),
                             ("model-one", "working") if first else ("model-two", "waiting"))
            self.assertEqual(session["context_ratio"], 0.25)
        self.assertEqual(set(self.sessions(exporter)), {"proj", "proj-2"})

    def codex_agent(self):
        """Its command waits for approval until it is told to run it."""
        rollout = self.home / ".codex/sessions/2026/01/23/rollout-2026-01-23T17-13-37-u.jsonl"
        def line(kind, payload):
            return json.dumps({"timestamp": now(), "type": kind, "payload": payload}) + "\n"
        self.write(str(rollout.relative_to(self.directory)),
                   line("session_meta", {"id": "u", "cwd": f"/{SECRET}", "source": "cli", "base_instructions": SECRET}) +
                   line("turn_context", {"model": "gpt-5"}) + line("event_msg", {"type": "task_started"}) +
                   line("response_item", {"type": "function_call", "name": "exec_command", "call_id": "c", "arguments": SECRET}) +
                   line("event_msg", {"type": "token_count", "info": None, "rate_limits": {
                       "primary": {"used_percent": 97, "window_minutes": 300, "resets_at": time.time() + 1000}}}))
        return self.stand_in("codex", "codex", "-c", f"exec 9>>{rollout}; read x; sleep 60 </dev/null >/dev/null 2>&1 & read x", executable="/bin/sh")

    def test_a_command_of_codex_that_nobody_has_allowed(self):
        process = self.codex_agent()
        exporter = self.start()
        self.wait_for_state(exporter, "waiting", "codex", agent="codex")
        self.assertEqual(self.sessions(exporter)["codex"]["waiting_for"], "permission")
        self.assert_value(exporter.scrape(), 0.97, "agent_plan_limit_used_ratio", agent="codex", kind="coder", window="5h")
        process.stdin.write(b"yes\n")
        process.stdin.flush()
        self.wait_for_state(exporter, "working", "codex", agent="codex")

    def gemini_agent(self):
        script = self.write("lib/node_modules/@google/gemini-cli/dist/index.js", "read x\n")
        work = pathlib.Path(self.directory, "gemini").resolve()
        process = self.stand_in("gemini", "node", script, executable="/bin/sh")
        digest = subprocess.run(["sha256sum"], input=str(work), capture_output=True, text=True, check=True).stdout.split()[0]
        lines = [{"sessionId": "s", "projectHash": digest, "startTime": now(), "kind": "main"},
                 {"id": "1", "timestamp": now(), "type": "user", "content": [{"text": SECRET}]},
                 {"id": "2", "timestamp": now(), "type": "error", "content": f"RESOURCE_EXHAUSTED {SECRET}"},
                 {"id": "3", "timestamp": now(), "type": "gemini", "content": SECRET, "model": "gemini-3-pro",
                  "tokens": {"input": 100, "output": 10, "cached": 40},
                  "toolCalls": [{"id": "c", "name": "write_file", "args": {"path": SECRET}}]},
                 {"id": "4", "timestamp": now(), "type": "gemini", "content": SECRET, "model": "gemini-3-pro"}]
        self.write(f"home/.gemini/tmp/{digest}/chats/session-1.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        return process

    def opencode_agent(self):
        """Its database stays open, with all of its data in the write-ahead log."""
        process = self.stand_in("opencode", "opencode", "100000")
        folder = self.home / ".local/share/opencode"
        folder.mkdir(parents=True)
        database = sqlite3.connect(folder / "opencode.db", isolation_level=None)
        self.addCleanup(database.close)
        stamp = int(time.time() * 1000) + 60_000
        step = {"role": "assistant", "modelID": "m1", "path": {"cwd": SECRET}, "finish": "stop",
                "time": {"created": stamp, "completed": stamp}, "tokens": {"input": 7, "output": 5, "cache": {"read": 30, "write": 0}},
                "error": {"name": "APIError", "data": {"message": SECRET, "statusCode": 429}}}
        tool = {"type": "tool", "tool": "read", "state": {"status": "completed", "input": {"filePath": SECRET}, "output": SECRET}}
        database.executescript("""PRAGMA journal_mode=WAL;
            CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text, title text, time_updated integer);
            CREATE TABLE message (id text PRIMARY KEY, session_id text, time_created integer, time_updated integer, data text);
            CREATE TABLE part (id text PRIMARY KEY, session_id text, time_updated integer, data text);""")
        work = str(pathlib.Path(self.directory, "opencode").resolve())
        database.execute("INSERT INTO session VALUES ('s', NULL, ?, ?, ?)", (work, SECRET, stamp))
        database.execute("INSERT INTO message VALUES ('m', 's', ?, ?, ?)", (stamp, stamp, json.dumps(step)))
        database.execute("INSERT INTO part VALUES ('p', 's', ?, ?)", (stamp, json.dumps(tool)))
        process.database = database
        return process

    def test_opencode_is_read_while_it_writes(self):
        database = self.opencode_agent().database
        exporter = self.start()
        self.wait_for_state(exporter, "idle", "opencode", agent="opencode")
        self.assertEqual(self.sessions(exporter)["opencode"]["model"], "m1")
        database.execute("BEGIN EXCLUSIVE")  # nobody else may lock it now
        database.execute("INSERT INTO message SELECT 'n', session_id, time_created + 1, time_updated + 1, ? FROM message",
                         (json.dumps({"role": "user", "time": {"created": 1}}),))
        reads = lambda: exporter.scrape()[harness.key("agent_exporter_session_reads_total", reader="opencode", result="ok")]
        before = reads()
        harness.wait_for(lambda: reads() >= before + 3, "reads of a locked database")
        self.wait_for_state(exporter, "idle", "opencode", agent="opencode")
        database.execute("COMMIT")
        self.wait_for_state(exporter, "working", "opencode", agent="opencode")
        self.assertEqual(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0)  # no reader is in its way
        self.wait_for_state(exporter, "working", "opencode", agent="opencode")

    def test_nothing_of_a_conversation_leaves_the_readers(self):
        claude = self.claude_agent("s1")
        error = {"type": "assistant", "isApiErrorMessage": True, "timestamp": now(),
                 "message": {"model": "<synthetic>", "content": [{"type": "text", "text": f"API Error: 529 Overloaded {SECRET}"}]}}
        prompt = {"type": "user", "timestamp": now(), "message": {"role": "user", "content": SECRET}}
        self.transcript(claude, prompt, error, self.answer("model-one"))
        self.tell(claude, "busy")
        self.codex_agent()
        self.gemini_agent()
        self.opencode_agent()
        self.rules = self.write("agents.yaml", self.config(f"snapshot: {{dir: {self.directory}/snapshots, interval: 1s}}\n"))
        exporter = self.start("--log.level=debug")
        harness.wait_for(lambda: {"proj", "codex", "gemini", "opencode"} <= set(self.sessions(exporter)), "the sessions")
        self.wait_for_state(exporter, "idle", "gemini", agent="gemini")
        for agent in ("claude", "gemini", "opencode"):  # what the service refused is counted, without a word of it
            harness.wait_for(lambda agent=agent: harness.matching(exporter.scrape(), "agent_rate_limit_events_total", agent=agent),
                             f"rate limits of {agent}")
        harness.wait_for(lambda: list(pathlib.Path(self.directory, "snapshots").glob("*.latest.json")), "snapshots")
        token = pathlib.Path(exporter.state.name, "token").read_text().strip()
        outputs = {"metrics": exporter.get().text, "openmetrics": exporter.get(accept=harness.OPENMETRICS).text}
        for path in ("/agents", "/snapshot?agent=claude", "/resources/rate-limits", "/resources/summary"):
            outputs[path] = exporter.request("GET", path, {"Authorization": f"Bearer {token}"}).text
        outputs["status"] = harness.run("status", "--json", f"--config.file={self.rules}").stdout
        outputs["tmux-status"] = harness.run("tmux-status", f"--socket={self.directory}/run.sock").stdout
        self.assertIn('"session": "proj"', outputs["status"])
        self.assertEqual(exporter.stop(), 0)
        outputs["log"] = "\n".join(exporter.log.all)
        for folder in (exporter.state.name, f"{self.directory}/snapshots"):
            for file in pathlib.Path(folder).rglob("*"):
                if file.is_file():
                    outputs[str(file)] = file.read_bytes().decode("latin-1")
        for file in pathlib.Path(self.directory).glob("ledger.db*"):
            outputs[str(file)] = file.read_bytes().decode("latin-1")
        self.assertIn(f"{self.directory}/ledger.db", outputs)
        for name, text in outputs.items():
            self.assertNotIn(SECRET, text, name)

    def test_switched_off_nothing_is_read(self):
        process = self.claude_agent("s1")
        self.transcript(process, self.answer("model-one"))
        self.tell(process, "busy")
        self.rules = self.write("agents.yaml", self.config("sessions: off\n"))
        exporter = self.start()
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_up", agent="claude", kind="coder")) == 1, "the agent")
        time.sleep(1)  # nothing to wait for: several looks
        samples = exporter.scrape()
        for metric in ("agent_session_info", "agent_meta_info", "agent_exporter_session_reads_total"):
            self.assert_absent(samples, metric)

    def test_the_status_bar_and_hooks_are_told_who_waits(self):
        process = self.claude_agent("s1")
        self.tell(process, "busy")
        told = f"{self.directory}/told"
        script = self.write("notify", f"#!/bin/sh\necho \"$AGENT_EXPORTER_EVENT $AGENT_EXPORTER_SESSION $AGENT_EXPORTER_MESSAGE\" >> {told}\n")
        os.chmod(script, 0o755)
        self.rules = self.write("agents.yaml", self.config(
            f"hooks: {{on_waiting: [{{command: [{script}]}}], on_stuck: [{{command: [{script}]}}]}}\n"))
        exporter = self.start()
        self.wait_for_state(exporter, "working", "proj")
        bar = lambda: harness.run("tmux-status", f"--socket={self.directory}/run.sock").stdout
        self.assertEqual(bar(), "1 working\n")
        self.tell(process, "waiting")
        self.wait_for_state(exporter, "waiting", "proj")
        self.assertEqual(bar(), "1 waits: proj\n")
        self.tell(process, "busy")
        self.wait_for_state(exporter, "working", "proj")
        process.send_signal(signal.SIGSTOP)
        self.wait_for_state(exporter, "stuck", "proj")
        expected = "on_waiting proj claude proj waits for you: permission\non_stuck proj claude proj is stuck\n"
        harness.wait_for(lambda: os.path.exists(told) and pathlib.Path(told).read_text() == expected, "the hooks")
        self.assertEqual(exporter.stop(), 0)
        self.assertEqual(bar(), "\n")

    def test_a_service_that_does_not_answer_holds_up_no_status_bar(self):
        path = f"{self.directory}/dead.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
            dead.listen(8)
            self.assertEqual(harness.run("tmux-status", f"--socket={path}").stdout, "\n")

    def test_the_status_line_keeps_figures_and_no_text(self):
        runtime = pathlib.Path(self.directory, "run")
        told = {"session_id": "s1", "cwd": f"/{SECRET}", "transcript_path": f"/{SECRET}", "model": {"id": "opus", "display_name": SECRET},
                "context_window": {"context_window_size": 1_000_000, "current_usage": {
                    "input_tokens": 1, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 249_997}},
                "rate_limits": {"five_hour": {"used_percentage": 40, "resets_at": time.time() + 1000}}}

        def statusline(*command, text=json.dumps(told)):
            return subprocess.run([harness.EXPORTER, "statusline", *command], input=text, capture_output=True, text=True,
                                  timeout=harness.PATIENCE, env=self.environment)
        self.assertEqual(statusline().stdout, "opus · 25% context · 40% of 5h\n")
        file = runtime / "agent_exporter/claude/s1.json"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(SECRET, file.read_text())
        wrapped = statusline("--", "/bin/sh", "-c", "cat; exit 3")
        self.assertEqual((json.loads(wrapped.stdout), wrapped.returncode), (told, 3))
        refused = statusline(text="{")
        self.assertEqual((refused.returncode, refused.stdout), (2, ""))
        self.assertEqual(statusline("--", "/bin/echo", "mine", text="{").stdout, "mine\n")
        self.assertEqual(statusline(text=json.dumps(dict(told, session_id="../../x"))).returncode, 2)
        # And the exporter takes the window from there.
        process = self.claude_agent("s1")
        self.transcript(process, self.answer("model-one"))
        self.tell(process, "idle")
        exporter = self.start()
        harness.wait_for(lambda: self.sessions(exporter).get("proj", {}).get("context_ratio") == 0.05, "the window")
        self.assert_value(exporter.scrape(), 0.4, "agent_plan_limit_used_ratio", agent="claude", kind="coder", window="5h")


if __name__ == "__main__":
    unittest.main()
