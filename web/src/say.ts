// SPDX-License-Identifier: GPL-2.0-or-later
// say - what was done, said once, with a way back where there is one.
import { signal } from "@preact/signals";
import { t } from "./text";

type Toast = { id: number; text: string; kind: "good" | "bad"; undo?: () => void };
export const toasts = signal<Toast[]>([]);
let last = 0;
export const drop = (id: number) => { toasts.value = toasts.value.filter((x) => x.id !== id); };

export function say(text: string, kind: "good" | "bad" = "good", undo?: () => void) {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-3), { id, text, kind, undo }];
  setTimeout(() => drop(id), kind === "bad" ? 12000 : 7000);
}

// Runs an action and says how it went; without words for it, what came of it is seen.
export async function doing(what: () => Promise<unknown>, done = "", undo?: () => void): Promise<boolean> {
  try {
    await what();
    if (done) say(done, "good", undo);
    return true;
  } catch (e) {
    say((e as Error).message, "bad");
    return false;
  }
}

export async function copy(text: string, done: string = t.act.copied) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without TLS, away from loopback, there is no clipboard: a selection does.
    const area = document.createElement("textarea"), before = document.activeElement as HTMLElement | null;
    area.value = text;
    area.className = "unseen";
    // Outside of an open dialog nothing can be selected.
    ([...document.querySelectorAll("dialog[open]")].pop() ?? document.body).append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    before?.focus();
    if (!copied) { say(t.act.notCopied, "bad"); return; }
  }
  say(done);
}

export function save(name: string, type: string, text: string) {
  const a = document.createElement("a");
  a.href = URL.createObjectURL(new Blob([text], { type }));
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}
