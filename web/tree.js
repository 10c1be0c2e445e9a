// The table of processes: the agent itself, each session that it started, and the largest of the rest.

import {bytes, count, duration, el, figure, percent, plural} from "./format.js";

const MOST_ROWS = 12;
const MOST_IN_SESSION = 4;
const sum = (processes, key) => {
  let total = 0;
  for (const process of processes) {
    if (process.state === "Z") continue;
    if (process[key] === undefined) return undefined;
    total += process[key];
  }
  return total;
};

// For sorting: one core counts as much as 64 MiB.
const weight = process => (process.resident_memory_bytes ?? 0) / (64 * 2 ** 20) + process.cpu_usage_ratio;

// Groups the processes below the agent that have their own session (the shell of a tmux pane, a terminal, a daemon),
// largest group first. `names` maps the pid of a session leader to the session's name.
export function sessionsOf(agent, names = new Map()) {
  const rootSessions = new Set(agent.processes.filter(p => p.role === "root").map(p => p.session));
  const bySession = new Map();
  for (const process of agent.processes) {
    if (process.role === "root" || process.session === undefined || rootSessions.has(process.session)) continue;
    if (!bySession.has(process.session)) bySession.set(process.session, []);
    bySession.get(process.session).push(process);
  }
  const sessions = [];
  for (const [pid, processes] of bySession) {
    const leader = processes.find(process => process.pid === pid) ?? processes[0];
    if (!names.has(pid) && processes.length < 2) continue;  // a single process gets an ordinary row
    sessions.push({
      pid,
      name: (names.get(pid) ?? String(pid)) === String(pid) ? leader.comm : names.get(pid),
      leader,
      processes,
      cpu_usage_ratio: processes.reduce((total, process) => total + process.cpu_usage_ratio, 0),
      resident_memory_bytes: sum(processes, "resident_memory_bytes"),
      open_fds: sum(processes, "open_fds"),
    });
  }
  return sessions.sort(byWeight);
}

const byWeight = (a, b) => weight(b) - weight(a);

const STATES = {Z: "zombie", T: "stopped", t: "traced", D: "waiting for disk"};

function tags(process) {
  const list = [];
  if (process.role === "orphan") list.push(el("span", {class: "tag warn"}, "orphan"));
  if (STATES[process.state]) list.push(el("span", {class: "tag warn"}, STATES[process.state]));
  return list;
}

function row(kind, who, more, figures, of, extra) {
  const {cpu_usage_ratio: cpu, resident_memory_bytes: memory, open_fds: fds, age_seconds: age} = figures;
  const dead = figures.state === "Z";
  const phone = [fds === undefined ? "" : ` · ${plural(fds, "file", "files")}`,
                 age === undefined ? "" : ` · ${duration(age)}`].join("");
  return el("tr", {class: kind, "data-row": extra?.row},
    el("td", {class: "name"}, el("span", {class: "who"}, who), extra?.tags ?? [],
      el("span", {class: "more"}, more, el("span", {class: "phone"}, phone))),
    el("td", {class: "n"}, figure(cpu, percent(cpu), {"data-figure": "cpu"})),
    el("td", {class: "n"}, dead ? el("span", {}, "–") : figure(memory, bytes(memory), {"data-figure": "memory"}),
      memory !== undefined && of > 0
        ? el("span", {class: "share", "aria-hidden": "true"}, el("span", {share: memory / of})) : ""),
    el("td", {class: "n wide"}, figure(fds, count(fds), {"data-figure": "fds"})),
    el("td", {class: "n wide"}, age === undefined ? "" : figure(age, duration(age))));
}

export function partsTable(agent, names) {
  const all = agent.tree?.resident_memory_bytes ?? 0;
  const sessions = sessionsOf(agent, names);
  const inSession = new Set(sessions.flatMap(session => session.processes));
  const roots = agent.processes.filter(process => process.role === "root");
  const body = [];

  for (const root of roots) {
    body.push(row("self", root.comm, `the agent itself · pid ${root.pid}`, root, all,
      {row: `pid-${root.pid}`, tags: [el("span", {class: "tag accent"}, "agent"), ...tags(root)]}));
  }
  const processRow = (kind, process) => row(kind, process.comm, `pid ${process.pid}`, process, all,
    {row: `pid-${process.pid}`, tags: tags(process)});
  const rest = agent.processes.filter(process => process.role !== "root" && !inSession.has(process)).sort(byWeight);
  for (const session of sessions) {
    body.push(row("session", session.name, plural(session.processes.length, "process", "processes"),
      {...session, age_seconds: session.leader.age_seconds}, all,
      {row: `session-${session.pid}`, tags: [el("span", {class: "tag accent"}, "session")]}));
    const inside = [...session.processes].sort(byWeight);
    for (const process of inside.slice(0, MOST_IN_SESSION)) body.push(processRow("in", process));
    const hidden = inside.length - MOST_IN_SESSION;
    if (hidden > 0) body.push(el("tr", {class: "in"}, el("td", {class: "name", colspan: 5}, `and ${count(hidden)} more`)));
  }
  for (const process of rest.slice(0, MOST_ROWS)) body.push(processRow("child", process));
  const others = rest.slice(MOST_ROWS);
  if (others.length > 0) {
    body.push(row("others", plural(others.length, "smaller process", "smaller processes"), "", {
      cpu_usage_ratio: others.reduce((total, process) => total + process.cpu_usage_ratio, 0),
      resident_memory_bytes: sum(others, "resident_memory_bytes"),
      open_fds: sum(others, "open_fds"),
    }, all, {row: "others"}));
  }
  if (agent.tree && agent.processes.length > 1) {
    body.push(row("sum", "Everything together", plural(agent.processes.length, "process", "processes"),
      {...agent.tree, age_seconds: undefined}, 0, {row: "all"}));
  }
  return el("table", {},
    el("caption", {class: "hidden"}, `Processes of ${agent.agent}`),
    el("thead", {}, el("tr", {},
      el("th", {scope: "col"}, "Process"), el("th", {scope: "col", class: "n"}, "CPU"),
      el("th", {scope: "col", class: "n"}, "Memory"), el("th", {scope: "col", class: "n wide"}, "Open files"),
      el("th", {scope: "col", class: "n wide"}, "Running for"))),
    el("tbody", {}, body));
}
