// What the ledger remembers: curves of the last hour, day or week, sessions by name, today's rate limits. A
// ledger that is off answers 503; everything live goes on without it.

import * as api from "./api.js";
import {draw, thin} from "./charts.js";
import {bytes, clock, day, el, percent} from "./format.js";

const PAGE = 1000;
const MOST_PAGES = 40;
const REFRESH_MS = 30e3;

const $ = id => document.getElementById(id);

// One source of one agent: samples in order of time, never fetched twice.
class Series {
  constructor(agent, source) {
    this.agent = agent;
    this.source = source;
    this.samples = [];  // oldest first
    this.since = Infinity;
  }

  async reach(since) {
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
    $("history-state").replaceChildren(el("p", {}, "Looking it up."));
  }

  setHours(hours) {
    this.hours = hours;
    this.due = 0;
  }

  // Asks the ledger when it is time to. Errors show in the page; those of the token are thrown.
  async refresh(now = Date.now()) {
    if (this.busy || !this.agent || now < this.due) return;
    this.busy = true;
    this.due = now + REFRESH_MS;
    const [agent, hours] = [this.agent, this.hours];
    try {
      await this.#sessions(agent);
      await this.#rateLimits(agent);
      const since = Date.now() - hours * 3600e3;
      const all = await this.#reach(agent, "aggregate", since);
      const self = await this.#reach(agent, "agent-server", since);
      if (agent === this.agent && hours === this.hours) this.#draw(all.after(since), self.after(since), since);
      this.off = false;
    } catch (error) {
      if (error.status === 401 || error.status === 403) throw error;
      if (agent !== this.agent) return;
      this.off = true;
      this.limited = null;
      this.#say(error.status);
    } finally {
      this.busy = false;
      if (agent !== this.agent || hours !== this.hours) this.due = 0;
      this.changed();
    }
  }

  redraw() {
    this.due = 0;
  }

  async #reach(agent, source, since) {
    const key = `${agent}\n${source}`;
    if (!this.series.has(key)) this.series.set(key, new Series(agent, source));
    const series = this.series.get(key);
    await series.reach(since);
    return series;
  }

  // The ledger knows what a session is called, the live tree which pid leads it.
  async #sessions(agent) {
    const summary = await api.get("resources/summary", {agent, sinceHours: 1});
    const names = new Map();
    for (const source of summary.sources) {
      if (!source.source.startsWith("session:") || source.currentRssBytes === null) continue;
      const {samples: [newest]} = await api.get("resources/samples", {agent, source: source.source, sinceHours: 1, limit: 1});
      if (newest?.pid) names.set(newest.pid, source.source.slice("session:".length));
    }
    if (agent === this.agent) this.names = names;
  }

  async #rateLimits(agent) {
    const midnight = new Date().setHours(0, 0, 0, 0);
    const hours = Math.max(0.001, (Date.now() - midnight) / 3600e3);
    const answer = await api.get("resources/rate-limits", {agent, sinceHours: hours.toFixed(4)});
    if (agent === this.agent) this.limited = {...answer.summary, byKind: answer.byKind};
  }

  #say(status) {
    $("charts").hidden = true;
    $("legend").hidden = true;
    $("history-state").hidden = false;
    const words = status === 503
      ? [el("p", {}, el("strong", {}, "The history is not turned on yet.")),
         el("p", {}, "The figures above are live and need no history. To see the last hour, day and week here too, start " +
           "the exporter without ", el("code", {}, "--no-ledger"), " and with ", el("code", {}, "ledger: {enabled: true}"),
           " in its configuration, and give it a directory that it may write to.")]
      : [el("p", {}, el("strong", {}, "The history cannot be read just now.")),
         el("p", {}, "The figures above are live and go on. This part is tried again in half a minute.")];
    $("history-state").replaceChildren(...words);
  }

  #draw(all, self, since) {
    const state = $("history-state");
    const enough = all.length > 0;
    state.hidden = enough;
    $("charts").hidden = !enough;
    $("legend").hidden = !enough;
    if (!enough) {
      state.replaceChildren(el("p", {}, el("strong", {}, "Nothing remembered yet for this span.")),
        el("p", {}, "The first point comes within a minute or so of an agent's start."));
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
