"""The readers' figures are those of a slow reader that knows the whole file: on 50 made-up files of each agent.

The reference reads a file once, from its start, into lists, and answers from those; the readers follow it in pieces and
keep next to nothing. READ_LINES is the program that runs them.
"""

import contextlib
import json
import os
import pathlib
import random
import sqlite3
import subprocess
import tempfile
import unittest

FILES = 50
TEXT = "x" * 3000


def stamp(second):
    return f"2026-01-23T{17 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.5Z"


class Claude:
    """Answers in one line or several, with the same id; tools with and without results; copies; subagents; compactions."""

    def __init__(self, dice):
        self.lines, self.dice, self.second, self.ids = [], dice, 0, 0
        for _ in range(dice.randrange(1, 60)):
            dice.choice([self.turn, self.turn, self.turn, self.compact, self.copy, self.error, self.command, self.interrupt])()

    def add(self, line):
        self.second += self.dice.randrange(1, 9)
        self.lines.append({"timestamp": stamp(self.second), **line})

    def message(self, message_id, model, content, stop, sidechain):
        usage = {"input_tokens": self.dice.randrange(100), "cache_read_input_tokens": self.dice.randrange(10 ** 5),
                 "output_tokens": self.dice.randrange(1000)}
        if self.dice.random() < 0.8:
            usage["cache_creation_input_tokens"] = self.dice.randrange(5000)
        self.add({"type": "assistant", "isSidechain": sidechain, "requestId": f"r{message_id}",
                  "message": {"id": message_id, "model": model, "content": content, "stop_reason": stop, "usage": usage}})

    def turn(self):
        self.add({"type": "user", "message": {"content": TEXT}})
        for _ in range(self.dice.randrange(5)):
            self.ids += 1
            sidechain, model = self.dice.random() < 0.2, self.dice.choice(["opus", "haiku"])
            tools = [f"t{self.ids}-{i}" for i in range(self.dice.randrange(3))]
            for block in [[{"type": "text", "text": TEXT}]] + [[{"type": "tool_use", "id": tool, "name": self.dice.choice(["Bash", "Read"])}]
                                                            for tool in tools]:
                self.message(f"m{self.ids}", model, block, "tool_use" if tools else "end_turn", sidechain)
            for tool in tools:
                if self.dice.random() < 0.8:
                    self.add({"type": "user", "isSidechain": sidechain,
                              "message": {"content": [{"type": "tool_result", "tool_use_id": tool, "content": TEXT}]}})

    def compact(self):
        self.add({"type": "system", "subtype": "compact_boundary"})

    def copy(self):
        answers = [line for line in self.lines[:max(0, len(self.lines) - 200)] if line["type"] == "assistant"]
        if answers:
            self.add({**self.dice.choice(answers), "isSidechain": True})

    def error(self):
        self.add({"type": "assistant", "isApiErrorMessage": True,
                  "message": {"model": "<synthetic>", "content": [{"type": "text", "text": "API Error: 529"}]}})

    def command(self):
        self.add({"type": "user", "message": {"content": "<command-name>/cost</command-name>"}})

    def interrupt(self):
        self.add({"type": "user", "message": {"content": [{"type": "text", "text": "[Request interrupted by user]"}]}})

    def expected(self):
        usages, order = {}, []
        for line in self.lines:
            message = line.get("message", {})
            if line["type"] == "assistant" and message["model"] != "<synthetic>":
                key = message["id"]
                if key not in order:
                    order.append(key)
                if order.index(key) >= len(order) - 16 or key not in usages:  # later copies are none
                    usages[key] = message["usage"]
        names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        tokens = [sum(usage.get(name, 0) for usage in usages.values()) for name in names] + [0]
        main = [line for line in self.lines if not line.get("isSidechain")]
        model = context = claim = None
        calls, answer = [], None
        for line in main:
            message = line.get("message", {})
            if line["type"] == "system":
                context, calls = None, []
            elif line["type"] == "user":
                results = [block["tool_use_id"] for block in message["content"]
                           if isinstance(block, dict) and block["type"] == "tool_result"]
                text = message["content"] if isinstance(message["content"], str) else message["content"][0].get("text", "")
                if results:
                    calls, claim = [call for call in calls if call[0] not in results], "working"
                else:
                    calls = []
                    if not text.startswith("<command"):
                        claim = "idle" if text.startswith("[Request interrupted") else "working"
            elif message["model"] == "<synthetic>":
                claim = "idle"
            else:
                if message["id"] != answer:
                    calls = []
                answer, model = message["id"], message["model"]
                context = sum(message["usage"].get(name, 0) for name in names if name != "output_tokens")
                calls += [(block["id"], block["name"]) for block in message["content"] if block["type"] == "tool_use"]
                claim = "working" if calls else "idle" if message["stop_reason"] == "end_turn" else None
        errors = sum("isApiErrorMessage" in line for line in self.lines)
        return {"tokens": tokens, "model": model, "context": context, "claim": claim, "errors": min(errors, 20),
                "tool": calls[-1][1] if calls and answer is not None else None}


