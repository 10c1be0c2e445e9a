"""The alerts. severity critical is a page: somebody gets up. severity warning is a ticket: somebody looks at it by day.

A leak pages where PromQL's rising floor and the exporter's own evidence agree and the limit is near; a ticket takes either.
Where an alert has both severities, both are in force at once and Alertmanager mutes the lower one
(alertmanager.example.yml).
"""

import textwrap

LEAK = "agent:leak_{}:seconds_to_limit"


AGENT = ("job", "instance", "agent", "kind", "slot")
RESOURCE = (*AGENT, "scope", "resource")
WHO = ("{{ $labels.agent }}{{ with $labels.kind }} ({{ . }}{{ with $labels.slot }} {{ . }}{{ end }}){{ end }}"
       " on {{ $labels.instance }}")


COUNT = 'printf "%.0f"'
SIZE = "humanize1024"


def look_up(query, labels=RESOURCE, unit="humanize", shown="value", otherwise="unknown"):
    """A template that asks for a figure as the alert fires; `otherwise` where there is none.

    The matchers of the alert's own labels go where the query says %, or behind it.
    """
    matchers = ", ".join(f"{label}=%q" for label in labels)
    values = " ".join(f"$labels.{label}" for label in labels)
    query = query.replace("%", matchers) if "%" in query else f"{query}{{{matchers}}}"
    show = f" | {unit}" if unit else ""
    return (f"{{{{ with printf `{query}` {values} | query }}}}"
            f"{{{{ . | first | {shown}{show} }}}}{{{{ else }}}}{otherwise}{{{{ end }}}}")


def limit_source():
    return look_up("agent_resource_limit_info", unit="", shown="label `source`")


def last_exit(within):
    return look_up(f"topk(1, increase(agent_exits_total{{%}}[{within}]) > 0)", AGENT, "", "label `category`")


class Alerts:
    """Collects rules; every one gets its runbook and its dashboard."""

    def __init__(self, t):
        self.t = t
        self.rules = []

    def add(self, name, severity, expr, summary, description, *, dashboard="agent", wait=None, keep=None):
        link = f"{self.t.dashboard_base_url}/agent-exporter-{dashboard}?var-instance={{{{ $labels.instance | urlquery }}}}"
        if dashboard == "agent":
            link += "&var-agent={{ $labels.agent | urlquery }}"
        rule = {"alert": name, "expr": textwrap.dedent(expr).strip()}
        if wait:
            rule["for"] = wait
        if keep:
            rule["keep_firing_for"] = keep
        rule["labels"] = {"severity": severity}
        rule["annotations"] = {
            "summary": summary,
            "description": " ".join(textwrap.dedent(description).split()),
            "runbook_url": f"{self.t.runbook_base_url}/{name}.md",
            "dashboard_url": link,
        }
        self.rules.append(rule)

    def leak(self, name, severity, resource, scopes, verdict, what, unit, elsewhere="", advice=""):
        """One alert on a leak of `resource`: in the first of `scopes` that shows it.

        `elsewhere`: a scope that another alert looks after.
        """
        leak = self.t.leak
        page = severity == "critical"
        within = leak.page_within if page else leak.ticket_within
        conditions = []
        for scope in scopes:
            select = f'{{scope="{scope}", resource="{resource}"}}'
            condition = f"{LEAK.format(verdict)}{select} < {within.seconds:g}"
            if page:
                # The floor's estimate is the rougher one: it need not be as near.
                condition += f"\nand {LEAK.format('floor')}{select} < {(within * 2).seconds:g}"
            if elsewhere:
                condition += (f"\nunless ignoring (scope) {LEAK.format(verdict)}"
                              f'{{scope="{elsewhere}", resource="{resource}"}} < {within.seconds:g}')
            conditions.append(condition)
            elsewhere = scope
        expr = "\nor\n".join(conditions)
        suffix = "B" if unit == SIZE else " {{ $labels.resource }}"
        self.add(
            name, severity, expr,
            f"{WHO} {what}: {{{{ $value | humanizeDuration }}}} to the limit",
            f"""{WHO} {what}. In use: {look_up('agent_resource_used', unit=unit)}{suffix} of
            {look_up('agent_resource_limit', unit=unit)}{suffix} ({look_up('agent_resource_used_ratio', unit='humanizePercentage')};
            limit: {limit_source()}; scope {{{{ $labels.scope }}}}). Growth as the exporter sees it:
            {look_up('3600 * agent_leak_growth_per_second', unit=unit)}{suffix} an hour over the last
            {look_up('agent_leak_evidence_span_seconds', unit='humanizeDuration')}. At this pace the limit is reached in
            {{{{ $value | humanizeDuration }}}}. {advice}""",
            wait=leak.page_for if page else leak.ticket_for, keep=self.t.keep_firing_for)


