#!/usr/bin/python3
"""Scores alerts over labelled traces, with confidence intervals.

    score.py DIRECTORY... [--of DETECTOR] [--markdown FILE] [--check] [--bars small]

Each DIRECTORY must have traces.jsonl (generate.py), evidence.f64 (leak_replay) and alerts.jsonl (replay_rules.py); several
are scored together. Detectors: "rules" are the shipped alerts (pages are critical, tickets are warning, either catches an
incident), "evidence" is the exporter's leak evidence alone, and each baseline in alerts.jsonl is a detector too.

An alert catches an incident if it starts to fire between the onset and the end. An alert that has been firing since an
earlier crash catches nothing. An episode is false if it overlaps no incident and not the hour after one. Overlapping alerts
of one agent are one episode. Ambiguous traces are counted separately. Intervals are 95 %: Wilson for shares, Byar for rates,
bootstrap over incidents for quantiles. --check exits with 1 if a figure misses its bar.
"""

import argparse
import collections
import json
import math
import pathlib
import sys

import numpy as np

Z = 1.96
WEEK = 7 * 24 * 60
AFTER = 60  # minutes after the end in which an alert still belongs to the incident
# Lower bars: with few traces a figure can miss the full bars by chance.
SMALL_BARS = {"caught before the limit": 0.97, "worst class": 0.75, "caught with >= 25 % of the time left": 0.93,
              "lead, median": 0.45, "lead, 10th percentile": 0.27, "precision of tickets": 0.9,
              "false tickets an agent-week": 0.05}
EVIDENCE_FOR = 2  # minutes, for the evidence alone


def wilson(good, n):
    if n == 0:
        return (math.nan, math.nan)
    share, z2 = good / n, Z * Z / n
    middle, half = share + z2 / 2, Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n))
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


def merged(episodes):
    result = []
    for start, end in sorted(episodes):
        if result and start <= result[-1][1]:
            result[-1][1] = max(result[-1][1], end)
        else:
            result.append([start, end])
    return result


def evidence_episodes(seconds):
    finite = np.concatenate([[False], np.isfinite(seconds), [False]]).astype(int)
    starts, ends = np.flatnonzero(np.diff(finite) == 1), np.flatnonzero(np.diff(finite) == -1)
    # Episodes less than 15 minutes apart are one, as with keep_firing_for.
    lasting = [[int(a) + EVIDENCE_FOR, int(b) + 15] for a, b in zip(starts, ends) if b - a > EVIDENCE_FOR]
    return merged(lasting)


def detectors_of(alerts, evidence):
    """Returns {detector: {"page": episodes, "ticket": episodes}}; baselines have only tickets."""
    rules = {"page": [], "ticket": []}
    found = {"rules": rules, "evidence": {"ticket": evidence_episodes(evidence)}}
    for name, episodes in alerts.items():
        severity = name.rpartition("/")[2]
        if severity == "baseline":
            found[name.partition("/")[0]] = {"ticket": episodes}
        else:
            rules["page" if severity == "critical" else "ticket"] += episodes
    return found


def load(directories):
    for directory in directories:
        evidence = np.memmap(directory / "evidence.f64", dtype="<f8", mode="r")
        alerts, baselines = {}, set()
        if (directory / "alerts.jsonl").exists():
            for line in open(directory / "alerts.jsonl", encoding="utf-8"):
                entry = json.loads(line)
                alerts[entry["id"]] = entry["alerts"]
                baselines |= {name for name in entry["alerts"] if name.endswith("/baseline")}
        offset = 0
        for line in open(directory / "traces.jsonl", encoding="utf-8"):
            about = json.loads(line)
            n = about["minutes"]
            own = evidence[offset:offset + n]
            offset += 3 * n
            mine = {**{name: [] for name in baselines}, **alerts.get(about["id"], {})}
            found = detectors_of(mine, own)
            if not alerts:
                del found["rules"]
            yield about, found, own


class Score:
    def __init__(self):
        self.lead = collections.defaultdict(list)  # by class: share of the time that was left, -1: missed
        self.error = collections.defaultdict(list)  # by class: estimated / true time to the limit
        self.true = collections.Counter()  # by severity
        self.false = collections.defaultdict(collections.Counter)  # by severity and class
        self.weeks = collections.Counter()  # by class
        self.kinds = {}

    def add(self, about, found, evidence):
        name, incidents = about["class"], about["incidents"]
        self.kinds[name] = about["kind"]
        spans = [(onset, min(about["minutes"], hit + AFTER)) for onset, hit in incidents]
        self.weeks[name] += (about["minutes"] - sum(end - onset for onset, end in spans)) / WEEK
        for severity, episodes in found.items():
            for start, end in merged(episodes):
                if any(start < after and end > onset for onset, after in spans):
                    continue
                self.false[severity][name] += 1
        for onset, hit in incidents:
            first = math.inf
            for severity, episodes in found.items():
                times = [start for start, _ in episodes if onset <= start < hit]
                self.true[severity] += bool(times)
                first = min([first, *times])
            if math.isinf(first):
                self.lead[name].append(-1.0)
                continue
            self.lead[name].append((hit - first) / (hit - onset))
            estimate = evidence[int(first)]
            if math.isfinite(estimate):
                self.error[name].append(max(estimate, 60) / 60 / max(1, hit - first))

    def of_kind(self, kind):
        return [name for name, own in sorted(self.kinds.items()) if own == kind]

    def false_of(self, severity, kinds):
        return sum(count for name, count in self.false[severity].items() if self.kinds[name] in kinds)


