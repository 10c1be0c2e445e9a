"""Leaks that people have published and everyday life that is none, each as a function of a random generator.

Times are in seconds, memory in bytes. Unlike generate.py's own shapes these have several figures (sessions, children, the
tree), limits that move, and steps of 1 to 30 seconds.
"""

import numpy as np

from traces import DAY, GIB, HOUR, MIB, WEEK, Trace, log_uniform


def wander(rng, n, step, scale, tau):
    """Noise that returns to 0 within about tau seconds."""
    keep = np.exp(-step / tau)
    steps = rng.normal(0, scale * np.sqrt(1 - keep * keep), n)
    out, value = np.empty(n), rng.normal(0, scale)
    for i in range(n):
        value = value * keep + steps[i]
        out[i] = value
    return out


def growth(rng, n, step, lumps):
    """0 to 1 over n values, at an uneven pace: the mean of `lumps` gamma-distributed pieces."""
    pieces = rng.gamma(rng.uniform(2, 8), 1, max(2, lumps))
    edges = np.linspace(0, n, len(pieces) + 1)
    rate = np.interp(np.arange(n), (edges[:-1] + edges[1:]) / 2, pieces)
    total = np.cumsum(rate)
    return total / total[-1]


def teeth(rng, n, step, period, height):
    """Garbage collections: grows, and drops to nearly nothing."""
    out, at = np.empty(n), 0
    while at < n:
        length = max(2, int(period * rng.uniform(0.6, 1.4) / step))
        part = np.linspace(height * abs(rng.normal(0, 0.05)), height * rng.uniform(0.7, 1.1), length)[:n - at]
        out[at:at + len(part)] = part
        at += length
    return out


def bursts(rng, n, step, per_day, length, height, ramp):
    out = np.zeros(n)
    for _ in range(rng.poisson(per_day * n * step / DAY)):
        start, lasts = int(rng.integers(0, n)), max(2, int(rng.uniform(*length) / step))
        up = max(1.0, rng.uniform(*ramp) / step)
        part = (rng.uniform(*height) * np.minimum(1, np.arange(1, lasts + 1) / up))[:n - start]
        out[start:start + len(part)] = np.maximum(out[start:start + len(part)], part)
    return out


def healthy_before(rng, longest):
    """How long the agent was healthy before the leak: at times not at all."""
    return 0.0 if rng.random() < 0.15 else float(rng.uniform(0.3 * HOUR, longest))