def leak_alerts(alerts):
    alerts.leak("AgentFdLeakFast", "critical", "fds", ["self"], "agreed", "leaks file descriptors", COUNT,
                advice="At the limit open, accept and pipe fail with EMFILE.")
    alerts.leak("AgentFdLeakSlow", "warning", "fds", ["self"], "suspected", "seems to leak file descriptors", COUNT,
                advice="Nobody needs to get up for this; it needs a fix or a planned restart before then.")
    for severity, verdict, what in (("critical", "agreed", "leaks file descriptors in a child"),
                                    ("warning", "suspected", "seems to leak file descriptors in a child")):
        alerts.leak("AgentDescendantFdLeak", severity, "fds", ["tree"], verdict, what, COUNT, elsewhere="self",
                    advice="The agent's own figure does not show it: look at the process with the most open_fds.")
    for severity, verdict, what in (("critical", "agreed", "uses ever more memory"),
                                    ("warning", "suspected", "seems to use ever more memory")):
        alerts.leak("AgentMemoryClimb", severity, "memory", ["self", "tree"], verdict, what, SIZE,
                    advice="At the limit the kernel kills a process of the tree, or of the host.")
    for severity, verdict, what in (("critical", "agreed", "starts processes or threads that never end"),
                                    ("warning", "suspected", "seems to start processes or threads that never end")):
        alerts.leak("AgentChildPileUp", severity, "pids", ["self", "tree"], verdict, what, COUNT,
                    advice="At the limit fork fails, for the agent or for the whole host.")


def limit_alerts(alerts):
    t = alerts.t
    alerts.add(
        "AgentNearLimit", "critical", f"agent_resource_used_ratio > {t.near_limit.ratio}",
        f"{WHO} has used {{{{ $value | humanizePercentage }}}} of its limit of {{{{ $labels.resource }}}}",
        f"""{WHO} ({{{{ $labels.scope }}}}) uses {look_up('agent_resource_used')} of {look_up('agent_resource_limit')}
        {{{{ $labels.resource }}}}, {{{{ $value | humanizePercentage }}}}. The limit is: {limit_source()}. Time left at the
        present growth: {look_up('agent_leak_seconds_to_limit{%} < Inf', unit='humanizeDuration', otherwise='no growth seen')}.""",
        wait=t.near_limit.wait, keep=t.keep_firing_for)
    zombies = t.zombies
    series = 'agent_descendants{state="zombie"}'
    alerts.add(
        "AgentZombiePileUp", "warning",
        f"""
        min_over_time({series}[{zombies.wait}]) > {zombies.count}
        or
        (
          min_over_time({series}[{zombies.climbing_over / 2}]) > {zombies.climbing_count}
          and min_over_time({series}[{zombies.climbing_over / 2}])
            > max_over_time({series}[{zombies.climbing_over / 2}] offset {zombies.climbing_over})
        )
        """,
        f"{WHO} has {{{{ $value }}}} zombies",
        f"""{{{{ $value }}}} children of {WHO} have ended and nobody has waited for them. Each holds a pid; tasks in use:
        {look_up('agent_resource_used{scope="tree", resource="pids", %}', AGENT)} of
        {look_up('agent_resource_limit{scope="tree", resource="pids", %}', AGENT)}. Their parent forgets to call wait.""",
        wait=alerts.t.interval * 5, keep=t.keep_firing_for)
    orphans = t.orphans
    alerts.add(
        "AgentOrphansLeftBehind", "warning",
        f"""
        min_over_time(agent_orphans[{orphans.gone_for}]) > 0 and max_over_time(agent_up[{orphans.gone_for}]) == 0
        or
        (
          min_over_time(agent_orphans[{orphans.lasting}]) >= {orphans.count}
          and min_over_time(agent_orphans[{orphans.lasting}]) > max_over_time(agent_orphans[{orphans.lasting}] offset {orphans.lasting * 2})
        )
        """,
        f"{WHO} left {{{{ $value }}}} processes behind",
        f"""{{{{ $value }}}} processes that {WHO} started go on without a parent
        (the agent itself: {look_up('agent_up', AGENT, '')} of 1 up). They hold
        {look_up('agent_orphans_resident_memory_bytes', AGENT, SIZE)}B of memory.""",
        wait=alerts.t.interval * 5, keep=t.keep_firing_for)
    cpu = t.cpu_saturated
    alerts.add(
        "AgentCpuSaturated", "warning",
        f"sum without (mode) (rate(agent_self_cpu_seconds_total[{t.interval * 5}]))"
        f" / (agent_instances > 0) > {cpu.cores}",
        f"{WHO} keeps a core busy",
        f"""The agent's own processes of {WHO}, without what they started, have used {{{{ $value | humanize }}}} cores each
        for {cpu.wait}. A single-threaded agent that does so is hung or far behind. Busiest process:
        {look_up('max(agent_process_cpu_usage_ratio{%})', AGENT)} cores.""",
        wait=cpu.wait, keep=t.keep_firing_for)


