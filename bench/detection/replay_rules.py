#!/usr/bin/python3
"""Evaluates the shipped alert rules over labelled traces in a real Prometheus.

    replay_rules.py DIRECTORY [--rules FILE] [--shard-size N] [--jobs N] [--baselines]

DIRECTORY must have traces.jsonl and traces.f64 (generate.py) and evidence.f64 (leak_replay). The script works in shards:
  1. It turns the traces into blocks of a Prometheus (promtool tsdb create-blocks-from openmetrics).
  2. It evaluates each recording rule with query_range, after the rules that it needs, and turns the results into blocks.
  3. It evaluates each alert's expression, and applies `for` and `keep_firing_for` as Prometheus does.

It writes one line per trace to DIRECTORY/alerts.jsonl: {"id": ..., "alerts": {"AgentFdLeakFast/critical": [[from, to], ...]}},
in minutes of the trace, `to` exclusive. With --baselines it adds the alerts of common alternatives (BASELINES).

Differences from a Prometheus that runs the rules: all rules run every 2 min, also those of the short spans, which normally
run every minute. Limits and start times are scraped every 2 min. Values that no rule uses (no evidence, ratios below 0.5) are
left out. When a series ends, a running Prometheus writes a staleness marker; blocks made from text have none, so an instant
selector must not look back further than one step.
"""

import argparse
import concurrent.futures
import contextlib
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import numpy as np
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST = 1704067200  # 2024-01-01 00:00 UTC, a Monday
STEP = 2  # minutes
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
ROWS, EVIDENCE_ROWS = 4, 3

# Common alerts without this project: baseline name -> (expression, for in seconds).
USED, LIMIT = "agent_resource_used", "agent_resource_limit"
BASELINES = {
    "predict_linear_1h_4h": (f"predict_linear({USED}[1h], 4 * 3600) > {LIMIT}", 300),
    "predict_linear_6h_24h": (f"predict_linear({USED}[6h], 24 * 3600) > {LIMIT} and {USED} > 0.6 * {LIMIT}", 300),
    "static_80": (f"{USED} > 0.8 * {LIMIT}", 300),
    "static_95": (f"{USED} > 0.95 * {LIMIT}", 300),
}


def seconds(duration):
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h|d)", duration or "0s"))


def load(directory):
    """Yields (about, rows, evidence) of each trace; the rows are used, limit, epoch and zombies."""
    traces = np.memmap(directory / "traces.f64", dtype="<f8", mode="r")
    evidence = np.memmap(directory / "evidence.f64", dtype="<f8", mode="r")
    if not len(evidence):
        raise ValueError(f"{directory}/evidence.f64 is empty; run leak_replay first")
    offset = 0
    for line in open(directory / "traces.jsonl", encoding="utf-8"):
        about = json.loads(line)
        n, at = about["minutes"], about["offset"]
        rows = traces[at:at + ROWS * n].reshape(ROWS, n)
        yield about, rows, evidence[offset:offset + n]
        offset += EVIDENCE_ROWS * n


def lines(metric, labels, minutes, values):
    """Returns the samples of one series as OpenMetrics lines."""
    head = metric + "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "} "
    return "".join([f"{head}{value:.12g} {FIRST + 60 * int(minute)}\n" for minute, value in zip(minutes, values)])


