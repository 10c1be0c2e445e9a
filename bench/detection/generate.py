#!/usr/bin/python3
"""Generates labelled traces of leaking and of healthy agents from a seed.

    generate.py --seed N --leaks PER_CLASS --benign PER_CLASS --ambiguous PER_CLASS DIRECTORY

The classes here are the lab's own, with one figure and one value per minute; published.py has those after public reports.
DIRECTORY/traces.jsonl has one line per trace (traces.py). DIRECTORY/traces.f32 has the values, little-endian floats: for each
trace a row of lives (a number for each start of the agent, NaN where nobody looks), then for each figure what is used and
the limit. An incident is [onset, hit]: the seconds at which a leak begins and reaches the limit.
"""

import argparse
import pathlib

import numpy as np

import published
import shapes
import traces
from shapes import DAY, WEEK
from traces import GIB, log_uniform

LIMITS = {"fds": [1024, 1024, 4096, 65536], "memory": [2 * GIB, 4 * GIB, 8 * GIB, 16 * GIB], "pids": [512, 1024, 4096]}


class Trace:
    def __init__(self, rng, resource, n, scope="self"):
        self.resource, self.scope, self.n = resource, scope, n
        self.limit = np.full(n, float(rng.choice(LIMITS[resource])))
        self.share = np.zeros(n)
        self.epoch = np.zeros(n)
        self.zombies = np.zeros(n)
        self.seen = np.ones(n, bool)
        self.incidents = []

    def write(self, *where):
        unit = 4096 if self.resource == "memory" else 1
        used = np.minimum(np.round(np.maximum(self.share, 0.002) * self.limit / unit) * unit, self.limit)
        trace = traces.Trace(60)
        trace.life = np.where(self.seen, self.epoch, np.nan)
        trace.add(self.scope, self.resource, 1 if self.scope == "self" else 0, used, self.limit)
        for onset, hit in self.incidents:
            trace.incident(onset, hit)
        trace.tickets = self.zombie_tickets()
        return trace.write(*where)

    def zombie_tickets(self):
        """AgentZombiePileUp: more than 20 for 15 minutes."""
        many = np.convolve(self.zombies > 20, np.ones(15))[:self.n] >= 15
        return [[int(np.argmax(many)) * 60, self.n * 60]] if many.any() else []


def any_resource(rng, among=("fds", "memory", "pids")):
    return str(rng.choice(among))


# Benign: a week each. Every function gives a Trace.

def benign(rng, share, resource=None, **kwargs):
    trace = Trace(rng, resource or any_resource(rng), len(share), **kwargs)
    trace.share = np.minimum(share, rng.uniform(0.75, 0.85))
    return trace


def b_steady(rng):
    return benign(rng, shapes.steady(rng, WEEK, 0.02, 0.6))


def b_gc_short(rng):
    return benign(rng, shapes.steady(rng, WEEK) + shapes.sawtooth(rng, WEEK, rng.uniform(2, 20), rng.uniform(0.03, 0.3)),
                  "memory")


def b_gc_long(rng):
    return benign(rng, shapes.steady(rng, WEEK) + shapes.sawtooth(rng, WEEK, rng.uniform(60, 480), rng.uniform(0.05, 0.35)),
                  "memory")


def b_warm_up_exponential(rng):
    return benign(rng, shapes.steady(rng, WEEK, 0.04, 0.25) + shapes.warm_up(rng, WEEK, rng.uniform(0.1, 0.5), "exponential"))


def b_warm_up_logarithmic(rng):
    return benign(rng, shapes.steady(rng, WEEK, 0.04, 0.25) + shapes.warm_up(rng, WEEK, rng.uniform(0.1, 0.45), "log"))


def b_daily(rng):
    return benign(rng, shapes.steady(rng, WEEK, 0.04, 0.25) + shapes.daily(rng, WEEK, rng.uniform(0.05, 0.45)))


def b_weekday(rng):
    return benign(rng, shapes.steady(rng, WEEK, 0.04, 0.25) + shapes.daily(rng, WEEK, rng.uniform(0.05, 0.45), True))


def b_steps(rng):
    share = shapes.steady(rng, WEEK, 0.05, 0.3)
    for _ in range(rng.integers(2, 7)):
        share[rng.integers(0, WEEK):] += rng.uniform(0.03, 0.2) * rng.choice([1, 1, -1])
    return benign(rng, np.maximum(share, 0.03))


