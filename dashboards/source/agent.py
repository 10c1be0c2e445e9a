"""One agent: its own process and its tree, its limits, what it is on the way to, how it ends."""

from parts import (AGENT, EXPORTER, FLEET, FULL, HOST, JOB, NEVER, PER_SECOND, SESSIONS, SOME_IS_ODD, TIME_LEFT, Dashboard,
                   annotation, column, graph, links_to, override, query_variable, stat, table, values)

ONE = 'job=~"$job",instance="$instance",agent="$agent",slot=~"$slot"'
FIRING = 'ALERTS{alertstate="firing",alertname=~"Agent.*",instance=~"$instance|",agent="$agent"}'
SERIES = "job, instance, agent, kind, slot, scope, resource"
RED_LINE = override("byRegexp", "/^limit/", color={"mode": "fixed", "fixedColor": "red"}, custom__fillOpacity=0,
                    custom__lineStyle={"fill": "dash", "dash": [8, 8]})
SOURCES = {"type": "value", "options": {
    source: {"text": text, "index": index} for index, (source, text) in enumerate(
        {"rlimit": "its rlimit", "cgroup": "its cgroup", "cgroup_ancestor": "a cgroup above",
         "cgroup_high": "memory.high", "cgroup_swap": "memory and swap", "v8_heap": "node's heap", "host": "the host"}.items())}}


def increase(metric, by):
    return f"sum by ({by}) (increase({metric}{{{ONE}}}[$__rate_interval]))"


def rate(metric, by, more=""):
    return f"sum by ({by}) (rate({metric}{{{ONE}{more}}}[$__rate_interval]))"


def headlines(board):
    board.add(stat("State", "Whether a root process of this agent lives.", f"max(agent_up{{{ONE}}})", sparkline=False,
                   mappings=[values(_0=("Down", "red"), _1=("Running", "green"))]), 3, 5)
    board.add(stat("Running for", "Age of its oldest root process. Empty while it is down.",
                   f"max(agent_self_uptime_seconds{{{ONE}}})", unit="s", sparkline=False, decimals=1), 3, 5)
    board.add(stat("Fullest limit", "How full the fullest of its limits is; the table below says which.",
                   f"max(agent_resource_used_ratio{{{ONE}}})", unit="percentunit", steps=FULL, low=0, high=1,
                   decimals=0), 3, 5)
    board.add(stat("Time to a limit",
                   "Until the first limit is reached, if what grows goes on growing.",
                   f"min(agent_leak_seconds_to_limit{{{ONE}}}) or vector(Inf)", unit="s", steps=TIME_LEFT, mappings=[NEVER],
                   sparkline=False, decimals=1), 3, 5)
    board.add(stat("Memory", "Resident memory of the agent and all it started.",
                   f"sum(agent_self_resident_memory_bytes{{{ONE}}}) + sum(agent_descendants_resident_memory_bytes{{{ONE}}})",
                   unit="bytes"), 3, 5)
    board.add(stat("Cores busy", "CPU of the agent and all it started; 1 is one full core.",
                   f"sum(rate(agent_self_cpu_seconds_total{{{ONE}}}[$__rate_interval])) "
                   f"+ sum(rate(agent_descendants_cpu_seconds_total{{{ONE}}}[$__rate_interval]))", decimals=2), 3, 5)
    board.add(stat("Orphans", "Processes whose parent, part of this agent, has ended without them.",
                   f"sum(agent_orphans{{{ONE}}})", steps=SOME_IS_ODD), 3, 5)
    board.add(stat("Restarts", "Times a root process was replaced by another, in the time shown.",
                   f"round(sum(increase(agent_restarts_total{{{ONE}}}[$__range])))", steps=SOME_IS_ODD,
                   sparkline=False), 3, 5)


