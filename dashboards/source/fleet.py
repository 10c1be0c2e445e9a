"""All agents on all hosts: who is down, who will hit a limit, whom to look at first."""

from parts import (AGENT, EXPORTER, FLEET, FULL, HOST, INSTANCES, JOB, NEUTRAL, NEVER, SESSIONS, SOME_IS_BAD, SOME_IS_ODD,
                   TIME_LEFT, Dashboard, annotation, column, graph, links_to, query_variable, stat, table, to_dashboard,
                   values)

HOSTS = 'job=~"$job",instance=~"$instance"'
ALL = HOSTS + ',agent=~"$agent"'
AGENTS = ALL + ',agent!="agent_exporter"'
SEVERITY = values(critical=("critical", "red"), warning=("warning", "orange"))
# Rules may have summed these labels away.
FIRING = 'ALERTS{alertstate="firing",alertname=~"Agent.*",job=~"$job|",instance=~"$instance|",agent=~"$agent|"}'
SERIES = "job, instance, agent, kind, slot, scope, resource"
TO_AGENT = to_dashboard(AGENT, instance="${__data.fields.instance}", agent="${__data.fields.agent}")
TO_HOST = to_dashboard(HOST, instance="${__data.fields.instance}")


def ten_highest(expression):
    """The curves of the ten that are highest at the end of the time shown: topk alone picks anew at every point.

    expression(at) is PromQL with `at` behind each selector."""
    return f"{expression('')} and topk(10, {expression(' @ end()')})"


def memory(at):
    return (f"(sum by (instance, agent) (agent_self_resident_memory_bytes{{{AGENTS}}}{at})"
            f" + sum by (instance, agent) (agent_descendants_resident_memory_bytes{{{AGENTS}}}{at}))")


def cpu(at):
    return (f"(sum by (instance, agent) (rate(agent_self_cpu_seconds_total{{{AGENTS}}}[$__rate_interval]{at}))"
            f" + sum by (instance, agent) (rate(agent_descendants_cpu_seconds_total{{{AGENTS}}}[$__rate_interval]{at})))")


def fullest(at):
    return f"max by (instance, agent, resource) (agent_resource_used_ratio{{{ALL}}}{at})"


def descendants(at):
    return f"sum by (instance, agent) (agent_descendants{{{AGENTS}}}{at})"


def headlines(board):
    board.add(stat("Hosts not answering",
                   "Targets of this job that did not answer the last scrape. Of the agents there nothing is known.",
                   f"count(up{{{HOSTS}}} == 0) or vector(0)", steps=SOME_IS_BAD), 3, 5)
    board.add(stat("Agents running", "Agents with a live root process; the exporters themselves are not counted.",
                   f"sum(agent_up{{{AGENTS}}})", steps=NEUTRAL), 3, 5)
    board.add(stat("Agents missing", "Named in a configuration and not running.",
                   f"sum((1 - agent_up{{{AGENTS}}}) * agent_configured{{{AGENTS}}})", steps=SOME_IS_BAD), 3, 5)
    board.add(stat("On the way to a limit",
                   "Agents whose descriptors, memory or tasks keep growing toward their limit, by the exporter's own "
                   "evidence.",
                   f"sum(max by (job, instance, agent) (agent_leak_active{{{ALL}}}))", steps=SOME_IS_BAD), 3, 5)
    board.add(stat("Soonest limit",
                   "Time until the first agent reaches a limit, if it goes on growing as it does.",
                   f"min(agent_leak_seconds_to_limit{{{ALL}}}) or vector(Inf)", unit="s", steps=TIME_LEFT, mappings=[NEVER],
                   sparkline=False, decimals=1), 3, 5)
    board.add(stat("Fullest limit", "How full the fullest limit of any agent is: open files, memory or tasks.",
                   f"max(agent_resource_used_ratio{{{ALL}}})", unit="percentunit", steps=FULL, low=0, high=1,
                   decimals=0), 3, 5)
    board.add(stat("Alerts firing", "Alerts of agent_exporter's rules that fire now.",
                   f"count({FIRING}) or vector(0)", steps=SOME_IS_BAD), 3, 5)
    board.add(stat("Restarts", "Agents whose root process was replaced by another, in the time shown.",
                   f"round(sum(increase(agent_restarts_total{{{AGENTS}}}[$__range])))", steps=SOME_IS_ODD,
                   sparkline=False), 3, 5)


