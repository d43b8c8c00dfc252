// SPDX-License-Identifier: GPL-2.0-or-later
// format - times, counts and names as people read them; text from outside made safe to look at.
import { signal } from "@preact/signals";
import { kept } from "./data";
import { t } from "./text";

export const utc = kept("utc", false);
const zone = () => (utc.value ? "UTC" : undefined);

const cache = new Map<string, Intl.DateTimeFormat>();
function formatter(name: string, o: Intl.DateTimeFormatOptions) {
  const key = name + (zone() ?? "");
  let f = cache.get(key);
  if (!f) cache.set(key, (f = new Intl.DateTimeFormat(undefined, { ...o, timeZone: zone(), hourCycle: "h23" })));
  return f;
}

export const ms = (s: string | undefined | null) => (s ? Date.parse(s) : NaN);

export const dateTime = (at: string | number | undefined | null) => {
  const v = typeof at === "number" ? at : ms(at);
  return Number.isFinite(v) && v > 0
    ? formatter("dt", { year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(v)
    : "–";
};
export const clock = (v: number, seconds = true) =>
  formatter(seconds ? "c" : "cm", { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" as const } : {}) }).format(v);
export const dayClock = (v: number) => formatter("dc", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }).format(v);

// Time goes on where nothing else changes: whoever says how long ago something was says it anew.
const beat = signal(0);
const tick = () => { if (document.visibilityState === "visible") beat.value++; };
setInterval(tick, 5000);
document.addEventListener("visibilitychange", tick);

// "3 min ago", "in 9 min".
export function ago(at: string | number | undefined | null, now = Date.now()): string {
  const v = typeof at === "number" ? at : ms(at);
  void beat.value;
  if (!Number.isFinite(v) || v <= 0) return "–";
  const s = Math.round((now - v) / 1000);
  const text = span(Math.abs(s));
  return Math.abs(s) < 5 ? t.time.now : s > 0 ? t.time.ago(text) : t.time.ahead(text);
}

export function span(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.round(s / 60)} min`;
  if (s < 86400 * 2) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

export const count = (n: number | undefined | null) => (n === undefined || n === null || !Number.isFinite(n) ? "–" : n.toLocaleString(undefined, { maximumFractionDigits: 1 }));

export function bytes(n: number | undefined | null): string {
  if (n === undefined || n === null || !Number.isFinite(n)) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  while (n >= 1024 && i < units.length - 1) { n /= 1024; i++; }
  return `${n.toLocaleString(undefined, { maximumFractionDigits: n < 10 && i > 0 ? 1 : 0 })} ${units[i]}`;
}

export const percent = (v: number | undefined | null) => (v === undefined || v === null || !Number.isFinite(v) ? "–" : `${Math.floor(v * 100)} %`);

// Characters that change how the rest reads, or that cannot be seen, become visible escapes.
const odd = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;
export const plain = (s: unknown): string =>
  String(s ?? "").replace(odd, (c) => (c === "\n" ? "⏎" : c === "\t" ? "⇥" : `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`));

// Who did it; a token by what it is, since its id says nothing.
export const byWhom = (by: string | null | undefined) => (by?.startsWith("token:") ? t.byToken : by ?? "");

// A title of an alert without the host that it names.
export const stripped = (title: string) => title.replace(/ on [\w.-]+$/, "");

export const cut = (s: string, max: number) => (s.length > max ? `${s.slice(0, max - 1)}…` : s);

// A value of the query language: quoted where it needs it.
export const quoted = (v: string) => (/^[\w./@:-]+$/.test(v) && !/^(and|or|not)$/i.test(v) && !v.includes("..") && !/:/.test(v)
  ? v : `"${v.replace(/["\\]/g, "\\$&")}"`);
export const term = (field: string, v: string | number) => `${field}:${typeof v === "number" ? v : quoted(v)}`;