def limits(board):
    info = f"* on ({SERIES}) group_left (source) agent_resource_limit_info{{{ONE}}}"
    growing = f"agent_leak_seconds_to_limit{{{ONE}}}"
    board.add(table(
        "Limits",
        "The tightest limit of each resource and who set it. Scope self: the agent's own process; tree: whichever process "
        "(fds) or sum (memory, tasks) of the tree counts against it. Time left shows where something keeps growing.",
        [f"max by (resource, scope, source) (agent_resource_used_ratio{{{ONE}}} {info})",
         f"min by (resource, scope) ({growing})",
         f"max by (resource, scope) (agent_leak_evidence_span_seconds{{{ONE}}} and {growing})"],
        [column("resource", "Resource", width=90), column("scope", "Scope", width=65),
         column("A", "Used", "percentunit", steps=FULL, cell="gauge", low=0, high=1, decimals=1),
         column("source", "Limit set by", width=120, mappings=[SOURCES]),
         column("B", "Time left", "s", width=110, steps=TIME_LEFT, cell="color-text", decimals=1),
         column("C", "Growing for", "s", width=110, decimals=1)],
        "Used"), 12, 8)
    board.add(graph("How full each limit is", "The dashed lines are 70 % and 90 %.",
                    [(f"max by (resource, scope) (agent_resource_used_ratio{{{ONE}}})", "{{resource}} {{scope}}")],
                    "percentunit", steps=FULL, high=1, decimals=1, legend_table=True), 12, 8)
    drawn = "The limit is drawn from a third of it upwards."
    for resource, title, unit, about in (
            ("fds", "Open files against the limit", "short",
             "Each process has a table of its own: tree is the process nearest to its limit."),
            ("memory", "Memory against the limit", "bytes", "What counts against the tightest limit of memory."),
            ("pids", "Tasks against the limit", "short", "Processes and threads that count against the tightest limit.")):
        mine = f'{ONE},resource="{resource}"'
        board.add(graph(title, f"{about} {drawn}",
                        [(f"max by (scope) (agent_resource_used{{{mine}}})", "{{scope}}"),
                         (f"max by (scope, source) ((agent_resource_limit{{{mine}}} and "
                          f"agent_resource_used_ratio{{{mine}}} > 0.3) {info})", "limit {{scope}} ({{source}})")],
                        unit, overrides=[RED_LINE]), 8, 8)
    board.add(graph("Time to a limit",
                    "By the exporter's own evidence: the floor of usage over windows of 2 minutes to 8 hours rises "
                    "steadily. Empty while nothing keeps growing.",
                    [(f"min by (resource, scope) ({growing})", "{{resource}} {{scope}}")], "s", no_value="Nothing keeps growing"), 12, 7)
    board.add(graph("Open files held", "By the agent's own process, its direct children and all below. A leak in a child "
                    "never shows in the parent's own figure.",
                    [(f"sum(agent_self_open_fds{{{ONE}}})", "self"),
                     (f"sum(agent_children_open_fds{{{ONE}}})", "direct children"),
                     (f"sum(agent_descendants_open_fds{{{ONE}}})", "whole tree below")], "short"), 12, 7)


def use(board):
    board.add(graph("Memory by owner", "Resident memory. A page that several processes share counts in each.",
                    [(f"sum(agent_self_resident_memory_bytes{{{ONE}}})", "self"),
                     (f"sum(agent_descendants_resident_memory_bytes{{{ONE}}})", "whole tree below"),
                     (f"sum(agent_orphans_resident_memory_bytes{{{ONE}}})", "of these, orphans")], "bytes"), 8, 8)
    board.add(graph("Memory by type", "Of the whole tree. anon is what a leak grows; the kernel can drop file at any time.",
                    [(f'sum by (type) (agent_memory_bytes{{{ONE},scope="tree"}})', "{{type}}")], "bytes", stack=True), 8, 8)
    board.add(graph("CPU", "Cores kept busy. The tree's figure includes children that lived for milliseconds.",
                    [(rate("agent_self_cpu_seconds_total", "mode"), "self {{mode}}"),
                     (rate("agent_descendants_cpu_seconds_total", "mode"), "tree {{mode}}")], stack=True, decimals=2, soft_max=0.1), 8, 8)