def openmetrics(shard):
    """Returns the metrics that the exporter would have exported for these traces."""
    families = {}

    def add(metric, labels, rows, keep, values):
        minutes = np.flatnonzero(keep)
        families.setdefault(metric, []).append(lines(metric, labels, minutes, values[minutes]))
        return rows

    for about, (used, limit, epoch, zombies), evidence in shard:
        n = len(used)
        seen = np.isfinite(used)
        sparse = seen & (np.arange(n) % STEP == 0) | seen & np.concatenate([[True], (np.diff(limit) != 0) | (np.diff(epoch) != 0)])
        agent = {"job": "agents", "instance": "lab", "agent": about["id"]}
        of = {**agent, "scope": about["scope"], "resource": about["resource"]}
        starts = np.flatnonzero(np.concatenate([[True], np.diff(epoch) != 0]))
        born = FIRST + 60 * starts[np.searchsorted(starts, np.arange(n), side="right") - 1]
        ratio = used / limit
        add("agent_resource_used", of, n, seen, used)
        add("agent_resource_limit", of, n, sparse, limit)
        add("agent_resource_used_ratio", of, n, seen & (ratio > 0.5), ratio)
        add("agent_leak_seconds_to_limit", of, n, seen & np.isfinite(evidence), evidence)
        add("agent_self_start_time_seconds", agent, n, sparse, born.astype(float))
        add("agent_restarts_total", agent, n, sparse, epoch)
        add("agent_instances", agent, n, sparse, np.ones(n))
        add("agent_descendants", {**agent, "state": "zombie"}, n, seen & (zombies > 0), zombies)
    text = []
    for metric, parts in families.items():
        kind = "counter" if metric.endswith("_total") else "gauge"
        text.append(f"# TYPE {metric.removesuffix('_total')} {kind}\n{''.join(parts)}")
    return "".join(text) + "# EOF\n"


