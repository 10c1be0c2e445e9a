// The page as a person meets it. One scene for all: an exporter that watches an agent with children, an orphan
// and tmux sessions, one of which has a hostile name.

import assert from "node:assert/strict";
import {after, before, test} from "node:test";

import {assertAccessible, watch} from "./judge.mjs";
import {launchBrowser, Scene, waitFor, PATIENCE} from "./scene.mjs";

const HOSTILE = "<img src=x onerror=alert(1)>";
const scene = new Scene();
let browser;

before(async () => {
  browser = await launchBrowser();
  await scene.startExporter({rules: [{name: "codex", kind: "coder"}, {name: "nightly"}]});
  await scene.startAgent("codex", ["build", HOSTILE]);
  await waitFor(async () => (await agent()).orphans.processes > 0, "the orphan");
}, {timeout: PATIENCE});

after(async () => {
  await browser?.close();
  await scene.stop();
});

const agent = async (name = "codex") => (await scene.get("agents")).agents.find(one => one.agent === name);

// A page of a browser that knows nothing yet; closed, and judged, when `body` is done.
async function visit(body, {link = true, url = scene.url, prepare = () => {}} = {}) {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const check = watch(page, url);
  await prepare(page, context);
  await page.goto(link ? `${url}#token=${scene.token}` : url);
  try {
    await body(page, context);
    check();
  } finally {
    await context.close();
  }
}

// As a reader sees it: a space that does not break is a space.
const plain = string => string.replace(/\s+/g, " ").trim();
const textOf = async locator => plain(await locator.innerText());
const text = (page, selector) => textOf(page.locator(selector));
const shows = (page, words) => page.getByText(words).first().waitFor();

test("asks for the token once, says when it is wrong, remembers and forgets it", async () => {
  await visit(async page => {
    await shows(page, "This page needs an access token");
    assert.equal(await page.locator("#content").isVisible(), false);
    assert.equal(await page.evaluate(() => document.activeElement.id), "token");
    await assertAccessible(page, "asking for the token");

    await page.keyboard.type("not-this-one-not-this-one");
    await page.keyboard.press("Enter");
    await shows(page, "That token is wrong");
    await assertAccessible(page, "wrong token");

    await page.locator("#token").fill(scene.token);
    await page.keyboard.press("Enter");
    await shows(page, "Right now");
    await page.reload();
    await shows(page, "Right now");

    await page.getByRole("button", {name: "Forget the token"}).click();
    await shows(page, "This page needs an access token");
    await page.reload();
    await shows(page, "This page needs an access token");
  }, {link: false});
});

test("keeps the token for this tab alone when asked to", async () => {
  await visit(async (page, context) => {
    await page.locator("#token").fill(scene.token);
    await page.getByLabel("Remember it in this browser").uncheck();
    await page.getByRole("button", {name: "Show"}).click();
    await shows(page, "Right now");
    const other = await context.newPage();
    await other.goto(scene.url);
    await shows(other, "This page needs an access token");
  }, {link: false});
});

test("takes the token from the link and out of the address", async () => {
  await visit(async page => {
    await shows(page, "Right now");
    assert.equal(page.url(), scene.url);
    await page.reload();
    await shows(page, "Right now");
  });
});