def b_plateau_jobs(rng):
    return benign(rng, shapes.steady(rng, WEEK, 0.04, 0.25) + shapes.jobs(
        rng, WEEK, rng.uniform(2, 12), (20, 300), (0.05, 0.45), (1, 30)))


def b_bursts(rng):
    return benign(rng, shapes.steady(rng, WEEK) + shapes.jobs(rng, WEEK, rng.uniform(5, 60), (1, 10), (0.05, 0.45), (1, 5)))


def b_hourly_batch(rng):
    length, height, ramp = rng.uniform(5, 30), rng.uniform(0.05, 0.4), rng.uniform(1, 20)
    share = shapes.steady(rng, WEEK)
    minute = (np.arange(WEEK) + rng.integers(0, 60)) % 60
    share += np.where(minute < length, height * np.minimum(1, (minute + 1) / ramp), 0) * rng.uniform(0.8, 1.2, WEEK // 60 + 1)[
        np.arange(WEEK) // 60]
    return benign(rng, share)


def b_redeploys(rng):
    trace = benign(rng, np.zeros(WEEK))
    share, epoch, at, count = np.empty(WEEK), np.zeros(WEEK), 0, 0
    amplitude = rng.uniform(0.05, 0.4)
    base = rng.uniform(0.04, 0.25)
    while at < WEEK:
        life = min(WEEK - at, int(rng.uniform(3, 60) * 60))
        share[at:at + life] = base + shapes.warm_up(rng, life, amplitude, "exponential") + shapes.noise(rng, life, base * 0.03)
        epoch[at:at + life] = count
        at, count = at + life, count + 1
    trace.share, trace.epoch = share, epoch
    return trace


def b_walk(rng):
    sigma = rng.uniform(0.01, 0.08)
    return benign(rng, np.maximum(0.02, rng.uniform(0.15, 0.4) + shapes.walk(rng, WEEK, rng.uniform(30, 12 * 60), sigma)))


def b_scrape_gaps(rng):
    trace = benign(rng, shapes.steady(rng, WEEK, 0.04, 0.25) + rng.choice([0, 1]) * shapes.daily(rng, WEEK, rng.uniform(0.05, 0.4)))
    for _ in range(rng.integers(3, 20)):
        start = rng.integers(0, WEEK)
        trace.seen[start:start + int(rng.uniform(3, 400))] = False
    return trace


def b_sessions(rng):
    each = rng.uniform(0.005, 0.05)
    return benign(rng, shapes.steady(rng, WEEK, 0.04, 0.15) + shapes.sessions(
        rng, WEEK, rng.uniform(0.05, 0.25), each, rng.uniform(20, 300), rng.random() < 0.5))


def b_limit_change(rng):
    trace = benign(rng, 0.5 * (shapes.steady(rng, WEEK, 0.04, 0.3) + rng.choice([0, 1]) * shapes.daily(
        rng, WEEK, rng.uniform(0.05, 0.3))))
    factor = 1.0
    for at in np.sort(rng.integers(60, WEEK, rng.integers(1, 4))):
        new = rng.choice([0.5, 1.0, 2.0, 4.0])
        trace.limit[at:] *= new / factor
        trace.share[at:] *= factor / new
        factor = new
    trace.share = np.minimum(trace.share, 0.8)
    return trace


def b_make_storms(rng):
    share = shapes.steady(rng, WEEK, 0.04, 0.2)
    for _ in range(rng.poisson(rng.uniform(5, 60))):
        start, length = rng.integers(0, WEEK), int(rng.uniform(5, 90))
        height = rng.uniform(0.1, 0.5)
        part = (height * np.minimum(1, np.arange(1, length + 1) / rng.uniform(1, 10)) * rng.uniform(0.5, 1.1, length))[:WEEK - start]
        share[start:start + len(part)] += part
    return benign(rng, share, any_resource(rng, ("memory", "pids")), scope="tree")


def b_log_rotation(rng):
    period = rng.uniform(12, 30) * 60
    return benign(rng, shapes.steady(rng, WEEK) + shapes.sawtooth(rng, WEEK, period, rng.uniform(0.02, 0.15)),
                  any_resource(rng, ("fds", "memory")))


def b_pid_reuse(rng):
    """The agent exits and another program with the same name but another size replaces it, once with the same pid."""
    trace = benign(rng, np.zeros(WEEK))
    cuts = np.concatenate([[0], np.sort(rng.integers(60, WEEK - 60, rng.integers(3, 15))), [WEEK]])
    for number, (start, end) in enumerate(zip(cuts[:-1], cuts[1:])):
        trace.share[start:end] = shapes.steady(rng, end - start, 0.03, 0.6)
        trace.epoch[start:end] = number
    return trace


# Ambiguous: not distinguishable from a leak while it lasts.

def a_cache_fill(rng):
    fill, amplitude, start = int(rng.uniform(6, 48) * 60), rng.uniform(0.3, 0.6), int(rng.uniform(0, 72) * 60)
    ramp = np.clip((np.arange(WEEK) - start) / fill, 0, 1)
    return benign(rng, shapes.steady(rng, WEEK, 0.05, 0.25) + amplitude * ramp, "memory")


def a_ramp_release(rng):
    share = shapes.steady(rng, WEEK, 0.05, 0.25)
    for _ in range(rng.integers(1, 4)):
        start, length = rng.integers(0, WEEK - 60), int(rng.uniform(3, 24) * 60)
        part = np.linspace(0, rng.uniform(0.3, 0.6), length)[:WEEK - start]
        share[start:start + len(part)] += part
    return benign(rng, share)


# Leaks: healthy for some hours or days, then growing from the onset to the limit.

def background(rng, n, resource, saw=None):
    share = shapes.steady(rng, n, 0.04, 0.35)
    if saw:
        share += shapes.sawtooth(rng, n, *saw)
    if rng.random() < 0.4:
        share += shapes.jobs(rng, n, rng.uniform(2, 20), (1, 15), (0.02, 0.1), (1, 5))
    if resource != "memory" and rng.random() < 0.3:
        share += shapes.sessions(rng, n, rng.uniform(0.01, 0.04), 0.01, rng.uniform(10, 60), False)
    return share


def leak(rng, resource, minutes, shape=None, share=None, saw=None, scope="self", before=None):
    """`minutes` from the onset to the limit; `shape` maps 0..1 to 0..1; `share(n)` is the background."""
    minutes = int(minutes)
    if before is None:
        before = 0 if rng.random() < 0.2 else int(rng.uniform(2, 72) * 60)
    after = 60
    n = before + minutes + after
    trace = Trace(rng, resource, n, scope)
    base = share(n) if share else background(rng, n, resource, saw)
    base = np.minimum(base, 0.6)
    t = np.clip((np.arange(n) - before) / minutes, 0, None)
    grown = shape(t) if shape else t
    # The background in the half hour before the planned end decides how far the leak must grow.
    top = base[max(before, before + minutes - 30):before + minutes + 1].max()
    trace.share = base + (1 - top) * grown
    hit = int(np.argmax(trace.share[before:] >= 1 - 1e-9)) + before
    if trace.share[hit] < 1 - 1e-9:
        hit = before + minutes
    trace.incidents = [(before, hit)]
    # The agent crashes at the limit and restarts.
    trace.share[hit + 1:] = base[hit + 1:]
    trace.share[hit] = 1
    trace.epoch[hit + 1:] = 1
    return trace


def l_fd_fast(rng):
    return leak(rng, "fds", rng.uniform(30, 90))


def l_fd_medium(rng):
    return leak(rng, "fds", log_uniform(rng, 6, 24) * 60)


def slow_daily(rng, resource):
    amplitude = rng.uniform(0.05, 0.25)
    return leak(rng, resource, log_uniform(rng, 2, 7) * DAY, before=int(rng.uniform(0, 72) * 60),
                share=lambda n: shapes.steady(rng, n, 0.04, 0.25) + shapes.daily(rng, n, amplitude))


def l_fd_slow_daily(rng):
    return slow_daily(rng, "fds")


def l_fd_staircase(rng):
    minutes = log_uniform(rng, 3, 48) * 60
    steps = shapes.stairs(rng, int(minutes), int(rng.integers(10, 60)))
    return leak(rng, "fds", minutes, shape=lambda t: steps[np.minimum((t * len(steps)).astype(int), len(steps) - 1)])


def l_fd_pool_sawtooth(rng):
    """A connection pool that is trimmed at times, but releases a little less than it took."""
    minutes = log_uniform(rng, 4, 48) * 60
    return leak(rng, "fds", minutes, saw=(minutes / rng.uniform(20, 80), rng.uniform(0.03, 0.12)))


def l_memory_fast(rng):
    return leak(rng, "memory", rng.uniform(30, 120))


def l_memory_medium_gc(rng):
    return leak(rng, "memory", log_uniform(rng, 6, 24) * 60, saw=(rng.uniform(2, 15), rng.uniform(0.03, 0.2)))


def l_memory_slow(rng):
    return leak(rng, "memory", log_uniform(rng, 2, 6) * DAY)


def l_memory_load_coupled(rng):
    """Leaks in proportion to its load: fast by day, hardly at night."""
    minutes = int(log_uniform(rng, 1.5, 5) * DAY)
    rate = 0.15 + shapes.daily(rng, minutes + 1, 1.0)
    grown = np.cumsum(rate) / rate.sum()
    return leak(rng, "memory", minutes, shape=lambda t: np.interp(t, np.linspace(0, 1, minutes + 1), grown))


def l_memory_accelerating(rng):
    power = rng.uniform(1.4, 2.2)
    return leak(rng, "memory", log_uniform(rng, 6, 48) * 60, shape=lambda t: t ** power)


def l_memory_big_sawtooth(rng):
    minutes = log_uniform(rng, 12, 72) * 60
    return leak(rng, "memory", minutes, saw=(minutes / rng.uniform(25, 60), rng.uniform(0.15, 0.3)))


def l_memory_warm_up(rng):
    """Warms up, then keeps growing."""
    amplitude = rng.uniform(0.05, 0.25)
    return leak(rng, "memory", log_uniform(rng, 8, 48) * 60, before=0, share=lambda n: shapes.steady(
        rng, n, 0.04, 0.2) + shapes.warm_up(rng, n, amplitude, "exponential"))


def l_child_pile_up(rng):
    return leak(rng, "pids", log_uniform(rng, 1, 24) * 60, scope="tree")


def l_zombie_pile_up(rng):
    trace = leak(rng, "pids", log_uniform(rng, 2, 24) * 60, scope="tree")
    onset, hit = trace.incidents[0]
    base = np.median(trace.share[max(0, onset - 60):onset + 1])
    trace.zombies[onset:hit + 1] = np.maximum(0, (trace.share[onset:hit + 1] - base) * trace.limit[0])
    return trace


def l_crash_restart(rng):
    minutes = log_uniform(rng, 1, 6) * 60
    cycles = int(rng.integers(3, 7))
    resource = any_resource(rng, ("fds", "memory"))
    parts = [leak(rng, resource, minutes * rng.uniform(0.85, 1.15), before=0) for _ in range(cycles)]
    whole = Trace(rng, resource, 0)
    for number, part in enumerate(parts):
        onset, hit = part.incidents[0]
        start = len(whole.share)
        whole.share = np.concatenate([whole.share, part.share[:hit + 1]])
        whole.epoch = np.concatenate([whole.epoch, np.full(hit + 1, float(number))])
        whole.incidents.append((start, start + hit))
    whole.n = len(whole.share)
    whole.limit = np.full(whole.n, float(rng.choice(LIMITS[resource])))
    whole.zombies = np.zeros(whole.n)
    whole.seen = np.ones(whole.n, bool)
    return whole


def l_descendants_only(rng):
    return leak(rng, any_resource(rng, ("fds", "memory")), log_uniform(rng, 1, 24) * 60, scope="tree")


def functions(module, prefix):
    return {name[len(prefix):]: function for name, function in sorted(module.items()) if name.startswith(prefix)}


OWN, PUBLISHED = globals(), vars(published)
KINDS = {"leak": functions(OWN, "l_"), "benign": functions(OWN, "b_"), "ambiguous": functions(OWN, "a_"),
         "published": functions(PUBLISHED, "p_"), "everyday": functions(PUBLISHED, "e_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--leaks", type=int, default=32)
    parser.add_argument("--benign", type=int, default=54)
    parser.add_argument("--ambiguous", type=int, default=40)
    parser.add_argument("--only", default="", help="classes or kinds, with commas between them")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    counts = {"leak": arguments.leaks, "published": arguments.leaks, "benign": arguments.benign,
              "everyday": arguments.benign, "ambiguous": arguments.ambiguous}
    with open(arguments.directory / "traces.jsonl", "w", encoding="utf-8") as index, \
            open(arguments.directory / "traces.f32", "wb") as data:
        offset = 0
        for kind, classes in KINDS.items():
            for name, make in classes.items():
                if arguments.only and name not in arguments.only.split(",") and kind not in arguments.only.split(","):
                    continue
                for number in range(counts[kind]):
                    # Seed by name instead of position, so that a new class does not change the other traces.
                    rng = np.random.default_rng([arguments.seed, *name.encode(), *kind.encode(), number])
                    about = {"id": f"{kind}-{name}-{number}", "kind": kind, "class": name}
                    offset += make(rng).write(about, offset, index, data)


if __name__ == "__main__":
    main()
