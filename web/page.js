// The main script: fetches the live tree every two seconds and shows it, or shows why it cannot.

import * as api from "./api.js";
import {spark} from "./charts.js";
import {bytes, bytesParts, count, duration, el, figure, percent, percentOf, plural} from "./format.js";
import {commandsTable, sessionsTable} from "./details.js";
import {History} from "./history.js";
import {AgentList, isRed, worstFirst} from "./list.js";
import {partsTable} from "./tree.js";
import {limits, notes, sentence} from "./words.js";

const POLL_MS = 2000;
const SPARK_MS = 5 * 60e3;
const ITSELF = "agent_exporter";

const $ = id => document.getElementById(id);
const keyOf = agent => [agent.agent, agent.kind ?? "", agent.slot ?? ""].join("\u0000");
const labelOf = agent => (agent.slot ? `${agent.agent} · ${agent.slot}` : agent.agent);

const history_ = new History();
let answer = null;      // the last successful one
let answeredAt = 0;
let chosen = sessionStorage.getItem("agent_exporter.agent") ?? "";  // opened; else the worst
let timer = 0;
let asking = false;
const recent = new Map();  // key of an agent -> [{x, cpu, memory, fds, processes}]

function showState(title, ...body) {
  $("state").hidden = false;
  $("state-title").textContent = title;
  $("state-body").replaceChildren(...body);
  $("token-form").hidden = true;
  $("content").hidden = true;
  $("agents").hidden = true;
}

function showLive(kind, text) {
  $("live").className = `live ${kind}`;
  if ($("live-text").textContent !== text) $("live-text").textContent = text;
}

function askForToken(status) {
  answer = null;
  const first = $("token-form").hidden;
  showState("This page needs an access token",
    el("p", {}, "It shows which agents run on this host and what they use, so it is not open to everybody. On the host, ",
      el("code", {}, "agent_exporter open"), " prints a link that includes the token. The exporter's log names the " +
      "file that contains it."));
  $("token-form").hidden = false;
  $("token-error").textContent = status === 403 ? "That token is wrong. Copy the whole line and try again." : "";
  if (first) $("token").focus();
  $("forget").hidden = true;
  document.title = "Resource usage · agent_exporter";
  $("banner").hidden = true;
  showLive("", "Waiting for the token");
}

const EXAMPLE = `agents:
  - name: my-agent
    match: {comm: my-agent}     # as in: ps -o comm
  - name: nightly
    match: {script: nightly.py} # what an interpreter runs`;

function showNoAgent() {
  showState("No agent is running here",
    el("p", {}, "Well-known agents, such as claude, codex, gemini or a GitHub runner, appear here as soon as they start. " +
      "For your own agents, write a name and a rule into a file:"),
    el("pre", {tabindex: "0"}, el("code", {}, EXAMPLE)),
    el("p", {}, "Pass the file to the exporter with ", el("code", {}, "--config.file"), ". ",
      el("code", {}, "agent_exporter explain PID"), " shows why a process is or is not an agent."));
}

function showGone() {
  $("banner").hidden = false;
  const words = answer
    ? `The exporter does not answer. These figures are from ${duration((Date.now() - answeredAt) / 1000)} ago. ` +
      "This page tries again every few seconds."
    : "";
  document.body.classList.add("stale");
  showLive("off", "Not answering");
  if (answer) {
    // Only a changed text is announced by screen readers.
    $("banner").textContent = words;
    return;
  }
  $("banner").hidden = true;
  showState("The exporter does not answer",
    el("p", {}, "It may have been stopped, or the network between it and this browser may be down. This page tries again " +
      "every few seconds."));
}

// A click opens an agent: its figures come into view below the list.
function choose(key) {
  chosen = key;
  sessionStorage.setItem("agent_exporter.agent", key);
  render();
  refreshHistory();
  $("content").scrollIntoView({block: "start"});
}

const list = new AgentList($("agents"), {keyOf, labelOf, open: choose});

const tile = (name, id, value, sub, points) =>
  el("div", {}, el("dt", {}, name), el("dd", {class: "figure", "data-tile": id}, value), sub ? el("dd", {class: "sub"}, sub) : "",
    points ? el("dd", {class: "line", "aria-hidden": "true"}, spark(points)) : "");

