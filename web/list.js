// Every agent of the host in one list, the one in most trouble first. /agents says what is wrong with each
// (`concern`); this only sorts and shows it.

import {spark} from "./charts.js";
import {bytes, count, el, percent, plural} from "./format.js";

const RED = ["page", "near", "ticket"];
const LOUD = new Map([["page", "leaking"], ["near", "near a limit"], ["ticket", "growing"], ["died", "died"],
                      ["down", "down"]]);
const BUSY = 0.05;       // of one core
const SEARCH_FROM = 8;   // fewer can be seen at once

const severityOf = agent => agent.concern?.severity ?? "none";
export const isRed = agent => RED.includes(severityOf(agent));

const sessionIn = (agent, state) => (agent.sessions ?? []).find(session => session.state === state);

// The word for a row's state, and its rank: the lowest first.
export function stateOf(agent) {
  const rank = [...LOUD.keys()].indexOf(severityOf(agent));
  if (rank >= 0 && rank < 3) return {rank, word: LOUD.get(severityOf(agent))};
  if (sessionIn(agent, "waiting")) return {rank: 3, word: "waiting for you"};
  if (sessionIn(agent, "stuck")) return {rank: 4, word: "stuck"};
  if (rank >= 0) return {rank: rank + 2, word: LOUD.get(severityOf(agent))};
  if (!agent.up) return {rank: 9, word: "not running"};
  return agent.tree.cpu_usage_ratio >= BUSY ? {rank: 7, word: "busy"} : {rank: 8, word: "quiet"};
}

function sentenceOf(agent) {
  if (agent.concern?.sentence) return agent.concern.sentence;
  const session = sessionIn(agent, "waiting") ?? sessionIn(agent, "stuck");
  if (!session) return "";
  const what = session.waiting_for ?? session.tool;
  return `session ${session.session}${what ? `: ${what}` : ""}`;
}

export function worstFirst(agents, itself) {
  const key = agent => [agent.agent === itself && !isRed(agent) ? 1 : 0, stateOf(agent).rank];
  return [...agents].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    return one[0] - other[0] || one[1] - other[1];
  });
}

// What the line above the list says. It never reassures while anything is red.
export function headline(agents) {
  const red = agents.filter(isRed).length;
  const open = agents.filter(agent => [3, 4, 5, 6].includes(stateOf(agent).rank)).length;
  const all = plural(agents.length, "agent", "agents");
  if (red > 0) return `${count(red)} of ${all} ${red === 1 ? "needs" : "need"} a look now.`;
  if (open > 0) return `${count(open)} of ${all} ${open === 1 ? "waits or has" : "wait or have"} stopped.`;
  return `${all}; none is in trouble.`;
}

// The rows stay the same elements from one look to the next, so that focus, scrolling and a click in flight
// survive an update; while the reader is in the list, its order rests too.
export class AgentList {
  #rows = new Map();  // key of an agent -> its row

  constructor(section, {keyOf, labelOf, open}) {
    this.section = section;
    this.list = section.querySelector("ul");
    this.search = section.querySelector("input");
    this.keyOf = keyOf;
    this.labelOf = labelOf;
    this.open = open;
    this.search.addEventListener("input", () => this.#filter());
  }

  show(agents, chosen, points) {
    this.section.hidden = false;
    this.section.querySelector(".sum").textContent = headline(agents);
    this.section.querySelector(".search").hidden = agents.length < SEARCH_FROM;
    const keys = agents.map(this.keyOf);
    for (const [key, row] of this.#rows) {
      if (keys.includes(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    const rests = this.list.matches(":hover, :focus-within");
    agents.forEach((agent, i) => {
      const row = this.#rows.get(keys[i]) ?? this.#newRow(keys[i]);
      this.#fill(row, agent, keys[i] === chosen, points(keys[i]));
      if (!rests && this.list.children[i] !== row) this.list.insertBefore(row, this.list.children[i] ?? null);
    });
    this.#filter();
  }

  #newRow(key) {
    const part = name => el("span", {class: name});
    const button = el("button", {type: "button"}, part("name"), part("state-word"), part("cpu"), part("memory"),
      part("fds"), part("line"), part("what"));
    button.addEventListener("click", () => this.open(key));
    const row = el("li", {}, button);
    this.#rows.set(key, row);
    this.list.append(row);
    return row;
  }

  #fill(row, agent, chosen, points) {
    const {word} = stateOf(agent);
    const level = isRed(agent) ? (severityOf(agent) === "ticket" ? "warn" : "bad")
      : ["waiting for you", "stuck", "died", "down"].includes(word) ? "warn" : "";
    row.className = level;
    const button = row.firstChild;
    button.setAttribute("aria-pressed", String(chosen));
    const put = (name, text) => {
      const node = button.querySelector(`.${name}`);
      if (node.textContent !== text) node.textContent = text;
    };
    put("name", this.labelOf(agent));
    put("state-word", word);
    put("cpu", agent.tree ? `${percent(agent.tree.cpu_usage_ratio)} CPU` : "");
    put("memory", agent.tree ? bytes(agent.tree.resident_memory_bytes) : "");
    put("fds", agent.tree?.open_fds === undefined ? "" : plural(agent.tree.open_fds, "descriptor", "descriptors"));
    put("what", sentenceOf(agent));
    button.querySelector(".line").replaceChildren(spark(points.map(({x, cpu}) => ({x, y: cpu}))));
  }

  #filter() {
    const words = this.search.value.trim().toLowerCase();
    let shown = 0;
    for (const row of this.#rows.values()) {
      row.hidden = words !== "" && !row.textContent.toLowerCase().includes(words);
      shown += row.hidden ? 0 : 1;
    }
    this.section.querySelector(".none").hidden = shown > 0;
  }
}
