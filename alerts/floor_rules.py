"""Recording rules that find a rising floor: what a leak leaves and a garbage collection, a warm-up, a step, or a day does
not.

A span is cut into five windows of equal width and of each the minimum, its floor, is taken. A leak shows as

  - a climb from the oldest floor to the newest that matters, against the limit;
  - spread over the span: hardly a window falls, none brings it all (a step), the newer half is not slower (a warm-up);
  - new ground: the middle floor already stands above every floor of the day before, so that neither a sawtooth longer than
    the span nor the rise of a morning passes;
  - a limit within reach: no more than some spans away, at the pace of the newer half;
  - one process under one limit: no restart and no other limit within the span.

The same is asked of spans from a quarter of an hour to most of a day, each twice as long as the one before, so that a leak
is found after a like share of its way whatever its pace. Leaks slower than that hide in the daily cycle: for those each
hour's floor is compared with the same hour's a day before.

Series of a span exist only while there is a climb: in good times these rules record next to nothing.
"""

RAW = "agent_resource_used"
LIMIT = "agent_resource_limit"
COARSE = "agent:resource_used:min10m"
START = "agent_self_start_time_seconds"
WINDOWS = 5
# Up to here spans are cut from the raw samples.
RAW_UP_TO_INTERVALS = 60


def floor(series, window, offset=None):
    return f"min_over_time({series}[{window}]{f' offset {offset}' if offset else ''})"


def steady(span, young_spans):
    """What ends a climb: another limit, another process, one that has just started."""
    return (f"unless changes({LIMIT}[{span}]) > 0\n"
            f"unless ignoring (scope, resource) changes({START}[{span}]) > 0\n"
            f"unless ignoring (scope, resource) time() - {START} < {(span * young_spans).seconds:g}")


def span_rules(t, span, raw):
    """The rules of one span; F0 is the newest floor, F4 the oldest."""
    series = RAW if raw else COARSE
    window = span / WINDOWS
    floors = [floor(series, window, window * i if i else None) for i in range(WINDOWS)]
    labels = {"span": str(span)}
    climb = f'agent:resource_floor:climb{{span="{span}"}}'

    def record(name, expression, **more):
        return {"record": f"agent:resource_floor:{name}", "labels": {**labels, **more}, "expr": expression}

    # A history of narrow floors would follow a long sawtooth up; windows of 10 m and less have narrow ones as it is.
    coarse_window = t.interval * 10
    history = COARSE if window.seconds <= coarse_window.seconds else f"min_over_time({COARSE}[{window}])"
    if history == COARSE:
        ceiling = f"max_over_time({COARSE}[{t.floors.history}] offset {span})"
    else:
        ceiling = f"max_over_time({history}[{t.floors.history}:{window / 2}] offset {span})"
    rules = [record("climb", f"({floors[0]} - {floors[4]}) > {t.floors.min_climb_ratio} * {LIMIT}\n"
                             f"{steady(span, t.floors.young_spans)}")]
    rules += [record("share", f"({floors[i]} - {floors[i + 1]}) / ignoring (span) {climb}", quarter=str(i + 1))
              for i in range(WINDOWS - 1)]
    rules += [
        record("ceiling", f"({ceiling} < {t.floors.ignored_ceiling_ratio} * {LIMIT})\nand ignoring (span) {climb}"),
        record("new_ground", f'{floors[2]} - ignoring (span) agent:resource_floor:ceiling{{span="{span}"}}'),
        record("seconds_to_limit",
               f"clamp_min({LIMIT} - max_over_time({series}[{window}]), 0)\n"
               f"/ (({floors[0]} - {floors[2]} > 0) / {(window * 2).seconds:g})\n"
               f"and ignoring (span) {climb}"),
    ]
    return rules


def verdict_rules(t, spans):
    """Which of the spans show a leak: one rule for all, and how far each may look ahead."""
    rules = []
    for span in spans:
        of = f'{{span="{span}"}}'
        share = f"agent:resource_floor:share{of}"
        rules.append({
            "record": "agent:resource_floor:leak_seconds_to_limit", "labels": {"span": str(span)},
            "expr": f"agent:resource_floor:seconds_to_limit{of} <= {(span * t.floors.max_spans_to_limit).seconds:g}\n"
                    f"and min without (quarter) ({share}) >= -{t.floors.max_dip_share}\n"
                    f"and max without (quarter) ({share}) <= {t.floors.max_step_share}\n"
                    f"and count without (quarter) ({share} >= {t.floors.min_rise_share}) >= {WINDOWS - 2}\n"
                    f'and sum without (quarter) (agent:resource_floor:share{{span="{span}", quarter=~"[12]"}})'
                    f" >= {t.floors.min_newer_half_share}\n"
                    f"unless agent:resource_floor:new_ground{of} <= 0"})
    return rules


def daily_rules(t, interval):
    daily = t.floors.daily
    day = t.floors.history / 26 * 24
    rise = "agent:resource_floor:daily_rise"
    expected = daily.lasting.seconds / interval.seconds
    return [
        {"record": rise, "expr": f"({floor(COARSE, daily.window)} - {floor(COARSE, daily.window, day)})"
                                 f" > {daily.min_rise_ratio} * {LIMIT}"},
        {"record": "agent:resource_floor:leak_seconds_to_limit", "labels": {"span": "daily"},
         "expr": f"(\n  clamp_min({LIMIT} - max_over_time({COARSE}[{day}]), 0)\n"
                 f"  / (avg_over_time({rise}[{daily.window * 6}]) / {day.seconds:g})\n"
                 f") <= {daily.max_to_limit.seconds:g}\n"
                 f"and count_over_time({rise}[{daily.lasting}]) >= {expected * 0.9:g}\n"
                 f"unless changes({LIMIT}[{daily.lasting + day}]) > 0\n"
                 f"unless ignoring (scope, resource) changes({START}[{daily.lasting + day}]) > 0"},
    ]


def groups(t):
    raw_up_to = (t.interval * RAW_UP_TO_INTERVALS).seconds * 1.001
    short = [span for span in t.floors.spans if span.seconds <= raw_up_to]
    long = [span for span in t.floors.spans if span.seconds > raw_up_to]
    # Longer spans are in no hurry; an instant selector looks back 5 m, so that 2 m are safe.
    slow = t.interval * 2
    return [
        {"name": "agent_exporter_floors", "interval": slow,
         "rules": [{"record": COARSE, "expr": floor(RAW, t.interval * 10)}]},
        {"name": "agent_exporter_short_spans", "interval": t.interval,
         "rules": [rule for span in short for rule in span_rules(t, span, raw=True)] + verdict_rules(t, short)},
        {"name": "agent_exporter_long_spans", "interval": slow,
         "rules": [rule for span in long for rule in span_rules(t, span, raw=False)] + verdict_rules(t, long) +
         daily_rules(t, slow)},
        {"name": "agent_exporter_leaks", "interval": t.interval, "rules": [
            {"record": "agent:leak_floor:seconds_to_limit",
             "expr": "min without (span) (agent:resource_floor:leak_seconds_to_limit)"},
            {"record": "agent:leak_evidence:seconds_to_limit",
             "expr": f"agent_leak_seconds_to_limit < {t.leak.ticket_within.seconds:g}"},
            {"record": "agent:leak_agreed:seconds_to_limit",
             "expr": "agent:leak_evidence:seconds_to_limit and agent:leak_floor:seconds_to_limit"},
            {"record": "agent:leak_suspected:seconds_to_limit",
             "expr": "agent:leak_evidence:seconds_to_limit or agent:leak_floor:seconds_to_limit"},
        ]},
    ]
