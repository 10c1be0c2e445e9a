"""The exporters themselves: is what the other dashboards show fresh and complete, and what does it cost?"""

from parts import (AGENT, EXPORTER, FLEET, HOST, INSTANCES, JOB, PER_SECOND, SESSIONS, SOME_IS_BAD, SOME_IS_ODD, Dashboard,
                   annotation, column, graph, links_to, stat, table, values)

SEEN = 'job=~"$job",instance=~"$instance"'
FIRING = 'ALERTS{alertstate="firing",alertname=~"Agent.*",job=~"$job|",instance=~"$instance|",agent=""}'
YES_NO = values(_0=("refused", "red"), _1=("taken", "green"))


def stale(by):
    return f"max by ({by}) (time() - agent_exporter_last_collect_timestamp_seconds{{{SEEN}}})"


def headlines(board):
    board.add(stat("Answering", "Exporters that answered the last scrape.", f"sum(up{{{SEEN}}})"), 4, 5)
    board.add(stat("Not answering", "Targets of this job that did not answer the last scrape.",
                   f"count(up{{{SEEN}}} == 0) or vector(0)", steps=SOME_IS_BAD), 4, 5)
    board.add(stat("Collectors failing", "Collectors that failed or were cut off in the last scrape.",
                   f"count(agent_exporter_collector_success{{{SEEN}}} == 0) or vector(0)", steps=SOME_IS_BAD), 4, 5)
    board.add(stat("Oldest figures", "Age of the figures of the collector that succeeded longest ago. A scrape reads afresh, "
                   "so this is about the scrape interval.",
                   f"max({stale('instance, collector')})", unit="s", steps=((None, "green"), (120, "orange"), (600, "red")),
                   decimals=0), 4, 5)
    board.add(stat("Events lost", "Forks and exits that the kernel could not hand over, in the time shown: counters of "
                   "short-lived children are too low by so many. Empty where nobody tells of events.",
                   f"round(sum(increase(agent_exporter_events_lost_total{{{SEEN}}}[$__range])))", steps=SOME_IS_ODD,
                   sparkline=False), 4, 5)
    board.add(stat("Agents folded", "Agents beyond an exporter's max_agents, shown as agent=\"other\".",
                   f"sum(agent_exporter_agents_folded{{{SEEN}}})", steps=SOME_IS_ODD), 4, 5)


def fleet(board):
    board.add(table(
        "Exporters",
        "Version, where processes are read from, who tells of forks and exits, and whether the last reload of the "
        "configuration was taken. Scrape: how long Prometheus waited.",
        [f"max by (instance) (agent_exporter_config_last_reload_successful{{{SEEN}}}) + on (instance) group_left (version, "
         f"revision) 0 * max by (instance, version, revision) (agent_exporter_build_info{{{SEEN}}})",
         f"max by (instance, source) (agent_exporter_process_source_info{{{SEEN}}})",
         f"max by (instance, events) (agent_exporter_process_events_info{{{SEEN}}})",
         f"max by (instance) (scrape_duration_seconds{{{SEEN}}}) and on (instance) agent_exporter_build_info{{{SEEN}}}",
         f"max by (instance) (scrape_samples_scraped{{{SEEN}}}) and on (instance) agent_exporter_build_info{{{SEEN}}}"],
        [column("instance", "Host"), column("version", "Version", width=90), column("revision", "Revision", width=95),
         column("source", "Source", width=85), column("events", "Events", width=85),
         column("A", "Configuration", mappings=[YES_NO], cell="color-text", width=120), column("B", None), column("C", None),
         column("D", "Scrape", "s", decimals=1, width=90), column("E", "Samples", "short", decimals=0, width=90)],
        "Host", descending=False), 14, 8)
    board.add(table(
        "What could not be read",
        "Reads that failed in the last observation: the samples that depend on them are absent, not 0. Permissions are in "
        "the README, `agent_exporter doctor` says what to do. Empty while everything can be read.",
        [f"sum by (instance, file, reason) (agent_exporter_unreadable{{{SEEN}}}) > 0"],
        [column("instance", "Host"), column("file", "File"), column("reason", "Reason"), column("A", "Reads", width=80)],
        "Reads", nothing="Everything could be read"), 10, 8)


def collectors(board):
    board.add(graph("Scrape duration", "As Prometheus saw it. The worst ten.",
                    [(f"scrape_duration_seconds{{{SEEN}}} and topk(10, scrape_duration_seconds{{{SEEN}}} @ end())",
                      "{{instance}}")], "s", legend_table=True), 12, 8)
    board.add(graph("Time of each collector", "The slowest exporter counts.",
                    [(f"max by (collector) (agent_exporter_collector_duration_seconds{{{SEEN}}})", "{{collector}}")], "s",
                    legend_table=True), 12, 8)
    board.add(graph("Failing collectors", "Collectors that failed or were cut off. Empty while none does.",
                    [(f"sum by (collector) (agent_exporter_collector_success{{{SEEN}}} == bool 0) > 0", "{{collector}}")],
                    "none", decimals=0, no_value="No collector fails"), 8, 7)
    board.add(graph("Age of figures", "Seconds since each collector last succeeded, oldest exporter.",
                    [(stale("collector"), "{{collector}}")], "s"), 8, 7)
    board.add(graph("Lost and missed", "Events the kernel dropped, and descendants found by a walk that no event had told of, a "
                    "second. Empty where nobody tells of events.",
                    [(f"sum(rate(agent_exporter_events_lost_total{{{SEEN}}}[$__rate_interval]))", "events lost"),
                     (f"sum(rate(agent_exporter_tracking_disagreements_total{{{SEEN}}}[$__rate_interval]))",
                      "found by a walk")], PER_SECOND, soft_max=1), 8, 7)


def cost(board):
    for title, about, expression, unit in (
            ("CPU", "Cores the exporter keeps busy. The ten that use most.", "rate(process_cpu_seconds_total{%s}[$__rate_interval]%s)",
             "percentunit"),
            ("Memory", "Resident memory of the exporter. The ten that use most.", "process_resident_memory_bytes{%s}%s", "bytes"),
            ("Open files", "Descriptors of the exporter; from /proc alone it keeps one for each process. The ten that hold most.",
             "process_open_fds{%s}%s", "short")):
        board.add(graph(title, about, [(f"{expression % (SEEN, '')} and topk(10, {expression % (SEEN, ' @ end()')})",
                                        "{{instance}}")], unit), 8, 7)
    board.add(graph("Scrapes", "Scrapes answered a second, by format.",
                    [(f"sum by (format) (rate(agent_exporter_scrapes_total{{{SEEN}}}[$__rate_interval]))", "{{format}}")],
                    "reqps"), 12, 7)
    board.add(graph("Samples", "Samples of a scrape. The ten with most.",
                    [(f"scrape_samples_scraped{{{SEEN}}} and topk(10, scrape_samples_scraped{{{SEEN}}} @ end())",
                      "{{instance}}")], "short"), 12, 7)


def dashboard():
    board = Dashboard(
        EXPORTER, "Agents: exporter health", "Whether what the other dashboards show is fresh and complete, and what it costs.",
        [JOB, INSTANCES], links_to(FLEET, AGENT, HOST, SESSIONS), [annotation("Alerts", "red", FIRING, "{{alertname}} {{instance}}")],
        time_from="now-3h")
    headlines(board)
    board.row("Exporters")
    fleet(board)
    board.row("Collectors")
    collectors(board)
    board.row("Cost")
    cost(board)
    return board
