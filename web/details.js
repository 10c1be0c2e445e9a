// What else is known of one agent: its sessions, and what the commands below it cost.

import {bytes, count, duration, el, percent} from "./format.js";

const WORDS = {waiting: "waits for you", stuck: "stuck", working: "working", idle: "idle", ended: "ended"};
const LOUD = new Set(["waiting", "stuck"]);

const since = (time, now) => {
  const at = time === undefined ? NaN : typeof time === "number" ? time : Date.parse(time) / 1000;
  return Number.isNaN(at) ? "" : duration(now - at);
};

function table(caption, head, rows) {
  const cell = (tag, {text, n, wide}) => el(tag, {class: [n && "n", wide && "wide"].filter(Boolean).join(" "),
    ...(tag === "th" ? {scope: "col"} : {})}, text);
  return el("table", {}, el("caption", {class: "hidden"}, caption),
    el("thead", {}, el("tr", {}, head.map(column => cell("th", column)))),
    el("tbody", {}, rows.map(row => el("tr", {class: row.level ?? ""},
      row.cells.map((text, i) => cell("td", {...head[i], text}))))));
}

// Null where the agent has no session of which more is known than its process.
export function sessionsTable(agent, now) {
  const sessions = (agent.sessions ?? []).filter(session => session.state !== undefined);
  if (sessions.length === 0) return null;
  return table(`Sessions of ${agent.agent}`,
    [{text: "Session"}, {text: "State"}, {text: "For", n: true}, {text: "Doing", wide: true},
     {text: "Context", n: true}, {text: "Model", wide: true}],
    sessions.map(session => ({
      level: LOUD.has(session.state) ? "warn" : "",
      cells: [`${session.session} · pid ${session.pid}`, WORDS[session.state] ?? session.state,
        since(session.state_since, now), session.waiting_for ?? session.tool ?? "",
        session.context_ratio === undefined ? "" : percent(session.context_ratio), session.model ?? ""],
    })));
}

// Null where no command has run below the agent.
export function commandsTable(agent, now) {
  const commands = (agent.commands ?? []).filter(use => use.started > 0 || use.processes > 0 || use.cpu_seconds > 0);
  if (commands.length === 0) return null;
  return table(`Commands below ${agent.agent}`,
    [{text: "Command"}, {text: "CPU", n: true}, {text: "Started", n: true, wide: true}, {text: "Failed", n: true, wide: true},
     {text: "Run now", n: true}, {text: "Memory now", n: true}, {text: "Oldest", n: true, wide: true}],
    commands.map(use => ({
      level: use.orphans > 0 ? "warn" : "",
      cells: [use.command + (use.orphans > 0 ? ` · ${count(use.orphans)} orphaned` : ""),
        `${use.cpu_seconds.toFixed(use.cpu_seconds < 10 ? 1 : 0)}\u00a0s`, count(use.started), count(use.failed),
        count(use.processes), use.processes > 0 ? bytes(use.resident_memory_bytes) : "",
        since(use.oldest_start_seconds, now)],
    })));
}