class Prometheus:
    """Serves one data directory; restarts after each new set of blocks."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.process = None
        (self.directory / "prometheus.yml").write_text("global: {}\n")

    def add_blocks(self, text):
        self.stop()
        with tempfile.NamedTemporaryFile("w", suffix=".om", dir=self.directory) as file:
            file.write(text)
            file.flush()
            made = subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=336h",
                                   "--quiet", file.name, self.directory / "data"], capture_output=True, text=True, check=False)
            if made.returncode != 0:
                raise RuntimeError(f"promtool cannot make blocks of {text[:200]!r}...: {made.stderr}")

    def start(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{address}"
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.directory}/prometheus.yml", f"--storage.tsdb.path={self.directory}/data",
                 "--storage.tsdb.retention.time=100y", "--query.timeout=20m",
                 f"--query.lookback-delta={60 * STEP - 1}s", "--query.max-samples=500000000",
                 f"--web.listen-address={address}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                if answer.status == 200:
                    return
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"Prometheus does not start; see {self.directory}/log")
            time.sleep(0.05)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def query_range(self, expression, end_minute, step):
        """[(labels, [(minute, value)])]"""
        if self.process is None:
            self.start()
        data = urllib.parse.urlencode({"query": expression, "start": FIRST, "end": FIRST + 60 * end_minute, "step": step})
        with urllib.request.urlopen(f"{self.url}/api/v1/query_range", data.encode(), timeout=1300) as answer:
            result = json.load(answer)["data"]["result"]
        return [(series["metric"], [((at - FIRST) // 60, float(value)) for at, value in series["values"]])
                for series in result]


def stages(rules):
    """Returns the recording rules in stages. Each stage needs only the stages before it."""
    level = {}
    names = {rule["record"] for rule in rules}
    waiting = list(rules)
    while waiting:
        for rule in waiting:
            needs = {name for name in names if re.search(re.escape(name) + r"(?![\w:])", rule["expr"])}
            # Rules with the same name (one for each span) belong to the same stage.
            peers = [peer for peer in rules if peer["record"] == rule["record"]]
            needs |= {name for peer in peers for name in names if re.search(re.escape(name) + r"(?![\w:])", peer["expr"])}
            if needs <= set(level):
                level[rule["record"]] = 1 + max([level[name] for name in needs], default=0)
                break
        else:
            raise ValueError("recording rules depend on each other in a cycle")
        waiting = [rule for rule in waiting if rule["record"] not in level]
    return [[rule for rule in rules if level[rule["record"]] == number] for number in range(1, max(level.values()) + 1)]


def episodes(samples, step, wait, keep, end):
    """Returns the [from, to) minutes in which an alert fires, given the minutes at which its expression has a value."""
    firing, active_since, firing_from, last = [], None, None, None
    have = {minute for minute, _ in samples}
    for minute in range(0, end + step, step):
        if minute in have:
            active_since = minute if active_since is None else active_since
            last = minute
            if firing_from is None and (minute - active_since) * 60 >= wait:
                firing_from = minute
        elif active_since is not None:
            if firing_from is None:
                active_since = None
            elif (minute - last) * 60 >= keep:
                firing.append([firing_from, minute])
                active_since = firing_from = None
    if firing_from is not None:
        firing.append([firing_from, end])
    return firing


def replay(shard, groups, baselines):
    """{trace id: {alert/severity: episodes}}"""
    end = max(about["minutes"] for about, _, _ in shard)
    found = {about["id"]: {} for about, _, _ in shard}
    directory = tempfile.mkdtemp(prefix="agent_exporter_lab_")
    prometheus = Prometheus(directory)
    try:
        prometheus.add_blocks(openmetrics(shard))
        for stage in stages([rule for group in groups for rule in group["rules"] if "record" in rule]):
            series = {}  # series that differ only in their old name, as from an `or`, become one
            for rule in stage:
                for labels, samples in prometheus.query_range(rule["expr"], end, STEP * 60):
                    labels = {**{k: v for k, v in labels.items() if k != "__name__"}, **rule.get("labels", {})}
                    series.setdefault((rule["record"], tuple(sorted(labels.items()))), []).extend(samples)
            families = {}
            for (name, labels), samples in series.items():
                families.setdefault(name, []).append(lines(name, dict(labels), *zip(*sorted(samples))))
            text = "".join(f"# TYPE {name} gauge\n{''.join(parts)}" for name, parts in families.items())
            if text:
                prometheus.add_blocks(text + "# EOF\n")
        wanted = [(f"{rule['alert']}/{rule['labels']['severity']}", rule["expr"], seconds(rule.get("for")),
                   seconds(rule.get("keep_firing_for")))
                  for group in groups for rule in group["rules"] if "alert" in rule]
        if baselines:
            wanted += [(f"{name}/baseline", expression, wait, 900)
                       for name, (expression, wait) in BASELINES.items()]
        lengths = {about["id"]: about["minutes"] for about, _, _ in shard}
        for name, expression, wait, keep in wanted:
            for labels, samples in prometheus.query_range(expression, end, STEP * 60):
                if labels.get("agent") in found:
                    length = lengths[labels["agent"]]
                    samples = [sample for sample in samples if sample[0] < length]
                    firing = [[first, min(last, length)] for first, last in episodes(samples, STEP, wait, keep, end)]
                    found[labels["agent"]].setdefault(name, []).extend(one for one in firing if one[0] < length)
    finally:
        prometheus.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--rules", type=pathlib.Path, default=ROOT / "alerts" / "agent_exporter.rules.yml")
    parser.add_argument("--shard-size", type=int, default=150)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--baselines", action="store_true")
    arguments = parser.parse_args()
    groups = yaml.safe_load(arguments.rules.read_text())["groups"]
    traces = list(load(arguments.directory))
    # Group traces of similar length, because a query runs to the end of the longest.
    traces.sort(key=lambda trace: trace[0]["minutes"])
    shards = [traces[i:i + arguments.shard_size] for i in range(0, len(traces), arguments.shard_size)]
    found = {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for number, part in enumerate(pool.map(lambda shard: replay(shard, groups, arguments.baselines), shards), 1):
            found.update(part)
            print(f"replayed {number} of {len(shards)} shards", file=sys.stderr)
    with open(arguments.directory / "alerts.jsonl", "w", encoding="utf-8") as out:
        for name, alerts in found.items():
            out.write(json.dumps({"id": name, "alerts": alerts}) + "\n")


if __name__ == "__main__":
    main()
