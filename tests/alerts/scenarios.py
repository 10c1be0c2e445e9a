"""What the alerts must say of made-up agents: for each alert one that deserves it, its benign twin, one with a scrape gap
and one with a restart.

Everything happens in one run of LENGTH minutes, one sample a minute; every scenario is an agent (or a host) of its own.
"""

LENGTH = 300
GAP = 12  # minutes, longer than an instant selector looks back
GIB = 2 ** 30


class Scenario:
    """The series of one agent or host, and what is expected: checks are (minute, alert, severity, firing)."""

    def __init__(self, name, alert):
        self.name = name
        self.alert = alert
        self.series = []
        self.checks = []
        self.never = []  # (alert, severity) that must not fire at any time

    def add(self, metric, values, **labels):
        """`values`: one a minute, None for no sample; what is missing at the end repeats the last."""
        self.series.append((metric, labels, whole(values)))
        return self

    def fires(self, minute, severity, alert=None):
        self.checks.append((minute, alert or self.alert, severity, True))
        return self

    def quiet(self, minute, severity, alert=None):
        self.checks.append((minute, alert or self.alert, severity, False))
        return self

    def never_fires(self, *severities, alert=None):
        self.never += [(alert or self.alert, severity) for severity in severities]
        return self


def whole(values):
    return (list(values) + [values[-1]] * (LENGTH + 1 - len(values)))[:LENGTH + 1]


def gap(values, start, length=GAP):
    return [None if start <= minute < start + length else value for minute, value in enumerate(whole(values))]


def until(values, minute, then):
    return list(values[:minute]) + [then] * (LENGTH + 1 - minute)


def between(start, end, value):
    """`value(minute)` from minute `start` to `end`, where the series ends."""
    return [value(minute) if start <= minute < end else "stale" if minute == end else None for minute in range(LENGTH + 1)]


def verdict(scenario, scope, of, start, end, hit, severity="page", hole=None):
    """The exporter's verdict from minute `start` to `end` of a leak that hits its limit at `hit`."""
    labels = {"agent": scenario.name, "scope": scope, "resource": of}

    def add(metric, values, **more):
        scenario.add(metric, gap(values, hole) if hole else values, **labels, **more)

    add("agent_leak_active", [int(start <= minute < end) for minute in range(LENGTH + 1)])
    for one in ("page", "ticket"):
        add("agent_leak_verdict", between(start, end, lambda _, one=one: int(one == severity)), severity=one)
    add("agent_leak_seconds_to_limit", between(start, end, lambda minute: 60 * max(0, hit - minute)))
    add("agent_limit_holder_info", between(start, end, lambda _: 1), pid="4711", comm="node", command="server.js",
        **({"fd_kind": "pipe"} if of == "fds" else {}))
    return scenario


