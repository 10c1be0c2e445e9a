"""A process that behaves like an agent, for scene.py. Every argument is a behaviour:

    memory=MB          holds that much                  growing=MB        MB a minute more, for ever
    sawtooth=LOW:HIGH  grows from LOW to HIGH MB in four minutes, then lets go, as a garbage collector does
    fds=N              holds N descriptors open         leaking-child=S   a child opens one more every S seconds
    children=NAME:N    N children called NAME           busy=SHARE        that share of a core, in short-lived children
    burst=N            N children at once, now and then orphans=N         N processes whose parent has ended
    restarting=S       ends after S seconds
"""

import ctypes
import os
import random
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
held = {}


def name(comm):
    with open("/proc/self/comm", "w", encoding="ascii") as file:
        file.write(comm)


def child(comm, work, pdeathsig=True):
    """Forks; the child is called comm, does work and ends with its parent."""
    pid = os.fork()
    if pid == 0:
        if pdeathsig:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        held.clear()
        name(comm)
        work()
        os._exit(0)
    return pid


def hold(key, megabytes):
    held[key] = bytearray(b"x") * int(megabytes * (1 << 20))


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        sum(range(1000))


def sawtooth(low, high):
    while True:
        for step in range(48):
            hold("sawtooth", low + (high - low) * step / 48)
            time.sleep(5)


def growing(megabytes):
    while True:
        time.sleep(10)
        hold(time.monotonic(), megabytes / 6)


def leak(seconds):
    kept = []
    while True:
        time.sleep(seconds)
        kept.append(open("/dev/null", "rb"))


def busy(share):
    while True:
        os.waitpid(child("sh", lambda: burn(share * 2 * random.uniform(0.3, 1.7))), 0)
        time.sleep(2)


def burst(count):
    while True:
        time.sleep(random.uniform(60, 120))
        pids = [child("worker", lambda: time.sleep(random.uniform(10, 30))) for _ in range(count)]
        for pid in pids:
            os.waitpid(pid, 0)


def orphans(count):
    def leave_behind():
        for _ in range(count):
            time.sleep(8)
            child("sleep", signal.pause, pdeathsig=False)
        time.sleep(8)

    os.waitpid(child("sh", leave_behind), 0)


def main():
    threads = []
    for behaviour in sys.argv[1:]:
        what, _, value = behaviour.partition("=")
        if what == "memory":
            hold("memory", float(value))
        elif what == "fds":
            held["fds"] = [open("/dev/null", "rb") for _ in range(int(value))]
        elif what == "children":
            comm, _, count = value.partition(":")
            for _ in range(int(count)):
                child(comm, signal.pause)
        elif what == "leaking-child":
            child("mcp-server", lambda seconds=float(value): leak(seconds))
        elif what == "restarting":
            signal.alarm(int(value))
        elif what == "sawtooth":
            threads.append((sawtooth, [float(part) for part in value.split(":")]))
        else:
            threads.append(({"growing": growing, "busy": busy, "burst": burst, "orphans": orphans}[what],
                            [int(value) if what in ("burst", "orphans") else float(value)]))
    for work, arguments in threads:
        threading.Thread(target=work, args=arguments, daemon=True).start()
    signal.pause()


if __name__ == "__main__":
    main()