function hero(name, id, exact, big, unit, sub, points) {
  return el("div", {}, el("dt", {}, name),
    el("dd", {class: "big", "data-hero": id}, figure(exact, big), unit ? el("span", {class: "unit"}, unit) : ""),
    el("dd", {class: "sub"}, sub), el("dd", {"aria-hidden": "true"}, spark(points)));
}

function renderNow(agent) {
  $("now-title").textContent = `Right now: ${labelOf(agent)}`;
  $("sentence").replaceChildren(...sentence(agent));
  const tree = agent.tree ?? {};
  const self = agent.self ?? {};
  const points = recent.get(keyOf(agent)) ?? [];
  const memory = bytesParts(tree.resident_memory_bytes);
  $("heroes").hidden = !agent.up;
  $("tiles").hidden = !agent.up;
  if (!agent.up) return;
  $("heroes").replaceChildren(
    hero("CPU", "cpu", tree.cpu_usage_ratio, percentOf(tree.cpu_usage_ratio), "%",
      `of one core; ${percent(self.cpu_usage_ratio)} by the agent itself`, points.map(({x, cpu}) => ({x, y: cpu}))),
    hero("Memory", "memory", tree.resident_memory_bytes, memory.value, memory.unit,
      `${bytes(self.resident_memory_bytes)} by the agent itself`, points.map(({x, memory: y}) => ({x, y}))));
  const limited = history_.limited;
  $("tiles").replaceChildren(
    tile("Processes", "processes", figure(tree.processes, count(tree.processes)),
      plural(agent.children, "direct child", "direct children"), points.map(({x, processes: y}) => ({x, y}))),
    tile("Open files", "fds", figure(tree.open_fds, count(tree.open_fds)),
      `${count(self.open_fds)} of ${count(self.max_fds)} by the agent itself`, points.map(({x, fds: y}) => ({x, y}))),
    tile("Orphans", "orphans", figure(agent.orphans.processes, count(agent.orphans.processes)),
      agent.orphans.processes > 0 ? "still running" : "none left behind"),
    tile("Rate limits today", "limited", limited ? figure(limited.trips + limited.sentinel,
      count(limited.trips + limited.sentinel)) : "–", limited ? (limited.trips + limited.sentinel > 0 ? "since midnight" : "none since midnight")
                                                              : "needs the history"),
    tile("Running for", "uptime", figure(agent.uptime_seconds, duration(agent.uptime_seconds)),
      agent.instances > 1 ? plural(agent.instances, "instance", "instances") : ""));
}

function renderWhy(agent) {
  const roots = agent.processes.filter(process => process.matched);
  $("why").replaceChildren(...roots.map(process => el("li", {},
    `${process.comm}, pid ${process.pid}: matched by ${process.matched.origin}`,
    el("span", {class: "more"}, process.matched.what))));
  if (roots.length === 0) $("why").replaceChildren(el("li", {}, "No process of it is running."));
}

// A table that comes and goes with what there is to show. It keeps where the reader scrolled to.
function renderTable(id, table) {
  $(id).hidden = table === null;
  if (table === null) return;
  const scroll = $(id).querySelector(".scroll");
  const [left, top] = [scroll.scrollLeft, scroll.scrollTop];
  scroll.replaceChildren(table);
  scroll.scrollTo(left, top);
}

function renderHost({host, exporter}) {
  const parts = host.name ? [host.name] : [];
  if (host.memory_total_bytes !== undefined) {
    parts.push(`${bytes(host.memory_used_bytes)} of ${bytes(host.memory_total_bytes)} memory in use`);
  }
  if (host.load) parts.push(`load ${host.load[0].toFixed(2)}`);
  if (host.processes !== undefined) parts.push(plural(host.processes, "process", "processes"));
  $("host").textContent = parts.join(" · ");
  $("version").textContent = `agent_exporter ${exporter.version} · process source: ${exporter.process_source} · events: ${
    exporter.process_events === "none" ? "off" : exporter.process_events}`;
}

