// The real program watching real processes, and Debian's Chromium to look at it.

import {spawn, spawnSync} from "node:child_process";
import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {createInterface} from "node:readline";
import {fileURLToPath} from "node:url";

import {chromium} from "playwright-core";

const EXPORTER = process.env.AGENT_EXPORTER;
const AGENT = fileURLToPath(new URL("scene_agent.py", import.meta.url));
export const PATIENCE = 60_000;

const CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                        "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const launchBrowser = () =>
  chromium.launch({executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args: CHROMIUM_FLAGS});

const clean = () => Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith("AGENT_EXPORTER")));

// A line of a program's output that matches.
function lineOf(stream, pattern) {
  return new Promise((resolve, reject) => {
    const seen = [];
    const lines = createInterface({input: stream});
    lines.on("line", line => {
      seen.push(line);
      const match = line.match(pattern);
      if (match) resolve(match);
    });
    lines.on("close", () => reject(new Error(`ended without ${pattern}:\n${seen.join("\n")}`)));
    setTimeout(() => reject(new Error(`waited in vain for ${pattern}:\n${seen.join("\n")}`)), PATIENCE).unref();
  });
}

export class Scene {
  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), "agent_exporter_page_"));
    this.token = "a-token-for-the-browser-tests";
    this.children = [];
    this.orphans = [];  // nobody else ends them
    writeFileSync(join(this.directory, "token"), `${this.token}\n`, {mode: 0o600});
    // tmux keeps its sockets there, and the exporter looks for them there: this host's own sessions stay out of it.
    this.environment = {...clean(), TMUX_TMPDIR: this.directory, STATE_DIRECTORY: this.directory,
                        AGENT_EXPORTER_SOCKET: "none"};
  }

  // rules: [{name, kind}], each the process that its pid file names; none: a host without agents.
  async startExporter({rules = [], flags = [], port = 0} = {}) {
    const lines = rules.map(({name, kind}) =>
      `  - {name: "${name}", ${kind ? `kind: ${kind}, ` : ""}match: {pidfile: "${this.pidfile(name)}"}}`);
    const config = join(this.directory, "config.yaml");
    writeFileSync(config, [`builtin_profiles: false`, `sample_interval: 1s`,
                           `ledger: {sample_interval: 1s, idle_sample_interval: 1s}`,
                           lines.length > 0 ? `agents:\n${lines.join("\n")}` : ""].filter(Boolean).join("\n") + "\n");
    this.exporter = spawn(EXPORTER, [`--web.listen-address=127.0.0.1:${port}`, `--config.file=${config}`,
                                     `--web.token-file=${join(this.directory, "token")}`, ...flags],
      {stdio: ["ignore", "ignore", "pipe"], env: this.environment});
    this.children.push(this.exporter);
    const [, taken] = await lineOf(this.exporter.stderr, /listening on http:\/\/127\.0\.0\.1:(\d+)\//);
    this.port = Number(taken);
    this.url = `http://127.0.0.1:${this.port}/`;
  }

  async stopExporter() {
    const ended = new Promise(resolve => this.exporter.once("exit", resolve));
    this.exporter.kill();
    await ended;
  }

  pidfile(name) {
    return join(this.directory, `${encodeURIComponent(name)}.pid`);
  }

  // An agent with children, an orphan and tmux sessions of these names.
  async startAgent(name, sessions = []) {
    const agent = spawn("/usr/bin/python3", ["-B", AGENT, name, ...sessions],
      {stdio: ["pipe", "pipe", "inherit"], env: this.environment});
    this.children.push(agent);
    const ready = lineOf(agent.stdout, /^ready/);
    lineOf(agent.stdout, /^orphan (\d+)/).then(([, pid]) => this.orphans.push(Number(pid)), () => {});
    writeFileSync(this.pidfile(name), `${agent.pid}\n`);
    await ready;
    return agent.pid;
  }

  async get(path) {
    const response = await fetch(new URL(path, this.url), {headers: {Authorization: `Bearer ${this.token}`}});
    return response.ok ? response.json() : Promise.reject(new Error(`${path}: ${response.status}`));
  }

  async stop() {
    spawnSync("tmux", ["-L", "scene", "kill-server"], {stdio: "ignore", env: this.environment});
    for (const child of this.children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise(resolve => child.once("exit", resolve));
      if (child.stdin) child.stdin.end();
      else child.kill();
      await ended;
    }
    for (const pid of this.orphans) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // gone already
      }
    }
    rmSync(this.directory, {recursive: true, force: true});
  }
}

export async function waitFor(condition, what) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