def tables(board):
    board.add(table(
        "Closest to a limit",
        "The fullest limits, whichever process of the agent's tree fills them. Limit set by: its own rlimit, its cgroup, "
        "a cgroup above it, or the host. At 100 % open() fails, memory is reclaimed or killed for, fork() fails.",
        [f"topk(20, max by (instance, agent, resource, source) (agent_resource_used_ratio{{{ALL},scope=\"tree\"}} "
         f"* on ({SERIES}) group_left (source) agent_resource_limit_info{{{ALL},scope=\"tree\"}}))"],
        [column("agent", "Agent", url=TO_AGENT), column("instance", "Host", url=TO_HOST),
         column("resource", "Resource", width=95), column("source", "Limit set by", width=120),
         column("A", "Used", "percentunit", width=180, steps=FULL, cell="gauge", low=0, high=1, decimals=1)],
        "Used"), 12, 9)
    growing = f"agent_leak_seconds_to_limit{{{ALL}}}"
    growth = "agent_leak_growth_per_second"
    shown = "max by (instance, agent, resource, scope)"
    board.add(table(
        "Growing toward a limit",
        "What keeps growing, by the exporter's evidence: the floor of usage rises steadily, so that garbage collection, "
        "warm-ups and daily cycles do not show here. Scope self: the agent's own process leaks; tree: something it "
        "started does. Empty while nothing leaks.",
        [f"min by (instance, agent, resource, scope) ({growing})",
         f"{shown} ({growth}{{{ALL},resource!=\"memory\"}} * 3600 and {growing})",
         f"{shown} ({growth}{{{ALL},resource=\"memory\"}} * 3600 and {growing})",
         f"{shown} (agent_leak_evidence_span_seconds{{{ALL}}} and {growing})"],
        [column("agent", "Agent", url=TO_AGENT), column("instance", "Host", url=TO_HOST),
         column("resource", "Resource", width=95), column("scope", "Scope", width=75),
         column("A", "Time left", "s", width=110, steps=TIME_LEFT, cell="color-background", decimals=1),
         column("B", "Count/h", "short", width=85, decimals=1), column("C", "Bytes/h", "bytes", width=95, decimals=1),
         column("D", "Seen for", "s", width=90, decimals=1)],
        "Time left", descending=False, nothing="Nothing grows toward a limit"), 12, 9)
    board.add(table(
        "Alerts firing",
        "Alerts of agent_exporter's rules that fire now. The name leads to the rule, the agent to its dashboard. Empty "
        "while none fires.",
        [f"max by (alertname, severity, instance, agent, resource) ({FIRING})"],
        [column("alertname", "Alert", url="/alerting/list?search=${__value.text}"), column("severity", "Severity", width=90, cell="color-text", mappings=[SEVERITY]),
         column("agent", "Agent", url=TO_AGENT), column("instance", "Host", url=TO_HOST),
         column("resource", "Resource", width=95), column("A", None)],
        "Severity", descending=False, nothing="No alert is firing"), 12, 7)
    board.add(table(
        "Missing agents", "Named in a configuration and not running. Empty while all run.",
        [f"max by (instance, agent, kind) (agent_up{{{AGENTS}}} == 0 and agent_configured{{{AGENTS}}} == 1)"],
        [column("agent", "Agent", url=TO_AGENT), column("instance", "Host", url=TO_HOST),
         column("kind", "Kind", width=80), column("A", None)],
        "Agent", descending=False, nothing="All configured agents run"), 12, 7)


