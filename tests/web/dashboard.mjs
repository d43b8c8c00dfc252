// SPDX-License-Identifier: GPL-2.0-or-later
// dashboard - what somebody does with the dashboard, in Chromium, against a real server; dashboard.py starts it.
import { readFileSync } from "node:fs";
import { api, axe, base, browser, check, chord, cut, go, linger, ok, open, overflow, please, problems, send, settle, shot, signIn, until } from "./browser.mjs";
import { changes, letIn } from "./changes.mjs";
import { people } from "./people.mjs";
import { forged, told } from "./told.mjs";

let alerts = [];
const alert = await until(async () => {
  alerts = (await api("alerts?status=open&limit=500")).items;
  return alerts.find((a) => a.kind === "new_child" && a.host.name.startsWith("sim-") && a.process);
});
const screens = [
  ["overview", "/", "need you"], ["alerts", "/alerts", "Alerts"], ["alert", `/alerts/${alert.id}`, alert.title], ["events", "/events", "Events"],
  ["fleet", "/fleet", "sim-0000"], ["host", `/hosts/${alert.host.id}`, alert.host.name], ["daemons", "/daemons", "nginx"], ["daemon", `/daemons/${alert.daemon.id}`, "the newest minute"],
  ["reactions", "/reactions", "Reactions"], ["models", "/models", "Models"], ["rollout", "/rollout", "Let hosts in"], ["settings", "/settings", "Storage"],
  ["users", "/settings?tab=users", "admin"], ["tokens", "/settings?tab=tokens", "dashboard"], ["audit", "/settings?tab=audit", "Verify"], ["options", "/settings?tab=options", "alert_budget"],
];

const isUndone = async (r) => { const now = await api(`reactions/${r.id}`); return now.status === "undone" || now.result?.undo_by !== undefined; };

await people(alert, screens);

// ---- each screen, in light and dark, narrow and wide

const page = await open({ colorScheme: "light" });
await check("the first page", async () => {
  const started = Date.now();
  await signIn(page);
  await page.locator(".posture h1").filter({ hasText: "need" }).waitFor();
  console.log(`# from the first byte to the overview, signing in included: ${Date.now() - started} ms`);
  ok(true, "the overview says in one sentence that hosts need somebody");
  const told = async () => Number(/(\d+) silent/.exec(await page.locator(".heat + .legend").innerText())?.[1]);
  ok(await until(async () => {
    const { total, connected, pending, revoked } = (await api("status")).counts.hosts, silent = total - connected - pending - revoked;
    return silent >= 2 && silent === await told();
  }), "the picture of the fleet counts the silent hosts as the figures do, those with alerts too");
});

for (const [name, to, text] of screens)
  await check(name, async () => {
    await page.emulateMedia({ colorScheme: "light" });
    await go(page, to);
    await page.locator("main").getByText(text).filter({ visible: true }).first().waitFor();
    await settle(page);
    await shot(page, `${name}-light`);
    const short = await cut(page);
    ok(!short, `${name} has room for its own words`, short);
    const bad = await axe(page);
    ok(bad.length === 0, `${name} has no serious accessibility fault in light`, bad.join("; "));
    await page.emulateMedia({ colorScheme: "dark" });
    await shot(page, `${name}-dark`);
    const contrast = await axe(page, { type: "rule", values: ["color-contrast"] });
    ok(contrast.length === 0, `${name} has none in dark`, contrast.join("; "));
  });

await check("narrow and wide", async () => {
  const over = [];
  for (const [width, height, word] of [[360, 740, "narrow"], [3840, 2160, "wide"]]) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: width === 360 ? "dark" : "light" });
    for (const [name, to, text] of screens) {
      await go(page, to);
      await page.locator("main").getByText(text).filter({ visible: true }).first().waitFor();
      await settle(page);
      const by = await overflow(page);
      if (by) over.push(`${name} ${word} by ${by}`);
      if (/^(overview|alerts|alert|events|fleet|host|daemon|rollout)$/.test(name)) await shot(page, `${name}-${word}`);
    }
  }
  ok(over.length === 0, "nothing is wider than a screen of 360 pixels, or 3840", over.join(", "));
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
});

// ---- from an alert to each thing that can be done about it in two clicks or two keys

