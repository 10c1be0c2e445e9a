#!/usr/bin/env python3
"""Installs the coding agents that the npm registry has, starts each in tmux without a network, and checks that
agent_exporter finds all of them without any configuration: the right agent, the right root, its whole tree and its
session's name. Prints the table of docs/profiles.md; exit status 1 if one was not found.

    tests/profiles/real_agents.py build/release/bin/agent_exporter [--only NAME]... [--packages DIR]

Needs node, npm and tmux, about 2 GB below --packages (default: a new temporary folder, removed at the end) and some
minutes. Without a network needs root; else the agents are started with the host's.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# The agent's name, its npm package, the command, and what the root's program or script must end in. An installation
# that fails for want of other registries is told in the table and is no failure of the profile.
AGENTS = [
    ("claude", "@anthropic-ai/claude-code", "claude"),
    ("codex", "@openai/codex", "codex"),
    ("codex", "@zed-industries/codex-acp", "codex-acp"),
    ("gemini", "@google/gemini-cli", "gemini"),
    ("copilot", "@github/copilot", "copilot"),
    ("opencode", "opencode-ai", "opencode"),
    ("qwen", "@qwen-code/qwen-code", "qwen"),
    ("cline", "cline", "cline"),
    ("kilo", "@kilocode/cli", "kilo"),
    ("auggie", "@augmentcode/auggie", "auggie"),
    ("amp", "@sourcegraph/amp", "amp"),
    ("droid", "droid", "droid"),
    ("pi", "@earendil-works/pi-coding-agent", "pi"),
    ("claude-code-acp", "@zed-industries/claude-code-acp", "claude-code-acp"),
    ("openclaw", "openclaw", "openclaw gateway run --allow-unconfigured"),
    ("crush", "@charmland/crush", "crush"),
]
SHELLS = {"bash", "sh", "dash", "sleep"}
START_SECONDS = 60


def install(package, folder):
    """Installs `package` below `folder`, which may hold it already. None, or the reason why it cannot be."""
    if (folder / "bin").exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    # From an empty folder: npm takes a folder that is called like the package for the package.
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(["npm", "install", "--global", "--prefix", folder, "--no-audit", "--no-fund", "--loglevel=error", package],
                              cwd=empty, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    if done.returncode == 0 and (folder / "bin").exists():
        return None
    shutil.rmtree(folder)
    reasons = [line for line in done.stdout.splitlines() if any(word in line for word in ("notarget No", "ENOTFOUND", "Failed", "ENOENT"))]
    return "cannot be installed here: " + (reasons[0].split("error")[-1].strip() if reasons else "it has no command")


def version_of(package, folder):
    return json.loads((folder / "lib/node_modules" / package / "package.json").read_text())["version"]


class Terminals:
    """tmux with a server of its own, so that nobody's sessions are touched; without a network where we may."""

    def __init__(self, home):
        offline = ["unshare", "--net"] if os.geteuid() == 0 else []
        self._tmux = ["tmux", "-L", f"real-agents-{os.getpid()}"]
        self._environment = dict(os.environ, HOME=str(home), TERM="xterm-256color", ANTHROPIC_API_KEY="none", OPENAI_API_KEY="none")
        for name in ("TMUX", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            self._environment.pop(name, None)
        subprocess.run([*offline, *self._tmux, "-f", "/dev/null", "new-session", "-d", "-s", "all", "-x", "150", "-y", "40", "sleep 3600"],
                       env=self._environment, check=True)

    def start(self, command, folder):
        """The pid of the shell that runs `command` in a window of its own. The `:` keeps the shell from replacing itself."""
        out = subprocess.run([*self._tmux, "new-window", "-d", "-P", "-F", "#{pane_pid}", "-t", "all:", "-c", str(folder), f"{command}; sleep 3600; :"],
                             check=True, stdout=subprocess.PIPE, text=True)
        return int(out.stdout)

    def close(self):
        """Also ends what agents have put into the background: daemons, known by the home they were started with."""
        subprocess.run([*self._tmux, "kill-server"], check=False)
        mark = b"HOME=" + self._environment["HOME"].encode()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)