def share(good, n):
    low, high = wilson(good, n)
    return f"{100 * good / n:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def quantile(values, q):
    low, high = bootstrap(values, lambda drawn: np.quantile(drawn, q))
    return f"{np.quantile(values, q):.2f} ({low:.2f}–{high:.2f})"


def figures(score):
    """Returns {figure: (value, text, bar or None, whether more is better)}."""
    leads = np.array(sum(score.lead.values(), []))
    errors = np.array(sum(score.error.values(), []))
    weeks = sum(weeks for name, weeks in score.weeks.items() if score.kinds[name] != "ambiguous")
    caught, early = int((leads >= 0).sum()), int((leads >= 0.25).sum())
    worst = min((np.mean(np.array(own) >= 0), name) for name, own in score.lead.items())
    result = {
        "caught before the limit": (caught / len(leads), share(caught, len(leads)), 0.99, True),
        "worst class": (worst[0], f"{100 * worst[0]:.1f} % ({worst[1]})", 0.95, True),
        "caught with >= 25 % of the time left": (early / len(leads), share(early, len(leads)), 0.95, True),
        "lead, median": (np.quantile(leads, 0.5), quantile(leads, 0.5), 0.50, True),
        "lead, 10th percentile": (np.quantile(leads, 0.1), quantile(leads, 0.1), 0.30, True),
    }
    for severity, precision_bar, rate_bar in (("page", 0.99, 0.005), ("ticket", 0.95, 0.02)):
        if severity not in score.true and severity not in score.false:
            continue
        true, false = score.true[severity], score.false_of(severity, ("leak", "benign"))
        if true + false:
            result[f"precision of {severity}s"] = (true / (true + false), share(true, true + false), precision_bar, True)
        low, high = byar(false, weeks)
        result[f"false {severity}s an agent-week"] = (
            false / weeks, f"{false / weeks:.4f} ({low:.4f}–{high:.4f}): {false} in {weeks:.0f}", rate_bar, False)
    if len(errors):
        off = np.exp(np.abs(np.log(errors)))
        result["time to the limit at firing, off by (median)"] = (np.median(off), f"{quantile(off, 0.5)} ×", 1.5, False)
    return result


def meets(value, bar, more):
    return bar is None or (value >= bar if more else value <= bar)


def per_class(score):
    lines = ["| leak class | n | caught | with >= 25 % left | lead median | lead 10th pct | estimated / true time left |",
             "|---|---|---|---|---|---|---|"]
    for name in score.of_kind("leak"):
        leads = np.array(score.lead[name])
        estimate = f"{np.median(score.error[name]):.2f}" if score.error[name] else "–"
        lines.append(f"| {name} | {len(leads)} | {share(int((leads >= 0).sum()), len(leads))} | "
                     f"{share(int((leads >= 0.25).sum()), len(leads))} | {quantile(leads, 0.5)} | "
                     f"{np.quantile(leads, 0.1):.2f} | {estimate} |")
    lines += ["", "| healthy class | agent-weeks | false pages | false tickets |", "|---|---|---|---|"]
    for kind in ("benign", "leak", "ambiguous"):
        names = score.of_kind(kind)
        rows = [names] if kind == "leak" else [[name] for name in names]
        for group in rows:
            label = "leaking agents, before the onset" if kind == "leak" else f"{group[0]}{' (ambiguous)' * (kind == 'ambiguous')}"
            pages = sum(score.false["page"][name] for name in group) if "page" in score.false or "page" in score.true else "–"
            tickets = sum(score.false["ticket"][name] for name in group)
            lines.append(f"| {label} | {sum(score.weeks[name] for name in group):.0f} | {pages} | {tickets} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directories", nargs="+", type=pathlib.Path)
    parser.add_argument("--markdown", type=pathlib.Path, help="also write the tables to this file")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--of", default="rules", help="the detector whose classes are shown and checked")
    parser.add_argument("--bars", choices=("full", "small"), default="full")
    arguments = parser.parse_args()
    scores = collections.defaultdict(Score)
    for about, found, evidence in load(arguments.directories):
        for detector, episodes in found.items():
            scores[detector].add(about, episodes, evidence)
    if arguments.of not in scores:
        raise SystemExit(f"score.py: no detector {arguments.of}; there are: {', '.join(scores)}")
    order = [arguments.of] + sorted(name for name in scores if name != arguments.of)
    tables = {name: figures(scores[name]) for name in order}
    own = tables[arguments.of]
    lines = [f"| figure | bar | {' | '.join(order)} |", "|---|---|" + "---|" * len(order)]
    missed = []
    for figure, (value, _, bar, more) in own.items():
        bar = SMALL_BARS.get(figure, bar) if arguments.bars == "small" else bar
        cells = [tables[name][figure][1] if figure in tables[name] else "–" for name in order]
        if not meets(value, bar, more):
            missed.append(figure)
            cells[0] = f"**{cells[0]}**"
        lines.append(f"| {figure} | {'>=' if more else '<='} {bar:g} | {' | '.join(cells)} |")
    lines += [""] + per_class(scores[arguments.of])
    text = "\n".join(lines) + "\n"
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(text, encoding="utf-8")
    print("missed: " + ", ".join(missed) if missed else "every bar is met")
    if arguments.check and missed:
        sys.exit(1)


if __name__ == "__main__":
    main()