await check("two clicks", async () => {
  const clicks = async (from, ...steps) => {
    await go(page, from);
    await settle(page);
    for (const s of steps) await s().click();
  };
  const button = (name) => () => page.locator(".panel").getByRole("button", { name, exact: false }).first();
  await clicks("/", () => page.getByRole("link", { name: "Look at the worst" }));
  await page.locator(".panel h2").waitFor();
  ok(true, "one click from the overview to the worst alert");
  await clicks(`/alerts/${alert.id}`, button("Mark as normal"));
  await page.locator("dialog .preview strong").waitFor();
  ok(/would have hidden/.test(await page.locator("dialog .preview").innerText()), "one click to a preview of marking it as normal");
  await shot(page, "normal-light");
  const bad = await axe(page);
  ok(bad.length === 0, "the dialog has no serious accessibility fault", bad.join("; "));
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await clicks(`/alerts/${alert.id}`, button("Acknowledge"));
  await page.locator(".panel .chip", { hasText: "Acknowledged" }).waitFor();
  ok((await api(`alerts/${alert.id}`)).status === "acknowledged", "one click acknowledges it");
  const done = await send("reactions", { kind: "block_ip", host: alert.host.id, address: "203.0.113.9", alert: alert.id, ttl: "10m", reason: "test" });
  await clicks(`/alerts/${alert.id}`, button("Undo"));
  ok(done.id && await until(() => isUndone(done)), "one click orders the way back from what was done about it", JSON.stringify(done));
  await clicks(`/alerts/${alert.id}`, button("Assign"), () => page.locator("dialog .people button").first());
  await page.locator(".panel .chip", { hasText: "admin" }).waitFor();
  ok((await api(`alerts/${alert.id}`)).assignee === "admin", "two clicks assign it");
  await clicks(`/alerts/${alert.id}`, button("Note"));
  await page.locator("dialog textarea").fill("seen at three");
  // Chosen by the mouse, which is let go beside the dialog.
  const words = await page.locator("dialog textarea").boundingBox();
  await page.mouse.move(words.x + 60, words.y + 12);
  await page.mouse.down();
  await page.mouse.move(5, words.y + 12);
  await page.mouse.up();
  ok(await page.locator("dialog textarea").inputValue() === "seen at three", "what is typed is not lost by selecting it");
  await page.locator("dialog").getByRole("button", { name: "Save" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
  ok((await api(`alerts/${alert.id}`)).notes.some((n) => n.note === "seen at three"), "one click leads to a note");
  await clicks(`/alerts/${alert.id}`, button("Mark as normal"), () => page.locator("dialog").getByRole("button", { name: "Mark as normal" }));
  await page.locator("dialog").waitFor({ state: "detached" });
  ok((await api(`alerts/${alert.id}`)).verdict?.verdict === "benign_expected", "two clicks mark it as normal");
  await clicks(`/alerts/${alert.id}`, button("Copy link"));
  await page.locator(".toast", { hasText: "Link copied." }).waitFor();
  ok(true, "one click copies a link");
});

await check("keys", async () => {
  await page.keyboard.press("Escape");
  await go(page, "/");
  await settle(page);
  await chord(page, "g", "a");
  await page.waitForURL("**/alerts");
  await page.waitForFunction(() => document.title === "Alerts – DaemonSec");
  ok(true, "g a goes to the alerts, and the window says so");
  await settle(page);
  await page.locator(".alert-row").first().waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.locator(".panel h2").waitFor();
  const first = page.url();
  ok(/\/alerts\/alr_/.test(first), "j j Enter opens the second");
  await page.keyboard.press("j");
  await page.waitForFunction((u) => location.href !== u, first);
  ok(true, "j goes to the next one beside it");
  await page.locator(".panel h2").waitFor();
  const id = new URL(page.url()).pathname.split("/")[2];
  await page.keyboard.press("e");
  await page.waitForFunction(() => [...document.querySelectorAll(".panel .chip")].some((c) => c.textContent === "Acknowledged"));
  ok((await api(`alerts/${id}`)).status === "acknowledged", "e acknowledges it");
  const again = await send("reactions", { kind: "block_ip", host: alert.host.id, address: "203.0.113.10", alert: id, ttl: "10m", reason: "test" });
  await page.locator(".panel").getByRole("button", { name: "Undo" }).first().waitFor();
  await page.keyboard.press("u");
  ok(await until(() => isUndone(again)), "u undoes", JSON.stringify(again));
  for (const [key, title] of [["a", "Assign"], ["w", "Note"], ["n", "Mark as normal"]]) {
    await page.keyboard.press(key);
    await page.getByRole("dialog", { name: title }).waitFor();
    if (key === "a") {
      await page.waitForFunction(() => document.activeElement?.closest("dialog .people"));
      await page.keyboard.press("Enter");
    }
    else await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
  }
  ok((await api(`alerts/${id}`)).assignee === "admin", "a Enter assigns it; w and n lead to a note and to what is normal");
  await chord(page, "g", "a");
  await page.waitForURL("**/alerts");
  ok(true, "g a leaves the panel, though a is a key of it");
  await page.goBack();
  await page.locator(".panel h2").waitFor();
  await page.keyboard.press("Escape");
  await page.waitForURL("**/alerts");
  await page.keyboard.press("/");
  ok(await page.evaluate(() => document.activeElement?.id === "query"), "/ is at the query");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  ok(true, "? shows the keys");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.goBack();
  await page.waitForURL("**/alerts/alr_*");
  ok(true, "back goes back to the alert");
});

// ---- the query bar

await check("query bar", async () => {
  await go(page, "/events");
  await settle(page);
  await page.keyboard.press("/");
  await page.keyboard.type("serv");
  await page.locator(".choices [role=option]").first().waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("ngi");
  await page.locator(".choices [role=option]", { hasText: "service.name:nginx" }).first().waitFor();
  await page.keyboard.press("Tab");
  ok((await page.locator("#query").inputValue()).startsWith("service.name:nginx"), "fields and daemons are completed");
  await page.keyboard.type("and event.action:exec");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q")?.includes("exec"));
  await settle(page);
  await page.locator("table.events tbody tr").first().waitFor();
  ok(true, "the query is in the address, and finds");
  await go(page, "/events?q=" + encodeURIComponent("event.action:exec and"));
  await page.locator(".query-error").waitFor();
  ok(/Column 22/.test(await page.locator(".query-error").innerText()), "a mistake is told with its column");
  await shot(page, "query-error-light");
  await go(page, "/events?live=1");
  await page.locator("table.events tbody tr").first().waitFor();
  const newest = await page.locator("table.events tbody tr").first().elementHandle();
  await page.waitForFunction((was) => document.querySelector("table.events tbody tr") !== was, newest);
  ok(true, "live events come by themselves");
  await shot(page, "live-light");
});

// ---- what is drawn, from what was stored

await check("pictures", async () => {
  // One that nobody has said anything of: what was called normal is no risk.
  // The one that was seen again last: of a busy host the tree has the last few hundred starts.
  const alert = (await api("alerts?status=open&limit=500")).items
    .filter((a) => a.kind === "new_child" && a.host.name.startsWith("sim-") && a.process && !a.verdict)
    .sort((a, b) => b.last_seen.localeCompare(a.last_seen))[0];
  await go(page, `/hosts/${alert.host.id}`);
  await settle(page);
  await page.locator(".chart canvas").first().waitFor();
  ok(/now [1-9]\d* of 100/.test(await page.locator("main").innerText()), "a host that was attacked shows its risk as a line, and in a word");
  const told = alert.process.executable;
  await page.locator(".tree .proc", { hasText: told }).first().waitFor();
  ok(await page.locator(".tree ul ul .proc").count() > 0, "its processes are a tree, with what the alert is about in it");
  await go(page, `/daemons/${alert.daemon.id}`);
  await settle(page);
  const picture = () => page.locator(".scatter canvas").evaluate((c) => c.toDataURL());
  const other = (was) => page.waitForFunction((was) => document.querySelector(".scatter canvas").toDataURL() !== was, was);
  const before = await picture();
  await page.getByRole("button", { name: "K-Means" }).click();
  await page.getByText("its nearest centre").waitFor();
  await other(before);
  ok(true, "its minutes are coloured by DBSCAN or by K-Means");
  const drawn = await picture();
  await page.emulateMedia({ colorScheme: "dark" });
  await other(drawn);
  await page.emulateMedia({ colorScheme: "light" });
  ok(true, "and drawn anew when the system turns dark");
  await page.locator("table.bands button").first().click();
  await page.locator(".chart canvas").first().waitFor();
  ok(true, "a feature is drawn over the day, before its band");
  await shot(page, "daemon-course-light");
});

// ---- many hosts at once, a view kept, events gone on from and taken along

await check("lists", async () => {
  await go(page, "/fleet?q=" + encodeURIComponent("host.name:sim-0000*"));
  await settle(page);
  for (const host of ["sim-00000", "sim-00001"]) await page.getByRole("checkbox", { name: host, exact: true }).check();
  await page.locator(".bulk").getByText("2 hosts selected").waitFor();
  await page.locator(".bulk").getByRole("button", { name: "Set labels" }).click();
  await page.locator("dialog").getByLabel("Labels").fill("edge");
  await page.locator("dialog").getByRole("button", { name: "Save" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
  ok((await api("hosts?q=" + encodeURIComponent("labels:edge"))).items.length === 2, "two hosts are labelled at once");
  await page.getByText("Saved views").click();
  await page.locator(".drop-body input[name=name]").fill("the first ten");
  await page.locator(".drop-body").getByRole("button", { name: "Save" }).click();
  // Another tab keeps one, too.
  const tab = await page.context().newPage();
  await tab.goto(base + "/favicon.svg");
  await tab.evaluate(() => {
    const views = JSON.parse(localStorage.getItem("daemonsec.views"));
    views.fleet.push(["of another tab", "/fleet?q=connected:no"]);
    localStorage.setItem("daemonsec.views", JSON.stringify(views));
  });
  await page.getByRole("link", { name: "of another tab", exact: true }).waitFor();
  ok(true, "what another tab keeps is kept here");
  await tab.close();
  await go(page, "/fleet");
  await page.waitForFunction(() => !location.search);
  await page.getByRole("link", { name: "the first ten", exact: true }).click();
  await page.waitForFunction(() => new URL(location.href).searchParams.get("q")?.includes("sim-0000"));
  await page.waitForFunction(() => document.querySelectorAll(".virtual tr.pick").length === 10);
  ok(new URL(page.url()).pathname === "/fleet", "a view is kept and found again");
  await go(page, "/events?since=6h&q=" + encodeURIComponent("event.action:exec"));
  await settle(page);
  await page.getByText("Saved searches").click();
  await page.locator(".drop-body input[name=name]").filter({ visible: true }).fill("what was started");
  await page.locator(".drop-body").getByRole("button", { name: "Save" }).filter({ visible: true }).click();
  await go(page, "/events");
  await page.waitForFunction(() => !location.search);
  const [asked] = await Promise.all([page.waitForRequest((r) => /\/events\?.*q=event\.action%3Aexec/.test(r.url())), page.getByRole("link", { name: "what was started" }).click()]);
  await settle(page);
  await page.locator("table.events tbody tr").first().waitFor();
  ok(asked.url().includes("since=now-6h") && (await page.locator("table.events tbody tr.pick").allInnerTexts()).every((r) => r.includes("exec")), "a search is saved, and asked again with its range");
  await page.getByRole("button", { name: "Remove: what was started" }).click();
  await page.getByRole("link", { name: "what was started" }).waitFor({ state: "detached" });
  ok(true, "and forgotten");
  await page.locator("table.events a.pivot", { hasText: "sim-" }).first().click();
  await page.waitForFunction(() => /^event\.action:exec and host\.name:sim-/.test(new URL(location.href).searchParams.get("q")));
  await settle(page);
  await page.locator("table.events tbody tr").first().waitFor();
  ok(true, "a value leads to the events that have it");
  const taken = async (kind) => {
    await page.locator("summary", { hasText: "Export" }).evaluate((e) => { e.parentElement.open = true; });
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: kind }).click()]);
    return readFileSync(await file.path(), "utf8").trim().split(/\r?\n/);
  };
  const csv = await taken("CSV"), jsonl = (await taken("JSONL")).map((l) => JSON.parse(l));
  ok(csv[0].startsWith("@timestamp,host.name") && csv.length > 1 && jsonl.every((d) => d.event.action === "exec" && d.host.name === jsonl[0].host.name),
    `what is found is taken along as CSV and JSONL (${jsonl.length} events)`);
});

