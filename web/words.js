// Explains the figures in plain language.

import {bytes, count, duration, el, percent, plural, rate} from "./format.js";

const RESOURCES = {fds: "open files", memory: "memory", pids: "processes and threads",
  inotify_instances: "inotify instances", inotify_watches: "file watches", ptys: "pseudo-terminals"};
const SOURCES = {
  rlimit: "the limit of the process itself",
  cgroup: "the limit of its cgroup",
  cgroup_ancestor: "the limit of a parent cgroup",
  cgroup_high: "memory.high of its cgroup, where processes are slowed down",
  cgroup_swap: "memory and swap of its cgroup",
  v8_heap: "the heap limit of node",
  host: "the limit of this host",
};
// Kinds of rate limits, worst first.
const LIMITED = {
  trip: "circuit breaker opened",
  quota: "usage limit reached",
  529: "overloaded (529)",
  throttle: "requests throttled",
};
const NEAR = 0.8;
const FULL = 0.9;

const amount = (resource, value) => resource === "memory" ? bytes(value) : count(Math.round(value));

function gains(resource, perSecond) {
  if (resource === "memory") return rate(perSecond, 2 ** 20, value => `${bytes(value)} of memory`);
  return rate(perSecond, 1, value => `${count(value < 10 ? Number(value.toFixed(1)) : Math.round(value))} ` +
    (resource === "pids" ? "processes or threads" : RESOURCES[resource]));
}

const limitOf = (agent, leak) =>
  agent.resources.find(use => use.scope === leak.scope && use.resource === leak.resource);

// Leaks that will reach a limit, soonest first. If self and tree leak the same resource, only the sooner one.
export function leaksOf(agent) {
  const evident = [...agent.leaks]
    .sort((a, b) => a.seconds_to_limit - b.seconds_to_limit || (a.scope === "self" ? -1 : 1));
  return evident.filter((leak, i) => evident.findIndex(other => other.resource === leak.resource) === i);
}

export function leakWords(agent, leak) {
  const use = limitOf(agent, leak);
  const who = leak.scope === "self" ? `${agent.agent} gains` : `${agent.agent} and what it started gain`;
  const limit = use ? `its limit of ${amount(leak.resource, use.limit)}` : "its limit";
  return {
    what: `${who} ${gains(leak.resource, leak.growth_per_second)}; at this rate ${limit} is reached in ` +
      `${duration(leak.seconds_to_limit)}.`,
    more: `Seen over the last ${duration(leak.evidence_span_seconds)}.`,
  };
}

function note(level, mark, what, more) {
  return el("li", {class: level},
    el("span", {class: "mark", "aria-hidden": "true"}, mark),
    el("div", {}, el("p", {}, what), more ? el("p", {class: "more"}, more) : ""));
}

// `limited`: today's {trips, sentinel, recovers, byKind}, or null if the ledger has no answer.
// `anyRed`: some agent of this host is in trouble, so nothing reassures.
export function notes(agent, limited, anyRed) {
  const list = [];
  for (const leak of leaksOf(agent)) {
    const {what, more} = leakWords(agent, leak);
    list.push(note(leak.seconds_to_limit < 6 * 3600 ? "bad" : "warn", "↗", el("strong", {}, what), more));
  }
  for (const use of agent.resources) {
    const covered = agent.resources.some(other => other.resource === use.resource && other !== use &&
      (other.used_ratio > use.used_ratio || (other.used_ratio === use.used_ratio && use.scope === "tree")));
    if (use.used_ratio < NEAR || covered) continue;
    list.push(note(use.used_ratio >= FULL ? "bad" : "warn", "!",
      el("strong", {}, `${percent(use.used_ratio)} of the ${RESOURCES[use.resource]} it may have are in use.`),
      `${amount(use.resource, use.used)} of ${amount(use.resource, use.limit)}: ${SOURCES[use.source]}.`));
  }
  const tight = list.length > 0;
  if (limited && limited.trips + limited.sentinel > 0) {
    const kinds = Object.entries(LIMITED).filter(([kind]) => limited.byKind[kind] > 0)
      .map(([kind, words]) => `${words}: ${count(limited.byKind[kind])}`);
    list.push(note("warn", "‖", el("strong", {},
      `It was rate limited ${plural(limited.trips + limited.sentinel, "time", "times")} today.`), kinds.join(" · ")));
  }
  if (agent.orphans.processes > 0) {
    const n = agent.orphans.processes;
    list.push(note("warn", "⤳", el("strong", {}, `${plural(n, "process", "processes")} outlived ${
      n === 1 ? "its" : "their"} parent.`),
      agent.orphans.resident_memory_bytes === undefined ? "Still counted here." :
        `Still running and counted here: ${bytes(agent.orphans.resident_memory_bytes)} of memory.`));
  }
  if (agent.zombies > 0) {
    list.push(note("", "z", el("strong", {}, `${plural(agent.zombies, "zombie", "zombies")}: ended, but the parent did not collect ${
      agent.zombies === 1 ? "its" : "their"} exit status.`)));
  }
  if (agent.oom_kills > 0) {
    list.push(note("bad", "!", el("strong", {},
      `The kernel killed ${count(agent.oom_kills)} of its processes because memory ran out.`)));
  }
  if (agent.restarts > 0) {
    list.push(note("", "↻", el("strong", {}, `It was restarted ${plural(agent.restarts, "time", "times")}.`),
      "Since the exporter started."));
  }
  if (agent.concern?.advice) list.unshift(note(agent.concern.severity === "ticket" ? "warn" : "bad", "→", el("strong", {}, agent.concern.sentence), agent.concern.advice));
  if (!tight && !anyRed) {
    list.unshift(note("good", "✓", el("strong", {}, "Nothing keeps growing, and no limit is near.")));
  }
  return list;
}

export function limits(agent) {
  const list = [];
  for (const resource of ["memory", "fds", "pids"]) {
    const uses = agent.resources.filter(use => use.resource === resource);
    const use = uses.sort((a, b) => b.used_ratio - a.used_ratio || (a.scope === "tree" ? -1 : 1))[0];
    if (!use) continue;
    const level = use.used_ratio >= FULL ? "bad" : use.used_ratio >= NEAR ? "warn" : "";
    list.push(el("li", {"data-resource": resource},
      el("div", {class: "line"}, el("b", {}, RESOURCES[resource].replace(/^./, c => c.toUpperCase())),
        el("span", {}, use.used > 0 && use.used_ratio < 0.0005 ? "under 0.1 % used" : `${percent(use.used_ratio)} used`)),
      el("div", {class: `bar ${level}`, "aria-hidden": "true"}, el("span", {share: use.used_ratio})),
      el("p", {class: "more"}, `${amount(resource, use.used)} of ${amount(resource, use.limit)}, ${SOURCES[use.source]}`)));
  }
  if (list.length === 0) list.push(el("li", {class: "quiet"}, "No limit could be read."));
  return list;
}

export function sentence(agent) {
  if (!agent.up) return [el("b", {}, agent.agent), " is not running."];
  const others = agent.tree.processes - agent.self.processes;
  return [el("b", {}, agent.agent),
    others > 0 ? ` and the ${plural(others, "process", "processes")} it started are using ` : " is using ",
    el("b", {}, percent(agent.tree.cpu_usage_ratio)), " of one core and ",
    el("b", {}, bytes(agent.tree.resident_memory_bytes)), " of memory."];
}