def life_alerts(alerts):
    t = alerts.t
    loop = t.restart_loop
    alerts.add(
        "AgentRestartLoop", "warning",
        # Where several run under one name they come and go, and that is no loop.
        f"increase(agent_restarts_total[{loop.within}]) >= {loop.restarts} unless agent_instances > 1",
        f"{WHO} has restarted {{{{ $value | humanize }}}} times in {loop.within}",
        f"""{WHO} was replaced by a new process {{{{ $value | humanize }}}} times in {loop.within}; the present one is
        {look_up('agent_self_uptime_seconds', AGENT, 'humanizeDuration')} old. Most of its ends were of category {last_exit(loop.within)}.""",
        keep=t.keep_firing_for)
    cycle = t.leak_restart_cycle
    alerts.add(
        "AgentLeakRestartCycle", "warning",
        f"""
        increase(agent_restarts_total[{cycle.within}]) >= {cycle.restarts}
        and ignoring (scope, resource) (
          group without (scope, resource) (max_over_time(agent_resource_used_ratio[{cycle.within}]) > {t.near_limit.ratio})
          or group without (resource) (agent_last_exit_resource_used_ratio > {cycle.exit_ratio})
          or group without (scope, resource) (count_over_time(agent:leak_floor:seconds_to_limit[{cycle.within}]) >= 10)
        )
        unless agent_instances > 1
        """,
        f"{WHO} leaks, ends and starts again: {{{{ $value | humanize }}}} times in {cycle.within}",
        f"""{WHO} has been replaced {{{{ $value | humanize }}}} times in {cycle.within} and was near a limit or on its way there
        meanwhile. The fullest limit stood at
        {look_up('max(max_over_time(agent_resource_used_ratio{%}[' + str(cycle.within) + ']))', AGENT, 'humanizePercentage')}.
        A supervisor's restarts hide the leak, and lose what the agent was doing each time.""",
        keep=t.keep_firing_for)
    absent = t.absent
    gone = "agent_up == 0 and agent_configured == 1"
    regular = f"avg_over_time(agent_up[{absent.regular_over}]) > {absent.regular_ratio}"
    gone_text = f"""No process of {WHO} runs, though the configuration names it. Most of its last ends were of category
        {last_exit(absent.regular_over)}; time up over {absent.regular_over}:
        {look_up('avg_over_time(agent_up{%}[' + str(absent.regular_over) + '])', AGENT, 'humanizePercentage')}."""
    alerts.add("AgentAbsent", "critical", f"{gone}\nand {regular}", f"{WHO} is gone", gone_text, wait=absent.page_for)
    alerts.add("AgentAbsent", "warning", gone, f"{WHO} does not run", gone_text, wait=absent.ticket_for)


def exporter_alerts(alerts):
    t = alerts.t
    alerts.add(
        "AgentExporterDown", "critical", f"up{{{t.exporter_selector}}} == 0",
        "agent_exporter on {{ $labels.instance }} does not answer",
        """Prometheus has had no answer from agent_exporter at {{ $labels.instance }} (job {{ $labels.job }}). No agent of that
        host is watched meanwhile, and no other alert of it can be trusted.""",
        dashboard="exporter", wait=t.exporter_down.wait)
    stale = t.collector_stale
    alerts.add(
        "AgentExporterCollectorStale", "warning",
        f"""
        agent_exporter_collector_success == 0
        or time() - agent_exporter_last_collect_timestamp_seconds > {stale.older_than.seconds:g}
        """,
        "agent_exporter on {{ $labels.instance }}: collector {{ $labels.collector }} brings nothing new",
        f"""The collector {{{{ $labels.collector }}}} of {{{{ $labels.instance }}}} has failed or been cut off for {stale.wait}, or shows
        figures older than {stale.older_than}. Its last figures are of
        {look_up('time() - agent_exporter_last_collect_timestamp_seconds{%}', ('job', 'instance', 'collector'),
                 'humanizeDuration')} ago. Alerts that rest on them are blind.""",
        dashboard="exporter", wait=stale.wait, keep=t.keep_firing_for)


