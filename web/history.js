// Shows data from the ledger: charts of the last hour, day or week, names of sessions, today's rate limits. The live
// parts of the page work without it. If the ledger is off, the exporter answers 503.

import * as api from "./api.js";
import {draw, thin} from "./charts.js";
import {bytes, clock, day, el, percent} from "./format.js";

const PAGE = 1000;
const MOST_PAGES = 40;
const REFRESH_MS = 30e3;

const $ = id => document.getElementById(id);

// The samples of one source of one agent, ordered by time. Fetches only what is missing.
class Series {
  constructor(agent, source) {
    this.agent = agent;
    this.source = source;
    this.samples = [];  // oldest first
    this.since = Infinity;
  }

  async fetchSince(since) {
    const newest = this.samples[this.samples.length - 1]?.ts ?? -Infinity;
    const known = since >= this.since;
    const fresh = [];
    const hours = Math.max(1, Math.ceil((Date.now() - since) / 3600e3));
    let cursor;
    for (let page = 0; page < MOST_PAGES; ++page) {
      const parameters = {agent: this.agent, source: this.source, sinceHours: hours, limit: PAGE};
      if (cursor !== undefined) parameters.cursor = cursor;
      const answer = await api.get("resources/samples", parameters);
      fresh.push(...answer.samples);
      cursor = answer.nextCursor;
      const oldest = answer.samples[answer.samples.length - 1]?.ts;
      if (cursor === undefined || cursor === null || answer.samples.length === 0) break;
      if (known && oldest <= newest) break;
    }
    const all = new Map(this.samples.map(sample => [sample.ts, sample]));
    for (const sample of fresh) all.set(sample.ts, sample);
    this.samples = [...all.values()].sort((a, b) => a.ts - b.ts).filter(sample => sample.ts > Date.now() - 8 * 86400e3);
    this.since = Math.min(this.since, since);
  }

  after(since) {
    return this.samples.filter(sample => sample.ts >= since);
  }
}

export class History {
  constructor() {
    this.agent = "";
    this.hours = 1;
    this.series = new Map();
    this.names = new Map();  // pid of a session's leader -> the session's name
    this.limited = null;     // today's rate limits
    this.off = false;
    this.due = 0;
    this.busy = false;
    this.changed = () => {};
  }

  show(agent) {
    if (agent === this.agent) return;
    this.agent = agent;
    this.names = new Map();
    this.limited = null;
    this.due = 0;
    $("charts").hidden = true;
    $("legend").hidden = true;
    $("history-state").hidden = false;
    $("history-state").replaceChildren(el("p", {}, "Loading …"));
  }

  setHours(hours) {
    this.hours = hours;
    this.due = 0;
  }

  // Asks the ledger if a refresh is due. Shows errors in the page, but throws errors of the token.
  async refresh(now = Date.now()) {
    if (this.busy || !this.agent || now < this.due) return;
    this.busy = true;
    this.due = now + REFRESH_MS;
    const [agent, hours] = [this.agent, this.hours];
    try {
      await this.#fetchSessionNames(agent);
      await this.#fetchRateLimits(agent);
      const since = Date.now() - hours * 3600e3;
      const all = await this.#fetchSeries(agent, "aggregate", since);
      const self = await this.#fetchSeries(agent, "agent-server", since);
      if (agent === this.agent && hours === this.hours) this.#draw(all.after(since), self.after(since), since);
      this.off = false;
    } catch (error) {
      if (error.status === 401 || error.status === 403) throw error;
      if (agent !== this.agent) return;
      this.off = true;
      this.limited = null;
      this.#showError(error.status);
    } finally {
      this.busy = false;
      if (agent !== this.agent || hours !== this.hours) this.due = 0;
      this.changed();
    }
  }

  redraw() {
    this.due = 0;
  }

  async #fetchSeries(agent, source, since) {
    const key = `${agent}\n${source}`;
    if (!this.series.has(key)) this.series.set(key, new Series(agent, source));
    const series = this.series.get(key);
    await series.fetchSince(since);
    return series;
  }

  // The ledger knows the names of sessions; the live tree knows their leaders' pids.
  async #fetchSessionNames(agent) {
    const summary = await api.get("resources/summary", {agent, sinceHours: 1});
    const names = new Map();
    for (const source of summary.sources) {
      if (!source.source.startsWith("session:") || source.currentRssBytes === null) continue;
      const {samples: [newest]} = await api.get("resources/samples", {agent, source: source.source, sinceHours: 1, limit: 1});
      if (newest?.pid) names.set(newest.pid, source.source.slice("session:".length));
    }
    if (agent === this.agent) this.names = names;
  }

  async #fetchRateLimits(agent) {
    const midnight = new Date().setHours(0, 0, 0, 0);
    const hours = Math.max(0.001, (Date.now() - midnight) / 3600e3);
    const answer = await api.get("resources/rate-limits", {agent, sinceHours: hours.toFixed(4)});
    if (agent === this.agent) this.limited = {...answer.summary, byKind: answer.byKind};
  }

  #showError(status) {
    $("charts").hidden = true;
    $("legend").hidden = true;
    $("history-state").hidden = false;
    const words = status === 503
      ? [el("p", {}, el("strong", {}, "The history is turned off.")),
         el("p", {}, "The figures above are live and need no history. To see the last hour, day and week here too, start " +
           "the exporter without ", el("code", {}, "--no-ledger"), " and with ", el("code", {}, "ledger: {enabled: true}"),
           " in its configuration, and give it a directory that it can write to.")]
      : [el("p", {}, el("strong", {}, "The history cannot be read right now.")),
         el("p", {}, "The figures above are live and keep updating. This part tries again in half a minute.")];
    $("history-state").replaceChildren(...words);
  }

  #draw(all, self, since) {
    const state = $("history-state");
    const enough = all.length > 0;
    state.hidden = enough;
    $("charts").hidden = !enough;
    $("legend").hidden = !enough;
    if (!enough) {
      state.replaceChildren(el("p", {}, el("strong", {}, "No history for this time span yet.")),
        el("p", {}, "The first point appears about a minute after an agent starts."));
      return;
    }
    const to = Date.now();
    const points = (samples, key) => samples.filter(sample => sample[key] !== null && sample[key] !== undefined)
      .map(sample => ({x: sample.ts, y: sample[key]}));
    for (const [kind, key, show] of [["cpu", "cpuPercent", value => percent(value / 100)], ["memory", "rssBytes", bytes]]) {
      const whole = points(all, key);
      draw($(`${kind}-chart`), kind, [
        {label: "Everything together", points: thin(whole, since, to), color: "--accent", fill: true},
        {label: "The agent itself", points: thin(points(self, key), since, to), color: "--second", fill: false},
      ], since, to, this.hours);
      const mean = whole.reduce((total, point) => total + point.y, 0) / (whole.length || 1);
      const peak = whole.reduce((best, point) => (point.y > best.y ? point : best), {x: 0, y: -1});
      const at = this.hours > 24 ? `${day(peak.x)}, ${clock(peak.x)}` : clock(peak.x);
      const words = whole.length === 0 ? "not measured"
                                       : `${show(mean)} on average, ${show(peak.y)} at most (${at})`;
      $(`${kind}-words`).textContent = words;
      $(`${kind}-chart`).setAttribute("aria-label", `${kind === "cpu" ? "CPU" : "Memory"}: ${words}`);
    }
  }
}