class Codex:
    """Turns that end or do not, calls, totals that only rise, several models, a forked history."""

    def __init__(self, dice):
        self.lines, self.dice, self.second = [], dice, 0
        self.total = [0, 0, 0, 0]
        self.add("session_meta", {"id": "u", "cwd": "/w", "source": "cli", "base_instructions": TEXT * 8}, wait=False)
        self.copied = 0
        if dice.random() < 0.3:
            for _ in range(dice.randrange(1, 5)):
                self.count(wait=False)
        for i in range(dice.randrange(1, 25)):
            self.turn(i)

    def add(self, kind, payload, wait=True):
        self.second += self.dice.randrange(1, 9) if wait else 0
        self.lines.append({"timestamp": stamp(self.second), "type": kind, "payload": payload})

    def count(self, wait=True):
        step = [self.dice.randrange(1, 5000), 0, self.dice.randrange(1, 500), 0]
        step[1], step[3] = self.dice.randrange(step[0] + 1), self.dice.randrange(step[2] + 1)
        self.total = [a + b for a, b in zip(self.total, step)]
        names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
        usage = lambda figures: {**dict(zip(names, figures)), "total_tokens": figures[0] + figures[2]}
        self.add("event_msg", {"type": "token_count", "info": {"total_token_usage": usage(self.total), "last_token_usage": usage(step),
                                                               "model_context_window": 272000}}, wait)

    def turn(self, number):
        self.add("turn_context", {"model": f"gpt-{number % 2}"})
        self.add("event_msg", {"type": "task_started"})
        for i in range(self.dice.randrange(4)):
            self.add("response_item", {"type": "function_call", "name": "shell", "call_id": f"c{number}-{i}", "arguments": TEXT})
            if self.dice.random() < 0.8:
                self.add("response_item", {"type": "function_call_output", "call_id": f"c{number}-{i}", "output": TEXT})
            self.count()
        if self.dice.random() < 0.2:
            self.add("compacted", {"message": TEXT})
        if self.dice.random() < 0.8:
            self.add("event_msg", {"type": self.dice.choice(["task_complete", "turn_aborted"])})

    def expected(self):
        payloads = [(line["type"], line["payload"], line["timestamp"]) for line in self.lines]
        counts = [(payload["info"]["total_token_usage"], time) for kind, payload, time in payloads
                  if kind == "event_msg" and payload["type"] == "token_count"]
        first = self.lines[0]["timestamp"][:19]
        copied = [usage for usage, time in counts if time[:19] == first]
        names = ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")
        before = [copied[-1][name] for name in names] if copied else [0] * 4
        used = [self.total[i] - before[i] for i in range(4)]
        model = context = claim = None
        calls = []
        for kind, payload, _ in payloads:
            if kind == "turn_context":
                model = payload["model"]
            elif kind == "compacted":
                context = None
            elif kind == "event_msg" and payload["type"] == "token_count":
                context = payload["info"]["last_token_usage"]["total_tokens"]
            elif kind == "event_msg":
                claim, calls = ("working" if payload["type"] == "task_started" else "idle"), []
            elif kind == "response_item" and payload["type"] == "function_call":
                calls.append(payload)
            elif kind == "response_item":
                calls = [call for call in calls if call["call_id"] != payload["call_id"]]
        return {"tokens": [used[0] - used[1], used[2] - used[3], used[1], 0, used[3]], "model": model, "context": context,
                "claim": claim, "errors": 0, "tool": calls[-1]["name"] if calls else None}