def host_alerts(alerts):
    t = alerts.t
    instance = ("job", "instance")
    fork = t.fork_pressure
    alerts.add(
        "AgentHostForkPressure", "critical",
        f"""
        agent_host_fork_headroom_tasks{{limit="pid_max"}} / ignoring (limit) agent_host_pid_max < {fork.headroom_ratio}
        or
        agent_host_fork_headroom_tasks{{limit="threads_max"}} / ignoring (limit) agent_host_threads_max < {fork.headroom_ratio}
        """,
        "{{ $labels.instance }} can start only {{ $value | humanizePercentage }} of its tasks more",
        f"""{{{{ $labels.instance }}}} runs {look_up('agent_host_threads', instance, COUNT)} tasks, and there may be
        {look_up('agent_host_pid_max', instance, COUNT)} by pid_max and
        {look_up('agent_host_threads_max', instance, COUNT)} by threads-max. When none are left no shell starts either. The agent with the most
        tasks: {{{{ with printf `topk(1, agent_resource_used{{job=%q, instance=%q, scope="tree", resource="pids"}})` $labels.job
        $labels.instance | query }}}}{{{{ . | first | label `agent` }}}} ({{{{ . | first | value | humanize }}}}){{{{ else }}}}unknown{{{{ end }}}}.""",
        dashboard="host", wait=fork.wait, keep=t.keep_firing_for)
    memory = t.host_memory
    window = t.interval * 5
    waiting = 'rate(agent_host_pressure_waiting_seconds_total{{resource="memory", kind="{}"}}[' + str(window) + "])"
    largest = """{{ with printf `topk(1, agent_self_resident_memory_bytes{job=%q, instance=%q}
        + agent_descendants_resident_memory_bytes)` $labels.job $labels.instance | query }}{{ . | first | label `agent` }}
        ({{ . | first | value | humanize1024 }}B){{ else }}unknown{{ end }}"""
    alerts.add(
        "AgentHostMemoryLow", "critical",
        f"""
        agent_host_memory_available_bytes / agent_host_memory_total_bytes < {memory.available_ratio}
          and ignoring (resource, kind) {waiting.format('some')} > {memory.waiting_ratio}
        or
        agent_host_memory_available_bytes / agent_host_memory_total_bytes < {memory.available_ratio_without_pressure}
          unless ignoring (resource, kind) agent_host_pressure_waiting_seconds_total{{resource="memory", kind="some"}}
        """,
        "{{ $labels.instance }} has {{ $value | humanizePercentage }} of its memory left",
        f"""{{{{ $labels.instance }}}} has {look_up('agent_host_memory_available_bytes', instance, SIZE)}B of
        {look_up('agent_host_memory_total_bytes', instance, SIZE)}B left and its tasks wait for memory. The OOM killer
        comes next. The largest agent: {largest}.""",
        dashboard="host", wait=memory.wait, keep=t.keep_firing_for)
    stall = t.memory_stall
    for severity, ratio in (("critical", stall.page_ratio), ("warning", stall.ticket_ratio)):
        alerts.add(
            "AgentHostMemoryStall", severity, f"{waiting.format('full')} > {ratio}",
            "{{ $labels.instance }} does nothing but wait for memory, {{ $value | humanizePercentage }} of the time",
            f"""For {{{{ $value | humanizePercentage }}}} of the last {window} every task of {{{{ $labels.instance }}}} that could
            have run waited for memory (PSI full). Available:
            {look_up('agent_host_memory_available_bytes', instance, SIZE)}B. The largest agent: {largest}.""",
            dashboard="host", wait=stall.wait, keep=t.keep_firing_for)


def groups(t):
    result = []
    for name, fill in (("leaks", leak_alerts), ("limits", limit_alerts), ("life", life_alerts),
                       ("exporter", exporter_alerts), ("host", host_alerts)):
        alerts = Alerts(t)
        fill(alerts)
        result.append({"name": f"agent_exporter_alerts_{name}", "interval": t.interval, "rules": alerts.rules})
    return result
