// What every state of the page is held to: accessible, nothing from elsewhere, no complaint in the console.

import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// Fails on what axe-core finds serious or critical, in light and dark, wide and narrow.
export async function assertAccessible(page, state) {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1200, 390]) {
      await page.emulateMedia({colorScheme});
      await page.setViewportSize({width, height: 850});
      await page.evaluate(AXE);
      const {violations} = await page.evaluate(() => globalThis.axe.run(document, {resultTypes: ["violations"]}));
      const serious = violations.filter(({impact}) => impact === "serious" || impact === "critical")
        .map(({id, impact, nodes}) => `${impact} ${id}: ${nodes.slice(0, 3).map(node => `${node.html} ${node.failureSummary}`).join("; ")}`);
      assert.deepEqual(serious, [], `${state}, ${colorScheme}, ${width} px`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${state}: ${overflow} px too wide at ${width} px`);
    }
  }
  await page.setViewportSize({width: 1200, height: 850});
}

// Watches a page from its start; `check` says whether it kept to itself. Answers that are errors are expected.
export function watch(page, origin) {
  const complaints = [];
  const elsewhere = [];
  page.on("console", message => {
    const expected = /Failed to load resource/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !expected) complaints.push(message.text());
  });
  page.on("pageerror", error => complaints.push(String(error)));
  page.on("dialog", dialog => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", request => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("data:")) elsewhere.push(url);
    if (/token=/.test(url)) elsewhere.push(`the token in ${url}`);
  });
  return () => {
    assert.deepEqual(complaints, [], "the console is silent");
    assert.deepEqual(elsewhere, [], "every request goes to the exporter, without the token in its address");
  };
}
