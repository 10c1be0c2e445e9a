"""What the tests of `run` share: the program started with a command, and the diagnosis it wrote."""

import json
import os
import pathlib
import subprocess
import tempfile

import harness

PYTHON = "/usr/bin/python3"


class Run:
    """agent_exporter run, under way; its diagnosis when it ended."""

    def __init__(self, directory, command, *flags, **popen):
        self.path = tempfile.mktemp(dir=directory, suffix=".json")
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        if not any(flag.startswith("--socket=") for flag in flags):
            flags = ("--socket=none", *flags)
        self.process = subprocess.Popen([harness.EXPORTER, "run", f"--diagnosis-file={self.path}", *flags, "--",
                                         *command], **popen)
        self.pid = self.process.pid

    def finish(self, text=None):
        """Waits for its end; the exit code as subprocess has it (a signal is negative), output and diagnosis."""
        self.out, self.err = self.process.communicate(text, timeout=harness.PATIENCE)
        self.code = self.process.returncode
        self.diagnosis = json.loads(pathlib.Path(self.path).read_text()) if os.path.exists(self.path) else None
        return self

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        self.process.wait()


class RunTestCase(harness.TestCase):
    def start(self, command, *flags, **popen):
        run = Run(self.directory, command, *flags, **popen)
        self.addCleanup(run.kill)
        return run

    def run_to_end(self, command, *flags, text=None, **popen):
        return self.start(command, *flags, **popen).finish(text)

    def shell(self, script, *flags, **popen):
        return self.run_to_end(["/bin/sh", "-c", script], *flags, **popen)

    def python(self, script, *flags, **popen):
        return self.run_to_end([PYTHON, "-c", script], *flags, **popen)


def children_of(pid):
    """Direct children by pid: their comm."""
    children = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            comm, rest = pathlib.Path(f"/proc/{entry}/stat").read_text(errors="replace").split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        if int(rest.split()[1]) == pid:
            children[int(entry)] = comm
    return children


def task_of(run):
    """The pid of the command below a Run, once it is there."""
    def found():
        tasks = [pid for pid, comm in children_of(run.pid).items() if comm not in ("run-guardian", "agent_exporter")]
        return tasks and tasks[0]
    return harness.wait_for(found, "the command below run")


def is_alive(pid):
    """Neither gone nor a zombie."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace").rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
