#!/usr/bin/env python3
"""Makes the rule files out of thresholds.yml, alert_rules.py and floor_rules.py:

    agent_exporter.rules.yml           the alerts
    agent_exporter.vmalert.rules.yml   the same for vmalert before 1.80, which does not know keep_firing_for
    agent_exporter.floors.rules.yml    rising floors, a second opinion in PromQL; nothing needs it

Python and not jsonnet: what runs the tests can run this as well, and the one knob that tests need, time that runs
faster, is arithmetic on durations.

    alerts/generate.py --write            writes them beside this file
    alerts/generate.py --check            exits 1 if one is not up to date
    alerts/generate.py                    prints the first
        --speed-up N                      every duration divided by N: the same rules for a test in accelerated time
        --set leak.page_within=4h         another threshold than the file's; repeatable

Needs Debian's python3-yaml.
"""

import argparse
import pathlib
import re
import sys

import yaml

import alert_rules
import floor_rules

HERE = pathlib.Path(__file__).resolve().parent
HEAD = """\
# Made by alerts/generate.py from thresholds.yml, floor_rules.py and alert_rules.py: change those instead.
# {} What each rule means: docs/alerts.md and docs/runbooks/.
"""
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration:
    """A length of time that prints as Prometheus writes it."""

    def __init__(self, seconds):
        self.seconds = seconds

    @classmethod
    def parse(cls, text):
        match = re.fullmatch(r"(\d+)(ms|s|m|h|d)", text)
        if not match:
            raise ValueError(f"{text!r} is no duration such as 30s, 15m, 2h or 7d")
        return cls(int(match[1]) * UNITS[match[2]])

    def __add__(self, other):
        return Duration(self.seconds + other.seconds)

    def __mul__(self, factor):
        return Duration(self.seconds * factor)

    def __truediv__(self, divisor):
        return Duration(self.seconds / divisor)

    def __str__(self):
        milliseconds = max(1, round(self.seconds * 1000))
        for unit in ("d", "h", "m", "s"):
            if milliseconds % (UNITS[unit] * 1000) == 0:
                return f"{milliseconds // int(UNITS[unit] * 1000)}{unit}"
        return f"{milliseconds}ms"


class Thresholds:
    """thresholds.yml as attributes; what looks like a duration is one, and `for`, a keyword here, is `wait`."""

    def __init__(self, tree, speed_up):
        for key, value in tree.items():
            setattr(self, "wait" if key == "for" else key, self._value(value, speed_up))

    @classmethod
    def _value(cls, value, speed_up):
        if isinstance(value, dict):
            return cls(value, speed_up)
        if isinstance(value, list):
            return [cls._value(item, speed_up) for item in value]
        if isinstance(value, str) and re.fullmatch(r"\d+(ms|s|m|h|d)", value):
            return Duration.parse(value) / speed_up
        return value


def load(settings=(), speed_up=1):
    tree = yaml.safe_load((HERE / "thresholds.yml").read_text())
    for setting in settings:
        path, _, value = setting.partition("=")
        *parents, last = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.get(parent, {})
        if last not in branch:
            raise ValueError(f"--set {setting}: thresholds.yml has no {path}")
        branch[last] = yaml.safe_load(value)
    return Thresholds(tree, speed_up)


def without_keep_firing_for(groups):
    return [{**group, "rules": [{key: value for key, value in rule.items() if key != "keep_firing_for"}
                                for rule in group["rules"]]} for group in groups]


def files(thresholds):
    """{name: text}; groups stand in the order in which they build on each other."""
    alerts = alert_rules.groups(thresholds)
    return {
        "agent_exporter.rules.yml": text_of("Prometheus 2.42 or later (keep_firing_for).", alerts),
        "agent_exporter.vmalert.rules.yml": text_of("For vmalert before 1.80: without keep_firing_for.",
                                                    without_keep_firing_for(alerts)),
        "agent_exporter.floors.rules.yml": text_of("A second opinion; no alert needs it.", floor_rules.groups(thresholds)),
    }


class Dumper(yaml.SafeDumper):
    """Expressions of several lines as literal blocks, every node written out."""

    def ignore_aliases(self, data):
        return True

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


def plain(value):
    """The tree with durations as text."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Duration) else value


Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None))


def text_of(head, groups):
    return HEAD.format(head) + yaml.dump(plain({"groups": groups}), Dumper=Dumper, sort_keys=False, width=10000, allow_unicode=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--speed-up", type=float, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    made = files(load(arguments.set, arguments.speed_up))
    if arguments.check:
        for name, text in made.items():
            if not (HERE / name).exists() or (HERE / name).read_text() != text:
                sys.exit(f"{name} is not what its sources make; run alerts/generate.py --write")
    elif arguments.write:
        for name, text in made.items():
            (HERE / name).write_text(text)
    else:
        sys.stdout.write(made["agent_exporter.rules.yml"])


if __name__ == "__main__":
    main()
