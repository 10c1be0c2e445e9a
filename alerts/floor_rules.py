"""Recording rules that find a rising floor: what a leak leaves and a garbage collection, a warm-up, a step or a day does
not.

A span is cut into five windows of equal width, and of each the minimum, its floor, is taken. A leak shows as

  - a climb from the oldest floor to the newest that matters, against the limit;
  - spread over the span: every window brings its share, none brings it all (a step), and the newer half is not slower
    (a warm-up);
  - new ground: the middle floor already stands above every floor of the days before, so that neither a sawtooth longer
    than the span nor the rise of a morning passes;
  - a limit within reach: hardly further away than the span is long, at the pace of the newer half; nearer still where
    nothing is known of the days before;
  - one process under one limit: no restart and no other limit within the span.

The same is asked of spans from a quarter of an hour to more than a day, each twice as long as the one before, so that a
leak is found after a like share of its way whatever its pace.

Series of a span exist only while there is a climb: in good times these rules record little but highs.
"""

RAW = "agent_resource_used"
LIMIT = "agent_resource_limit"
COARSE = "agent:resource_used:min10m"
HIGH = "agent:resource_floor:high4h"
START = "agent_self_start_time_seconds"
WINDOWS = 5
# Up to this many intervals spans are cut from the raw samples, longer ones from COARSE.
RAW_UP_TO_INTERVALS = 60


def floor(series, window, offset=None):
    return f"min_over_time({series}[{window}]{f' offset {offset}' if offset else ''})"


class Span:
    """One span and the widths that follow from it."""

    def __init__(self, t, length):
        self.t = t
        self.length = length
        self.window = length / WINDOWS
        self.raw = length.seconds <= (t.interval * RAW_UP_TO_INTERVALS).seconds * 1.001
        self.series = RAW if self.raw else COARSE
        # A history of narrow floors would follow a long sawtooth up: it has the width of the span's own windows.
        coarse = t.interval * 10
        self.high_width = coarse if self.raw else self.window
        self.high = f'{HIGH}{{width="{self.high_width}"}}'
        seconds = length.seconds * 1.001
        self.reach = t.floors.reach_spans_short if length.seconds <= t.floors.short_span.seconds * 1.001 \
            else t.floors.reach_spans
        daily = t.floors.daily_from.seconds <= seconds and length.seconds <= t.floors.daily_to.seconds * 1.001
        self.known_after = t.floors.day if daily else length

    def of(self, name, **labels):
        matchers = "".join(f', {label}="{value}"' for label, value in labels.items())
        return f'agent:resource_floor:{name}{{span="{self.length}"{matchers}}}'

    def record(self, name, expression, **labels):
        return {"record": f"agent:resource_floor:{name}", "labels": {"span": str(self.length), **labels},
                "expr": expression}

    def ceiling(self, highest, past):
        return self.record("ceiling", f"max without (width) ({highest}) < {self.t.floors.ignored_ceiling_ratio} * {LIMIT}\n"
                                      f"and ignoring (span) {self.of('climb')}", past=past)

    def rules(self):
        t = self.t.floors
        floors = [floor(self.series, self.window, self.window * i if i else None) for i in range(WINDOWS)]
        climb, share = self.of("climb"), self.of("share")
        return [
            self.record("climb",
                        f"({floors[0]} - {floors[4]}) > {t.min_climb_ratio} * {LIMIT}\n"
                        f"unless changes({LIMIT}[{self.length}]) > 0\n"
                        f"unless ignoring (scope, resource) changes({START}[{self.length}]) > 0\n"
                        f"unless ignoring (scope, resource)"
                        f" time() - {START} < {(self.length * t.young_spans).seconds:g}"),
            *(self.record("share", f"({floors[i]} - {floors[i + 1]}) / ignoring (span) {climb}", quarter=str(i + 1))
              for i in range(WINDOWS - 1)),
            # Near and far: a subquery's steps lie on multiples of their width and may miss the newest hours.
            self.ceiling(f"{self.high} offset {self.length}", "4h"),
            self.ceiling(f"max_over_time({self.high}[{t.history}:{t.history / 49}] offset {self.length})", "98h"),
            self.record("new_ground", f"{floors[2]} - ignoring (span) max without (past) ({self.of('ceiling')})"),
            self.record("seconds_to_limit",
                        f"clamp_min({LIMIT} - max_over_time({self.series}[{self.window}]), 0)\n"
                        f"/ (({floors[0]} - {floors[2]} > 0) / {(self.window * 2).seconds:g})\n"
                        f"and ignoring (span) {climb}"),
            self.record("leak_seconds_to_limit",
                        f"(\n"
                        f"  {self.of('seconds_to_limit')} <= {(self.length * t.reach_spans_unknown).seconds:g}\n"
                        f"  or\n"
                        f"  {self.of('seconds_to_limit')} <= {(self.length * self.reach).seconds:g}\n"
                        f"  and ignoring (span)"
                        f" last_over_time({COARSE}[{t.day / 24}] offset {self.length + self.known_after})\n"
                        f")\n"
                        f"and min without (quarter) ({share}) >= {t.min_rise_share}\n"
                        f"and max without (quarter) ({share}) <= {t.max_step_share}\n"
                        f"and sum without (quarter) ({self.of('share', quarter='1')} or {self.of('share', quarter='2')})"
                        f" >= {t.min_newer_half_share}\n"
                        f"unless {self.of('new_ground')} <= 0"),
        ]


def high_rules(spans, history):
    """The highest floor of the last hours, by the floors' width."""
    over = history / 24.5
    for width in sorted({str(span.high_width): span.high_width for span in spans}.values(), key=lambda w: w.seconds):
        coarse = [span for span in spans if span.raw and span.high_width.seconds == width.seconds]
        yield {"record": HIGH, "labels": {"width": str(width)},
               "expr": f"max_over_time({COARSE}[{over}])" if coarse else
                       f"max_over_time({floor(COARSE, width)}[{over}:{width / 2}])"}


def groups(t):
    spans = [Span(t, length) for length in t.floors.spans]
    # Longer spans are in no hurry; an instant selector looks back 5 m, so that 2 m are safe.
    slow = t.interval * 2
    return [
        {"name": "agent_exporter_floors", "interval": slow,
         "rules": [{"record": COARSE, "expr": floor(RAW, t.interval * 10)}, *high_rules(spans, t.floors.history)]},
        {"name": "agent_exporter_short_spans", "interval": t.interval,
         "rules": [rule for span in spans if span.raw for rule in span.rules()]},
        {"name": "agent_exporter_long_spans", "interval": slow,
         "rules": [rule for span in spans if not span.raw for rule in span.rules()]},
        {"name": "agent_exporter_leaks", "interval": t.interval, "rules": [
            {"record": "agent:leak_floor:seconds_to_limit",
             "expr": "min without (span) (agent:resource_floor:leak_seconds_to_limit)"},
        ]},
    ]