def leaks():
    for page, ticket, scope, of in (("AgentFdLeakFast", "AgentFdLeakSlow", "self", "fds"),
                                    ("AgentDescendantFdLeak", "AgentDescendantFdLeak", "tree", "fds"),
                                    ("AgentMemoryClimb", "AgentMemoryClimb", "tree", "memory"),
                                    ("AgentChildPileUp", "AgentChildPileUp", "tree", "pids")):
        def leak(name, *when, page=page, scope=scope, of=of, **how):
            return verdict(Scenario(f"{of}-{scope}-{name}", page), scope, of, *when, **how)

        if scope == "tree":
            # The agent's own growth is its tree's as well: one alert, not two.
            both = verdict(leak("own", 100, 200, 300), "self", of, 100, 200, 300)
            own = "AgentFdLeakFast" if of == "fds" else page
            if of == "memory":
                for command, growth in (("rg", 3), ("mcp-server.cjs", 7)):
                    both.add("agent_command_resident_memory_bytes", [minute * growth for minute in range(LENGTH + 1)],
                             agent=both.name, command=command)
            yield (both.never_fires("critical") if of == "fds" else both).fires(120, "critical", own)
        yield (leak("leak", 100, 200, 300).quiet(98, "critical").quiet(102, "critical").fires(108, "critical")
               .quiet(230, "critical").never_fires("warning", alert=ticket))
        # The nearer the limit, the shorter it waits.
        yield leak("soon", 100, 140, 150).quiet(100, "critical").fires(102, "critical")
        yield leak("at-once", 100, 112, 114).fires(100, "critical")
        yield (leak("ticket", 100, 200, 3000, severity="ticket", page=ticket).quiet(102, "warning").fires(108, "warning")
               .never_fires("critical", alert=page))
        healthy = Scenario(f"{of}-{scope}-healthy", page)
        yield (healthy.add("agent_leak_active", [0], agent=healthy.name, scope=scope, resource=of)
               .never_fires("critical").never_fires("warning", alert=ticket))
        yield leak("short", 100, 103, 300).never_fires("critical")
        yield (leak("gap", 100, 200, 300, hole=150).fires(148, "critical").fires(156, "critical").fires(180, "critical"))
        yield (leak("ticket-gap", 100, 200, 3000, severity="ticket", hole=150, page=ticket).fires(148, "warning")
               .fires(156, "warning").fires(180, "warning"))
        # The agent restarts: what it leaked is gone, and so is the verdict.
        yield leak("restart", 100, 172, 300).fires(170, "critical").quiet(194, "critical")
        yield (leak("ticket-restart", 100, 172, 3000, severity="ticket", page=ticket).fires(170, "warning")
               .quiet(194, "warning"))


