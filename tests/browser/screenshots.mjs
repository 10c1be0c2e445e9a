// Takes the pictures of docs/images anew: every state of the page, in light and dark. The exporter, the agent and its
// sessions are real; a week of history and a leak take longer than a picture may, so those answers are made up here.
//
//   tests/browser/screenshots.sh [DIRECTORY]

import {mkdirSync} from "node:fs";
import {join} from "node:path";

import {launchBrowser, Scene, waitFor} from "./scene.mjs";

const directory = process.argv[2];
const WIDE = {width: 1120, height: 800};
const PHONE = {width: 390, height: 844};

const scene = new Scene();
const browser = await launchBrowser();

// Working hours with a few builds, on a slow rise of memory.
function sampleAt(ts, self) {
  const hour = new Date(ts).getHours() + new Date(ts).getMinutes() / 60;
  const work = Math.max(0, Math.sin((hour - 7) / 12 * Math.PI));
  const minute = ts / 60e3;
  const build = Math.max(0, Math.sin(minute / 9) * Math.sin(minute / 31)) ** 2;
  const noise = 0.5 + 0.5 * Math.sin(minute * 12.9898) * Math.sin(minute * 4.1);
  const cpuPercent = 4 + 18 * work + 90 * work * build + 6 * noise;
  const rssBytes = (300 + 90 * work + 140 * build * work + 6 * noise) * 2 ** 20;
  return self ? {cpuPercent: 2 + 5 * work + 3 * noise, rssBytes: (158 + 20 * work) * 2 ** 20} : {cpuPercent, rssBytes};
}

async function ledger(page, {limited = 0} = {}) {
  const start = Date.now();
  await page.route("**/resources/**", async route => {
    const query = new URL(route.request().url()).searchParams;
    const hours = Number(query.get("sinceHours"));
    const source = query.get("source") ?? "";
    const {processes} = (await scene.get("agents")).agents.find(one => one.agent === "codex");
    const leaders = processes.filter(one => one.session === one.pid && one.comm !== "tmux: server" && one.role !== "root");
    const names = ["build", "review-412"];
    const step = hours > 24 ? 15 * 60e3 : 60e3;
    const samples = source.startsWith("session:")
      ? [{ts: start, source, pid: leaders[names.indexOf(source.slice(8))]?.pid}]
      : Array.from({length: Math.floor(hours * 3600e3 / step)}, (_, i) => start - i * step)
        // A night switched off, two days ago.
        .filter(ts => hours <= 24 || ts < start - 55 * 3600e3 || ts > start - 47 * 3600e3)
        .map(ts => ({ts, source, pid: null, heapUsedBytes: null, ...sampleAt(ts, source === "agent-server")}));
    await route.fulfill({json: {
      sources: names.map(name => ({source: `session:${name}`, currentCpuPercent: 1, currentRssBytes: 1})),
      samples, nextCursor: null,
      summary: {trips: limited ? limited - 1 : 0, recovers: 0, sentinel: limited ? 1 : 0, total: limited},
      byKind: limited ? {trip: limited - 1, 529: 1} : {}, events: [],
    }});
  });
}

const ledgerOff = page => page.route("**/resources/**", route => route.fulfill({status: 503, body: "resource ledger unavailable\n"}));

async function leak(page) {
  await page.route("**/agents", async route => {
    const answer = await (await route.fetch()).json();
    const codex = answer.agents.find(one => one.agent === "codex");
    for (const use of codex.resources.filter(one => one.resource === "fds")) {
      Object.assign(use, {used: 186, limit: 1024, used_ratio: 186 / 1024});
    }
    codex.leaks = [
      {scope: "self", resource: "fds", growth_per_second: 0.2, seconds_to_limit: 4190, evidence_span_seconds: 2400},
      {scope: "tree", resource: "memory", growth_per_second: 3100, seconds_to_limit: 7.6e6, evidence_span_seconds: 21600}];
    await route.fulfill({json: answer});
  });
}

const link = at => `${at.url}#token=${scene.token}`;
const shot = {};  // state -> how it comes about, and what must be seen before the picture is taken

shot.live = async page => {
  await ledger(page);
  await page.goto(link(scene));
  await page.locator("tr.session", {hasText: "review-412"}).waitFor();
  await page.waitForTimeout(45e3);  // for the lines of the last minute
};
shot.week = async page => {
  await ledger(page);
  await page.goto(link(scene));
  await page.getByLabel("7 days").check();
  await page.getByText(/at most \(\w{3} /).first().waitFor();
  await page.locator("#history-title").evaluate(node => node.closest("section").scrollIntoView({block: "center"}));
};
shot.leak = async page => {
  await ledger(page, {limited: 3});
  await leak(page);
  await page.goto(link(scene));
  await page.getByText("rate limited 3 times today").waitFor();
};
shot["no-history"] = async page => {
  await ledgerOff(page);
  await page.goto(link(scene));
  await page.getByText("The history is turned off.").waitFor();
};
shot.down = async page => {
  await ledger(page);
  await page.goto(link(scene));
  await page.getByRole("button", {name: /nightly/}).click();
  await page.getByText("nightly is not running.").waitFor();
  await page.locator("#charts").waitFor();
};
shot.token = async page => {
  await page.goto(scene.url);
  await page.locator("#token").waitFor();
};
shot["no-agent"] = async page => {
  await page.route("**/agents", async route => {
    const answer = await (await route.fetch()).json();
    answer.agents = answer.agents.filter(one => one.agent === "agent_exporter");
    await route.fulfill({json: answer});
  });
  await page.goto(link(scene));
  await page.getByText("No agent is running here").waitFor();
};
shot.gone = async page => {
  await ledger(page);
  await page.goto(link(scene));
  await page.locator("tr.session", {hasText: "review-412"}).waitFor();
  await page.route("**/agents", route => route.abort());
  await page.getByText("The exporter does not answer.").waitFor();
};

async function take(state, name, colorScheme, viewport, fullPage) {
  const context = await browser.newContext({colorScheme, viewport, deviceScaleFactor: 1});
  const page = await context.newPage();
  await shot[state](page);
  await page.screenshot({path: join(directory, `page-${name}-${colorScheme}.png`), fullPage});
  await context.close();
}

try {
  mkdirSync(directory, {recursive: true});
  await scene.startExporter({rules: [{name: "codex", kind: "coder"}, {name: "nightly", kind: "worker"}]});
  await scene.startAgent("codex", ["build", "review-412"]);
  await waitFor(async () => (await scene.get("agents")).agents.find(one => one.agent === "codex").orphans.processes > 0,
    "the orphan");
  for (const colorScheme of ["light", "dark"]) {
    await Promise.all([
      take("live", "live", colorScheme, WIDE, true),
      take("live", "phone", colorScheme, PHONE, true),
      ...["week", "leak", "no-history", "down", "token", "no-agent", "gone"].map(state =>
        take(state, state, colorScheme, WIDE, state === "no-history")),
    ]);
  }
} finally {
  await browser.close();
  await scene.stop();
}
