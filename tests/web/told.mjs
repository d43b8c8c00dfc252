// SPDX-License-Identifier: GPL-2.0-or-later
// told - how people are told, and whether the log of what they did is whole.
import { readFileSync } from "node:fs";
import { api, axe, go, ok, please, settle, shot } from "./browser.mjs";

export async function told(page) {
  await go(page, "/settings?tab=channels");
  await settle(page);
  const sent = async () => (await api("messages?limit=200")).items.filter((m) => m.channel === "notebook" && m.event === "test" && m.status === "sent").length;
  await page.getByRole("listitem").filter({ hasText: "notebook" }).getByRole("button", { name: "Send a test" }).click();
  await page.locator("main tr", { hasText: "A test" }).getByText("Sent", { exact: true }).waitFor();
  ok(await sent() === 1 && readFileSync(process.env.DS_NOTEBOOK, "utf8").includes("test"), "a test is sent by a channel, and arrives");
  await page.getByRole("listitem").filter({ hasText: "nobody" }).getByRole("button", { name: "Send a test" }).click();
  await page.getByRole("listitem").filter({ hasText: "nobody" }).getByText("Failed", { exact: true }).waitFor();
  ok(true, "a channel whose test fails is told as failed, with why");
  await shot(page, "channels-light");
  const bad = await axe(page);
  ok(bad.length === 0, "channels have no serious accessibility fault", bad.join("; "));
  await go(page, "/settings?tab=audit");
  await settle(page);
  await page.getByRole("button", { name: "Verify the log" }).click();
  await page.locator(".note-good", { hasText: "The log is whole" }).waitFor();
  ok((await api("audit/verify")).whole, "the log of what was changed is verified");
}

// Somebody changes a row behind the server's back, while it is stopped.
export async function forged(page) {
  await please("stop, forge a row of the log");
  await please("start");
  await page.locator(".banner").waitFor({ state: "detached" });
  await go(page, "/settings?tab=audit");
  await settle(page);
  await page.getByRole("button", { name: "Verify the log" }).click();
  await page.locator(".note-bad", { hasText: "from row 3 on" }).waitFor();
  await shot(page, "forged-light");
  ok(!(await api("audit/verify")).whole, "a row of the log that somebody changed is found");
}
