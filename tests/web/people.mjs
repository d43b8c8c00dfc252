// SPDX-License-Identifier: GPL-2.0-or-later
// people - who signs in: by password and second factor, in two tabs, from elsewhere, and those who may only look.
import { createHmac } from "node:crypto";
import { api, axe, base, byPassword, check, go, ok, open, password, please, send, settle, shot } from "./browser.mjs";

const FIRST = "a much better one", SECOND = "the best one yet", THIRD = "better than the best";

// The code that an authenticator shows, so many half minutes from now (RFC 6238).
function codeOf(secret, step) {
  const bits = [...secret.replace(/\s/g, "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac("sha1", Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))).update(counter).digest(), at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, "0");
}
// The earliest code that is good now and was not used: there are then two more for what follows at once.
let used = 0;
const next = (secret) => codeOf(secret, used = Math.max(used + 1, Math.floor(Date.now() / 30000) - 1));

async function choose(page, old, next, code) {
  await page.getByRole("button", { name: "Change the password" }).click();
  const dialog = page.getByRole("dialog", { name: "Change the password" });
  await dialog.getByLabel("Password", { exact: true }).fill(old);
  await dialog.getByLabel("New password", { exact: true }).fill(next);
  await dialog.getByLabel("New password, again").fill(next);
  if (code) await dialog.getByLabel("Code of your authenticator").fill(code);
  await dialog.getByRole("button", { name: "Save" }).click();
  return dialog;
}
const chosen = (page) => page.getByRole("dialog").waitFor({ state: "detached" });

async function beginNote(page, alert, words) {
  await page.locator(".panel").getByRole("button", { name: "Note" }).click();
  await page.getByRole("dialog", { name: "Note" }).locator("textarea").fill(words);
}
const saveNote = (page) => page.getByRole("dialog", { name: "Note" }).getByRole("button", { name: "Save" }).click();
const hasNote = async (alert, words) => (await api(`alerts/${alert.id}`)).notes?.some((n) => n.note === words && n.by === "admin");

async function firstTime() {
  const page = await open({}, /status of 40[13]/);
  await page.goto(base + "/alerts");
  await byPassword(page, "admin", "wrong password");
  await page.getByRole("alert").waitFor();
  ok((await page.getByRole("alert").innerText()).includes("wrong"), "a wrong password is told");
  await shot(page, "login-light");
  const bad = await axe(page);
  ok(bad.length === 0, "the sign-in has no serious accessibility fault", bad.join("; "));
  await byPassword(page, "admin", password);
  await page.getByLabel("The one-time password").fill(password);
  await page.getByLabel("New password", { exact: true }).fill(FIRST);
  await page.getByLabel("New password, again").fill(FIRST);
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator(".queue").waitFor();
  ok(new URL(page.url()).pathname === "/alerts", "signing in leads to where one was going");
  await page.reload();
  await page.locator(".queue").waitFor();
  ok(true, "a reload keeps the session");
  return page;
}

// What is done to several hosts is asked for once, and done to each.
async function reachesFar(page) {
  const hosts = ["sim-00000", "sim-00001"];
  const said = async () => (await api("modes")).items.filter((m) => hosts.includes(m.host?.name) && m.mode === "monitor");
  await please("forget the password");
  await page.goto(base + "/fleet?q=" + encodeURIComponent("host.name:sim-0000*"));
  for (const host of hosts) await page.getByRole("checkbox", { name: host, exact: true }).check();
  await page.locator(".bulk").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog", { name: "Revoke" }).getByRole("button", { name: "Cancel" }).click();
  await page.locator(".bulk").getByText("2 hosts selected").waitFor();
  ok(true, "what was not meant leaves chosen what was chosen");
  await page.locator(".bulk").getByRole("button", { name: "Set mode" }).click();
  await page.getByRole("dialog", { name: "How much may DaemonSec do?" }).getByRole("button", { name: "Apply" }).click();
  const again = page.getByRole("dialog", { name: "Your password again" });
  await again.waitFor();
  await again.getByLabel("Password").fill("wrong password");
  await again.getByRole("button", { name: "Yes" }).click();
  await again.getByRole("alert").getByText("wrong").waitFor();
  ok(await page.locator(".bulk").isVisible(), "what reaches far asks for the password again, and a wrong one ends no session");
  await shot(page, "confirm-light");
  await again.getByLabel("Password").fill(FIRST);
  await again.getByRole("button", { name: "Yes" }).click();
  await page.getByRole("dialog").first().waitFor({ state: "detached" });
  ok((await said()).length === 2, "asked once, it is done to each of several hosts", JSON.stringify(await said()));
  for (const m of await said()) await send("modes", { mode: "inherit", host: m.host.id });
  await go(page, "/");
  await page.getByRole("button", { name: "Pause all reactions" }).click();
  await page.getByRole("button", { name: "Resume reactions" }).click();
  await page.getByRole("button", { name: "Pause all reactions" }).waitFor();
  ok(await page.getByRole("dialog").count() === 0, "with the right one it is done, and not asked again for a while");
}

// Another tab of the same browser, and another browser: both are in the middle of a note when the password changes.
async function otherTabs(page, alert) {
  const tab = await page.context().newPage();
  await tab.goto(`${base}/alerts/${alert.id}`);
  await beginNote(tab, alert, "from the other tab");
  const away = await open({}, /status of 40[13]/);
  await away.goto(`${base}/alerts/${alert.id}`);
  await byPassword(away, "admin", FIRST);
  await beginNote(away, alert, "from elsewhere");
  await go(page, "/settings");
  await choose(page, FIRST, SECOND);
  await chosen(page);
  await page.reload();
  await page.getByRole("button", { name: "Change the password" }).waitFor();
  ok(true, "whoever chooses another password stays signed in");
  await saveNote(tab);
  await tab.getByRole("dialog").waitFor({ state: "detached" });
  ok(await hasNote(alert, "from the other tab"), "what was being written in another tab is kept, and sent");
  const again = away.getByRole("dialog", { name: "Sign in again" });
  await again.waitFor();
  await shot(away, "again-light");
  const bad = await axe(away, undefined, "dialog.alone");
  ok(bad.length === 0, "signing in again has no serious accessibility fault", bad.join("; "));
  ok(await again.getByLabel("User").inputValue() === "admin", "whose session ended elsewhere is asked to sign in again, by name");
  await again.getByLabel("Password", { exact: true }).fill(SECOND);
  await again.getByRole("button", { name: "Sign in", exact: true }).click();
  await again.waitFor({ state: "detached" });
  await saveNote(away);
  await away.getByRole("dialog", { name: "Note" }).waitFor({ state: "detached" });
  ok(await hasNote(alert, "from elsewhere"), "and goes on where they were: what was being written is sent");
  await away.context().close();
  await tab.close();
}

async function secondFactor(page) {
  const has = async () => (await api("users")).items.find((u) => u.name === "admin").totp;
  await page.getByRole("button", { name: "Add a second factor" }).click();
  const secret = await page.locator(".code code").first().innerText();
  // Should a half minute end here, the next.
  for (let i = 0; i < 5 && !await page.getByRole("button", { name: "Remove the second factor" }).isVisible(); i++) {
    await page.getByLabel("Code of your authenticator").fill(next(secret));
    await Promise.all([page.waitForResponse((r) => r.url().endsWith("/session/totp")), page.getByRole("button", { name: "Save" }).click()]);
    if (await has()) await page.getByRole("button", { name: "Remove the second factor" }).waitFor();
  }
  ok(await has(), "a second factor is set by a code of it");
  await page.getByRole("button", { name: "Sign out" }).click();
  await byPassword(page, "admin", SECOND);
  await page.getByRole("alert").waitFor();
  ok(true, "the password alone is not enough then");
  await byPassword(page, "admin", SECOND, next(secret));
  await page.getByRole("button", { name: "Change the password" }).waitFor();
  const dialog = await choose(page, SECOND, THIRD, codeOf(secret, used));
  await dialog.getByRole("alert").waitFor();
  ok(await dialog.getByLabel("New password", { exact: true }).inputValue() === THIRD, "a code counts once, also for choosing a password; nothing that was typed is lost");
  await dialog.getByLabel("Code of your authenticator").fill(next(secret));
  await dialog.getByRole("button", { name: "Save" }).click();
  await chosen(page);
  await page.getByRole("button", { name: "Remove the second factor" }).click();
  await page.getByRole("button", { name: "Add a second factor" }).waitFor();
  ok(!await has(), "the next code does it; and who has it may remove it");
}

// Whoever may only look sees every screen, and nothing that would be refused.
async function onlyLooks(alert, screens) {
  await send("users", { name: "looker", role: "viewer", password: FIRST });
  const page = await open(), refused = [], offered = [];
  page.on("response", (r) => { if (r.status() === 403) refused.push(r.url()); });
  await page.goto(base + "/");
  await byPassword(page, "looker", FIRST);
  for (const [name, to, text] of screens.filter(([n]) => /^(alert|fleet|host|daemon|reactions|models|rollout|settings)$/.test(n))) {
    await go(page, to);
    await page.locator("main").getByText(name === "rollout" ? "Waiting for approval" : text).filter({ visible: true }).first().waitFor();
    await settle(page);
    const writes = /^(Acknowledge|Undo|Mark as normal|Note|Assign|React|Close|It is real|Approve|Revoke|Train|Roll back|Make a token|Add a user|Send a test|Pause all|Declare a change)\b|^Change$/;
    for (const b of await page.locator("main").getByRole("button").allInnerTexts()) if (writes.test(b.trim())) offered.push(`${name}: ${b}`);
  }
  await go(page, "/rollout");
  await settle(page);
  const when = page.locator("main td time").first(), then = await when.innerText();
  await page.clock.setFixedTime(Date.now() + 9 * 3600e3);
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.waitForFunction((was) => document.querySelector("main td time").innerText !== was, then);
  ok(/\b[89] h\b/.test(await when.innerText()), "how long ago something was does not stand still", await when.innerText());
  await shot(page, "looker-light");
  ok(refused.length === 0 && offered.length === 0, "who may only look sees every screen and is offered nothing else", [...refused, ...offered].join(", "));
  await page.context().close();
}

export async function people(alert, screens) {
  await check("signing in", async () => {
    const page = await firstTime();
    await reachesFar(page);
    await otherTabs(page, alert);
    await secondFactor(page);
    const away = (r) => (r.request().method() === "DELETE" ? r.abort() : r.continue());
    await page.route("**/api/v1/session", away);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.locator(".toast-bad").waitFor();
    ok(await page.getByRole("button", { name: "Sign out" }).isVisible(), "who cannot be signed out is told, and is in still");
    await page.unroute("**/api/v1/session", away);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByLabel("User").waitFor();
    ok(await page.title() === "DaemonSec", "signing out ends it");
    await page.context().close();
  });
  await check("who may only look", () => onlyLooks(alert, screens));
}
