// Draws the dashboards with Grafana's own components in headless Chromium, from a live Prometheus:
//
//   npm ci && node render.mjs [--out FOLDER] [--minutes N] [--theme dark|light] [NAME[?var-agent=codex&…] …]
//
// PROMETHEUS_URL names the Prometheus; scene.py starts one that has something to show. Chromium is Debian's package.

import { chromium } from 'playwright-core';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createServer } from 'vite';

const here = fileURLToPath(new URL('.', import.meta.url));
const prometheus = process.env.PROMETHEUS_URL;
if (!prometheus) {
  console.error('render.mjs: PROMETHEUS_URL must name a running Prometheus, such as http://127.0.0.1:9090');
  process.exit(2);
}
const { values, positionals } = parseArgs({ allowPositionals: true, options: {
  out: { type: 'string', default: `${here}../../docs/images` }, minutes: { type: 'string', default: '20' },
  theme: { type: 'string', default: 'dark' } } });
const wanted = positionals.length ? positionals : ['fleet', 'agent?var-agent=codex', 'host', 'exporter'];

// The dashboards as files of the page.
const dashboards = { name: 'dashboards', configureServer(server) {
  server.middlewares.use('/dashboards', (request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(readFileSync(`${here}..${new URL(request.url, 'http://x').pathname}`));
  });
} };

const server = await createServer({ root: here, plugins: [dashboards], server: { port: 0, host: '127.0.0.1', hmr: false, watch: null,
  proxy: { '/prometheus': { target: prometheus, rewrite: (path) => path.replace(/^\/prometheus/, '') } } } });
await server.listen();
const address = `http://127.0.0.1:${server.httpServer.address().port}`;
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--headless', '--no-sandbox', '--disable-gpu',
  '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
let failed = 0;
try {
  mkdirSync(values.out, { recursive: true });
  for (const one of wanted) {
    const [name, variables = ''] = one.split('?');
    const page = await browser.newPage({ viewport: { width: 1600, height: 3200 } });
    page.on('console', (message) => message.type() === 'error' && console.error(`${name}: ${message.text()}`));
    page.on('pageerror', (error) => console.error(`${name}: ${error.stack}`));
    await page.goto(`${address}/?dashboard=${name}&minutes=${values.minutes}&theme=${values.theme}&${variables}`);
    await page.waitForFunction(() => document.title === 'drawn' || document.title === 'failed', null, { timeout: 120000 });
    if ((await page.title()) === 'failed') {
      console.error(`${name}: ${await page.innerText('body')}`);
      failed = 1;
    } else {
      const path = `${values.out}/dashboard-${name}${values.theme === 'dark' ? '' : `-${values.theme}`}.png`;
      // Tables draw what is in view only, hence the tall view: cut to what there is.
      const { height } = await page.locator('#root').boundingBox();
      await page.screenshot({ path, clip: { x: 0, y: 0, width: 1600, height: Math.ceil(height) } });
      console.log(`drew ${path}`);
    }
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
process.exit(failed);