function recordPoints(agents, now) {
  for (const agent of agents) {
    if (!agent.tree) continue;
    const points = recent.get(keyOf(agent)) ?? [];
    points.push({x: now, cpu: agent.tree.cpu_usage_ratio, memory: agent.tree.resident_memory_bytes,
      fds: agent.tree.open_fds, processes: agent.tree.processes});
    recent.set(keyOf(agent), points.filter(point => point.x > now - SPARK_MS));
  }
  for (const key of recent.keys()) {
    if (!agents.some(agent => keyOf(agent) === key)) recent.delete(key);
  }
}

function render() {
  if (!answer) return;
  const agents = worstFirst(answer.agents, ITSELF);
  renderHost(answer);
  if (!agents.some(agent => agent.agent !== ITSELF)) {
    showNoAgent();
    document.title = "No agent · agent_exporter";
    return;
  }
  if (!agents.some(agent => keyOf(agent) === chosen)) {
    chosen = keyOf(agents.find(isRed) ?? agents.find(one => one.up && one.agent !== ITSELF) ?? agents[0]);
  }
  const agent = agents.find(one => keyOf(one) === chosen);
  $("state").hidden = true;
  $("content").hidden = false;
  list.show(agents, chosen, key => recent.get(key) ?? []);
  history_.show(agent.agent);
  renderNow(agent);
  $("notes").replaceChildren(...(agent.up || agent.processes.length > 0 ? notes(agent, history_.limited, agents.some(isRed))
    : [el("li", {class: "warn"}, el("span", {class: "mark", "aria-hidden": "true"}, "!"),
        el("p", {}, el("strong", {}, "None of its processes is running."), " It is shown because ",
          agent.configured ? "the configuration names it." : "it ran a while ago."))]));
  $("limits").replaceChildren(...(agent.up ? limits(agent) : [el("li", {class: "quiet"}, "It is not running, so it uses nothing.")]));
  const parts = $("parts");
  const [left, top] = [parts.scrollLeft, parts.scrollTop];
  parts.replaceChildren(agent.processes.length > 0 ? partsTable(agent, history_.names)
                                                   : el("p", {class: "quiet"}, "No processes."));
  parts.scrollTo(left, top);
  renderTable("sessions", sessionsTable(agent, answer.timestamp_seconds));
  renderTable("commands", commandsTable(agent, answer.timestamp_seconds));
  renderWhy(agent);
  const worst = agents[0];
  document.title = isRed(worst) ? `! ${labelOf(worst)}: ${worst.concern.sentence}` : agent.up
    ? `${percent(agent.tree.cpu_usage_ratio)} · ${bytes(agent.tree.resident_memory_bytes)} · ${agent.agent}`
    : `${agent.agent} is not running`;
}

function onError(error) {
  if (error.status === 401 || error.status === 403) {
    // A 401 although we have a token: a proxy removed the header, or the token is empty. Entering it again helps.
    askForToken(api.token() ? 403 : 401);
    return false;
  }
  showGone();
  return true;
}

async function refreshHistory() {
  try {
    await history_.refresh();
  } catch (error) {
    onError(error);
  }
}

async function poll() {
  clearTimeout(timer);
  if (asking) return;
  if (document.hidden) {
    showLive("", "Paused while hidden");
    return;
  }
  if (!api.token()) {
    askForToken(401);
    return;
  }
  asking = true;
  let again = true;
  try {
    answer = await api.get("agents");
    answeredAt = Date.now();
    recordPoints(answer.agents, answer.timestamp_seconds * 1000);
    document.body.classList.remove("stale");
    $("banner").hidden = true;
    $("forget").hidden = false;
    showLive("on", "Live");
    render();
    refreshHistory();
  } catch (error) {
    again = onError(error);
  } finally {
    asking = false;
  }
  if (again) timer = setTimeout(poll, POLL_MS);
}

$("token-form").addEventListener("submit", event => {
  event.preventDefault();
  api.setToken($("token").value.trim(), $("keep").checked);
  $("token").value = "";
  poll();
});
$("forget").addEventListener("click", () => {
  clearTimeout(timer);
  api.forgetToken();
  askForToken(401);
});
$("range").addEventListener("change", event => {
  history_.setHours(Number(event.target.value));
  refreshHistory();
});
history_.changed = () => render();
document.addEventListener("visibilitychange", poll);
window.addEventListener("hashchange", () => { api.readTokenFromLink(); poll(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { history_.redraw(); refreshHistory(); });

api.readTokenFromLink();
poll();
