"""GET /agents on a live tree: the figures are those of /proc, and only who has the token gets them."""

import json
import os
import pathlib
import unittest

import harness

TOKEN = "0123456789abcdef0123456789abcdef"


def fd_count(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class AgentsTest(harness.TestCase):
    def start(self, *names, flags=()):
        token = self.write("token", TOKEN + "\n")
        os.chmod(token, 0o600)
        return self.exporter(f"--config.file={self.config_for(*names)}", f"--web.token-file={token}", *flags)

    @staticmethod
    def ask(exporter, query="", token=TOKEN, accept=None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if accept:
            headers["Accept-Encoding"] = accept
        return exporter.request("GET", f"/agents{query}", headers)

    def agents(self, exporter, query=""):
        answer = self.ask(exporter, query)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        return {agent["agent"]: agent for agent in json.loads(answer.text)["agents"]}

    def test_only_with_the_token(self):
        exporter = self.start("nobody")
        self.assertEqual(self.ask(exporter, token=None).status, 401)
        self.assertEqual(self.ask(exporter, token="wrong-wrong-wrong-wrong").status, 403)
        self.assertEqual(self.ask(exporter).status, 200)
        self.assertEqual(exporter.request("POST", "/agents").status, 405)

    def test_the_tree_as_it_is(self):
        root = self.tree("tree", self.tree("wait").path)
        exporter = self.start(root.name, "nothere")
        first = self.agents(exporter)[root.name]
        self.assertTrue(first["up"])
        root.tell("change")  # c ends and leaves its child o behind; b becomes another program

        agent = harness.wait_for(
            lambda: (found := self.agents(exporter)[root.name])["orphans"]["processes"] == 1 and found, "the orphan")
        rows = {process["pid"]: process for process in agent["processes"]}
        pids = {name: int(pid) for name, pid in root.pids.items()}
        self.assertEqual(set(rows), {root.pid, *(pids[name] for name in ("a", "a1", "a2", "b", "o", "z"))})
        self.assertEqual({name: rows[pids[name]]["role"] for name in ("a", "a1", "o")},
                         {"a": "child", "a1": "descendant", "o": "orphan"})
        self.assertEqual({name: rows[pids[name]]["state"] for name in ("a2", "z")}, {"a2": "T", "z": "Z"})
        self.assertEqual(rows[pids["a1"]]["ppid"], pids["a"])
        self.assertNotIn("open_fds", rows[pids["z"]])
        self.assertNotIn("resident_memory_bytes", rows[pids["z"]])

        me = rows[root.pid]
        self.assertEqual((me["role"], me["comm"], me["threads"]), ("root", root.name, 4))
        self.assertEqual(me["session"], os.getsid(root.pid))
        self.assertEqual(me["matched"]["rule"], root.name)
        self.assertRegex(me["matched"]["origin"], r"agents\.yaml:\d+$")
        self.assertEqual(me["matched"]["what"], f'comm is "{root.name}"')
        self.assertGreater(me["resident_memory_bytes"], 32 << 20)

        living = [pid for pid in rows if pid != pids["z"]]
        self.assertEqual({pid: rows[pid]["open_fds"] for pid in living}, {pid: fd_count(pid) for pid in living})
        self.assertEqual(agent["self"]["open_fds"], fd_count(root.pid))
        self.assertEqual(agent["tree"]["open_fds"], sum(fd_count(pid) for pid in living))
        self.assertEqual(agent["tree"]["resident_memory_bytes"],
                         sum(rows[pid]["resident_memory_bytes"] for pid in living))
        self.assertEqual((agent["tree"]["processes"], agent["zombies"]), (7, 1))
        fds = next(use for use in agent["resources"] if (use["scope"], use["resource"]) == ("self", "fds"))
        self.assertEqual((fds["used"], fds["source"]), (fd_count(root.pid), "rlimit"))
        self.assertEqual(fds["limit"], me["max_fds"])

        absent = self.agents(exporter)["nothere"]
        self.assertEqual((absent["up"], absent["configured"], absent["processes"]), (False, True, []))
        self.assertNotIn("tree", absent)

    def test_one_agent_by_name(self):
        root = self.tree("wait")
        exporter = self.start(root.name)
        self.assertEqual(list(self.agents(exporter, f"?agent={root.name}")), [root.name])
        unknown = self.ask(exporter, "?agent=nosuch")
        self.assertEqual(unknown.status, 404)
        self.assertIn(root.name, unknown.text)

    def test_open_prints_a_link_that_works(self):
        exporter = self.start("nobody")
        token = pathlib.Path(self.directory, "token")
        result = harness.run("open", f"--web.token-file={token}", f"--web.listen-address=127.0.0.1:{exporter.port}")
        self.assertEqual(result.returncode, 0, result.stderr)
        page, _, given = result.stdout.strip().partition("#token=")
        self.assertEqual(page, f"http://127.0.0.1:{exporter.port}/")
        self.assertEqual(self.ask(exporter, token=given).status, 200)

    def test_it_does_not_show_command_lines(self):
        secret = "sk-do-not-show-this"
        root = self.tree("wait", secret)
        config = self.write("agents.yaml", "builtin_profiles: false\nsample_interval: 1h\nagents:\n"
                            f"  - {{name: {root.name}, match: {{cmdline: '{root.name} .*sk-'}}}}\n")
        token = self.write("token", TOKEN + "\n")
        exporter = self.exporter(f"--config.file={config}", f"--web.token-file={token}")
        answer = self.ask(exporter)
        self.assertTrue(json.loads(answer.text)["agents"][0]["up"])
        self.assertNotIn(secret, answer.text)


if __name__ == "__main__":
    unittest.main()