class Gemini:
    """Messages that are written again as they grow, checkpoints, errors, rewinds."""

    def __init__(self, dice):
        self.lines, self.dice, self.second = [], dice, 0
        self.lines.append({"sessionId": "s", "projectHash": "h", "startTime": stamp(0), "kind": "main"})
        for number in range(dice.randrange(1, 40)):
            self.turn(number)

    def now(self):
        self.second += self.dice.randrange(1, 9)
        return stamp(self.second)

    def turn(self, number):
        self.lines.append({"id": f"u{number}", "timestamp": self.now(), "type": "user", "content": [{"text": TEXT}]})
        message = {"id": f"g{number}", "timestamp": self.now(), "type": "gemini", "content": self.dice.choice([TEXT, ""]),
                   "model": f"gemini-{number % 2}", "tokens": None}
        self.lines.append(dict(message))
        for _ in range(self.dice.randrange(3)):
            tokens = {"input": self.dice.randrange(1000, 9000), "output": self.dice.randrange(500), "thoughts": self.dice.randrange(50),
                      "tool": 0}
            tokens["cached"] = self.dice.randrange(1000)
            message["tokens"] = tokens
            self.lines.append(dict(message))
        if self.dice.random() < 0.4:
            message["toolCalls"] = [{"id": f"c{number}", "name": "write_file"}]
            self.lines.append(dict(message))
        if self.dice.random() < 0.1:
            self.lines.append({"id": f"e{number}", "timestamp": self.now(), "type": "error", "content": "429"})
        if self.dice.random() < 0.1:
            self.lines.append({"$set": {"lastUpdated": self.now(), "messages": [dict(message)]}})
        if self.dice.random() < 0.1:
            self.lines.append({"$rewindTo": f"g{number}"})

    def expected(self):
        last = {}
        model = context = claim = None
        errors = 0

        def take(message):
            nonlocal model, context, claim, errors
            if message["type"] == "user":
                claim = "working"
            elif message["type"] == "error":
                claim, errors = "idle", errors + 1
            else:
                model = message["model"]
                if message["tokens"]:
                    last[message["id"]] = message["tokens"]
                    context = message["tokens"]["input"]
                claim = "working" if message.get("toolCalls") else "idle" if message["content"] else None

        for line in self.lines[1:]:
            if "$set" in line:
                context = None
                for message in line["$set"]["messages"]:
                    take(message)
            elif "$rewindTo" in line:
                context = claim = None
            else:
                take(line)
        total = lambda name: sum(tokens[name] for tokens in last.values())
        return {"tokens": [total("input") - total("cached"), total("output"), total("cached"), 0, total("thoughts")],
                "model": model, "context": context, "claim": claim, "errors": min(errors, 20), "tool": None}


