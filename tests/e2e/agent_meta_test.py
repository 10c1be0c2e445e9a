"""What agents tell of themselves, from a transcript, a file and a command, as the running program shows it."""

import json
import os
import pathlib
import unittest

import harness


def answer(model, tokens, tool=None):
    """A line of a Claude Code transcript: an answer that may ask for a tool."""
    content = [{"type": "text", "text": "not to be seen"}]
    if tool:
        content.append({"type": "tool_use", "id": "t1", "name": tool, "input": {"secret": "argument"}})
    return json.dumps({"type": "assistant", "isSidechain": False, "timestamp": "2026-01-23T17:13:37.849Z",
                       "message": {"id": model, "model": model, "content": content,
                                   "usage": {"input_tokens": tokens, "cache_read_input_tokens": 0}}}) + "\n"


class AgentMetaTest(harness.TestCase):
    def transcript_of_claude(self):
        """Starts it; returns the file its transcript goes to."""
        work = self.claude()
        folder = "".join(c if c.isalnum() else "-" for c in str(work.resolve()))
        return pathlib.Path(self.directory, "claude_config", "projects", folder, "session.jsonl")

    def start(self, meta):
        config = self.write("config.yaml", f"sample_interval: 200ms\nmeta:\n{meta}"
                            "agents:\n  - {name: reviewer, match: {comm: claude, cmdline: '^claude 100000'}}\n"
                            f"  - {{name: other, match: {{comm: {self.root.name}}}}}\n")
        return self.exporter(f"--config.file={config}")

    def setUp(self):
        super().setUp()
        self.root = self.tree("wait")

    def wait_for_value(self, exporter, value, metric, **labels):
        sample = harness.key(metric, **labels)
        harness.wait_for(lambda: exporter.scrape().get(sample) == value, f"{metric} {labels} {value}")

    def test_a_claude_code_session(self):
        transcript = self.transcript_of_claude()
        exporter = self.start("  - {agent: reviewer, source: claude-code, interval: 1s, "
                              f"config_dir: {self.directory}/claude_config}}\n")
        absent = harness.key("agent_exporter_session_reads_total", reader="claude", result="absent")
        harness.wait_for(lambda: exporter.scrape().get(absent, 0) > 0, "a look in vain")
        for metric in ("agent_context_ratio", "agent_subagents", "agent_meta_info"):
            self.assert_absent(exporter.scrape(), metric)
        transcript.parent.mkdir(parents=True)
        transcript.write_text(answer("claude-opus-4-5", 50_000))
        self.wait_for_value(exporter, 0.25, "agent_context_ratio", agent="reviewer")
        samples = exporter.scrape()
        self.assert_value(samples, 0, "agent_subagents", agent="reviewer")
        self.assert_value(samples, 1, "agent_meta_info", agent="reviewer", model="claude-opus-4-5")
        self.assert_absent(samples, "agent_context_ratio", agent="other")
        with transcript.open("a") as file:
            file.write(answer("claude-haiku-4-5", 100_000, tool="Task"))
        self.wait_for_value(exporter, 0.5, "agent_context_ratio", agent="reviewer")
        samples = exporter.scrape()
        self.assert_value(samples, 1, "agent_subagents", agent="reviewer")
        self.assert_value(samples, 1, "agent_meta_info", agent="reviewer", model="claude-haiku-4-5")
        self.assertEqual(harness.promtool_check(exporter.get().text), "")

    def test_a_file(self):
        path = self.write("meta.json", json.dumps({"context_pct": 43.5, "subagents": 2, "model": "m"}))
        exporter = self.start(f"  - {{agent: other, source: file, path: {path}, interval: 1s}}\n")
        self.wait_for_value(exporter, 0.435, "agent_context_ratio", agent="other")
        self.assert_value(exporter.scrape(), 2, "agent_subagents", agent="other")
        told = {"subagents": 2, "context_pct": 43.5, "model": "m"}
        token = pathlib.Path(exporter.state.name, "token").read_text().strip()
        answer = exporter.request("GET", "/agents?agent=other", {"Authorization": f"Bearer {token}"})
        self.assertEqual(json.loads(answer.body)["agents"][0]["agent_meta"], told)
        config = f"--config.file={self.directory}/config.yaml"
        agents = {agent["agent"]: agent for agent in json.loads(harness.run("status", "--json", config).stdout)["agents"]}
        self.assertEqual(agents["other"]["agent_meta"], told)
        agents = json.loads(harness.run("status", "--json", "--terse", config).stdout)["agents"]
        self.assertIn(("other", "m", 2, None), [(agent["agent"], agent["agent_meta.model"], agent["agent_meta.subagents"],
                                                 agent["agent_meta.alive"]) for agent in agents])
        self.write("meta.json", "{")
        harness.wait_for(lambda: not harness.matching(exporter.scrape(), "agent_context_ratio"), "no stale figure")
        exporter.log.find("cannot read agent_meta of .*other.*: .*meta.json: not a JSON object")

    def test_a_command_that_hangs_delays_nothing(self):
        # It hangs until the test lets it go, long after the scrapes that follow.
        fifo, started = f"{self.directory}/fifo", f"{self.directory}/started"
        os.mkfifo(fifo)
        script = self.write("status", f"#!/bin/sh\ntouch {started}\nread line < {fifo}\n"
                            "echo \"{\\\"model\\\": \\\"$AGENT_EXPORTER_AGENT $AGENT_EXPORTER_PIDS\\\"}\"\n")
        os.chmod(script, 0o755)
        exporter = self.start(f"  - {{agent: other, source: command, command: [{script}]}}\n")
        harness.wait_for(lambda: os.path.exists(started), "the command")
        for _ in range(3):
            self.assert_absent(exporter.fresh(), "agent_meta_info")
        with open(fifo, "w", encoding="ascii") as file:
            file.write("go\n")
        self.wait_for_value(exporter, 1, "agent_meta_info", agent="other", model=f"other {self.root.pid}")


if __name__ == "__main__":
    unittest.main()
