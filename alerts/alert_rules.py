"""The alerts. severity critical is a page: somebody gets up. severity warning is a ticket: somebody looks at it by day.
severity info is a notice to whoever works with the agent.

The exporter judges (docs/detection.md); rules compare its gauges, so that they cost next to nothing. Where an alert has both
severities, Alertmanager mutes the lower one (alertmanager.example.yml). An annotation has at most one query, because Prometheus
runs it at each evaluation while the alert fires.
"""

import textwrap

AGENT = ("job", "instance", "agent", "kind", "slot")
COMMAND = (*AGENT, "command")
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


def holder():
    """Who holds most of it."""
    of = ", ".join(f"{label}=%q" for label in RESOURCE)
    values = " ".join(f"$labels.{label}" for label in RESOURCE)
    return (f"{{{{ with printf `agent_limit_holder_info{{{of}}}` {values} | query }}}}Held by {{{{ . | first | label `command` }}}},"
            " pid {{ . | first | label `pid` }}{{ with . | first | label `fd_kind` }}; its most frequent kind is {{ . }}{{ end }}.{{ end }}")


def grown(within):
    return look_up(f"topk(1, delta(agent_command_resident_memory_bytes{{%}}[{within}]) > 0)", AGENT, "", "label `command`", "none")


def last_exit(within):
    return look_up(f"topk(1, increase(agent_exits_total{{%}}[{within}]) > 0)", AGENT, "", "label `category`")


class Alerts:
    """Collects rules; every one gets its runbook and its dashboard."""

    def __init__(self, t):
        self.t = t
        self.rules = []

    def add(self, name, severity, expr, summary, description, *, dashboard="agent", wait=None, keep=None):
        link = f"{self.t.dashboard_base_url}/agent-exporter-{dashboard}?var-instance={{{{ $labels.instance | urlquery }}}}"
        if dashboard in ("agent", "sessions"):
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

    def leak(self, name, severity, resource, scopes, what, advice, elsewhere=""):
        """One alert on a leak of `resource`: in the first of `scopes` that shows it.

        `elsewhere`: a scope that another alert looks after.
        """
        page = severity == "critical"
        conditions = []
        for scope in scopes:
            select = f'scope="{scope}", resource="{resource}"'
            left = f"agent_leak_seconds_to_limit{{{select}}}"
            verdict = f'agent_leak_verdict{{{select}, severity="{"page" if page else "ticket"}"}}'
            # The nearer the limit, the shorter the verdict need have stood.
            stood = [f"{verdict} offset {wait} == 1" + (f" and ignoring (severity) {left} < {within.seconds:g}" if within else "")
                     for within, wait in self.waits(page)]
            if page:
                stood.insert(0, f"{verdict} == 1 and ignoring (severity) {left} < {self.t.leak.at_once_within.seconds:g}")
            condition = (f"{left}\nand ignoring (severity) ({verdict} == 1)\n"
                         "and ignoring (severity) (\n  " + "\n  or ".join(stood) + "\n)")
            if elsewhere:
                condition += f'\nunless ignoring (scope) agent_leak_active{{scope="{elsewhere}", resource="{resource}"}} == 1'
            conditions.append(condition)
            elsewhere = scope
        self.add(
            name, severity, "\nor\n".join(conditions),
            f"{WHO} {what}: {{{{ $value | humanizeDuration }}}} to the limit",
            f"""{WHO} {what} (scope {{{{ $labels.scope }}}}). At this pace the limit is reached in {{{{ $value | humanizeDuration }}}}.
            {holder()} {advice}""",
            keep=self.t.keep_firing_for)

    def waits(self, page):
        """[(time left below, how long the verdict must have stood)]"""
        leak = self.t.leak
        return [(leak.soon_within, leak.soon_for), (None, leak.page_for if page else leak.ticket_for)]


def leak_alerts(alerts):
    alerts.leak("AgentFdLeakFast", "critical", "fds", ["self"], "leaks file descriptors",
                "At the limit open, accept and pipe fail with EMFILE.")
    alerts.leak("AgentFdLeakSlow", "warning", "fds", ["self"], "seems to leak file descriptors",
                "Nobody needs to get up for this; it needs a fix or a planned restart before then.")
    for severity, seems in (("critical", ""), ("warning", "seems to ")):
        verb = (lambda word: word) if seems else (lambda word: word + "s")
        alerts.leak("AgentDescendantFdLeak", severity, "fds", ["tree"], f"{seems}{verb('leak')} file descriptors in a child",
                    "The agent's own figure does not show it.", elsewhere="self")
        alerts.leak("AgentMemoryClimb", severity, "memory", ["self", "tree"], f"{seems}{verb('use')} ever more memory",
                    "At the limit the kernel kills a process of the tree or of the host, or node ends itself."
                    f" The command that grew most in the last hour: {grown(within='1h')}.")
        alerts.leak("AgentChildPileUp", severity, "pids", ["self", "tree"],
                    f"{seems}{verb('start')} processes or threads that never end",
                    "At the limit fork fails, for the agent or for the whole host.")