class Opencode:
    """A database with the newest data in its log: steps that are written twice, tools, errors, summaries, subagents."""

    def __init__(self, dice):
        self.dice, self.time = dice, 1_769_000_000_000
        self.rows, self.parts = {"s": {}, "child": {}}, []  # session -> id -> message
        for number in range(dice.randrange(1, 60)):
            self.turn(number)

    def now(self):
        self.time += self.dice.randrange(1, 9000)
        return self.time

    def turn(self, number):
        session = "child" if self.dice.random() < 0.2 else "s"
        self.rows[session][f"u{number}"] = {"role": "user", "time": {"created": self.now()}}
        for i in range(self.dice.randrange(4)):
            step = {"role": "assistant", "modelID": f"m{self.dice.randrange(2)}", "path": {"cwd": TEXT}, "time": {"created": self.now()},
                    "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}}}
            self.rows[session][f"a{number}-{i}"] = step
            ended = self.dice.random() < 0.9
            if session == "s" and self.dice.random() < 0.5:
                self.parts.append({"type": "tool", "tool": self.dice.choice(["bash", "edit", "read"]),
                                   "state": {"status": "completed" if ended else "running", "input": {"command": TEXT},
                                             "time": {"start": self.time}}})
            if ended:
                step["time"]["completed"] = self.now()
                step["finish"] = self.dice.choice(["stop", "tool-calls"])
                if self.dice.random() < 0.1:
                    step["error"] = {"name": "APIError", "data": {"message": TEXT, "statusCode": 529}}
                else:
                    step["tokens"] = {"input": self.dice.randrange(9000), "output": self.dice.randrange(500), "reasoning": self.dice.randrange(90),
                                      "cache": {"read": self.dice.randrange(9000), "write": self.dice.randrange(90)}}
                    step["summary"] = self.dice.random() < 0.1

    def write(self, folder):
        """The connection: while it is open the data stays in the log."""
        (folder / "opencode").mkdir(parents=True)
        database = sqlite3.connect(folder / "opencode/opencode.db")
        database.executescript("""PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;
            CREATE TABLE session (id text PRIMARY KEY, parent_id text, directory text, time_updated integer);
            CREATE TABLE message (id text PRIMARY KEY, session_id text, time_created integer, time_updated integer, data text);
            CREATE TABLE part (id text PRIMARY KEY, session_id text, time_updated integer, data text);""")
        database.execute("INSERT INTO session VALUES ('s', NULL, '/w', 5000), ('child', 's', '/w', 9000), ('other', NULL, '/x', 9000)")
        for session, messages in self.rows.items():
            for key, message in messages.items():
                for data in ({**message, "tokens": None}, message):
                    database.execute("INSERT OR REPLACE INTO message VALUES (?, ?, ?, 1, ?)",
                                     (key, session, message["time"]["created"], json.dumps(data)))
        for i, part in enumerate(self.parts):
            database.execute("INSERT INTO part VALUES (?, 's', 1, ?)", (f"p{i}", json.dumps(part)))
        if self.dice.random() < 0.3:
            database.commit()
            database.execute("PRAGMA wal_checkpoint")
            database.execute("INSERT INTO session VALUES ('late', NULL, '/y', 9000)")
        database.commit()
        database.execute("INSERT INTO message VALUES ('not committed', 's', 9999999999999, 1, '{}')")
        return database

    def expected(self):
        steps = [message for messages in self.rows.values() for message in messages.values() if message["role"] == "assistant"]
        tokens = [sum(step["tokens"][name] for step in steps) for name in ("input", "output")]
        tokens += [sum(step["tokens"]["cache"][name] for step in steps) for name in ("read", "write")]
        tokens.append(sum(step["tokens"]["reasoning"] for step in steps))
        model = context = claim = None
        own = list(self.rows["s"].values())
        for message in own:
            if message["role"] == "user":
                claim = "working"
                continue
            model = message["modelID"]
            if message.get("summary"):
                context = None
            elif message["tokens"]["output"] > 0:
                context = sum(message["tokens"][name] for name in ("input", "output", "reasoning")) + sum(message["tokens"]["cache"].values())
            claim = "idle" if "error" in message or message.get("finish") == "stop" else "working"
        running = [part["tool"] for part in self.parts[-30:] if part["state"]["status"] == "running"]
        return {"tokens": tokens, "model": model, "context": context, "claim": claim,
                "errors": min(sum("error" in message for message in own), 20), "tool": running[-1] if running and claim == "working" else None}


class ReferenceTest(unittest.TestCase):
    maxDiff = None

    def check(self, kind, make):
        with tempfile.TemporaryDirectory() as folder:
            files, expected = [], []
            for seed in range(FILES):
                made = make(random.Random(seed))
                file = pathlib.Path(folder, f"{seed}.jsonl")
                # The last line is half written.
                file.write_text("".join(json.dumps(line) + "\n" for line in made.lines) + '{"type": "assist')
                files.append(file)
                expected.append(made.expected())
            done = subprocess.run([os.environ["READ_LINES"], kind, *files], capture_output=True, text=True, check=True, timeout=120)
            got = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(len(got), FILES)
            for seed, (one, other) in enumerate(zip(got, expected)):
                self.assertEqual(one, other, f"{kind}, seed {seed}")

    def test_claude(self):
        self.check("claude", Claude)

    def test_codex(self):
        self.check("codex", Codex)

    def test_gemini(self):
        self.check("gemini", Gemini)

    def test_opencode(self):
        with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as open_databases:
            folders, expected = [], []
            for seed in range(FILES):
                made = Opencode(random.Random(seed))
                folders.append(pathlib.Path(folder, str(seed)))
                open_databases.enter_context(contextlib.closing(made.write(folders[-1])))
                expected.append(made.expected())
            done = subprocess.run([os.environ["READ_LINES"], "opencode", *folders], capture_output=True, text=True, check=True, timeout=120)
            for seed, (one, other) in enumerate(zip(done.stdout.splitlines(), expected, strict=True)):
                self.assertEqual(json.loads(one), other, f"seed {seed}")


if __name__ == "__main__":
    unittest.main()
