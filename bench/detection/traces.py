"""One labelled trace: what an agent's figures do over time, at a value every `step` seconds."""

import json

import numpy as np

GIB, MIB = 2 ** 30, 2 ** 20
HOUR, DAY = 3600, 86400
WEEK = 7 * DAY


def log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class Trace:
    def __init__(self, step):
        self.step = step
        self.series = []
        self.life = None      # a number for each start of the agent, NaN where nobody looks
        self.incidents = []   # [onset, hit] in seconds
        self.leaks = []       # [from, to] in seconds: leaks that end by themselves; an alert on them is not false
        self.tickets = []     # [from, to] in seconds: of rules that need no judge (zombies)
        self._gone = []

    def add(self, scope, resource, holder, used, limit):
        """holder: 1 is the root, 0 the agent as a whole, others are processes; used NaN: it does not live."""
        used = np.where(used > limit, limit, used)
        self.series.append(({"scope": scope, "resource": resource, "holder": holder}, used, limit))

    def incident(self, onset, hit):
        self.incidents.append([onset * self.step, hit * self.step])

    def leaking(self, start, end):
        self.leaks.append([start * self.step, end * self.step])

    def gone(self, start, end):
        self._gone.append((start, end))

    def write(self, about, offset, index, data):
        """Returns the number of values written."""
        length = len(self.series[0][1])
        life = np.zeros(length) if self.life is None else np.array(self.life, float)
        for start, end in self._gone:
            life[start:end] = np.nan
        rows = [life] + [row for _, used, limit in self.series for row in (used, limit)]
        data.write(np.stack(rows).astype("<f4").tobytes())
        index.write(json.dumps({**about, "step": self.step, "length": length, "offset": offset,
                                "series": [labels for labels, _, _ in self.series], "incidents": self.incidents,
                                "leaks": self.leaks, "tickets": self.tickets}) + "\n")
        return len(rows) * length
