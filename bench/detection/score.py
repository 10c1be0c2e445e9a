#!/usr/bin/python3
"""Scores the judge over labelled traces, with confidence intervals.

    score.py DIRECTORY... [--scrape SECONDS] [--markdown FILE] [--check [small]] [--false]

Each DIRECTORY must have traces.jsonl (generate.py) and verdicts.jsonl (leak_replay). What is scored is what the shipped rules
make of the verdicts: a verdict is seen at the next scrape and at the next evaluation, 15 s apart; it must have been there for
a while, unless the limit is less than five minutes away; alerts less than 15 minutes apart are one episode. --scrape 0 scores
the verdicts themselves, as a hook on the spot sees them.

A leak is caught by an alert that begins between its onset and its end, or was a false one that goes on. An episode is false if
it overlaps no leak and not the hour after one. Ambiguous traces are counted apart. Intervals are 95 %: Wilson for shares, Byar
for rates, bootstrap over leaks for quantiles. --check exits with 1 if a figure misses its bar. --false lists false episodes.
"""

import argparse
import collections
import json
import math
import pathlib
import sys
import zlib

import numpy as np

Z = 1.96
WEEK = 7 * 86400
AFTER = 3600   # seconds after the end in which an alert still belongs to the leak
EVALUATION = 15
KEEP = 900     # keep_firing_for
WAITS = {"page": ((900, 0), (3600, 60), (math.inf, 300)), "ticket": ((3600, 60), (math.inf, 300))}  # time left below -> for
NEAR_FOR = 300

FAST_FDS, SLOW_FDS, FAST_MEMORY = "fd_2_to_10_min", "fd_12_to_30_min", "published_fast"
ALSO = ("balloon", "autoscaler", "one_of_ten", "one_of_thirty", "helpers_stay")


def wilson(good, n):
    if n == 0:
        return (math.nan, math.nan)
    share_, z2 = good / n, Z * Z / n
    middle, half = share_ + z2 / 2, Z * math.sqrt(share_ * (1 - share_) / n + z2 / (4 * n))
    return ((middle - half) / (1 + z2), (middle + half) / (1 + z2))


def byar(events, time):
    """Returns the interval of a Poisson rate."""
    low = events * (1 - 1 / (9 * events) - Z / (3 * math.sqrt(events))) ** 3 if events else 0.0
    high = (events + 1) * (1 - 1 / (9 * (events + 1)) + Z / (3 * math.sqrt(events + 1))) ** 3
    return (low / time, high / time)


def bootstrap(values, statistic, rounds=500):
    if len(values) == 0:
        return (math.nan, math.nan)
    rng = np.random.default_rng(1)
    draws = [statistic(rng.choice(values, len(values))) for _ in range(rounds)]
    return (float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975)))


def merged(episodes, gap=0.0):
    result = []
    for start, end in sorted(episodes):
        if result and start <= result[-1][1] + gap:
            result[-1][1] = max(result[-1][1], end)
        else:
            result.append([start, end])
    return result


def phases(verdict, severity):
    """[start, end, seconds to the limit at the start] of each time in which the verdict is that severe."""
    found, since = [], None
    for at, now, left, _ in verdict["changes"] + [[verdict["end"], "none", 0, 0]]:
        on = now == severity or (severity == "ticket" and now == "page")
        if on and since is None:
            since = (at, left)
        elif not on and since is not None:
            found.append((since[0], at, since[1]))
            since = None
    return found


def alerts(verdict, severity, scrape):
    """The episodes of the alerts of that severity."""
    if scrape == 0:
        return merged([[start, end] for start, end, _ in phases(verdict, severity)])
    phase = zlib.crc32(verdict["id"].encode()) % 1000 / 1000

    def seen(at):
        at = math.ceil(at / scrape - phase) * scrape + phase * scrape
        return math.ceil(at / EVALUATION) * EVALUATION

    found = []
    for start, end, left in phases(verdict, severity):
        wait = next(wait for below, wait in WAITS[severity] if left < below)
        wait = min(wait, max(0, left - 900)) if severity == "page" else wait
        fires = seen(start + wait)
        if fires < end:
            found.append([fires, seen(end)])
    if severity == "page":
        found += [[seen(start) + NEAR_FOR, seen(end)] for start, end in verdict["near"] if end - start > NEAR_FOR]
    return merged([one for one in found if one[0] < verdict["end"]], KEEP)


