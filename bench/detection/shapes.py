"""Building blocks of traces: typical agent behaviour as shares of a limit (0..1), one value per minute."""

import numpy as np

DAY = 24 * 60
WEEK = 7 * DAY


def noise(rng, n, scale):
    """Small, independent from minute to minute, and never negative, because a floor does not dip."""
    return np.abs(rng.normal(0, scale, n))


def steady(rng, n, low=0.04, high=0.4):
    level = rng.uniform(low, high)
    return level + noise(rng, n, level * rng.uniform(0.002, 0.04))


def sawtooth(rng, n, period, amplitude):
    """Grows evenly until it is collected. All teeth differ, and some collections leave a little behind."""
    out = np.empty(n)
    at = 0
    while at < n:
        length = max(2, int(period * rng.uniform(0.7, 1.3)))
        top = amplitude * rng.uniform(0.8, 1.1)
        left = amplitude * abs(rng.normal(0, 0.06))
        part = np.linspace(left, top, length)[:n - at]
        out[at:at + len(part)] = part
        at += length
    return np.roll(out, int(rng.integers(0, max(1, int(period)))))


def daily(rng, n, amplitude, weekdays=False):
    """A working day: rises in the morning and falls in the evening, with small differences between days."""
    start, width, sharp = rng.uniform(0, DAY), rng.uniform(7, 13) * 60, rng.uniform(60, 180)
    minute = np.arange(n) + start
    out = np.zeros(n)
    for day in range(-1, int((n + start) // DAY) + 1):
        height = amplitude * rng.uniform(0.8, 1.15)
        if weekdays and (day % 7) in (5, 6):
            height *= rng.uniform(0.05, 0.2)
        centre = day * DAY + DAY / 2 + rng.normal(0, 20)
        out += height * (1 / (1 + np.exp(-(minute - centre + width / 2) / sharp))
                         - 1 / (1 + np.exp(-(minute - centre - width / 2) / sharp)))
    return out


def walk(rng, n, tau, sigma):
    """Ornstein–Uhlenbeck: a random walk that returns to its mean within about tau minutes."""
    steps = rng.normal(0, sigma * np.sqrt(2 / tau), n)
    out = np.empty(n)
    value = rng.normal(0, sigma)
    for i in range(n):
        value += -value / tau + steps[i]
        out[i] = value
    return out


def sessions(rng, n, mean_total, each, duration, by_day):
    """Sessions that start and end (lognormal lifetimes); each holds its share until it ends."""
    rate = mean_total / each / duration
    profile = np.ones(n)
    if by_day:
        profile = 0.15 + daily(rng, n, 1.7)
    arrivals = rng.poisson(rate * profile)
    change = np.zeros(n + 1)
    before = rng.poisson(rate * duration * profile[0])
    for start in np.concatenate([np.zeros(before, int), np.repeat(np.arange(n), arrivals)]):
        length = int(rng.lognormal(np.log(duration) - 0.32, 0.8)) + 1
        share = each * rng.uniform(0.6, 1.4)
        change[start] += share
        change[min(n, start + length)] -= share
    return np.maximum(0, np.cumsum(change)[:n])


def jobs(rng, n, per_day, length, height, ramp):
    """Jobs that take a share, hold it and release it; `length`, `height` and `ramp` are ranges."""
    out = np.zeros(n)
    for _ in range(rng.poisson(per_day * n / DAY)):
        start, lasts = int(rng.integers(0, n)), int(rng.uniform(*length)) + 1
        up = max(1, int(rng.uniform(*ramp)))
        part = rng.uniform(*height) * np.minimum(1, np.arange(1, lasts + 1) / up)
        part = part[:n - start]
        out[start:start + len(part)] = np.maximum(out[start:start + len(part)], part)
    return out


def warm_up(rng, n, amplitude, kind):
    t = np.arange(n)
    if kind == "exponential":
        return amplitude * (1 - np.exp(-t / rng.uniform(10, 8 * 60)))
    scale = rng.uniform(2, 60)
    return amplitude * np.log1p(t / scale) / np.log1p(WEEK / scale)


def stairs(rng, n, steps):
    """Goes from 0 to 1 in n minutes, in uneven steps at uneven times."""
    at = np.sort(rng.uniform(0, n, steps))
    at = 0.5 * at + 0.5 * np.linspace(0, n, steps, endpoint=False)
    heights = rng.uniform(0.5, 1.5, steps)
    return np.interp(np.arange(n), at, np.cumsum(heights) / heights.sum(), left=0) if steps == 0 else \
        np.concatenate([[0], np.cumsum(heights) / heights.sum()])[np.searchsorted(at, np.arange(n), side="right")]
