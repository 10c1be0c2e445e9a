"""An agent to look at: a process called as its first argument says, with children of several sizes, one of which
keeps a processor partly busy, an orphan, and a tmux session per further argument. Ends, with all of it, when its
standard input ends.

    scene_agent.py NAME SESSION...
"""

import ctypes
import os
import signal
import subprocess
import sys
import time

PR_SET_NAME, PR_SET_PDEATHSIG = 15, 1
libc = ctypes.CDLL(None)


def child(name, megabytes, busy=0.0, orphan=False):
    """Forks a process of that comm that holds so much memory and uses that part of a core."""
    pid = os.fork()
    if pid:
        if orphan:
            os.waitpid(pid, 0)
        else:
            children.append(pid)
        return
    if orphan and os.fork():
        # Long enough for the exporter to see who the parent is, with or without events.
        time.sleep(2.5)
        os._exit(0)
    # Not an orphan's: its parent is meant to go.
    if not orphan:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    libc.prctl(PR_SET_NAME, name.encode())
    if orphan:
        print(f"orphan {os.getpid()}", flush=True)
    memory = bytearray(os.urandom(1 << 20) * megabytes)
    while memory:
        begin = time.process_time()
        while busy and time.process_time() - begin < 0.1 * busy:
            pass
        time.sleep(0.1 * (1 - busy) if busy else 3600)


name, *sessions = sys.argv[1:]
children = []
libc.prctl(PR_SET_NAME, name.encode())
held = [open("/dev/null") for _ in range(40)]
child("rust-analyzer", 96, busy=0.12)
child("cargo", 24, busy=0.3)
child("git", 4)
child("dev-server", 12, orphan=True)
memory = bytearray(os.urandom(1 << 20) * 150)  # after the forks: children share what is there before
if sessions:
    # -D: the server stays a child, so that the tree is known on hosts where no events tell of forks.
    server = subprocess.Popen(["tmux", "-D", "-L", "scene", "-f", "/dev/null"], stdin=subprocess.DEVNULL)
    children.append(server.pid)
    while not os.path.exists(f"{os.environ['TMUX_TMPDIR']}/tmux-{os.getuid()}/scene"):
        time.sleep(0.02)
for session in sessions:
    subprocess.run(["tmux", "-L", "scene", "-f", "/dev/null", "new-session", "-d", "-s", session, "-x", "80", "-y", "24",
                    "sh -c 'sleep 100000 & exec sleep 100000'"], check=True, stdin=subprocess.DEVNULL)
print("ready", flush=True)
sys.stdin.read()
for pid in children:
    os.kill(pid, signal.SIGKILL)