def load(directories, scrape):
    for directory in directories:
        with open(directory / "traces.jsonl", encoding="utf-8") as traces, \
                open(directory / "verdicts.jsonl", encoding="utf-8") as verdicts:
            for line, other in zip(traces, verdicts):
                about, verdict = json.loads(line), json.loads(other)
                found = {severity: alerts(verdict, severity, scrape) for severity in ("page", "ticket")}
                found["ticket"] = merged(found["ticket"] + about["tickets"])
                yield about, verdict, found


class Score:
    def __init__(self):
        self.lead = collections.defaultdict(list)   # by class: share of the time left at the first alert, -1: missed
        self.page_lead = collections.defaultdict(list)  # the same at the first page
        self.pages = collections.defaultdict(list)  # by class: page episodes of each leak
        self.error = collections.defaultdict(list)  # by class: estimated / true time to the limit
        self.false = {"page": collections.Counter(), "ticket": collections.Counter()}  # by class
        self.weeks = collections.Counter()
        self.kinds = {}
        self.listed = []

    def add(self, about, verdict, found):
        name, incidents = about["class"], about["incidents"]
        self.kinds[name] = about["kind"]
        end = (about["length"] - 1) * about["step"]
        spans = [(onset, min(end, hit + AFTER)) for onset, hit in incidents] + [tuple(one) for one in about["leaks"]]
        self.weeks[name] += (end - sum(to - start for start, to in spans)) / WEEK
        for severity, episodes in found.items():
            for start, to in episodes:
                if not any(start <= after and to > onset for onset, after in spans):
                    self.false[severity][name] += 1
                    self.listed.append((severity, about["id"], start, to))
        for onset, hit in incidents:
            first = min([start for episodes in found.values() for start, to in episodes if start < hit and to > onset],
                        default=math.inf)
            page = min([start for start, to in found["page"] if start < hit and to > onset], default=math.inf)
            share_left = [min(1.0, (hit - at) / (hit - onset)) if at < hit else -1.0 for at in (first, page)]
            self.lead[name].append(share_left[0])
            self.page_lead[name].append(share_left[1])
            self.pages[name].append(sum(start < hit and to > onset for start, to in found["page"]))
            for at, now, left, _ in verdict["changes"]:
                if now != "none" and onset <= at < hit:
                    self.error[name].append(max(left, 5) / max(5, hit - at))
                    break

    def of_kind(self, *kinds):
        return [name for name, own in sorted(self.kinds.items()) if own in kinds]


def share(good, n):
    low, high = wilson(good, n)
    return f"{100 * good / n:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def quantile(values, q):
    low, high = bootstrap(values, lambda drawn: np.quantile(drawn, q))
    return f"{np.quantile(values, q):.2f} ({low:.2f}–{high:.2f})"


def figures(score):
    """Returns [(figure, value, text, bar, whether more is better)]."""
    rows = []

    def at_least(title, values, least, bar):
        values = np.array(values)
        if len(values):
            good = int((values >= least).sum())
            rows.append((title, good / len(values), share(good, len(values)), bar, True))

    def of(leads, names):
        return [value for name in names for value in leads.get(name, ())]

    own = of(score.lead, score.of_kind("leak"))
    at_least("lab's leaks: caught", own, 0, 1.0)
    at_least("lab's leaks: with >= 25 % of the time left", own, 0.25, 0.97)
    for title, q, bar in (("lead, median", 0.5, 0.55), ("lead, 10th percentile", 0.1, 0.38)):
        if own:
            rows.append((f"lab's leaks: {title}", float(np.quantile(own, q)), quantile(own, q), bar, True))
    at_least("published fast: paged", of(score.page_lead, [FAST_MEMORY]), 0, 0.9)
    at_least("published fast: paged with >= 25 % left", of(score.page_lead, [FAST_MEMORY]), 0.25, 0.6)
    at_least("V8 heap deaths: with >= 25 % left", of(score.lead, ["v8_death"]), 0.25, 0.9)
    at_least("descriptors in 12–30 min: paged with >= 25 % left", of(score.page_lead, [SLOW_FDS]), 0.25, 0.9)
    at_least("descriptors in 2–10 min: paged before", of(score.page_lead, [FAST_FDS]), 0, 0.8)
    for name in ALSO:
        at_least(f"{name.replace('_', ' ')}: with >= 25 % left", of(score.lead, [name]), 0.25, 0.95)
    kinds = ("leak", "published", "benign", "everyday")
    weeks = sum(score.weeks[name] for name in score.of_kind(*kinds))
    for severity, bar in (("page", 0.002), ("ticket", 0.01)):
        false = sum(score.false[severity][name] for name in score.of_kind(*kinds))
        low, high = byar(false, weeks)
        rows.append((f"false {severity}s an agent-week", false / weeks,
                     f"{false / weeks:.4f} ({low:.4f}–{high:.4f}): {false} in {weeks:.0f}", bar, False))
    pages = [count for name in score.of_kind("leak", "published") for count in score.pages[name] if count]
    if pages:
        rows.append(("page episodes a paged leak", float(np.mean(pages)), f"{np.mean(pages):.2f}", 1.3, False))
    errors = np.array([one for name in score.of_kind("leak", "published") for one in score.error[name]])
    if len(errors):
        off = np.exp(np.abs(np.log(errors)))
        rows.append(("time to the limit at the first verdict, off by (median)", float(np.median(off)),
                     f"{quantile(off, 0.5)} ×", 1.5, False))
    return rows