// In the words of the page: written here once more, so that a mistake there is seen.
const inBytes = value => value >= 1023.5 * 2 ** 20 ? `${(value / 2 ** 30).toFixed(value < 10 * 2 ** 30 ? 1 : 0)} GiB`
  : value >= 10 * 2 ** 20 ? `${(value / 2 ** 20).toFixed(0)} MiB`
  : value >= 1023.5 * 2 ** 10 ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value / 2 ** 10).toFixed(0)} KiB`;

test("shows the figures of the API", async () => {
  let answer;
  await visit(async page => {
    await shows(page, "Right now");
    const {agents} = await waitFor(() => answer, "an answer");
    const codex = agents.find(one => one.agent === "codex");
    const exact = async selector => Number(await page.locator(`${selector} data`).getAttribute("value"));
    assert.equal(await exact("[data-hero=cpu]"), codex.tree.cpu_usage_ratio);
    assert.equal(await exact("[data-hero=memory]"), codex.tree.resident_memory_bytes);
    assert.equal(await exact("[data-tile=processes]"), codex.tree.processes);
    assert.equal(await exact("[data-tile=fds]"), codex.tree.open_fds);
    assert.equal(await exact("[data-tile=orphans]"), codex.orphans.processes);
    assert.equal((await text(page, "[data-hero=memory]")).replace(/\s+/g, ""),
      inBytes(codex.tree.resident_memory_bytes).replace(" ", ""));
    assert.match(await text(page, "#sentence"), new RegExp(
      `^codex and the ${codex.tree.processes - codex.self.processes} processes it started are using .* % of one core ` +
      `and ${inBytes(codex.tree.resident_memory_bytes)} of memory\\.$`));

    const rows = codex.processes;
    assert.ok(rows.length >= 9, "the whole scene is there");
    for (const process of rows) {
      const row = page.locator(`[data-row="pid-${process.pid}"]`);
      assert.equal(await textOf(row.locator(".who")), process.comm);
      assert.equal(Number(await row.locator("[data-figure=memory]").getAttribute("value")), process.resident_memory_bytes);
      assert.equal(await textOf(row.locator("[data-figure=memory]")), inBytes(process.resident_memory_bytes));
      assert.equal(Number(await row.locator("[data-figure=cpu]").getAttribute("value")), process.cpu_usage_ratio);
      assert.equal(Number(await row.locator("[data-figure=fds]").getAttribute("value")), process.open_fds);
      assert.equal(await row.getByText("orphan", {exact: true}).count(), process.role === "orphan" ? 1 : 0);
    }
    const fds = codex.resources.filter(use => use.resource === "fds").sort((a, b) => b.used_ratio - a.used_ratio)[0];
    assert.match(await text(page, "[data-resource=fds]"),
      new RegExp(`${fds.used.toLocaleString("en")} of ${fds.limit.toLocaleString("en")}, the limit of the process itself`));
    assert.match(await text(page, "#notes"), /outlived (its|their) parent/);
    await page.getByText("Why these processes are watched").click();
    const root = rows.find(process => process.role === "root");
    assert.match(await text(page, "#why"), new RegExp(`codex, pid ${root.pid}: matched by .*config\\.yaml:\\d+`));
    await assertAccessible(page, "live");
  }, {
    // One answer of the exporter, given again and again, so that what is shown stands still.
    prepare: page => page.route("**/agents", async route => {
      answer ??= await (await route.fetch()).json();
      await route.fulfill({json: answer});
    }),
  });
});

test("follows what happens without a reload", async () => {
  await visit(async page => {
    await shows(page, "Right now");
    await page.getByRole("button", {name: /nightly/}).click();
    await shows(page, "nightly is not running.");
    assert.match(await text(page, "#notes"), /the configuration names it/);
    await assertAccessible(page, "an agent that is down");
    const other = await scene.startAgent("nightly");
    await shows(page, /nightly and the \d+ processes it started/);
    await page.locator(`[data-row="pid-${other}"]`).waitFor();
    scene.children.pop().stdin.end();
    await shows(page, "nightly is not running.");
  });
});

test("a hostile session name is text", async () => {
  await visit(async page => {
        const row = page.locator("tr.session", {hasText: HOSTILE});
    assert.equal(await textOf(row.locator(".who")), HOSTILE);
    assert.equal(await page.locator("img").count(), 0);
    // Its figures are those of the processes of that session.
    const pid = Number((await row.getAttribute("data-row")).slice("session-".length));
    const {processes} = await agent();
    const inside = processes.filter(process => process.session === pid);
    assert.equal(inside.length, 2, "the pane's shell and its child");
    assert.match(await textOf(row.locator(".more").first()), /^2 processes/);
    const {value} = await row.locator("[data-figure=fds]").evaluate(node => ({value: node.value}));
    assert.equal(Number(value), inside.reduce((sum, process) => sum + process.open_fds, 0));
    assert.equal(await page.locator("img").count(), 0);
    await assertAccessible(page, "a hostile session name");
  });
});

test("tells of leaks and rate limits in words", async () => {
  await visit(async page => {
    await shows(page, "codex gains 12 open files a minute; at this rate its limit of 1,024 is reached in 1 h 10 min.");
    await shows(page, "Seen over the last 40 min.");
    await shows(page, "codex and what it started gain 10 MiB of memory an hour");
    await shows(page, "91 % of the open files it may have are in use.");
    await shows(page, "It was rate limited 3 times today.");
    await shows(page, "circuit breaker opened: 2");
    await shows(page, "overloaded (529): 1");
    assert.equal(await text(page, "[data-tile=limited]"), "3");
    assert.doesNotMatch(await text(page, "#notes"), /Nothing keeps growing/);
    await assertAccessible(page, "a leak");
  }, {prepare: async page => {
    // Evidence takes hours to gather: the exporter's answer with some added.
    await page.route("**/agents", async route => {
      const answer = await (await route.fetch()).json();
      const codex = answer.agents.find(one => one.agent === "codex");
      const fds = codex.resources.filter(use => use.resource === "fds");
      for (const use of fds) Object.assign(use, {used: 932, limit: 1024, used_ratio: 0.91});
      const leak = (scope, resource, perSecond, left, span) =>
        ({scope, resource, growth_per_second: perSecond, seconds_to_limit: left, evidence_span_seconds: span});
      codex.leaks = [leak("self", "fds", 0.2, 4200, 2400), leak("tree", "fds", 0.2, 4300, 2400),
                     leak("tree", "memory", 10 * 2 ** 20 / 3600, 9e5, 7200), leak("tree", "pids", 0, null, 0)];
      await route.fulfill({json: answer});
    });
    await page.route("**/resources/**", route => route.fulfill({json: {
      sources: [], samples: [], nextCursor: null, byKind: {trip: 2, recover: 1, 529: 1},
      summary: {trips: 2, tripsPerHour: 0.1, recovers: 1, sentinel: 1, total: 4}}}));
  }});
});

test("opens on every agent, the one in most trouble first", async () => {
  const HEALTHY = 200;
  const order = async page => (await page.locator("#agents .name").allInnerTexts()).map(plain);
  await visit(async page => {
    await shows(page, "3 of 206 agents need a look now.");
    assert.deepEqual((await order(page)).slice(0, 5), ["leaks", "full", "grows", "asks", "hangs"]);
    for (const name of ["leaks", "full", "grows", "asks", "hangs"]) {
      const row = page.locator("#agents li", {has: page.getByText(name, {exact: true})});
      assert.ok((await row.boundingBox()).y < 850, `${name} is on the first screen`);
    }
    await shows(page, "out of file descriptors in 9m 0s: mcp-server (pid 450) holds 952 of 1,024, +12 a minute");
    assert.match(await text(page, "#now-title"), /leaks$/, "the worst one is open");
    assert.match(await page.title(), /^! leaks: out of file descriptors/);
    await assertAccessible(page, "two hundred agents");

    await page.getByRole("button", {name: /^calm-7 /}).press("Enter");
    await waitFor(async () => /calm-7$/.test(await text(page, "#now-title")), "the chosen agent");
    assert.doesNotMatch(await text(page, "main"), /Nothing keeps growing/, "nothing reassures while something is red");

    await page.getByLabel("Find").fill("hangs");
    assert.equal(await page.locator("#agents li:visible").count(), 1);
    await page.getByLabel("Find").fill("no such agent");
    await shows(page, "No agent matches.");
  }, {prepare: async page => {
    await page.route("**/agents", async route => {
      const answer = await (await route.fetch()).json();
      const codex = answer.agents.find(one => one.agent === "codex");
      const like = (agent, concern, state) => ({...codex, agent, leaks: [], resources: [],
        concern: {severity: "none", sentence: "", advice: "", ...concern},
        sessions: state ? [{session: "build", pid: 1, state}] : []});
      answer.agents = [
        ...Array.from({length: HEALTHY}, (_, i) => like(`calm-${i}`)), like("hangs", {}, "stuck"),
        like("asks", {}, "waiting"), like("gone", {severity: "down", sentence: "does not run"}),
        like("grows", {severity: "ticket", sentence: "out of memory in 2d 0h: it uses 1 GiB of 2 GiB"}),
        like("full", {severity: "near", sentence: "1.9 GiB of 2.0 GiB memory is used"}),
        like("leaks", {severity: "page", advice: "agent_exporter fds 450 shows which",
          sentence: "out of file descriptors in 9m 0s: mcp-server (pid 450) holds 952 of 1,024, +12 a minute"})];
      await route.fulfill({json: answer});
    });
  }});
});

test("draws the history of an hour, a day and a week, page by page", async () => {
  const asked = [];
  await visit(async page => {
    await shows(page, "20 % on average, 90 % at most");
    await shows(page, "200 MiB on average, 256 MiB at most");
    assert.match(await page.locator("#cpu-chart").getAttribute("aria-label"), /^CPU: 20\s% on average, 90\s% at most \(\d\d:\d\d\)$/);
    await assertAccessible(page, "history");
    const first = await page.locator("#cpu-chart").screenshot();
    await page.getByLabel("7 days").check();
    await waitFor(() => asked.some(query => query.get("cursor") === "2"), "the third page of a week");
    await shows(page, /at most \(\w+,? \d+ \w+, \d\d:\d\d\)/);
    assert.notDeepEqual(await page.locator("#cpu-chart").screenshot(), first, "the curve is another one");
  }, {prepare: page => page.route("**/resources/**", route => {
    const query = new URL(route.request().url()).searchParams;
    if (query.has("limit")) asked.push(query);
    const hours = Number(query.get("sinceHours"));
    const start = Date.now() - Number(query.get("cursor") ?? 0) * 20 * 60e3;
    // Ten samples a page, 2 minutes apart, the newest first; one in ten is the peak.
    const samples = Array.from({length: 10}, (_, i) => ({ts: start - i * 2 * 60e3, source: query.get("source"), pid: 1,
      cpuPercent: i === 4 ? 90 : 110 / 9, rssBytes: i === 4 ? 2 ** 28 : (2000 - 256) / 9 * 2 ** 20}));
    const next = Number(query.get("cursor") ?? 0) + 1;
    return route.fulfill({json: {samples, nextCursor: hours > 1 && next < 5 ? String(next) : null, sources: [],
      summary: {trips: 0, recovers: 0, sentinel: 0, total: 0}, byKind: {}}});
  })});
});

test("shows what the ledger remembers", async () => {
  await visit(async page => {
    await page.locator("#charts").waitFor();
    const words = await waitFor(async () => (await text(page, "#memory-words")).match(/^(.+) on average, (.+) at most/), "figures");
    const {samples} = await scene.get("resources/samples?agent=codex&source=aggregate&sinceHours=1&limit=1000");
    const memory = samples.map(sample => sample.rssBytes);
    // The ledger went on since the page asked it; memory of the scene stands still but for a page or two.
    const near = (shown, value) => {
      const [, figure, unit] = shown.match(/([\d.]+) (\w+)/);
      const bytes = Number(figure) * {KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30}[unit];
      assert.ok(Math.abs(bytes - value) <= 0.05 * value, `${shown} is about ${value}`);
    };
    near(words[2], Math.max(...memory));
    near(words[1], memory.reduce((sum, value) => sum + value, 0) / memory.length);
    assert.equal(await text(page, "[data-tile=limited]"), "0");
    await assertAccessible(page, "history of the ledger");
  });
});

test("without the ledger the live part goes on", async () => {
  const other = new Scene();
  try {
    await other.startExporter({rules: [{name: "plain"}], flags: ["--no-ledger"]});
    await other.startAgent("plain");
    await visit(async page => {
      await shows(page, "The history is turned off.");
      assert.equal(await text(page, "[data-tile=limited]"), "–");
      assert.match(await text(page, "#sentence"), /^plain and the \d+ processes? it started are using/);
      await assertAccessible(page, "ledger off");
    }, {url: other.url});
  } finally {
    await other.stop();
  }
});

test("says how to name an agent where there is none, and when the exporter went away and came back", async () => {
  const bare = new Scene();
  try {
    await bare.startExporter();
    await visit(async page => {
      await shows(page, "No agent is running here");
      assert.match(await text(page, "#state pre"), /match: \{comm: my-agent\}/);
      await assertAccessible(page, "no agent");

      await bare.stopExporter();
      await shows(page, "Not answering");
      await assertAccessible(page, "gone");
      await bare.startExporter({rules: [{name: "late"}], port: bare.port});
      await bare.startAgent("late");
      await shows(page, /late (and the \d+ processes it started are|is) using/);
      await shows(page, "Live");

      await bare.stopExporter();
      await shows(page, "The exporter does not answer. These figures are from");
      assert.ok(await page.locator("#sentence").isVisible(), "the last figures stay");
      await assertAccessible(page, "gone, with figures");
      await page.reload().catch(() => {});  // nobody there to load it from
    }, {url: bare.url});
  } finally {
    await bare.stop();
  }
});

test("rests while nobody looks", async () => {
  await visit(async page => {
    await shows(page, "Live");
    const hide = hidden => page.evaluate(value => {
      Object.defineProperty(document, "hidden", {configurable: true, get: () => value});
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
    await hide(true);
    await shows(page, "Paused while hidden");
    let asked = 0;
    page.on("request", request => { asked += request.url().endsWith("/agents") ? 1 : 0; });
    await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 5000)));  // two polls and a half
    assert.equal(asked, 0);
    await hide(false);
    await shows(page, "Live");
    await waitFor(() => asked > 0, "a question to the exporter");
  });
});

test("works from the keyboard", async () => {
  await visit(async page => {
    await shows(page, "Right now");
    const focused = () => page.evaluate(() => document.activeElement.innerText || document.activeElement.value);
    await page.keyboard.press("Tab");
    assert.equal(await focused(), "Skip to the figures");
    const seen = [];
    for (let i = 0; i < 25 && seen.at(-1) !== "24"; ++i) {
      await page.keyboard.press("Tab");
      seen.push(await focused());
      if (seen.at(-1) === "1") {
        await page.keyboard.press("ArrowRight");
        seen.push(await focused());
      }
    }
    assert.ok(seen.some(name => /^nightly/.test(name)), "an agent can be reached");
    assert.equal(seen.at(-1), "24", "and the time span");
    await page.getByRole("button", {name: /nightly/}).focus();
    await page.keyboard.press("Enter");
    await shows(page, "nightly is not running.");
  });
});
