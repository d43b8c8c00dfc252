// SPDX-License-Identifier: GPL-2.0-or-later
// ui - how long somebody waits for the dashboard, and what it holds on to while it is looked at; for bench_ui.py.
import { createRequire } from "node:module";

const { DS_URL: base, DS_PASSWORD: password, DS_MODULES: modules, DS_MINUTES: minutes = "0", DS_ROUNDS: rounds = "0" } = process.env;
const { chromium } = createRequire(modules + "/")("playwright-core");
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
const newPassword = "a much better one";

const page = await context.newPage();
await page.goto(base + "/");
await page.getByLabel("User").fill("admin");
await page.getByLabel("Password").fill(password);
await page.getByRole("button", { name: "Sign in", exact: true }).click();
await page.getByLabel("The one-time password").fill(password);
await page.getByLabel("New password", { exact: true }).fill(newPassword);
await page.getByLabel("New password, again").fill(newPassword);
await page.getByRole("button", { name: "Save" }).click();
await page.locator(".posture h1").waitFor();

const middle = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

// From the start of the navigation: the first pixels, and the sentence with a button that leads on.
const paint = [], use = [];
for (let i = 0; i < Number(rounds); i++) {
  await page.goto("about:blank");
  await page.goto(base + "/", { waitUntil: "commit" });
  await page.waitForFunction(() => document.querySelector(".posture h1") && document.querySelector(".posture .button"), null, { polling: "raf", timeout: 60000 });
  const [first, ready] = await page.evaluate(() => [performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0, performance.now()]);
  paint.push(first);
  use.push(ready);
}
if (paint.length) {
  console.log(`bench ui_first_paint ${Math.round(middle(paint))} ms`);
  console.log(`bench ui_interactive ${Math.round(middle(use))} ms`);
  console.log(`bench ui_interactive_worst ${Math.round(Math.max(...use))} ms`);
}

// Three pages that stay open: what each holds after the rubbish was taken out, minute by minute.
if (Number(minutes) > 0) {
  const open = [];
  for (const [name, to] of [["overview", "/"], ["alerts", "/alerts"], ["live events", "/events?live=1"]]) {
    const p = await context.newPage();
    await p.goto(base + to);
    await p.locator("main h1, .posture h1").first().waitFor();
    if (name === "alerts") {
      await p.locator("a.alert-row").first().click();
      await p.locator(".panel h2").waitFor();
    }
    const cdp = await context.newCDPSession(p);
    open.push({ name, p, cdp, heap: [], nodes: [] });
  }
  const look = async () => {
    for (const o of open) {
      await o.p.bringToFront();
      await o.cdp.send("HeapProfiler.collectGarbage");
      o.heap.push((await o.cdp.send("Runtime.getHeapUsage")).usedSize);
      o.nodes.push((await o.cdp.send("Memory.getDOMCounters")).nodes);
    }
  };
  for (let m = 0; m <= Number(minutes); m++) {
    await look();
    console.log(`# minute ${m}: ${open.map((o) => `${o.name} ${(o.heap.at(-1) / 1048576).toFixed(1)} MiB ${o.nodes.at(-1)} nodes`).join(", ")}`);
    if (m < Number(minutes)) await page.waitForTimeout(60000);
  }
  // What the screens fill up with in the first minutes is no growth.
  const from = Math.min(2, Number(minutes) - 1);
  for (const o of open) console.log(`bench ui_memory_growth_${o.name.replace(" ", "_")} ${(o.heap.at(-1) / o.heap[from]).toFixed(2)} ratio`);
}
await browser.close();