def limits():
    def near(name, used, scopes=("tree",), source="cgroup", alert="AgentNearLimit"):
        scenario = Scenario(f"near-{name}", alert)
        for scope in scopes:
            labels = {"agent": scenario.name, "scope": scope, "resource": "memory"}
            scenario.add("agent_resource_used_ratio", [None if value is None else value / 100 for value in used], **labels)
            scenario.add("agent_resource_limit_info", [1], **labels, source=source)
        return scenario

    yield near("full", [50] * 60 + [95] * 60 + [50]).fires(70, "critical").quiet(62, "critical").quiet(150, "critical")
    yield near("both", [50] * 60 + [95], ("self", "tree")).fires(70, "critical")
    yield near("spikes", [95 if minute % 10 < 3 else 50 for minute in range(LENGTH + 1)]).never_fires("critical")
    yield near("gap", gap([50] * 60 + [95], 80)).fires(90, "critical").fires(100, "critical")
    yield near("restart", [50] * 60 + [95] * 20 + [5]).fires(75, "critical").quiet(110, "critical")

    def high(name, used, source="cgroup_high"):
        return near(f"high-{name}", used, source=source, alert="AgentMemoryThrottled")

    yield high("stuck", [50] * 60 + [100]).fires(70, "critical").quiet(60, "critical")
    yield high("max", [50] * 60 + [100], "cgroup").never_fires("critical")
    yield high("gap", gap([50] * 60 + [100], 80)).fires(78, "critical").fires(88, "critical").fires(100, "critical")
    yield high("restart", [50] * 60 + [100] * 20 + [5]).fires(75, "critical").quiet(110, "critical")

    def zombies(name, values):
        return Scenario(f"zombies-{name}", "AgentZombiePileUp").add("agent_descendants", values, agent=f"zombies-{name}",
                                                                    state="zombie")

    yield zombies("many", [0] * 30 + [40]).fires(60, "warning").quiet(40, "warning")
    yield zombies("more-and-more", [minute // 10 for minute in range(LENGTH + 1)]).fires(180, "warning")
    yield zombies("few", [8]).never_fires("warning")
    yield zombies("bursts", [60 if minute % 20 < 5 else 1 for minute in range(LENGTH + 1)]).never_fires("warning")
    yield zombies("gap", gap([0] * 30 + [40], 100)).fires(106, "warning").fires(125, "warning")
    yield zombies("restart", [40] * 100 + [0]).fires(90, "warning").quiet(140, "warning")

    def orphans(name, values, up):
        return (Scenario(f"orphans-{name}", "AgentOrphansLeftBehind").add("agent_orphans", values, agent=f"orphans-{name}")
                .add("agent_up", up, agent=f"orphans-{name}"))

    yield orphans("of-the-gone", [0] * 50 + [3], [1] * 50 + [0]).fires(80, "warning").quiet(60, "warning")
    yield orphans("ever-more", [minute // 20 for minute in range(LENGTH + 1)], [1]).fires(280, "warning")
    yield orphans("servers", [4], [1]).never_fires("warning")  # what runs in the background on purpose
    yield orphans("gap", gap([0] * 50 + [3], 100), gap([1] * 50 + [0], 100)).fires(95, "warning").fires(110, "warning")
    yield orphans("restart", [3], [1] * 50 + [0] * 5 + [1]).never_fires("warning")

    def helpers(name, processes, orphans):
        labels = {"agent": f"helpers-{name}", "command": "mcp-server.cjs"}
        return (Scenario(f"helpers-{name}", "AgentHelpersPileUp").add("agent_command_processes", processes, **labels)
                .add("agent_command_orphans", orphans, **labels)
                .add("agent_command_oldest_start_time_seconds", [0], **labels))

    yield helpers("orphaned", [4] * 60 + [12], [0] * 60 + [8]).fires(110, "warning").quiet(70, "warning")
    yield helpers("ever-more", [minute // 20 for minute in range(LENGTH + 1)], [0]).fires(280, "warning")
    yield helpers("gap", gap([4] * 60 + [12], 100), gap([0] * 60 + [8], 100)).fires(98, "warning").fires(125, "warning")
    yield helpers("restart", [12] * 100 + [4], [8] * 100 + [0]).fires(90, "warning").quiet(160, "warning")
    yield helpers("steady", [12], [0]).never_fires("warning")  # twelve servers of one session
    yield helpers("few", [4], [2]).never_fires("warning")

    def cpu(name, cores, restart=None, hole=None):
        total, values = 0, []
        for minute in range(LENGTH + 1):
            total = 0 if minute == restart else total + 60 * cores(minute)
            values.append(total)
        values = gap(values, hole) if hole else values
        scenario = Scenario(f"cpu-{name}", "AgentCpuSaturated")
        for mode in ("user", "system"):
            scenario.add("agent_self_cpu_seconds_total", [None if v is None else v / 2 for v in values],
                         agent=f"cpu-{name}", mode=mode)
        return (scenario.add("agent_instances", gap([1] * (LENGTH + 1), hole) if hole else [1], agent=f"cpu-{name}")
                .add("agent_process_cpu_usage_ratio", [1], agent=f"cpu-{name}", pid="7", comm="x"))

    yield cpu("hung", lambda minute: float(minute > 60)).fires(110, "warning").quiet(80, "warning")
    yield cpu("builds", lambda minute: float(minute % 30 < 15)).never_fires("warning")
    yield (cpu("gap", lambda minute: float(minute > 60), hole=120).fires(115, "warning").fires(130, "warning")
           .fires(180, "warning"))
    yield cpu("restart", lambda minute: float(minute > 60), restart=150).fires(145, "warning").fires(200, "warning")


def life():
    def restarts(name, counts, alert="AgentRestartLoop"):
        return (Scenario(f"restarts-{name}", alert).add("agent_restarts_total", counts, agent=f"restarts-{name}")
                .add("agent_instances", [1], agent=f"restarts-{name}")
                .add("agent_self_uptime_seconds", [30], agent=f"restarts-{name}")
                .add("agent_exits_total", counts, agent=f"restarts-{name}", category="plugin-error"))

    loop = [0] * 60 + [minute // 3 for minute in range(LENGTH - 60)]
    yield restarts("loop", loop).fires(90, "warning").quiet(58, "warning")
    yield restarts("daily", [0] * 60 + [1] * 100 + [2]).never_fires("warning")
    yield restarts("gap", gap(loop, 120)).fires(115, "warning").fires(125, "warning").fires(140, "warning")
    # The exporter restarts: its counters begin at 0, and that is no restart of the agent.
    yield restarts("exporter-restart", [9] * 100 + [0]).never_fires("warning")

    def cycle(name, period, full, counts=None):
        count = counts or [minute // period for minute in range(LENGTH + 1)]
        scenario = restarts(name, count, "AgentLeakRestartCycle")
        return scenario.add("agent_last_exit_resource_used_ratio", [full], agent=scenario.name, resource="memory")

    yield cycle("leak-cycle", 60, 0.97).fires(280, "warning").quiet(50, "warning")
    yield cycle("redeploys", 60, 0.4).never_fires("warning")
    yield cycle("cycle-exporter-restart", 60, 0.97, [5] * 100 + [0]).never_fires("warning")
    with_gap = cycle("leak-cycle-gap", 60, 0.97)
    with_gap.series = [(metric, labels, gap(values, 240)) for metric, labels, values in with_gap.series]
    yield with_gap.fires(239, "warning").fires(250, "warning").fires(270, "warning")

    def killed(name, counts, category="oom-heap", hole=None):
        scenario = Scenario(f"killed-{name}", "AgentKilled")
        return scenario.add("agent_exits_total", gap(counts, hole) if hole else counts, agent=scenario.name, category=category)

    for category in ("oom-heap", "oom-host", "killed"):
        yield (killed(category, [0] * 100 + [1], category).quiet(98, "warning").fires(102, "warning").quiet(120, "warning"))
    yield killed("ended-well", [0] * 100 + [1], "success").never_fires("warning")
    yield killed("gap", [0] * 100 + [1], hole=104).fires(102, "warning").fires(112, "warning").quiet(130, "warning")
    yield killed("exporter-restart", [3] * 100 + [0]).never_fires("warning")

    def at_limit(name, ratio, hole=None):
        scenario = Scenario(f"died-{name}", "AgentDiedAtLimit")
        ratios, times = [None] * 100 + [ratio], [None] * 100 + [6000]
        return (scenario.add("agent_last_exit_resource_used_ratio", gap(ratios, hole) if hole else ratios, agent=scenario.name,
                             resource="fds")
                .add("agent_last_exit_timestamp_seconds", gap(times, hole) if hole else times, agent=scenario.name))

    yield at_limit("full", 1.0).fires(102, "warning").quiet(118, "warning")
    yield at_limit("of-other-causes", 0.5).never_fires("warning")
    yield at_limit("gap", 1.0, 104).fires(102, "warning").fires(106, "warning").quiet(130, "warning")
    # Another end, not at the limit.
    again = at_limit("restart", 1.0)
    again.series[0] = (*again.series[0][:2], whole([None] * 100 + [1.0] * 6 + [0.1]))
    yield again.fires(104, "warning").quiet(108, "warning")

    def absent(name, up, configured=1):
        return (Scenario(f"absent-{name}", "AgentAbsent").add("agent_up", up, agent=f"absent-{name}")
                .add("agent_configured", [configured], agent=f"absent-{name}"))

    yield absent("regular", [1] * 200 + [0]).fires(210, "critical").quiet(203, "critical")
    yield absent("now-and-then", [0] * 30 + [1] * 20 + [0]).never_fires("critical").fires(120, "warning")
    yield absent("unknown", [1] * 100 + [0], configured=0).never_fires("critical", "warning")
    yield absent("restart", [1] * 100 + [0] * 3 + [1]).never_fires("critical", "warning")
    yield absent("gap", gap([1] * (LENGTH + 1), 100)).never_fires("critical", "warning")


def exporter():
    def up(name, values):
        return Scenario(f"{name}:10058", "AgentExporterDown").add("up", values)

    yield up("down", [1] * 60 + [0]).fires(65, "critical").quiet(61, "critical")
    yield up("restarted", [1] * 60 + [0] + [1]).never_fires("critical")
    yield up("gap", gap([1] * 60 + [0], 100)).fires(99, "critical").fires(130, "critical")

    def collector(name, success, stamps):
        labels = {"collector": "limits"}
        return (Scenario(f"{name}:10058", "AgentExporterCollectorStale")
                .add("agent_exporter_collector_success", success, **labels)
                .add("agent_exporter_last_collect_timestamp_seconds", stamps, **labels))

    fresh = [60 * minute for minute in range(LENGTH + 1)]
    yield collector("failing", [1] * 60 + [0], fresh).fires(62, "warning").quiet(60, "warning")
    yield collector("stuck", [1], until(fresh, 60, 3600)).fires(85, "warning")
    yield collector("cut-off-once", [0 if minute % 30 == 0 else 1 for minute in range(LENGTH + 1)], fresh).never_fires(
        "warning")
    yield collector("stale-gap", gap([1] * (LENGTH + 1), 100), gap(fresh, 100)).never_fires("warning")
    yield (collector("failing-gap", gap([1] * 60 + [0], 100), gap(fresh, 100))
           .fires(98, "warning").fires(110, "warning").fires(120, "warning"))
    # A new process, in which the collector works; and one that needs a while until its first figures.
    yield (collector("failing-restart", [1] * 60 + [0] * 40 + [1], until(fresh, 60, 3600)[:100] + fresh[100:])
           .fires(85, "warning").quiet(120, "warning").quiet(250, "warning"))
    yield collector("stale-restart", gap([1] * (LENGTH + 1), 100, 3), gap(fresh, 100, 3)).never_fires("warning")


def host():
    def memory(name, available, waiting, kind="some", alert="AgentHostMemoryLow"):
        total, values = 0, []
        for minute in range(LENGTH + 1):
            total += 60 * waiting(minute)
            values.append(total)
        scenario = (Scenario(f"{name}:10058", alert).add("agent_host_memory_available_bytes", available)
                    .add("agent_host_memory_total_bytes", [16 * GIB]))
        if kind:
            scenario.add("agent_host_pressure_waiting_seconds_total", values, resource="memory", kind=kind)
        return scenario

    low = [8 * GIB] * 60 + [1 * GIB]
    yield memory("low", low, lambda minute: 0.2).fires(70, "critical").quiet(63, "critical")
    yield memory("cached", low, lambda minute: 0.0).never_fires("critical")  # full, and nobody waits
    yield memory("no-psi", [8 * GIB] * 60 + [GIB / 3], lambda minute: 0, kind=None).fires(70, "critical")
    dip = [1 * GIB if 60 <= minute < 63 else 8 * GIB for minute in range(LENGTH + 1)]
    yield memory("dip", dip, lambda minute: 0.2).never_fires("critical")
    def with_gap(scenario):
        scenario.series = [(metric, labels, gap(values, 120)) for metric, labels, values in scenario.series]
        return scenario

    def rebooted(scenario, healthy):
        """At minute 150; what the kernel counted begins at 0."""
        scenario.series = [(metric, labels, values[:150] + ([0] * (LENGTH - 149) if metric.endswith("_total") else
                                                            [healthy] * (LENGTH - 149) if "available" in metric else
                                                            values[150:])) for metric, labels, values in scenario.series]
        return scenario

    yield (with_gap(memory("low-gap", low, lambda minute: 0.2)).fires(118, "critical").fires(130, "critical")
           .fires(150, "critical"))
    yield (rebooted(memory("low-rebooted", low, lambda minute: 0.2), 8 * GIB).fires(148, "critical")
           .quiet(172, "critical").quiet(290, "critical"))

    def stall(name, waiting):
        return memory(name, [GIB], waiting, "full", "AgentHostMemoryStall")

    yield stall("stalled", lambda minute: 0.6 * (minute > 60)).fires(75, "critical").fires(75, "warning").quiet(62, "critical")
    yield stall("sluggish", lambda minute: 0.2 * (minute > 60)).fires(75, "warning").never_fires("critical")
    yield stall("hiccups", lambda minute: 0.9 * (minute % 30 == 0)).never_fires("critical")
    yield (with_gap(stall("stalled-gap", lambda minute: 0.6 * (minute > 60)))
           .fires(118, "critical").fires(130, "critical").fires(150, "critical").fires(130, "warning"))
    yield (rebooted(stall("stalled-rebooted", lambda minute: 0.6 * (minute > 60)), GIB).fires(148, "critical")
           .quiet(172, "critical").quiet(172, "warning").quiet(290, "critical"))
    restarted = stall("rebooted", lambda minute: 0.0)
    restarted.series[-1] = (*restarted.series[-1][:2], [5000] * 100 + [0] * (LENGTH - 99))
    yield restarted.never_fires("critical", "warning")

    def fork(name, threads):
        limit = 32768
        return (Scenario(f"{name}:10058", "AgentHostForkPressure")
                .add("agent_host_fork_headroom_tasks", [None if n is None else limit - n for n in threads], limit="pid_max")
                .add("agent_host_fork_headroom_tasks", [None if n is None else 126000 - n for n in threads],
                     limit="threads_max")
                .add("agent_host_threads", threads).add("agent_host_pid_max", [limit])
                .add("agent_host_threads_max", [126000]))

    yield fork("crowded", [2000] * 60 + [31000]).fires(70, "critical").quiet(63, "critical")
    yield fork("builds", [31000 if minute % 20 < 3 else 2000 for minute in range(LENGTH + 1)]).never_fires("critical")
    yield (fork("crowded-gap", gap([2000] * 60 + [31000], 120)).fires(115, "critical").fires(130, "critical")
           .fires(145, "critical"))
    yield fork("fork-rebooted", [31000] * 100 + [800]).fires(90, "critical").quiet(130, "critical")


def sessions():
    def state(name, alert, of, runs):
        """`runs`: (from, to) in minutes; the series is there only while the session is in this state."""
        scenario = Scenario(f"session-{name}", alert)
        values = ["stale" if any(minute == end for _, end in runs) else
                  1 if any(start <= minute < end for start, end in runs) else None for minute in range(LENGTH + 1)]
        return scenario.add("agent_session_state", values, agent=scenario.name, session="web", state=of)

    for name, of, alert, severity, after in (("waits", "waiting", "AgentWaitingForUser", "info", 12),
                                             ("stuck", "stuck", "AgentStuck", "warning", 4)):
        yield (state(f"{name}-long", alert, of, [(60, 160)]).quiet(60, severity).fires(60 + after, severity)
               .fires(158, severity).quiet(190, severity))
        yield state(f"{name}-not", alert, "working", [(0, 300)]).never_fires(severity)
        # A scrape gap ends a wait; the alert comes back after its time.
        yield (state(f"{name}-gap", alert, of, [(60, 120), (132, 200)]).fires(110, severity).fires(132 + after + 2, severity))
        yield state(f"{name}-restart", alert, of, [(60, 100)]).fires(60 + after, severity).quiet(130, severity)

    def ratio(name, values, alert, metric, **labels):
        scenario = Scenario(f"session-{name}", alert)
        return scenario.add(metric, values, agent=scenario.name, **labels)

    for name, alert, severity, metric, labels in (
            ("context", "AgentContextNearlyFull", "info", "agent_session_context_ratio", {"session": "web"}),
            ("plan", "AgentPlanLimitNear", "warning", "agent_plan_limit_used_ratio", {"window": "5h"})):
        full = ratio(f"{name}-full", [0.5] * 60 + [0.95] * 60 + [0.2], alert, metric, **labels)
        if name == "plan":
            full.add("agent_plan_limit_reset_timestamp_seconds", [5 * 3600], agent=full.name, **labels)
        yield full.quiet(62, severity).fires(70, severity).quiet(150, severity)
        yield ratio(f"{name}-half", [0.85], alert, metric, **labels).never_fires(severity)
        yield (ratio(f"{name}-gap", gap([0.5] * 60 + [0.95], 80), alert, metric, **labels).fires(78, severity)
               .fires(88, severity).fires(104, severity))
        yield (ratio(f"{name}-restart", [0.95] * 60 + [0.1], alert, metric, **labels).fires(50, severity).quiet(90, severity))


def all_scenarios():
    return [scenario for make in (leaks, limits, life, sessions, exporter, host) for scenario in make()]
