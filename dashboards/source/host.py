"""One host: memory and who holds it, pressure, what is left to fork."""

from parts import (AGENT, EXPORTER, FLEET, FULL, HOST, JOB, PER_SECOND, SESSIONS, SOME_IS_BAD, Dashboard, annotation, column,
                   graph, links_to, override, query_variable, stat, table, to_dashboard)

HERE = 'job=~"$job",instance="$instance"'
AGENTS = HERE + ',agent!="agent_exporter"'
FIRING = 'ALERTS{alertstate="firing",alertname=~"Agent.*",instance="$instance"}'
TO_AGENT = to_dashboard(AGENT, instance="${instance}", agent="${__data.fields.agent}")
RED = {"mode": "fixed", "fixedColor": "red"}
DASHED = {"fill": "dash", "dash": [8, 8]}


def limit_line(name):
    return override("byName", name, color=RED, custom__fillOpacity=0, custom__lineStyle=DASHED)


def waiting(kind, resource=None):
    chosen = f',kind="{kind}"' + (f',resource="{resource}"' if resource else "")
    return (f"sum by (resource) (rate(agent_host_pressure_waiting_seconds_total{{{HERE}{chosen}}}[$__rate_interval]))")


def resident(by):
    return (f"sum by ({by}) (agent_self_resident_memory_bytes{{{AGENTS}}}) "
            f"+ sum by ({by}) (agent_descendants_resident_memory_bytes{{{AGENTS}}})")


def headlines(board):
    board.add(stat("Memory left", "Share of memory that programs can still get without swapping (MemAvailable).",
                   f"max(agent_host_memory_available_bytes{{{HERE}}} / agent_host_memory_total_bytes{{{HERE}}})",
                   unit="percentunit", steps=((None, "red"), (0.05, "orange"), (0.15, "green")), low=0, high=1,
                   decimals=0), 4, 5)
    board.add(stat("Waiting for memory", "Share of time in which all tasks stood still for want of memory. Empty where the "
                   "kernel has no pressure stall information.",
                   f"max({waiting('full', 'memory')})", unit="percentunit",
                   steps=((None, "green"), (0.01, "orange"), (0.1, "red")), low=0, decimals=1), 4, 5)
    board.add(stat("Fork pressure", "Processes as a share of pid_max. Threads count against pid_max too: see what is left.",
                   f"max(agent_host_fork_pressure_ratio{{{HERE}}})", unit="percentunit", steps=FULL, low=0, high=1,
                   decimals=2), 4, 5)
    board.add(stat("Tasks left", "Processes and threads that can still start under pid_max and threads-max.",
                   f'min(agent_host_fork_headroom_tasks{{{HERE},limit!="cgroup_pids"}})', unit="short",
                   steps=((None, "red"), (500, "orange"), (2000, "green")), decimals=0), 4, 5)
    board.add(stat("File handles", "Open on the host, as a share of fs.file-max.",
                   f"max(agent_host_open_fds{{{HERE}}} / agent_host_max_fds{{{HERE}}})", unit="percentunit", steps=FULL,
                   low=0, high=1, decimals=1), 4, 5)
    board.add(stat("OOM kills", "Processes that the kernel's OOM killer ended, in the time shown.",
                   f"round(sum(increase(agent_host_oom_kills_total{{{HERE}}}[$__range])))", steps=SOME_IS_BAD,
                   sparkline=False), 4, 5)