def limit_alerts(alerts):
    t = alerts.t
    ratio = "agent_resource_used_ratio"
    alerts.add(
        "AgentNearLimit", "critical",
        f"""
        {ratio}{{scope="self"}} > {t.near_limit.ratio}
        or
        {ratio}{{scope="tree"}} > {t.near_limit.ratio} unless ignoring (scope) {ratio}{{scope="self"}} > {t.near_limit.ratio}
        """,
        f"{WHO} has used {{{{ $value | humanizePercentage }}}} of its limit of {{{{ $labels.resource }}}}",
        f"""{WHO} ({{{{ $labels.scope }}}}) has used {{{{ $value | humanizePercentage }}}} of its limit of {{{{ $labels.resource }}}}.
        {holder()}""",
        wait=t.near_limit.wait, keep=t.keep_firing_for)
    throttled = t.throttled
    alerts.add(
        "AgentMemoryThrottled", "critical",
        f"""
        {ratio}{{scope="tree", resource="memory"}} > {throttled.ratio}
        and ignoring (source) agent_resource_limit_info{{scope="tree", resource="memory", source="cgroup_high"}}
        """,
        f"{WHO} is slowed down at memory.high",
        f"""The control group of {WHO} has used {{{{ $value | humanizePercentage }}}} of its memory.high. The kernel does not kill there:
        it slows every process of the group down, until they seem to hang.""",
        wait=throttled.wait, keep=t.keep_firing_for)
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
        f"""{{{{ $value }}}} children of {WHO} have ended and nobody has waited for them. Each holds a pid; the limit of tasks is
        {look_up('agent_resource_used_ratio{scope="tree", resource="pids", %}', AGENT, 'humanizePercentage')} full. Their parent
        forgets to call wait.""",
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
        f"""{{{{ $value }}}} processes that {WHO} started go on without a parent. They hold
        {look_up('agent_orphans_resident_memory_bytes', AGENT, SIZE)}B of memory.""",
        wait=alerts.t.interval * 5, keep=t.keep_firing_for)
    helpers = t.helpers
    alerts.add(
        "AgentHelpersPileUp", "warning",
        f"""
        min_over_time(agent_command_orphans{{command!="other"}}[{helpers.orphaned_for}]) >= {helpers.orphans}
        or
        (
          min_over_time(agent_command_processes{{command!="other"}}[{helpers.lasting}]) >= {helpers.count}
          and min_over_time(agent_command_processes[{helpers.lasting}])
            > max_over_time(agent_command_processes[{helpers.lasting}] offset {helpers.lasting * 2})
        )
        """,
        f"{WHO} leaves {{{{ $value }}}} copies of {{{{ $labels.command }}}} running",
        f"""{WHO} has started {{{{ $labels.command }}}} again and again and not ended it:
        {{{{ $value }}}} copies that nobody needs run. All copies together hold
        {look_up('agent_command_resident_memory_bytes', COMMAND, SIZE)}B of memory; the oldest started
        {look_up('time() - agent_command_oldest_start_time_seconds', COMMAND, 'humanizeDuration')} ago.""",
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
        f"""{WHO} was replaced by a new process {{{{ $value | humanize }}}} times in {loop.within}. Most of its ends were of category
        {last_exit(loop.within)}.""",
        keep=t.keep_firing_for)
    killed = t.killed
    exits = 'agent_exits_total{category=~"oom-heap|oom-host|killed"}'
    alerts.add(
        "AgentKilled", "warning",
        f"increase({exits}[{killed.within}]) > 0",
        f"{WHO} was killed ({{{{ $labels.category }}}})",
        f"""A process of {WHO} ended with {{{{ $labels.category }}}} within the last {killed.within}: oom-host is the kernel's OOM killer,
        oom-heap the limit of its own heap, killed a SIGKILL of somebody else. Its memory limit was
        {look_up('agent_last_exit_resource_used_ratio{resource="memory", %}', AGENT, 'humanizePercentage')} full as it was last seen.""")
    alerts.add(
        "AgentDiedAtLimit", "warning",
        f"""
        agent_last_exit_resource_used_ratio > {killed.full_ratio}
        and ignoring (resource) time() - agent_last_exit_timestamp_seconds < {killed.within.seconds:g}
        """,
        f"{WHO} ended with {{{{ $value | humanizePercentage }}}} of its limit of {{{{ $labels.resource }}}} in use",
        f"""{WHO} has ended, and as it was last seen {{{{ $value | humanizePercentage }}}} of its limit of {{{{ $labels.resource }}}} was in
        use: that is probably why.""")
    absent = t.absent
    gone = "agent_up == 0 and agent_configured == 1"
    regular = f"agent:up:avg > {absent.regular_ratio}"
    gone_text = f"""No process of {WHO} runs, though the configuration names it. It was up
        {look_up('agent:up:avg', AGENT, 'humanizePercentage')} of the last {absent.regular_over}."""
    alerts.add("AgentAbsent", "critical", f"{gone}\nand {regular}", f"{WHO} is gone", gone_text, wait=absent.page_for)
    alerts.add("AgentAbsent", "warning", gone, f"{WHO} does not run", gone_text, wait=absent.ticket_for)