class Exporter:
    """agent_exporter serve without a configuration."""

    def __init__(self, program, state):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{free.getsockname()[1]}"
        token = state / "token"
        token.write_text("x" * 32)
        token.chmod(0o600)
        self._process = subprocess.Popen([program, "serve", f"--web.listen-address={self._address}", "--no-ledger", "--socket=none", f"--web.token-file={token}"],
                                         env=dict(os.environ, XDG_STATE_HOME=str(state)), stderr=open(state / "log", "w", encoding="utf-8"))

    def agents(self):
        request = urllib.request.Request(f"http://{self._address}/agents", headers={"Authorization": "Bearer " + "x" * 32})
        deadline = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return json.load(answer)["agents"]
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def close(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


def children_of(pid):
    try:
        return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def tree_below(pid):
    """The pids below `pid`, parents first."""
    found = children_of(pid)
    for each in found:
        found += children_of(each)
    return found


def shape(pid, packages, home):
    """argv and comm as a reader can compare them."""
    try:
        argv = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        comm = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None
    words = " ".join(word.decode(errors="replace") for word in argv[:3])
    for folder, name in ((str(packages), "…"), (str(home), "~")):
        words = words.replace(folder, name)
    return f"`{words}` ({comm})"


def verdict(name, session, pane, agents):
    """Whether the exporter has the tree below the pane as it is: (ok, what is wrong, pid of the root, processes)."""
    tree = [pid for pid in tree_below(pane) if shape(pid, "", "") and not (pathlib.Path(f"/proc/{pid}/comm").read_text().strip() in SHELLS and pid in children_of(pane))]
    if not tree:
        return False, "it ended", None, 0
    members = {process["pid"]: (agent["agent"], process) for agent in agents for process in agent["processes"]}
    root = tree[0]
    if root not in members:
        return False, "not found", root, len(tree)
    agent, process = members[root]
    if agent != name:
        return False, f"found as {agent}", root, len(tree)
    if process["role"] != "root":
        return False, f"it is a {process['role']}", root, len(tree)
    # A program that a wrapper starts is a root too, and one instance with it.
    roots = [pid for pid in tree if pid in members and members[pid][1]["role"] == "root"]
    programs = {child for pid in roots for child in children_of(pid)}
    names = {members[pid][1].get("session_name") for pid in tree if pid in members} - {None}  # of the innermost program
    if names != {session}:
        return False, f"its session is {', '.join(sorted(names)) or 'not there'}", root, len(tree)
    for pid in tree[1:]:
        if pid in members and members[pid][0] != name:
            return False, f"{pid} below it is {members[pid][0]}'s", root, len(tree)
        if pid in members and members[pid][1]["role"] == "root" and pid not in programs:
            return False, f"{pid} below it is a second root", root, len(tree)
        if pid not in members and shape(pid, "", ""):
            return False, f"{pid} below it is nobody's", root, len(tree)
    return True, "", root, len(tree)


def check(name, session, pane, exporter):
    """verdict() once it is good, or the last one: agents take their time to start their helpers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        result = verdict(name, session, pane, exporter.agents())
        if result[0] or time.monotonic() > deadline:
            return result
        time.sleep(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exporter", type=pathlib.Path)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="the agent or package; may be repeated")
    parser.add_argument("--packages", type=pathlib.Path, metavar="DIR", help="where packages are installed and kept")
    options = parser.parse_args()
    rows, missed = [], []
    with contextlib.ExitStack() as stack:
        work = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="real-agents.", ignore_cleanup_errors=True)))
        packages = (options.packages or work / "packages").resolve()
        home = work / "home"
        home.mkdir()
        # Claude Code asks about colours before it does anything else.
        (home / ".claude.json").write_text(json.dumps({"hasCompletedOnboarding": True}))
        (work / "state").mkdir()
        terminals = stack.enter_context(contextlib.closing(Terminals(home)))
        started = []
        for name, package, command in AGENTS:
            if options.only and not {name, package} & set(options.only):
                continue
            folder = packages / package.replace("/", "_")
            print(f"{package}: installing", file=sys.stderr)
            reason = install(package, folder)
            if reason:
                rows.append(f"| {name} | {package} | | | | {reason} |")
                continue
            project = home / f"proj-{package.split('/')[-1]}"
            project.mkdir()
            started.append((name, package, folder, project, terminals.start(f"{folder}/bin/{command}", project)))
        time.sleep(5)
        exporter = stack.enter_context(contextlib.closing(Exporter(options.exporter.resolve(), work / "state")))
        for name, package, folder, project, pane in started:
            good, what, root, size = check(name, project.name, pane, exporter)
            if not good:
                missed.append(package)
            looks = shape(root, folder, home) if root else ""
            rows.append(f"| {name} | {package} {version_of(package, folder)} | {looks} | {size} | {project.name if good else ''} | {'yes' if good else '**' + what + '**'} |")
    print("| agent | package and version | its root | processes | session | found |\n|---|---|---|---|---|---|")
    print("\n".join(rows))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
