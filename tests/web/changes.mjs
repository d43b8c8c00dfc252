// SPDX-License-Identifier: GPL-2.0-or-later
// changes - what is changed from dialogs and forms: each is looked at by axe while it is open, and seen on the server after.
import { api, axe, go, ok, settle } from "./browser.mjs";

const bad = [];

// Opens a dialog, looks at it, and does with it what `fill` does.
async function dialog(page, to, open, title, fill) {
  await go(page, to);
  await settle(page);
  await open();
  const box = page.getByRole("dialog", { name: title });
  await box.waitFor();
  bad.push(...(await axe(page, undefined, "dialog")).map((f) => `${title}: ${f}`));
  await fill(box);
  await box.waitFor({ state: "detached" });
}
const button = (page, name) => () => page.locator("main").getByRole("button", { name, exact: true }).first().click();
const close = (box) => box.locator("header").getByRole("button", { name: "Close" }).click();

async function reactions(page, alert) {
  await dialog(page, `/alerts/${alert.id}`, () => page.keyboard.press("r"), "React", async (box) => {
    await box.getByLabel("What").selectOption("block_ip");
    await box.getByRole("combobox", { name: "Address" }).fill("203.0.113.77");
    await box.getByRole("button", { name: "Block address" }).click();
  });
  ok((await api("reactions?limit=50")).items.some((r) => r.target === "ip:203.0.113.77" && r.alert_id === alert.id), "what a person wants done is ordered");
  await dialog(page, "/reactions", button(page, "What would have been done?"), "What would have been done?", close);
  await dialog(page, "/reactions", button(page, "Change"), "How much may DaemonSec do?", async (box) => {
    await box.getByLabel("Where").selectOption("label");
    await box.getByLabel("Name").fill("canary");
    await box.getByRole("button", { name: "Apply" }).click();
  });
  ok((await api("modes")).items.some((m) => m.label === "canary" && m.mode === "monitor"), "how much may be done is said for a label");
  await page.getByRole("listitem").filter({ hasText: "canary" }).getByRole("button", { name: "As the fleet" }).click();
  await page.getByRole("listitem").filter({ hasText: "canary" }).waitFor({ state: "detached" });
  ok(!(await api("modes")).items.some((m) => m.label === "canary"), "and taken back");
}

async function deployments(page) {
  await dialog(page, "/models", button(page, "Declare a change"), "Declare a change", async (box) => {
    await box.getByLabel("Daemon").fill("cron");
    await box.getByLabel("Note").fill("by hand");
    await box.getByRole("button", { name: "Declare a change" }).click();
  });
  const mine = async () => (await api("deployments")).items.find((d) => d.note === "by hand");
  ok((await mine()).status === "open", "a change is declared");
  await page.getByRole("button", { name: "It is done" }).click();
  await page.getByRole("button", { name: "It is done" }).waitFor({ state: "detached" });
  ok((await mine()).status === "ended", "and ended");
}

async function people(page) {
  const users = async () => (await api("users")).items, tokens = async () => (await api("api-tokens")).items.find((k) => k.name === "script");
  await go(page, "/settings?tab=users");
  await settle(page);
  await page.getByPlaceholder("User").fill("night");
  await page.getByRole("button", { name: "Add a user" }).click();
  await page.getByText("One-time password of night").waitFor();
  ok((await users()).some((u) => u.name === "night" && u.role === "viewer" && u.must_change), "a user is let in with a one-time password");
  const row = page.locator("main tr", { hasText: "night" });
  await row.getByRole("button", { name: "Lock out" }).click();
  await row.getByRole("button", { name: "Let in again" }).waitFor();
  ok((await users()).find((u) => u.name === "night").disabled, "and locked out");
  await row.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("dialog", { name: "Remove" }).getByRole("button", { name: "Remove" }).click();
  await row.waitFor({ state: "detached" });
  ok(!(await users()).some((u) => u.name === "night"), "and removed");
  await go(page, "/settings?tab=tokens");
  await settle(page);
  await page.getByPlaceholder("Name").fill("script");
  await page.getByRole("button", { name: "Make a token" }).click();
  await page.locator(".code code", { hasText: "dsk_" }).waitFor();
  ok((await tokens()).scopes.includes("alerts:write"), "a token is made, and shown once");
  await page.locator("main tr", { hasText: "script" }).getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog", { name: "Revoke" }).getByRole("button", { name: "Revoke" }).click();
  await page.locator("main tr", { hasText: "script" }).waitFor({ state: "detached" });
  ok(!await tokens() && await page.locator(".code code", { hasText: "dsk_" }).count() === 0, "and revoked");
}

export async function changes(page, alert) {
  await reactions(page, alert);
  await deployments(page);
  await people(page);
  await dialog(page, `/alerts/${alert.id}`, () => page.keyboard.press("a"), "Assign", close);
  await dialog(page, "/", () => page.keyboard.press("?"), "Keys", close);
  ok(bad.length === 0, "no dialog has a serious accessibility fault", bad.join("; "));
}

// A host that waits is let in: last, since others look at it as it waits.
export async function letIn(page) {
  const waiting = async () => (await api("hosts?limit=500")).items.filter((h) => h.status === "pending");
  const [first] = await waiting();
  await go(page, "/rollout");
  await settle(page);
  await page.getByRole("listitem").filter({ hasText: first.name }).getByRole("button", { name: "Approve" }).click();
  await page.getByRole("listitem").filter({ hasText: first.name }).getByRole("button", { name: "Approve" }).waitFor({ state: "detached" });
  ok(!(await waiting()).some((h) => h.id === first.id), "a host that waits is let in");
}