def slow_alerts(alerts):
    """What looks back over a day: evaluated seldom."""
    t = alerts.t
    alerts.rules.append({"record": "agent:up:avg", "expr": f"avg_over_time(agent_up[{t.absent.regular_over}])"})
    cycle = t.leak_restart_cycle
    alerts.add(
        "AgentLeakRestartCycle", "warning",
        f"""
        increase(agent_restarts_total[{cycle.within}]) >= {cycle.restarts}
        and ignoring (resource) group without (resource) (agent_last_exit_resource_used_ratio > {cycle.exit_ratio})
        unless agent_instances > 1
        """,
        f"{WHO} leaks, ends and starts again: {{{{ $value | humanize }}}} times in {cycle.within}",
        f"""{WHO} has been replaced {{{{ $value | humanize }}}} times in {cycle.within}, the last time near a limit: the fullest was
        {look_up('max(agent_last_exit_resource_used_ratio{%})', AGENT, 'humanizePercentage')} full. A supervisor's restarts hide the
        leak, and lose what the agent was doing each time.""",
        keep=t.keep_firing_for)


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
        f"""{{{{ $labels.instance }}}} can start only {{{{ $value | humanizePercentage }}}} of its tasks more (limit {{{{ $labels.limit }}}}).
        When none are left no shell starts either. The agent with the most tasks: {{{{ with printf `topk(1, agent_resource_used{{job=%q, instance=%q, scope="tree", resource="pids"}})` $labels.job
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
        f"""{{{{ $labels.instance }}}} has {{{{ $value | humanizePercentage }}}} of its memory left and its tasks wait for memory. The OOM
        killer comes next. The largest agent: {largest}.""",
        dashboard="host", wait=memory.wait, keep=t.keep_firing_for)
    stall = t.memory_stall
    for severity, ratio in (("critical", stall.page_ratio), ("warning", stall.ticket_ratio)):
        alerts.add(
            "AgentHostMemoryStall", severity, f"{waiting.format('full')} > {ratio}",
            "{{ $labels.instance }} does nothing but wait for memory, {{ $value | humanizePercentage }} of the time",
            f"""For {{{{ $value | humanizePercentage }}}} of the last {window} every task of {{{{ $labels.instance }}}} that could
            have run waited for memory (PSI full). The largest agent: {largest}.""",
            dashboard="host", wait=stall.wait, keep=t.keep_firing_for)


def session_alerts(alerts):
    t = alerts.t
    who = "session {{ $labels.session }} of " + WHO
    waiting = t.waiting_for_user
    alerts.add(
        "AgentWaitingForUser", "info", 'agent_session_state{state="waiting"} == 1',
        f"{who} waits for its user",
        f"""The {who} has waited for {waiting.wait} or more: for a permission, or for an answer. It does nothing until somebody
        looks at it.""",
        dashboard="sessions", wait=waiting.wait)
    stuck = t.stuck
    alerts.add(
        "AgentStuck", "warning", 'agent_session_state{state="stuck"} == 1',
        f"{who} is stuck",
        f"""The {who} claims to work, but none of its files has grown, it has used no CPU and started no process for ten minutes;
        or its process is stopped.""",
        dashboard="sessions", wait=stuck.wait, keep=t.keep_firing_for)
    context = t.context_nearly_full
    alerts.add(
        "AgentContextNearlyFull", "info", f"agent_session_context_ratio > {context.ratio}",
        f"{who} has used {{{{ $value | humanizePercentage }}}} of its context",
        f"""The {who} has used {{{{ $value | humanizePercentage }}}} of its model's context window. Soon it will forget the beginning of
        the conversation, or refuse to go on.""",
        dashboard="sessions", wait=context.wait, keep=t.keep_firing_for)
    limit = t.plan_limit_near
    alerts.add(
        "AgentPlanLimitNear", "warning", f"agent_plan_limit_used_ratio > {limit.ratio}",
        f"The {{{{ $labels.window }}}} limit of the account of {WHO} is {{{{ $value | humanizePercentage }}}} used up",
        f"""{{{{ $value | humanizePercentage }}}} of what the account may use in {{{{ $labels.window }}}} is used up. At the limit every
        session of {WHO} stops. It starts anew in
        {look_up('agent_plan_limit_reset_timestamp_seconds{%} - time()', (*AGENT, 'window'), 'humanizeDuration')}.""",
        dashboard="sessions", wait=limit.wait, keep=t.keep_firing_for)


def groups(t):
    result = []
    for name, fill, interval in (("leaks", leak_alerts, t.leak.interval), ("limits", limit_alerts, t.interval),
                                 ("life", life_alerts, t.interval), ("sessions", session_alerts, t.interval),
                                 ("slow", slow_alerts, t.interval * 5),
                                 ("exporter", exporter_alerts, t.interval), ("host", host_alerts, t.interval)):
        alerts = Alerts(t)
        fill(alerts)
        result.append({"name": f"agent_exporter_alerts_{name}", "interval": interval, "rules": alerts.rules})
    return result
