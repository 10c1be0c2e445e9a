"""The ledger of the running program: what it stores of live trees, its routes, and those who write beside it."""

import concurrent.futures
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time
import unittest
import unittest.mock

import harness

# An agent that sleeps, with a session (setsid) that burns CPU in a child of its leader; ends that on a word.
AGENT = r"""
import os, subprocess, sys
code = "import subprocess; p = subprocess.Popen(['/usr/bin/python3', '-c', 'while True: pass']); " \
       "print(p.pid, flush=True); p.wait()"
session = subprocess.Popen(["/usr/bin/python3", "-c", code], start_new_session=True, stdout=subprocess.PIPE)
child = int(session.stdout.readline())
print("ready", session.pid, child, flush=True)
for line in sys.stdin:
    os.kill(child, 9)
    session.kill()
    session.wait()
    print("done", flush=True)
"""


class LedgerTest(harness.TestCase):
    def ledger_config(self, ledger, rules=""):
        return self.write("agents.yaml", "builtin_profiles: false\nsample_interval: 200ms\n"
                          f"ledger: {ledger}\nagents:\n{rules or '  []'}\n")

    def token(self, exporter):
        return pathlib.Path(exporter.state.name, "token").read_text().strip()

    def ask(self, exporter, path, token=None, method="GET"):
        return exporter.request(method, path, {"Authorization": f"Bearer {token or self.token(exporter)}"})

    def json(self, exporter, path):
        response = self.ask(exporter, path)
        self.assertEqual(response.status, 200, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        return json.loads(response.text)

    def event(self, *arguments, state=None, path=None):
        environment = {"STATE_DIRECTORY": state or self.directory}
        flags = [f"--ledger.path={path}"] if path else []
        return subprocess.run([harness.EXPORTER, "event", "rate-limit", *arguments, *flags], env=environment,
                              capture_output=True, text=True, timeout=harness.PATIENCE)


class SourcesTest(LedgerTest):
    def named_python(self):
        """A name, and a Python whose comm it is."""
        name = harness.unique_name()
        os.symlink("/usr/bin/python3", os.path.join(self.directory, name))
        return name, os.path.join(self.directory, name)

    def start_agent(self):
        name, python = self.named_python()
        agent = subprocess.Popen([python, self.write("agent.py", AGENT)], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        self.addCleanup(agent.stdout.close)
        self.addCleanup(agent.stdin.close)
        word, session, child = agent.stdout.readline().split()
        self.assertEqual(word, "ready")
        self.addCleanup(lambda: [self.kill(int(pid)) for pid in (child, session)])
        return name, agent, int(session)

    @staticmethod
    def kill(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def test_a_live_tree(self):
        name, agent, session = self.start_agent()
        config = self.ledger_config("{sample_interval: 1s, idle_sample_interval: 1s}",
                                    f"  - {{name: {name}, match: {{comm: {name}}}}}\n")
        exporter = self.exporter(f"--config.file={config}")

        def summary():
            return {source["source"]: source for source in self.json(exporter, "/resources/summary")["sources"]}

        key = f"session:{session}"
        wait = harness.wait_for
        wait(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_up")), "the first write")
        # The child burns a whole core, as far as it gets one; the leader and the agent sleep.
        sources = wait(lambda: (s := summary()).get(key, {}).get("sampleCount", 0) >= 3
                       and s[key]["peakCpuPercent"] > 5 and s, "samples of the session with the child's CPU")
        self.assertEqual(set(sources), {"agent-server", key, "aggregate"})
        server, session_sum, aggregate = sources["agent-server"], sources[key], sources["aggregate"]
        self.assertEqual({source["agent"] for source in sources.values()}, {name})
        self.assertLess(session_sum["peakCpuPercent"], 110)
        self.assertLess(server["peakCpuPercent"], session_sum["peakCpuPercent"])
        self.assertGreater(session_sum["currentRssBytes"], 1 << 20)
        for figure in ("currentRssBytes", "currentCpuPercent"):
            self.assertAlmostEqual(aggregate[figure], server[figure] + session_sum[figure], delta=0.02)
        self.assertIsNone(server["currentHeapUsedBytes"])

        agent.stdin.write("end the session\n")
        agent.stdin.flush()
        self.assertEqual(agent.stdout.readline(), "done\n")
        wait(lambda: summary()[key]["currentCpuPercent"] is None, "no current figures of what ended")
        self.assertEqual(summary()["agent-server"]["agent"], name)

        samples = self.json(exporter, f"/resources/samples?source={key}&limit=2")
        self.assertEqual([sample["source"] for sample in samples["samples"]], [key] * 2)
        self.assertEqual(samples["samples"][0]["pid"], session)
        self.assertGreater(samples["samples"][0]["ts"], samples["samples"][1]["ts"])
        older = self.json(exporter, f"/resources/samples?source={key}&limit=2&cursor={samples['nextCursor']}")
        self.assertLess(older["samples"][0]["ts"], samples["samples"][1]["ts"])
        self.assertEqual(self.json(exporter, f"/resources/summary?agent={name}")["agents"], [name])
        self.assertEqual(self.json(exporter, "/resources/summary?agent=nobody")["sources"], [])
        # For people with sqlite3 at hand.
        with sqlite3.connect(f"file:{exporter.state.name}/resource-ledger.db?mode=ro", uri=True) as db:
            rows = db.execute("SELECT source, pid, cpu_percent, rss_bytes, heap_used_bytes FROM resource_samples "
                              "WHERE source = 'agent-server'").fetchall()
        self.assertEqual(rows[0][1:3], (agent.pid, 0.0), "the first tick of a source is 0")

        samples = exporter.scrape()
        self.assertGreater(samples[harness.key("agent_exporter_ledger_writes_total")], 3)
        self.assert_value(samples, 1, "agent_exporter_ledger_up")
        self.assert_value(samples, 0, "agent_exporter_ledger_set_aside_total")
        self.assertGreater(samples[harness.key("agent_exporter_ledger_file_bytes")], 4096)
        self.assertEqual(harness.promtool_check(exporter.get().text), "")
        self.assertEqual(exporter.stop(), 0)

    def test_its_cpu_is_that_of_metrics(self):
        """Children that nobody waits for, too short for any look: one accountant counts them for both."""
        for maker in ("bpf", "netlink"):
            with self.subTest(maker=maker):
                root = self.tree("forks", 100, 20, "ignored")
                config = self.ledger_config("{sample_interval: 1s, idle_sample_interval: 1s}",
                                            f"  - {{name: {root.name}, match: {{comm: {root.name}}}}}\n")
                source = "procfs" if maker == "netlink" else "auto"
                try:
                    exporter = self.exporter(f"--config.file={config}", f"--process.events={maker}",
                                             f"--process.source={source}")
                except AssertionError as refused:
                    if "cannot be had here" in str(refused):
                        self.skipTest(str(refused))
                    raise

                def rows():
                    path = f"file:{exporter.state.name}/resource-ledger.db?mode=ro"
                    with sqlite3.connect(path, uri=True) as db:
                        return db.execute("SELECT ts, cpu_percent FROM resource_samples WHERE source = 'aggregate' "
                                          "ORDER BY ts").fetchall()

                def counted():
                    return sum(value for (metric, labels), value in exporter.fresh().items()
                               if metric in ("agent_self_cpu_seconds_total", "agent_descendants_cpu_seconds_total")
                               and ("agent", root.name) in labels)

                harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_up")), "the ledger")
                before = counted()
                truth = root.tell("go")["children_cpu"]
                harness.wait_for(lambda: counted() - before >= truth * 0.99, "the children's CPU")
                metrics = counted()
                seen = len(rows())
                harness.wait_for(lambda: len(rows()) >= seen + 2, "the tick after")
                ledger = rows()
                kept = sum((at - earlier) / 1000 * percent / 100
                           for (earlier, _), (at, percent) in zip(ledger, ledger[1:]))
                self.assertGreater(kept, truth * 0.98)
                self.assertAlmostEqual(kept, metrics - before, delta=metrics * 0.02 + 0.02)
                exporter.stop()

    @unittest.skipUnless(subprocess.run(["which", "tmux"], capture_output=True).returncode == 0, "needs tmux")
    def test_panes_of_a_tmux_server_that_the_agent_started(self):
        name, python = self.named_python()
        script = self.write("agent.py", "import subprocess, sys\nsys.stdin.readline()\n"
                            "for session in ('work', '<i>x'):\n"
                            "    subprocess.run(['tmux', 'new-session', '-d', '-s', session, 'sh -c \"sleep 1000; :\"'], check=True)\n"
                            "print('ready', flush=True)\nsys.stdin.read()\n")
        config = self.ledger_config("{sample_interval: 1s, idle_sample_interval: 1s}",
                                    f"  - {{name: {name}, match: {{comm: {name}}}}}\n")
        environment = {"TMUX_TMPDIR": self.directory}
        exporter = self.exporter(f"--config.file={config}", env=environment)
        agent = subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, **environment, "TMUX": ""})
        self.addCleanup(agent.communicate)
        self.addCleanup(lambda: subprocess.run(["tmux", "kill-server"], env={**os.environ, **environment, "TMUX": ""}))
        # Watched before it starts tmux, whose server leaves its parent for init: without events that takes luck.
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_up", agent=name)) == 1, "the agent")
        agent.stdin.write("go\n")
        agent.stdin.flush()
        self.assertEqual(agent.stdout.readline(), "ready\n")

        def sources():
            return {source["source"]: source for source in self.json(exporter, "/resources/summary")["sources"]}

        if harness.matching(exporter.scrape(), "agent_exporter_process_events_info", events="none"):
            self.skipTest("no events here, so the tmux server's parent may be gone unseen")
        # A pane that has only just begun may have no memory yet.
        harness.wait_for(lambda: (s := sources()).keys() >= {"session:work", "session:<i>x"}
                         and (s["session:work"]["currentRssBytes"] or 0) > 0, "both sessions by name, with memory")


class RoutesTest(LedgerTest):
    ROUTES = ("/resources/summary", "/resources/samples", "/resources/rate-limits")

    def test_who_may_ask_and_how(self):
        exporter = self.exporter()
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_up")), "the first write")
        for route in self.ROUTES:
            with self.subTest(route):
                self.assertEqual(exporter.get(route).status, 401)
                self.assertIn("Bearer", exporter.get(route).headers["WWW-Authenticate"])
                self.assertEqual(self.ask(exporter, route, token="0" * 64).status, 403)
                self.assertEqual(self.ask(exporter, route).status, 200)
                for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                    response = self.ask(exporter, route, method=method)
                    self.assertEqual((response.status, response.headers["Allow"]), (405, "GET, HEAD"), method)
                head = self.ask(exporter, route, method="HEAD")
                self.assertEqual((head.status, head.body), (200, b""))

    def test_values_that_are_none_fall_back(self):
        # Nobody is watched: another test's agents may hit rate limits at the same time.
        exporter = self.exporter(f"--config.file={self.write('nobody.yaml', 'builtin_profiles: false')}")
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_up")), "the first write")
        for route, hours in zip(self.ROUTES, (1, 1, 24)):
            for value in ("", "0", "-3", "x", "nan", "inf", "1e999", "2h", "0x10x", "%00"):
                answer = self.json(exporter, f"{route}?sinceHours={value}")
                self.assertEqual(answer["windowHours"], hours, f"{route} {value}")
            before = time.time() * 1000
            answer = self.json(exporter, f"{route}?sinceHours=2.5")
            self.assertEqual(answer["windowHours"], 2.5)
            self.assertAlmostEqual(answer["sinceMs"], before - 9e6, delta=60_000)
            self.assertGreater(self.json(exporter, f"{route}?sinceHours=1e12")["sinceMs"], 0)
        for value in ("0", "-1", "x", "2001", "99999999999999999999", "1.5"):
            self.assertEqual(self.json(exporter, f"/resources/samples?limit={value}")["limit"], 200, value)
        self.assertEqual(self.json(exporter, "/resources/samples?limit=2000")["limit"], 2000)
        for cursor in ("x", "1", "1.", ".1", "1.2.3", "-1.2"):
            self.assertEqual(self.ask(exporter, f"/resources/samples?cursor={cursor}").status, 400, cursor)
        self.assertEqual(self.json(exporter, "/resources/rate-limits"), {
            "windowHours": 24, "sinceMs": unittest.mock.ANY,
            "summary": {"trips": 0, "tripsPerHour": 0.0, "recovers": 0, "sentinel": 0, "total": 0},
            "byKind": {}, "events": []})

    def test_off_or_broken_is_503_and_metrics_go_on(self):
        off = self.write("off.yaml", "ledger: {enabled: false}\n")
        broken = self.write("broken.yaml", f"ledger: {{path: {self.directory}/no/such/place}}\n")
        for flags in (["--no-ledger"], [f"--config.file={off}"], [f"--config.file={broken}"]):
            with self.subTest(flags):
                exporter = self.exporter(*flags)
                for route in self.ROUTES:
                    response = self.ask(exporter, route)
                    self.assertEqual((response.status, response.text), (503, "resource ledger unavailable\n"))
                    self.assertEqual(exporter.get(route).status, 401, "who may not ask is not told")
                self.assertEqual(exporter.get().status, 200)
                self.assertEqual(os.path.exists(f"{exporter.state.name}/resource-ledger.db"), False)

    def test_a_state_directory_that_cannot_be_written(self):
        exporter = self.exporter(env={"STATE_DIRECTORY": "/proc/1"})
        self.assertTrue(any("no ledger: " in line for line in exporter.log.all))
        self.assertEqual(exporter.get("/resources/summary").status, 401)
        self.assertEqual(self.ask(exporter, "/resources/summary", token="x" * 64).status, 403)
        self.assertEqual(exporter.get().status, 200)

    def test_many_clients_at_once(self):
        exporter = self.exporter()
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_up")), "the first write")
        with concurrent.futures.ThreadPoolExecutor(64) as pool:
            asked = [pool.submit(self.ask, exporter, self.ROUTES[i % 3]) for i in range(384)]
            scraped = [exporter.get().status for _ in range(10)]
            self.assertEqual({future.result().status for future in asked}, {200})
        self.assertEqual(set(scraped), {200})


class EventTest(LedgerTest):
    def test_many_writers_while_serve_runs(self):
        config = self.ledger_config("{sample_interval: 1s, idle_sample_interval: 1s}")
        exporter = self.exporter(f"--config.file={config}")
        state = exporter.state.name

        each = 5 if harness.SANITIZED else 50
        total = 20 * each

        def tell(writer):
            return [self.event("--agent=codex", f"--source=breaker{writer % 4}", "--kind=trip", state=state)
                    for _ in range(each)]

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            results = [result for results in pool.map(tell, range(20)) for result in results]
        self.assertEqual({(result.returncode, result.stderr) for result in results}, {(0, "")})
        counted = harness.key("agent_rate_limit_events_total", agent="codex", kind="trip")
        harness.wait_for(lambda: exporter.scrape().get(counted) == total, "all events")
        answer = self.json(exporter, "/resources/rate-limits")
        self.assertEqual(answer["summary"], {"trips": total, "tripsPerHour": round(total / 24, 2), "recovers": 0, "sentinel": 0,
                                             "total": total})
        self.assertEqual(len({event["id"] for event in answer["events"]}), total)

        again = ("--agent=codex", "--source=breaker", "--kind=recover", "--seq=3", f"--ts={int(time.time() * 1000)}")
        self.assertIn("recorded in", self.event(*again, state=state).stdout)
        self.assertIn("already recorded", self.event(*again, state=state).stdout)
        self.event("--agent=codex", "--source=log", "--kind=529", state=state)
        answer = self.json(exporter, "/resources/rate-limits?agent=codex")
        self.assertEqual(answer["byKind"], {"529": 1, "recover": 1, "trip": total})
        self.assertEqual(answer["summary"]["sentinel"], 1)
        self.assertEqual(self.json(exporter, "/resources/rate-limits?agent=x")["summary"]["total"], 0)

        # The counters outlive the program.
        self.assertEqual(exporter.stop(), 0)
        restarted = self.exporter(env={"STATE_DIRECTORY": state})
        harness.wait_for(lambda: restarted.scrape().get(counted) == total, "the events of before")

    def test_bad_input_is_one_clear_line(self):
        good = {"agent": "codex", "source": "breaker", "kind": "trip"}
        for key, value in (("kind", "bang"), ("source", "a:b"), ("source", ""), ("seq", "-1"), ("ts", "x"), ("ts", "0")):
            flags = [f"--{name}={text}" for name, text in {**good, key: value}.items()]
            result = self.event(*flags)
            self.assertEqual(result.returncode, 2, flags)
            self.assertRegex(result.stderr, rf"\Aagent_exporter: [^\n]*{key}[^\n]*\n\Z")
        self.assertEqual(self.event("--agent=codex").returncode, 2)
        result = self.event("--agent=codex", "--source=breaker", "--kind=trip", path=f"{self.directory}/no/such/file")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"\Aagent_exporter: cannot write to the ledger [^\n]*/no/such/file[^\n]*\n\Z")
        self.write("text", "x" * 10000)
        result = self.event("--agent=codex", "--source=breaker", "--kind=trip", path=f"{self.directory}/text")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(pathlib.Path(self.directory, "text").read_text(), "x" * 10000, "left alone")

    def test_before_serve_has_ever_run(self):
        result = self.event("--agent=codex", "--source=breaker", "--kind=trip")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(os.stat(f"{self.directory}/resource-ledger.db").st_mode & 0o777, 0o600)

    def test_a_log_of_the_agents(self):
        log = self.write("agent.log", "weekly limit reached\n")
        config = self.ledger_config(
            "{sample_interval: 1s}",
            f"  - {{name: bob, match: {{comm: nosuch}}, rate_limit_log: {log}, rate_limit_patterns: {{throttle: 'slow down'}}}}\n")
        exporter = self.exporter(f"--config.file={config}")
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_writes_total")), "a tick")
        with open(log, "a") as file:
            file.write("API: repeated 529 Overloaded errors\nplease slow down\nslow down\nnothing\n")
        harness.wait_for(lambda: exporter.scrape().get(
            harness.key("agent_rate_limit_events_total", agent="bob", kind="throttle")) == 2, "events of the log")
        answer = self.json(exporter, "/resources/rate-limits?agent=bob")
        self.assertEqual(answer["byKind"], {"529": 1, "throttle": 2})


class SurvivalTest(LedgerTest):
    def test_a_damaged_file_is_set_aside(self):
        path = self.write("ledger.db", "no database\n" * 1000)
        exporter = self.exporter(f"--ledger.path={path}")
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_up")), "a new ledger")
        self.assert_value(exporter.scrape(), 1, "agent_exporter_ledger_set_aside_total")
        self.assertEqual(self.ask(exporter, "/resources/summary").status, 200)
        aside = [name for name in os.listdir(self.directory) if name.startswith("ledger.db.damaged-")]
        self.assertEqual(len(aside), 1)
        self.assertEqual(sum("is damaged" in line for line in exporter.log.all), 1)

    def test_a_locked_file_delays_nothing(self):
        config = self.ledger_config("{sample_interval: 1s, idle_sample_interval: 1s}")
        exporter = self.exporter(f"--config.file={config}")
        harness.wait_for(lambda: exporter.scrape().get(harness.key("agent_exporter_ledger_up")), "the first write")
        with sqlite3.connect(f"{exporter.state.name}/resource-ledger.db", isolation_level=None) as db:
            db.execute("BEGIN EXCLUSIVE")
            locked = harness.key("agent_exporter_ledger_errors_total", reason="locked")
            harness.wait_for(lambda: exporter.scrape().get(locked, 0) >= 1, "a failed write")
            self.assertEqual(self.ask(exporter, "/resources/summary").status, 200, "WAL: readers go on")
            db.execute("ROLLBACK")
        harness.wait_for(lambda: exporter.scrape()[harness.key("agent_exporter_ledger_up")] == 1, "writes again")


if __name__ == "__main__":
    unittest.main()