// ---- many reactions at once

await check("undoing many", async () => {
  const block = (n, to) => send("reactions", { kind: "block_ip", host: alert.host.id, address: `203.0.113.${n}`, alert: to, ttl: "10m", reason: "test" });
  const other = alerts.find((a) => a.id !== alert.id && a.host.id === alert.host.id) ?? alerts.find((a) => a.id !== alert.id);
  const list = [await block(21), await block(22), await block(23), await block(31, other.id), await block(32, other.id)];
  // What was done just before is still told, with its way back, while something else is asked.
  const assigned = async () => (await api(`alerts/${alert.id}`)).assignee;
  await send(`alerts/${alert.id}/assign`, { assignee: "admin" });
  await linger(page, true);
  await go(page, `/alerts/${alert.id}`);
  await settle(page);
  await page.keyboard.press("a");
  await page.getByRole("dialog", { name: "Assign" }).getByRole("button", { name: "Nobody" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await go(page, "/reactions?show=effect");
  await settle(page);
  for (const n of [21, 22]) await page.getByRole("checkbox", { name: `203.0.113.${n},` }).check();
  await page.getByRole("button", { name: "Undo 2", exact: true }).click();
  const sure = page.getByRole("dialog", { name: "Undo" });
  await sure.getByText("203.0.113.22").waitFor();
  await shot(page, "undo-many-light");
  const bad = await axe(page, undefined, "dialog");
  ok(bad.length === 0, "the question has no serious accessibility fault", bad.join("; "));
  const before = sure.getByRole("button", { name: "Undo: Nobody looks after it now." });
  ok(await before.isVisible() && await sure.getByRole("button", { name: "Undo", exact: true }).count() === 1, "the way back from what was done before is there, under another name");
  await sure.getByRole("button", { name: "Undo", exact: true }).click();
  await page.locator(".toast", { hasText: "Undo was ordered for 2 reactions" }).waitFor();
  ok(await assigned() === null, "the answer is to what was asked");
  await page.getByRole("button", { name: "Undo: Nobody looks after it now." }).click();
  await page.locator(".toast", { hasText: /^Done$/ }).waitFor();
  ok(await assigned() === "admin", "and the other way back leads back still");
  await linger(page, false);
  const [a, b, c, d, e] = await Promise.all(list.map(isUndone));
  ok(a && b && !c && !d && !e, "two of five are undone at once, and no other", JSON.stringify([a, b, c, d, e]));
  await page.locator("tr.pick", { hasText: "203.0.113.31" }).getByText("Block address").click();
  await page.getByRole("button", { name: /^Undo all \d of this alert/ }).click();
  await page.getByRole("dialog", { name: "Undo" }).getByText("203.0.113.32").waitFor();
  await page.getByRole("dialog", { name: "Undo" }).getByRole("button", { name: "Undo", exact: true }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const [, , third, fourth, fifth] = await Promise.all(list.map(isUndone));
  ok(fourth && fifth && !third, "what was done about one alert is undone as one", JSON.stringify([third, fourth, fifth]));
});

await check("channels and audit", () => told(page));

await check("changes", () => changes(page, alert));

// ---- by keyboard alone

await check("focus", async () => {
  const hidden = [];
  // Words about what was done before go by themselves, and lie over what is there as long.
  await page.evaluate(() => document.querySelectorAll(".toast > button:last-child").forEach((b) => b.click()));
  for (const to of ["/", `/alerts/${alert.id}`, "/fleet", "/reactions"]) {
    await go(page, to);
    await settle(page);
    for (let i = 0; i < 25; i++) {
      await page.keyboard.press("Tab");
      // Seen: a point of it is not under what sticks; marked: it has an outline, or what is around it.
      const fault = await page.evaluate(() => {
        const e = document.activeElement, r = e?.getBoundingClientRect();
        if (!e || e === document.body || !r.width) return "";
        const at = [[0.5, 0.5], [0.1, 0.2], [0.9, 0.8]].some(([x, y]) => { const p = document.elementFromPoint(r.left + r.width * x, r.top + r.height * y); return p && (e.contains(p) || p.contains(e)); });
        const marked = [e, e.parentElement].some((x) => getComputedStyle(x).outlineStyle !== "none");
        return at && marked ? "" : `${at ? "no mark" : "hidden"}: ${e.outerHTML.slice(0, 90)}`;
      });
      if (fault) hidden.push(`${to} ${fault}`);
    }
  }
  ok(hidden.length === 0, "what has the focus is marked, and under nothing that sticks", [...new Set(hidden)].join("; "));
});

// ---- letting hosts in

await check("rollout", async () => {
  await go(page, "/rollout");
  await settle(page);
  ok(/copied from\s+web1/.test(await page.locator("main").innerText()), "a host with another's identity is told as its copy");
  await page.getByLabel("How many hosts").fill("3");
  await page.getByRole("button", { name: "Make a token" }).click();
  const code = page.locator(".code code").filter({ visible: true }).first();
  await code.waitFor();
  const shell = await code.innerText();
  await shot(page, "token-light");
  const bad = await axe(page);
  ok(bad.length === 0, "the made token has no serious accessibility fault", bad.join("; "));
  await page.getByRole("button", { name: "cloud-init" }).click();
  const cloud = await code.innerText();
  const secret = /content: "([^"]+)"/.exec(cloud)?.[1];
  ok(secret && shell.includes(secret) && shell.includes("daemonsec-agent") && cloud.startsWith("#cloud-config"), "a token is made and comes with commands");
  await page.setViewportSize({ width: 360, height: 740 });
  await page.emulateMedia({ colorScheme: "dark" });
  ok(!await overflow(page), "which fit a narrow screen");
  await shot(page, "token-narrow");
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
});

// ---- training, watched; and the way back from it

await check("training", async () => {
  const models = async () => (await api("models?limit=500")).items;
  for (let i = 1; i <= 2; i++) {
    await go(page, "/models");
    await settle(page);
    await page.getByRole("button", { name: "Train", exact: true }).click();
    await page.locator(".chip", { hasText: "Done" }).nth(i - 1).waitFor();
  }
  // One whose versions were both taken: what the gate refused is no way back; and which does something to be compared.
  const made = await models();
  const busy = async (m) => (await api(`models/${m.id}`)).fits[0].features.filter((f) => f.middle > 0).length;
  const both = made.filter((m) => m.state === "active" && made.some((o) => o.daemon === m.daemon && o.state === "retired"));
  const ranked = await Promise.all(both.map(async (m) => [await busy(m), m.daemon]));
  const name = ranked.sort((a, b) => b[0] - a[0])[0]?.[1];
  const versions = async () => (await models()).filter((m) => m.daemon === name);
  ok(name && (await versions()).length === 2, "training is begun and watched until it is done");
  const daemon = (await api("daemons?limit=500")).items.find((d) => d.name.replace(/@.*/, "") === name && d.host.name.startsWith("sim-"));
  await shot(page, "models-trained-light");
  await go(page, `/daemons/${daemon.id}`);
  await settle(page);
  await page.getByRole("button", { name: new RegExp(`Look: ${name} 2`) }).click();
  await page.locator("dialog").getByText("Compared with").waitFor();
  await page.locator("dialog .band .was").first().waitFor();
  await shot(page, "model-diff-light");
  ok(true, "a version is shown beside the one before it");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Roll back" }).first().click();
  await page.locator("dialog").getByRole("button", { name: "Use this version" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
  ok((await versions()).find((m) => m.state === "active").version === 1, "two clicks lead back to the version before");
});

// ---- names that want to be run

await check("hostile names", async () => {
  await page.evaluate(() => { document.title = "DaemonSec"; });
  // Where they are however much happened since; on the overview it is a square of the fleet that has the name.
  for (const to of ["/", "/alerts/alr_hostile", "/fleet?q=connected:no", "/daemons", "/events?q=" + encodeURIComponent("process.executable:*onerror*") + "&since=24h", "/rollout", "/settings?tab=tokens"]) {
    await go(page, to);
    await settle(page);
    const main = page.locator("main");
    await main.getByText(/<(img|b)/).or(main.locator(".cell[aria-label*='<img']")).filter({ visible: true }).first().waitFor();
  }
  const planted = await page.evaluate(() => document.querySelectorAll("img[src=x], main b").length);
  ok(planted === 0 && (await page.title()) !== "owned", "names with markup are shown as text");
  await go(page, "/alerts/alr_hostile");
  await settle(page);
  const text = await page.locator(".panel").innerText();
  ok(text.includes("\\u202e") && !text.includes("\u202e"), "what turns the direction of text is shown, not followed");
  ok(!(await page.locator(".panel a[href^='javascript']").count()), "no link leads into a script");
  await shot(page, "hostile-light");
  await page.setViewportSize({ width: 360, height: 740 });
  const wide = await overflow(page);
  ok(!wide, "and none of it breaks the page at 360 pixels", wide);
  await page.setViewportSize({ width: 1440, height: 900 });
  await go(page, "/events?q=" + encodeURIComponent("process.executable:*onerror*") + "&since=24h");
  await settle(page);
  await page.locator("table.events tbody tr.pick button").first().click();
  await page.locator("tr.opened").waitFor();
  ok((await page.locator("tr.opened").innerText()).length > 8000, "the longest command line there can be is there in full");
  ok(!await overflow(page), "and the page does not grow with it");
});

await check("a host that waits", () => letIn(page));

// ---- what somebody else does

await check("live", async () => {
  await go(page, "/alerts");
  await settle(page);
  await page.getByText("Live", { exact: true }).waitFor();
  const now = (await api("alerts?status=open&limit=500")).items;
  const other = now.find((a) => a.title.startsWith("postfix started") || a.id === "alr_02") ?? now[0];
  await go(page, `/alerts/${other.id}`);
  await page.locator(".panel .chip", { hasText: "Open" }).first().waitFor();
  const began = Date.now();
  await send(`alerts/${other.id}/ack`, {});
  await page.locator(".panel .chip", { hasText: "Acknowledged" }).first().waitFor();
  const took = Date.now() - began;
  console.log(`# another's change was seen after ${took} ms`);
  ok(true, "what somebody else does is seen");
});

// ---- the server goes away and comes back

await check("no answer", async () => {
  await go(page, "/");
  await settle(page);
  await page.context().route("**/api/v1/**", (r) => r.abort());
  await page.locator(".banner").waitFor();
  ok(await page.locator(".posture h1").isVisible(), "without an answer it says so and shows what it knew");
  await page.context().unroute("**/api/v1/**");
  await page.locator(".banner").waitFor({ state: "detached" });
  ok(true, "and goes on when the server is back");
});

await check("a restart", async () => {
  await go(page, "/alerts");
  await settle(page);
  await page.locator("a.alert-row").first().click();
  await page.locator(".panel").getByRole("button", { name: "Note" }).click();
  const note = page.getByRole("dialog", { name: "Note" });
  await note.locator("textarea").fill("written while it was away");
  await please("stop");
  await page.locator(".banner").waitFor();
  ok(await page.locator(".alert-row").first().isVisible(), "a stopped server is told, and what it said last stays");
  await note.getByRole("button", { name: "Save" }).click();
  await note.locator(".toast-bad").waitFor();
  ok(await note.locator("textarea").inputValue() === "written while it was away", "what cannot be saved is told, and stays");
  await shot(page, "stopped-light");
  await please("start");
  await page.locator(".banner").waitFor({ state: "detached" });
  await page.getByText("Live", { exact: true }).waitFor();
  ok(true, "a server that is back is live again, without a reload");
  const [answer] = await Promise.all([page.waitForResponse((r) => r.url().endsWith("/note")), note.getByRole("button", { name: "Save" }).click()]);
  await note.waitFor({ state: "detached" });
  ok(answer.ok() && (await api(`alerts/${new URL(page.url()).pathname.split("/")[2]}`)).notes.some((n) => n.note === "written while it was away"), "and takes what was written meanwhile");
});

await check("a forged log", () => forged(page));

const policy = await page.evaluate(() => window.__policy);
ok(policy.length === 0, "nothing breaks the content security policy", policy.join("; "));
const unexpected = problems.filter((p) => !/net::ERR_|status of 400|status of 503/.test(p));
ok(unexpected.length === 0, "the console has no error", unexpected.join("; "));
await browser.close();
console.log("# done");
process.exit(0);
