"""Sessions: who works, who waits, how full each is, what they use, and what is left of the account's limits."""

from parts import (AGENT, EXPORTER, FLEET, FULL, HOST, INSTANCES, JOB, SESSIONS, Dashboard, annotation, column, graph, links_to, override,
                   query_variable, stat, table)

AGENTS = query_variable("agent", "Agent", 'label_values(agent_session_info{job=~"$job",instance=~"$instance"}, agent)')
SEEN = 'job=~"$job",instance=~"$instance",agent=~"$agent"'
FIRING = ('ALERTS{alertstate="firing",alertname=~"AgentWaitingForUser|AgentStuck|AgentContextNearlyFull|AgentPlanLimitNear",'
          'agent=~"$agent"}')
COLORS = {"working": "green", "waiting": "orange", "idle": "blue", "stuck": "red", "ended": "text"}
SESSION = "instance, agent, session"


def in_state(state):
    return f'sum(agent_sessions{{{SEEN},state="{state}"}}) or vector(0)'


def headlines(board):
    for state, about, steps in (
            ("working", "Sessions whose files or processes say that they work.", ((None, "green"),)),
            ("waiting", "Sessions that need their user: a permission or an answer.", ((None, "green"), (1, "orange"))),
            ("stuck", "Sessions that claim to work while nothing has moved for ten minutes.", ((None, "green"), (1, "red"))),
            ("idle", "Sessions whose turn is over.", ((None, "blue"),))):
        board.add(stat(state.capitalize(), about, in_state(state), steps=steps), 4, 5)
    board.add(stat("Fullest limit", "Share of the account's limit that is used up, of the window that is fullest. Empty where no "
                   "agent tells its limits.", f"max(agent_plan_limit_used_ratio{{{SEEN}}})", unit="percentunit", steps=FULL, low=0,
                   high=1, decimals=0), 4, 5)
    board.add(stat("Tokens an hour", "Tokens of all types that the sessions use an hour. Empty where no tokens are counted.",
                   f"sum(rate(agent_tokens_total{{{SEEN}}}[$__rate_interval])) * 3600", unit="short"), 4, 5)


def who(board):
    board.add(graph("States", "How many sessions were in each state. Empty where there is no session.",
                    [(f"sum by (state) (agent_sessions{{{SEEN}}})", "{{state}}")], "none", stack=True, decimals=0,
                    overrides=[override("byName", state, color={"mode": "fixed", "fixedColor": color})
                               for state, color in COLORS.items()]), 12, 8)
    board.add(table(
        "Sessions", "All that are known. Quiet: how long ago it last wrote something down. Empty where there is no session.",
        [f"max by ({SESSION}, state) (agent_session_state{{{SEEN}}})",
         f"time() - max by ({SESSION}) (agent_session_last_activity_timestamp_seconds{{{SEEN}}})",
         f"max by ({SESSION}) (agent_session_context_ratio{{{SEEN}}})",
         f"max by ({SESSION}) (agent_session_resident_memory_bytes{{{SEEN}}})",
         f"max by ({SESSION}) (agent_session_cpu_usage_ratio{{{SEEN}}})"],
        [column("session", "Session"), column("agent", "Agent", width=90), column("instance", "Host"), column("state", "State", width=80),
         column("A", None), column("B", "Quiet", "s", decimals=0, width=90),
         column("C", "Context", "percentunit", steps=FULL, cell="gauge", low=0, high=1, decimals=0),
         column("D", "Memory", "bytes", decimals=1, width=90), column("E", "Cores", "none", decimals=2, width=70)],
        "Quiet"), 12, 8)


def use(board):
    board.add(graph("Context", "Share of the context window in use, by session. The fifteen fullest. Empty where it is not told.",
                    [(f"topk(15, max by ({SESSION}) (agent_session_context_ratio{{{SEEN}}}))", "{{agent}} {{session}}")],
                    "percentunit", decimals=0), 12, 8)
    board.add(graph("Waiting longest", "How long ago the sessions that wait for their user last wrote something down. Empty while "
                    "none waits.",
                    [(f"(time() - agent_session_last_activity_timestamp_seconds{{{SEEN}}}) and ignoring (state) "
                      f'agent_session_state{{{SEEN},state="waiting"}} == 1', "{{agent}} {{session}}")], "s"), 12, 8)
    board.add(graph("Tokens an hour, by model", "Tokens of all types. Empty where no tokens are counted.",
                    [(f"sum by (model) (rate(agent_tokens_total{{{SEEN}}}[$__rate_interval])) * 3600", "{{model}}")], "short",
                    stack=True), 8, 8)
    board.add(graph("Tokens an hour, by type", "Each token counts in one type. Empty where no tokens are counted.",
                    [(f"sum by (type) (rate(agent_tokens_total{{{SEEN}}}[$__rate_interval])) * 3600", "{{type}}")], "short",
                    stack=True), 8, 8)
    board.add(table(
        "Limits of the account", "What is used up of each window, and when it starts anew. Empty where no agent tells its limits.",
        [f"max by (instance, agent, window) (agent_plan_limit_used_ratio{{{SEEN}}})",
         f"max by (instance, agent, window) (agent_plan_limit_reset_timestamp_seconds{{{SEEN}}}) - time()"],
        [column("agent", "Agent"), column("instance", "Host"), column("window", "Window", width=80),
         column("A", "Used", "percentunit", steps=FULL, cell="gauge", low=0, high=1, decimals=0),
         column("B", "Starts anew in", "s", decimals=0, width=110)], "Used"), 8, 8)


def dashboard():
    board = Dashboard(
        SESSIONS, "Agents: sessions", "Who works, who waits for you, how full each session is, and how much of the limit is left.",
        [JOB, INSTANCES, AGENTS], links_to(FLEET, AGENT, HOST, EXPORTER),
        [annotation("Alerts", "red", FIRING, "{{alertname}} {{agent}} {{session}}")], "now-24h")
    headlines(board)
    board.row("Who works, who waits")
    who(board)
    board.row("What they use")
    use(board)
    return board
