// SPDX-License-Identifier: GPL-2.0-or-later
// browser - what the tests of the dashboard share: Chromium, axe, the API beside it, and TAP without numbers.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";

export const { DS_URL: base, DS_PASSWORD: password } = process.env;
const { DS_TOKEN: token, DS_MODULES: modules, DS_BROWSER: executablePath, DS_SHOTS: shots } = process.env;
const require = createRequire(modules + "/");
const { chromium } = require("playwright-core");
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const ok = (good, name, why = "") => console.log(`${good ? "ok" : "not ok"} - ${name}${good || !why ? "" : `: ${String(why).slice(0, 600).replace(/\s+/g, " ")}`}`);
export const problems = [];
const replies = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
// Something that only dashboard.py can do.
export const please = (what) => { console.log(`# please: ${what}`); return replies.next(); };

export const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });

// Everything that the console, the page or the policy complains about; what we ask for on purpose is left out.
export async function open(options = {}, expected = /(?!)/) {
  // axe is put in by the test, past the policy.
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  await context.addInitScript(() => {
    window.__policy = [];
    document.addEventListener("securitypolicyviolation", (e) => window.__policy.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile ?? ""}`));
  });
  const page = await context.newPage();
  page.on("console", (m) => { if (m.type() === "error" && !expected.test(m.text())) problems.push(`console: ${m.text()} ${m.location().url}`); });
  page.on("pageerror", (e) => problems.push(`page: ${e.message}`));
  page.setDefaultTimeout(90000);
  return page;
}

export async function signIn(page, to = "/") {
  await page.goto(base + to);
  await page.getByRole("button", { name: "Use an API token instead" }).click();
  await page.getByLabel("API token", { exact: true }).fill(token);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.locator(".rail, .bar").first().waitFor();
}

export const go = (page, to) => page.evaluate((x) => { history.pushState(null, "", x); dispatchEvent(new PopStateEvent("popstate")); }, to);
export const settle = (page) => page.waitForFunction(() => !document.querySelector(".waiting") && document.querySelector("main h1, main h2"), null, { timeout: 90000 });
// What the server says, once it is so: the page was told to do something, and the server has it a moment later.
export async function until(ask, patience = 90000) {
  for (const end = Date.now() + patience; ; await new Promise((r) => setTimeout(r, 50))) {
    const answer = await ask();
    if (answer || Date.now() > end) return answer;
  }
}
// Two keys in one go, as fingers do it: what is between them is the page's time, not ours.
export const chord = (page, ...keys) => Promise.all(keys.map((k) => page.keyboard.press(k)));
// Words about what was done stay for a minute, for what must be seen while they are there on a loaded machine, too.
export const linger = (page, on) => page.evaluate((on) => {
  window.__timeout ??= window.setTimeout;
  window.setTimeout = on ? (f, ms, ...more) => window.__timeout(f, ms === 7000 ? 60000 : ms, ...more) : window.__timeout;
}, on);
export const shot = (page, name) => page.screenshot({ path: path.join(shots, `${name}.png`) });
// "" when the page fits; else what sticks out, in short.
export const overflow = (page) => page.evaluate(async () => {
  // What is drawn to fit does so in the frame after it is there.
  for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
  const width = document.documentElement.clientWidth;
  const away = [...document.querySelectorAll(".tabs button")].filter((e) => e.getBoundingClientRect().right > width);
  if (away.length > 0) return `out of reach: ${away.map((e) => e.textContent).join(", ")}`;
  if (document.documentElement.scrollWidth <= width) return "";
  const out = [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > width + 1).slice(0, 4);
  return `${document.documentElement.scrollWidth - width} pixels: ${out.map((e) => `${e.tagName.toLowerCase()}.${e.className?.baseVal ?? e.className}`).join(" > ")}`;
});

// Of a long list the first rows: the others are made by the same lines, and looking at each is most of the work.
const REST = [["main tbody tr:nth-child(n+17)"], ["main ul > li:nth-child(n+17)"]];

export async function axe(page, only, include) {
  await page.evaluate(() => { window.__before = window.__policy.length; });
  if (!await page.evaluate(() => typeof window.axe !== "undefined")) await page.evaluate(axeSource);
  const found = await page.evaluate(async ([runOnly, exclude, include]) => {
    const r = await window.axe.run(include ? { include: [[include]] } : { exclude }, { runOnly, resultTypes: ["violations"] });
    return r.violations.filter((v) => v.impact === "serious" || v.impact === "critical")
      .map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 160)} ${v.nodes[0].any[0]?.message ?? ""}`);
  }, [only ?? ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], REST, include]);
  // What axe itself tried is not the page's.
  await page.evaluate(() => { window.__policy.length = window.__before; });
  return found;
}

// DS_ONLY='first page|focus' runs some of them, for who is at work on them; the first page is where one signs in.
const only = new RegExp(process.env.DS_ONLY ?? "");
export async function check(name, run) {
  if (!only.test(name)) return;
  const started = Date.now();
  try {
    await run();
  } catch (e) {
    ok(false, name, e.message);
  }
  console.log(`# ${name}: ${Date.now() - started} ms`);
}

export const api = async (p) => (await fetch(`${base}/api/v1/${p}`, { headers: { Authorization: `Bearer ${token}` } })).json();
export const send = async (p, body) => (await fetch(`${base}/api/v1/${p}`, { method: "POST", headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }, body: JSON.stringify(body) })).json();

export const byPassword = async (page, user, password, code) => {
  await page.getByLabel("User").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(password);
  if (code) await page.getByLabel("Code of your authenticator").fill(code);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
};

// Labels and headings that are ours and do not fit; "" when all do.
export const cut = (page) => page.evaluate(() => [...document.querySelectorAll("main .chip, main th, main .button, main summary")]
  .filter((e) => e.checkVisibility() && !e.querySelector("bdi") && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible").map((e) => e.textContent).slice(0, 5).join(", "));