def memory(board):
    board.add(graph("Memory", "Used is total less available.",
                    [(f"max(agent_host_memory_used_bytes{{{HERE}}})", "used"),
                     (f"sum({resident('agent')})", "of it, agents and what they started"),
                     (f"max(agent_host_memory_total_bytes{{{HERE}}})", "total")], "bytes", overrides=[limit_line("total")]),
              12, 8)
    board.add(graph("Memory by agent", "Resident memory of each agent and all it started. A page that several processes share "
                    "counts in each.",
                    [(f"topk(15, {resident('agent')})", "{{agent}}")], "bytes", stack=True, legend_table=True), 12, 8)
    board.add(table(
        "Agents on this host", "Memory and descriptors with all they started; limits: the fullest one.",
        [f"sort_desc({resident('agent')})",
         f"sum by (agent) (agent_descendants{{{AGENTS}}})",
         f"sum by (agent) (agent_orphans{{{AGENTS}}})",
         f"max by (agent) (agent_resource_used_ratio{{{AGENTS}}})",
         f"sum by (agent) (rate(agent_self_cpu_seconds_total{{{AGENTS}}}[$__rate_interval])) "
         f"+ sum by (agent) (rate(agent_descendants_cpu_seconds_total{{{AGENTS}}}[$__rate_interval]))"],
        [column("agent", "Agent", url=TO_AGENT), column("A", "Memory", "bytes", decimals=1, width=110),
         column("E", "Cores", "none", decimals=2, width=80), column("B", "Processes below", "none"),
         column("C", "Orphans", "none", steps=((None, "text"), (1, "orange")), cell="color-text", width=90),
         column("D", "Fullest limit", "percentunit", steps=FULL, cell="gauge", low=0, high=1, decimals=1)],
        "Memory"), 12, 8)
    board.add(graph("Waiting for memory, disk and CPU", "Share of time in which some tasks waited (pressure stall information). "
                    "Empty where the kernel has none.",
                    [(waiting("some"), "{{resource}}")], "percentunit", decimals=1), 12, 8)


def forks(board):
    board.add(graph("Tasks", "Processes and threads on the host, kernel threads included.",
                    [(f"max(agent_host_processes{{{HERE}}})", "processes"),
                     (f"max(agent_host_threads{{{HERE}}})", "threads")], "short"), 8, 8)
    board.add(graph("Tasks left", "Under pid_max, threads-max, and the tightest pids cgroup of any agent. The scale is "
                    "logarithmic.",
                    [(f"min by (limit) (agent_host_fork_headroom_tasks{{{HERE}}})", "{{limit}}")], "short", low=None,
                    overrides=[override("byRegexp", "/.*/", custom__scaleDistribution={"type": "log", "log": 10})]), 8, 8)
    board.add(graph("Started below agents", "Processes a second that agents and what they started began.",
                    [(f"sum by (agent) (rate(agent_descendants_started_total{{{AGENTS}}}[$__rate_interval]))",
                      "{{agent}}")], PER_SECOND, stack=True), 8, 8)
    board.add(graph("Load", "Averages over 1, 5 and 15 minutes.",
                    [(f"max(agent_host_load{minutes}{{{HERE}}})", f"{minutes} min") for minutes in (1, 5, 15)]), 8, 7)
    board.add(graph("File handles", "Open on the host; fs.file-max is the limit.", [(f"max(agent_host_open_fds{{{HERE}}})", "open")], "short"), 8, 7)
    board.add(graph("OOM kills", "By the kernel's OOM killer: on the host, and of agents' processes (known with BPF events only).",
                    [(f"sum(increase(agent_host_oom_kills_total{{{HERE}}}[$__rate_interval]))", "host"),
                     (f"sum by (agent) (increase(agent_oom_kills_total{{{AGENTS}}}[$__rate_interval])) > 0", "{{agent}}")],
                    bars=True, decimals=0, soft_max=1), 8, 7)


def dashboard():
    board = Dashboard(
        HOST, "Agents: host", "A host that runs agents: memory and who holds it, pressure, and what is left to fork.",
        [JOB, query_variable("instance", "Host", 'label_values(agent_exporter_build_info{job=~"$job"}, instance)', many=False)],
        links_to(FLEET, AGENT, SESSIONS, EXPORTER), [annotation("Alerts", "red", FIRING, "{{alertname}} {{agent}}")])
    headlines(board)
    board.row("Memory")
    memory(board)
    board.row("Fork pressure")
    forks(board)
    return board