def trends(board):
    board.add(graph("Fullest limits", "The ten limits that are fullest now; the dashed lines are 70 % and 90 %.",
                    [(ten_highest(fullest), "{{agent}} {{resource}} {{instance}}")], "percentunit", steps=FULL,
                    legend_table=True, high=1, decimals=1), 12, 8)
    board.add(graph("Memory of the ten largest",
                    "Resident memory of an agent and all it started. A page that several processes share counts in each.",
                    [(ten_highest(memory), "{{agent}} {{instance}}")], "bytes", legend_table=True), 12, 8)
    board.add(graph("CPU of the ten busiest",
                    "Cores kept busy by an agent and all it started, children that lived for milliseconds included.",
                    [(ten_highest(cpu), "{{agent}} {{instance}}")], "none", legend_table=True, decimals=2,
                    soft_max=0.1), 12, 8)
    board.add(graph("Processes of the ten widest trees",
                    "Processes below each agent's root. A steady climb is a child pile-up.",
                    [(ten_highest(descendants), "{{agent}} {{instance}}")], "short", legend_table=True), 12, 8)


def hosts(board):
    lowest = (f"bottomk(20, min by (instance) (agent_host_memory_available_bytes{{{HOSTS}}} "
              f"/ agent_host_memory_total_bytes{{{HOSTS}}}))")
    board.add(table(
        "Hosts with the least memory left",
        "Twenty hosts. Waiting for memory: share of time in which all tasks stood still for want of it. Tasks left: what "
        "can still be forked under pid_max and threads-max.",
        [lowest,
         f"max by (instance) (agent_host_fork_pressure_ratio{{{HOSTS}}}) and {lowest}",
         f"min by (instance) (agent_host_fork_headroom_tasks{{{HOSTS},limit!=\"cgroup_pids\"}}) and {lowest}",
         f"max by (instance) (rate(agent_host_pressure_waiting_seconds_total{{{HOSTS},resource=\"memory\",kind=\"full\"}}"
         f"[$__rate_interval])) and {lowest}",
         f"max by (instance) (agent_host_load1{{{HOSTS}}}) and {lowest}",
         f"sum by (instance) (agent_up{{{AGENTS}}}) and {lowest}",
         f"sum by (instance) (agent_orphans{{{AGENTS}}}) and {lowest}"],
        [column("instance", "Host", url=TO_HOST),
         column("A", "Memory left", "percentunit", steps=((None, "red"), (0.05, "orange"), (0.15, "green")), cell="gauge",
                low=0, high=1, decimals=0, width=220),
         column("D", "Waiting for memory", "percentunit", steps=((None, "text"), (0.01, "orange"), (0.1, "red")),
                cell="color-text", decimals=1),
         column("B", "Fork pressure", "percentunit", steps=((None, "text"), (0.7, "orange"), (0.9, "red")),
                cell="color-text", decimals=2),
         column("C", "Tasks left", "short", decimals=0), column("E", "Load", "none", decimals=2),
         column("F", "Agents", "none"),
         column("G", "Orphans", "none", steps=((None, "text"), (1, "orange")), cell="color-text")],
        "Memory left", descending=False), 24, 8)


def dashboard():
    board = Dashboard(
        FLEET, "Agents: fleet",
        "All agents that agent_exporter watches: who is down, who will hit a limit, whom to look at first.",
        [JOB, INSTANCES, query_variable("agent", "Agent", f"label_values(agent_up{{{HOSTS}}}, agent)")],
        links_to(AGENT, HOST, SESSIONS, EXPORTER),
        [annotation("Alerts", "red", FIRING, "{{alertname}} {{agent}}")])
    headlines(board)
    board.row("Whom to look at first")
    tables(board)
    board.row("Trends")
    trends(board)
    board.row("Hosts")
    hosts(board)
    return board