def tree(board):
    board.add(table(
        "Processes",
        "The twenty that use most CPU, the rest as one. CPU is of the exporter's last tick.",
        [f"max by (pid, comm) (agent_process_resident_memory_bytes{{{ONE}}})",
         f"max by (pid, comm) (agent_process_cpu_usage_ratio{{{ONE}}})",
         f"max by (pid, comm) (agent_process_open_fds{{{ONE}}})"],
        [column("comm", "Command"), column("pid", "PID", width=90),
         column("A", "Memory", "bytes", cell="gauge", low=0, decimals=1), column("B", "Cores", "none", width=80, decimals=2),
         column("C", "Open files", "short", width=95, decimals=0)],
        "Memory"), 10, 9)
    board.add(graph("Processes below, by state", "Zombies that stay: somebody does not wait for its children. Blocked: waiting "
                    "for a disk.",
                    [(f"sum by (state) (agent_descendants{{{ONE}}})", "{{state}}"),
                     (f"sum(agent_orphans{{{ONE}}})", "orphans among them")], "short", stack=True,
                    overrides=[*(override("byName", state, color={"mode": "fixed", "fixedColor": color}) for state, color in (
                        ("running", "green"), ("sleeping", "blue"), ("blocked", "orange"), ("stopped", "purple"),
                        ("zombie", "red"))),
                               override("byName", "orphans among them", custom__stacking={"mode": "none", "group": "A"},
                                        custom__fillOpacity=0, custom__lineWidth=2,
                                        color={"mode": "fixed", "fixedColor": "yellow"})]), 7, 9)
    board.add(graph("Started and ended", "Processes below the root per second, and how they ended (ok, error, signal, oom; "
                    "unknown without events). Children that live between two looks count only with events.",
                    [(f"sum(rate(agent_descendants_started_total{{{ONE}}}[$__rate_interval]))", "started"),
                     (rate("agent_descendants_exited_total", "reason"), "ended: {{reason}}")], PER_SECOND, soft_max=1), 7, 9)


def ends(board):
    board.add(graph("How it ended", "Ends of root processes by category: success, sigterm, killed, oom-host, oom-heap, plugin-error, "
                    "unknown. Empty until one has ended while the exporter looked.",
                    [(increase("agent_exits_total", "category"), "{{category}}"),
                     (f"sum(increase(agent_oom_kills_total{{{ONE}}}[$__rate_interval]))", "OOM kills in the tree")], "none",
                    bars=True, stack=True, decimals=0, soft_max=1), 8, 7)
    board.add(stat("Last end", "When its root process last ended. Empty until one has ended while the exporter looked.",
                   f"max(agent_last_exit_timestamp_seconds{{{ONE}}}) * 1000", unit="dateTimeFromNow", sparkline=False, nothing="none seen"), 4, 7)
    board.add(stat("How full at its end", "How full each limit was when its root process last ended. Empty until one has "
                   "ended while the exporter looked.",
                   f"max by (resource) (agent_last_exit_resource_used_ratio{{{ONE}}})", unit="percentunit", steps=FULL,
                   sparkline=False, legend="{{resource}}", decimals=0, low=0, high=1,
                   nothing="none seen"), 4, 7)
    board.add(graph("Major page faults", "Pages that had to come from a disk: the first sign of thrashing.",
                    [(rate("agent_page_faults_total", "type", ',type="major"'), "{{type}}")], PER_SECOND, soft_max=1), 8, 7)
    board.add(graph("Storage", "Bytes the tree read from and wrote to storage. Empty unless the exporter runs with "
                    "--collector.io.",
                    [(rate("agent_io_bytes_total", "direction", ',scope="tree"'), "{{direction}}")], "binBps", soft_max=1024), 12, 7)
    board.add(graph("Context switches", "Many involuntary ones: it waits for a core. Empty unless the exporter runs with "
                    "--collector.scheduling.",
                    [(rate("agent_context_switches_total", "type"), "{{type}}")], PER_SECOND), 12, 7)


def dashboard():
    running = 'agent_up{job=~"$job"}'
    board = Dashboard(
        AGENT, "Agents: one agent", "One agent and all it started: limits, what grows, use, processes, ends.",
        [JOB, query_variable("agent", "Agent", f"label_values({running}, agent)", many=False),
         query_variable("instance", "Host", 'label_values(agent_up{job=~"$job",agent="$agent"}, instance)', many=False),
         query_variable("slot", "Slot", 'label_values(agent_up{job=~"$job",agent="$agent",instance="$instance"}, slot)',
                        every=".*", description="Only agents whose rule sets slots have any.")],
        links_to(FLEET, HOST, SESSIONS, EXPORTER, host=True),
        [annotation("Alerts", "red", FIRING, "{{alertname}}"),
         annotation("Restarts", "orange", f"changes(agent_restarts_total{{{ONE}}}[$__interval]) > 0", "{{agent}} restarted")])
    headlines(board)
    board.row("Limits")
    limits(board)
    board.row("Memory and CPU")
    use(board)
    board.row("Its tree")
    tree(board)
    board.row("Ends, faults and storage")
    ends(board)
    return board