def grown(rng, trace, base, limit, onset, seconds, grow, after=300):
    """Adds a leak to `base`: from index `onset` on, `grow` (0 to 1) fills what is free. Returns used, cut at the end."""
    n = len(base)
    steps = int(seconds / trace.step)
    used = np.array(base)
    end = min(n, onset + steps)
    free = np.min((limit - base)[max(onset, end - max(1, steps // 20)):end])
    used[onset:end] += free * grow[:end - onset]
    full = np.flatnonzero(used[onset:end] >= limit[onset:end] * (1 - 1e-9))
    hit = onset + int(full[0]) if len(full) else end - 1
    trace.incident(onset, hit)
    return used[:hit + 1], hit


def host_leak(rng, step, seconds, before, total, lumps, jobs=True):
    """Memory of a root on a host; others use a third of it, more or less."""
    trace = Trace(step)
    onset, steps = int(before / step), int(seconds / step)
    n = onset + steps + 1
    others = total / 3 * (1 + wander(rng, n, step, 0.02, 600))
    base = total * rng.uniform(0.01, 0.05) * (1 + 0.02 * np.abs(wander(rng, n, step, 1, 60)))
    if jobs:
        base += bursts(rng, n, step, rng.uniform(0, 40), (60, 900), (0.01 * total, 0.1 * total), (5, 200))
    base = np.minimum(base, 0.4 * total)
    limit = total - others
    used, hit = grown(rng, trace, base, limit, onset, seconds, growth(rng, steps, step, lumps))
    trace.add("self", "memory", 1, used, limit[:hit + 1])
    trace.add("tree", "memory", 0, used * 1.02, limit[:hit + 1])
    return trace


# Published leaks.

def p_published_fast(rng):
    while True:
        total = GIB * float(rng.choice([8, 16, 32, 64]))
        minutes = float(np.clip(rng.lognormal(np.log(10), 0.7), 2, 50))
        if 0.45 <= total * 0.62 / GIB / minutes <= 5.5:
            break
    return host_leak(rng, 5 if minutes > 8 else 1, minutes * 60, healthy_before(rng, 6 * HOUR), total, int(rng.integers(5, 30)))


def p_v8_death(rng):
    limit = float(rng.choice([4144, 4144, 4144, 2096, 6144, 8192])) * MIB
    seconds = log_uniform(rng, 1, 13) * HOUR
    before = 0.0 if rng.random() < 0.6 else float(rng.uniform(0.5, 24) * HOUR)
    trace = Trace(10)
    onset, steps = int(before / 10), int(seconds / 10)
    n = onset + steps + 1
    tooth = rng.uniform(0.04, 0.18) * limit
    base = limit * rng.uniform(0.04, 0.2) + teeth(rng, n, 10, rng.uniform(30, 420), tooth)
    limits = np.full(n, limit)
    used, hit = grown(rng, trace, base, limits, onset, seconds, growth(rng, steps, 10, int(rng.integers(6, 40))))
    trace.add("self", "memory", 1, np.minimum(used, limit), limits[:hit + 1])
    return trace


def p_published_slow(rng):
    return host_leak(rng, 10, log_uniform(rng, 38, 790) * 60, 3 * DAY, GIB * float(rng.choice([8, 16, 32, 64])),
                     int(rng.integers(5, 30)))


def fd_limit(trace, used, onset, limit, scope="self", holder=1):
    full = np.flatnonzero(used >= limit)
    hit = int(full[0]) if len(full) else len(used) - 1
    trace.incident(onset, hit)
    trace.add(scope, "fds", holder, np.minimum(used, limit)[:hit + 1], np.full(hit + 1, float(limit)))
    return hit


def p_fd_slow(rng):
    """A pipe pair for each tool call: about 195 in 13.5 hours, against 256."""
    before = healthy_before(rng, 24 * HOUR)
    seconds = rng.uniform(10, 22) * HOUR
    trace = Trace(30)
    onset, steps = int(before / 30), int(seconds * 1.6 / 30)
    base = rng.integers(18, 50)
    calls = rng.poisson(np.where(np.abs(wander(rng, steps, 30, 1, 1800)) < 1.2, 1.25, 0.2) *
                        (256 - base) / 2 / (seconds / 30))
    used = base + np.concatenate([np.zeros(onset), 2.0 * np.cumsum(calls)]) + rng.integers(0, 5, onset + steps)
    fd_limit(trace, used, onset, 256)
    return trace


def fds(rng, minutes, limit=1024):
    step = 1
    before = healthy_before(rng, 3 * HOUR)
    onset, steps = int(before / step), int(minutes * 60 * 1.5 / step)
    base = rng.integers(15, 120)
    rate = (limit - base) / (minutes * 60) * step
    arrivals = rng.poisson(rate * rng.gamma(4, 0.25, steps))
    sessions = np.abs(wander(rng, onset + steps, step, rng.uniform(1, 15), 120))
    used = base + np.concatenate([np.zeros(onset), np.cumsum(arrivals)]) + np.round(sessions)
    trace = Trace(step)
    fd_limit(trace, used, onset, limit)
    return trace


def p_fd_12_to_30_min(rng):
    return fds(rng, rng.uniform(12, 30))


def p_fd_2_to_10_min(rng):
    return fds(rng, rng.uniform(2, 10))


def p_helpers_stay(rng):
    """Subagents of 40 to 200 MB that never end; the root is flat."""
    limit, per_hour = GIB * float(rng.choice([4, 8, 16])), rng.uniform(1, 5)
    each = rng.uniform(40, 200) * MIB
    hours = limit * 0.85 / each / per_hour
    if hours > 10 * 24:
        return p_helpers_stay(rng)
    trace = Trace(30)
    before = healthy_before(rng, 24 * HOUR)
    onset, steps = int(before / 30), int(hours * 1.4 * HOUR / 30)
    n = onset + steps
    started = np.cumsum(np.concatenate([np.zeros(onset), rng.poisson(per_hour * 30 / HOUR, steps)]))
    root = limit * rng.uniform(0.03, 0.1) * (1 + 0.02 * np.abs(wander(rng, n, 30, 1, 300)))
    helpers = started * each * (1 + 0.05 * np.abs(wander(rng, n, 30, 1, 3000)))
    jobs = bursts(rng, n, 30, rng.uniform(0, 30), (60, 1200), (0.01 * limit, 0.06 * limit), (10, 300))
    used = root + helpers + jobs
    full = np.flatnonzero(used >= limit)
    hit = int(full[0]) if len(full) else n - 1
    trace.incident(onset, hit)
    limits = np.full(hit + 1, limit)
    trace.add("tree", "memory", 0, np.minimum(used, limit)[:hit + 1], limits)
    trace.add("self", "memory", 1, root[:hit + 1], limits)
    trace.add("tree", "pids", 0, 30 + 11 * started[:hit + 1], np.full(hit + 1, 4096.0))
    return trace


def one_session(rng, n, step, size):
    """When one of many sessions lives, and how large it is: NaN while it does not."""
    used = np.full(n, np.nan)
    at = int(rng.uniform(0, 2 * HOUR) / step)
    while at < n:
        lasts = int(log_uniform(rng, 0.2, 6) * HOUR / step)
        part = slice(at, min(n, at + lasts))
        m = part.stop - part.start
        used[part] = size * rng.uniform(0.5, 1.2) * (1 - np.exp(-np.arange(m) * step / rng.uniform(60, 1500)))
        used[part] += teeth(rng, m, step, rng.uniform(60, 600), size * 0.2)
        at += lasts + int(rng.uniform(0.05, 2) * HOUR / step)
    return used


def p_one_of_ten(rng):
    """One session leaks its memory while nine come and go."""
    total = GIB * float(rng.choice([16, 32, 64]))
    step, seconds, before = 15, log_uniform(rng, 0.6, 12) * HOUR, rng.uniform(1, 12) * HOUR
    onset, steps = int(before / step), int(seconds / step)
    n = onset + steps + 1
    trace = Trace(step)
    others = [one_session(rng, n, step, total * rng.uniform(0.01, 0.03)) for _ in range(9)]
    rest = sum(np.nan_to_num(one) for one in others)
    own = total * rng.uniform(0.01, 0.03) + teeth(rng, n, step, rng.uniform(60, 600), total * 0.01)
    limit = total * 2 / 3 * (1 + wander(rng, n, step, 0.01, 900)) - rest
    used, hit = grown(rng, trace, own, limit, onset, seconds, growth(rng, steps, step, int(rng.integers(6, 30))))
    trace.add("self", "memory", 1, used, limit[:hit + 1])
    for number, one in enumerate(others):
        free = limit[:hit + 1] - used + np.nan_to_num(one[:hit + 1])
        trace.add("self", "memory", 10 + number, one[:hit + 1], np.maximum(free, one[:hit + 1] + 1))
    trace.add("tree", "memory", 0, used + rest[:hit + 1], limit[:hit + 1] + rest[:hit + 1])
    return trace


def p_one_of_thirty(rng):
    """One of thirty children holds the descriptors; the others live for minutes."""
    minutes = log_uniform(rng, 12, 600)
    step = 5
    before = healthy_before(rng, 6 * HOUR)
    onset, steps = int(before / step), int(minutes * 60 * 1.5 / step)
    base = int(rng.integers(10, 60))
    used = base + np.concatenate([np.zeros(onset), np.cumsum(rng.poisson((1024 - base) / (minutes * 60 / step), steps))])
    trace = Trace(step)
    hit = fd_limit(trace, used, onset, 1024, "tree", 7)
    trace.add("self", "fds", 1, np.full(hit + 1, 40.0), np.full(hit + 1, 1024.0))
    return trace


def cgroup_leak(rng, limit_of, kind_of=growth):
    """A leak of a tree against a limit that moves: limit_of(base limit, used) gives the limit's row."""
    limit = GIB * float(rng.choice([2, 4, 8]))
    step, seconds, before = 15, log_uniform(rng, 1, 24) * HOUR, healthy_before(rng, 36 * HOUR)
    onset, steps = int(before / step), int(seconds / step)
    n = onset + steps + 1
    trace = Trace(step)
    base = limit * rng.uniform(0.05, 0.3) * (1 + 0.02 * np.abs(wander(rng, n, step, 1, 60)))
    base += teeth(rng, n, step, rng.uniform(60, 900), limit * rng.uniform(0.02, 0.1))
    grow = kind_of(rng, steps, step, int(rng.integers(6, 40)))
    used = np.array(base)
    used[onset:onset + steps] += (limit * 1.02 - base[onset:].min()) * grow
    limits = limit_of(rng, limit, used, step)
    full = np.flatnonzero(used[onset:] >= limits[onset:])
    hit = onset + (int(full[0]) if len(full) else steps)
    trace.incident(onset, hit)
    trace.add("tree", "memory", 0, np.minimum(used, limits)[:hit + 1], limits[:hit + 1])
    return trace


def p_balloon(rng):
    return cgroup_leak(rng, lambda r, limit, used, step: limit * (1 + np.clip(wander(r, len(used), step, 0.03, 120), -0.05, 0.05)))


def p_autoscaler(rng):
    """The limit follows the use in steps, up to its highest."""
    def follow(r, limit, used, step):
        every = int(r.uniform(120, 900) / step)
        recent = np.maximum.accumulate(used)
        wanted = np.clip(recent * r.uniform(1.2, 1.5), limit * 0.4, limit)
        return np.repeat(wanted[::every], every)[:len(used)]
    return cgroup_leak(rng, follow)


def p_accelerating(rng):
    """Growth in proportion to size."""
    def exponential(r, n, step, lumps):
        factor = r.uniform(1.5, 3.2)
        curve = np.exp(factor * growth(r, n, step, lumps)) - 1
        return curve / curve[-1]
    return cgroup_leak(rng, lambda r, limit, used, step: np.full(len(used), limit), exponential)


def p_nightly_restart(rng):
    """A leak that each night's restart hides, faster every day, until a day is too long for it."""
    limit, step, days = GIB * float(rng.choice([2, 4, 8])), 30, int(rng.integers(2, 6))
    per_day = int(DAY / step)
    top = np.linspace(rng.uniform(0.35, 0.6), rng.uniform(1.15, 1.6), days)
    base = limit * rng.uniform(0.04, 0.12)
    used, life = [], []
    for day in range(days):
        used.append(base * (1 + rng.uniform(0, 0.2)) + (limit * top[day] - base) * growth(rng, per_day, step, 24) +
                    teeth(rng, per_day, step, rng.uniform(60, 600), 0.05 * limit))
        life.append(np.full(per_day, float(day)))
    trace = Trace(step)
    used, life = np.concatenate(used), np.concatenate(life)
    onset = (days - 1) * per_day
    hit = onset + int(np.flatnonzero(used[onset:] >= limit)[0])
    trace.incident(onset, hit)
    # The earlier days leak as well: a ticket on them is no false one.
    for day in range(days - 1):
        trace.leaking(day * per_day, (day + 1) * per_day)
    trace.life = life[:hit + 1]
    trace.add("self", "memory", 1, np.minimum(used, limit)[:hit + 1], np.full(hit + 1, limit))
    return trace


# Everyday life.

def e_coding_sessions(rng):
    """V8's heap climbs to a plateau of 1 to 4 GB within two hours and is gone with the session."""
    step, n = 30, int(WEEK / 30)
    limit = float(rng.choice([16 * GIB, 32 * GIB, 64 * GIB, 8192 * MIB]))
    used, life, at, number = np.full(n, 0.0), np.zeros(n), 0, 0
    trace = Trace(step)
    while at < n:
        lasts = min(n - at, int(log_uniform(rng, 0.3, 12) * HOUR / step))
        t = np.arange(lasts) * step
        plateau, within = min(rng.uniform(1, 4) * GIB, 0.7 * limit), rng.uniform(600, 2 * HOUR)
        climb = np.minimum(1, t / within) if rng.random() < 0.5 else (1 - np.exp(-3 * t / within))
        used[at:at + lasts] = 0.15 * GIB + plateau * climb + teeth(rng, lasts, step, rng.uniform(60, 600), 0.1 * plateau)
        life[at:at + lasts] = number
        trace.gone(at + lasts, at + lasts + int(rng.uniform(0, 3) * HOUR / step))
        at, number = at + lasts + int(rng.uniform(0, 3) * HOUR / step), number + 1
    trace.life = life
    trace.add("self", "memory", 1, used, np.full(n, limit))
    return trace


def e_builds(rng):
    """Compilers in the agent's control group: RSS in bursts; page cache is not in the figure."""
    step, n = 15, int(WEEK / 15)
    limit = GIB * float(rng.choice([4, 8, 16]))
    used = limit * rng.uniform(0.05, 0.2) * (1 + 0.02 * np.abs(wander(rng, n, step, 1, 60)))
    used += bursts(rng, n, step, rng.uniform(4, 40), (60, 2400), (0.1 * limit, 0.6 * limit), (5, 400)) * \
        rng.uniform(0.7, 1, n)
    # Not yet written back after a build.
    used += bursts(rng, n, step, rng.uniform(1, 10), (30, 300), (0.02 * limit, 0.1 * limit), (10, 100))
    trace = Trace(step)
    trace.add("tree", "memory", 0, np.minimum(used, 0.9 * limit), np.full(n, limit))
    return trace


def e_indexer(rng):
    """Ramps for minutes and releases."""
    step, n = 15, int(WEEK / 15)
    limit = GIB * float(rng.choice([4, 8, 16]))
    used = limit * rng.uniform(0.04, 0.2) * (1 + 0.02 * np.abs(wander(rng, n, step, 1, 60)))
    for _ in range(rng.poisson(rng.uniform(2, 60))):
        start, length = int(rng.integers(0, n)), max(4, int(rng.uniform(2, 25) * 60 / step))
        part = (limit * rng.uniform(0.1, 0.5) * growth(rng, length, step, 6))[:n - start]
        used[start:start + len(part)] += part
    trace = Trace(step)
    trace.add("self", "memory", 1, np.minimum(used, 0.8 * limit), np.full(n, limit))
    return trace


def e_nightly_restart(rng):
    """Grows by day and is restarted each night."""
    step, per_day = 30, int(DAY / 30)
    limit = GIB * float(rng.choice([2, 4, 8]))
    base, top = rng.uniform(0.05, 0.2), rng.uniform(0.15, 0.5)
    used, life = [], []
    for day in range(7):
        busy = growth(rng, per_day, step, 24)
        used.append(limit * (base + (top * rng.uniform(0.7, 1.1)) * busy) +
                    teeth(rng, per_day, step, rng.uniform(60, 900), 0.06 * limit))
        life.append(np.full(per_day, float(day)))
    trace = Trace(step)
    trace.life = np.concatenate(life)
    trace.add("self", "memory", 1, np.concatenate(used), np.full(7 * per_day, limit))
    return trace


def e_first_day(rng):
    """Everything grows on the first morning; from then on it is steady."""
    step, n = 30, int(WEEK / 30)
    trace = Trace(step)
    for resource, limit, scope, holder in (("memory", GIB * float(rng.choice([2, 4, 8])), "self", 1), ("fds", 1024.0, "self", 1),
                                           ("pids", 4096.0, "tree", 0)):
        t = np.arange(n) * step
        morning = rng.uniform(2, 10) * HOUR
        top = rng.uniform(0.1, 0.5)
        shape = np.minimum(1, t / morning) ** rng.uniform(0.6, 1.3) if rng.random() < 0.5 else 1 - np.exp(-2.5 * t / morning)
        used = limit * (rng.uniform(0.03, 0.15) + top * shape + 0.01 * np.abs(wander(rng, n, step, 1, 600)))
        if resource == "memory":
            used += teeth(rng, n, step, rng.uniform(60, 900), 0.06 * limit)
        trace.add(scope, resource, holder, used, np.full(n, limit))
    return trace


def e_laptop(rng):
    """Suspended at night: nobody looks, and work goes on where it was."""
    step, n = 30, int(WEEK / 30)
    limit = GIB * float(rng.choice([8, 16, 32]))
    trace = Trace(step)
    used = limit * rng.uniform(0.03, 0.1) + teeth(rng, n, step, rng.uniform(60, 900), 0.05 * limit)
    used += bursts(rng, n, step, rng.uniform(2, 20), (60, 3600), (0.02 * limit, 0.3 * limit), (30, 1800))
    for day in range(7):
        start = int((day + rng.uniform(0.7, 0.85)) * DAY / step)
        trace.gone(start, start + int(rng.uniform(6, 12) * HOUR / step))
    trace.add("self", "memory", 1, np.minimum(used, 0.75 * limit), limit * (1 - 0.15 * np.abs(wander(rng, n, step, 1, 1800)).clip(0, 1)))
    return trace