def per_class(score):
    lines = ["| leak | n | caught | paged | with >= 25 % left | paged with >= 25 % | lead median | lead 10th pct | "
             "estimated / true |", "|---|---|---|---|---|---|---|---|---|"]
    for name in score.of_kind("leak") + score.of_kind("published"):
        leads, pages = np.array(score.lead[name]), np.array(score.page_lead[name])
        estimate = f"{np.median(score.error[name]):.2f}" if score.error[name] else "–"
        lines.append(f"| {name} | {len(leads)} | {100 * np.mean(leads >= 0):.0f} % | {100 * np.mean(pages >= 0):.0f} % | "
                     f"{100 * np.mean(leads >= .25):.0f} % | {100 * np.mean(pages >= .25):.0f} % | "
                     f"{np.median(leads):.2f} | {np.quantile(leads, 0.1):.2f} | {estimate} |")
    lines += ["", "| healthy | agent-weeks | false pages | false tickets |", "|---|---|---|---|"]
    groups = [(name, [name]) for name in score.of_kind("benign") + score.of_kind("everyday")]
    groups += [("leaking agents, before the onset", score.of_kind("leak", "published"))]
    groups += [(f"{name} (ambiguous)", [name]) for name in score.of_kind("ambiguous")]
    for label, names in groups:
        lines.append(f"| {label} | {sum(score.weeks[name] for name in names):.0f} | "
                     f"{sum(score.false['page'][name] for name in names)} | "
                     f"{sum(score.false['ticket'][name] for name in names)} |")
    return lines


# A small part of the lab can miss a full bar by chance.
SMALL = {"lab's leaks: lead, median": 0.45, "lab's leaks: lead, 10th percentile": 0.27}


def bar_of(title, bar, more, small):
    if not small or bar is None:
        return bar
    return SMALL.get(title, bar - 0.12 if more else bar * 1.5 if bar > 1 else 0.05)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=pathlib.Path)
    parser.add_argument("--scrape", type=float, default=15)
    parser.add_argument("--markdown", type=pathlib.Path, help="also write the tables to this file")
    parser.add_argument("--check", nargs="?", const="full", choices=("full", "small"))
    parser.add_argument("--false", action="store_true")
    arguments = parser.parse_args()
    score = Score()
    for about, verdict, found in load(arguments.directories, arguments.scrape):
        score.add(about, verdict, found)
    lines, missed = ["| figure | bar | measured |", "|---|---|---|"], []
    for title, value, text, bar, more in figures(score):
        bar = bar_of(title, bar, more, arguments.check == "small")
        if value < bar if more else value > bar:
            missed.append(title)
            text = f"**{text}**"
        lines.append(f"| {title} | {'>=' if more else '<='} {bar:g} | {text} |")
    text = "\n".join(lines + [""] + per_class(score)) + "\n"
    print(text)
    if arguments.false:
        for severity, name, start, end in score.listed:
            print(f"false {severity}: {name} {start:.0f}–{end:.0f} s")
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")
    print("missed: " + ", ".join(missed) if missed else "every bar is met")
    if arguments.check and missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
