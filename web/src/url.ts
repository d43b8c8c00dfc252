// SPDX-License-Identifier: GPL-2.0-or-later
// url - the address bar is the state: what is shown can be bookmarked, shared and gone back from.
import { computed, signal } from "@preact/signals";

const read = () => ({ path: location.pathname, params: new URLSearchParams(location.search) });
const here = signal(read());

export const path = computed(() => here.value.path);
export const params = computed(() => here.value.params);
export const param = (name: string) => here.value.params.get(name) ?? "";
export const parts = computed(() => path.value.split("/").filter(Boolean).map(decode));

function decode(s: string) {
  try { return decodeURIComponent(s); } catch { return s; }
}

addEventListener("popstate", () => { here.value = read(); });

export function go(to: string, replace = false) {
  if (to === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  const before = here.value.path;
  here.value = read();
  if (before.split("/")[1] !== here.value.path.split("/")[1]) scrollTo(0, 0);
}

// The present address with some parameters changed; "" removes one.
export function withParams(change: Record<string, string | undefined>, at = path.value): string {
  const q = new URLSearchParams(at === path.value || at.split("/")[1] === path.value.split("/")[1] ? here.value.params : undefined);
  for (const [k, v] of Object.entries(change)) {
    if (v) q.set(k, v);
    else q.delete(k);
  }
  const s = q.toString().replace(/%2C/g, ",").replace(/%3A/g, ":");
  return at + (s ? `?${s}` : "");
}

export const setParams = (change: Record<string, string | undefined>, replace = true) => go(withParams(change), replace);

export const link = {
  alert: (id: string) => `/alerts/${encodeURIComponent(id)}`,
  alerts: (q?: string) => "/alerts" + (q ? `?q=${encodeURIComponent(q)}` : ""),
  host: (id: string) => `/hosts/${encodeURIComponent(id)}`,
  daemon: (id: string) => `/daemons/${encodeURIComponent(id)}`,
  events: (q: string, since?: string, until?: string) => {
    const p = new URLSearchParams();
    if (q) p.set("q", q);
    if (since) p.set("since", since);
    if (until) p.set("until", until);
    const s = p.toString();
    return "/events" + (s ? `?${s}` : "");
  },
};

// Plain clicks on our own links stay in the page; everything else is the browser's.
addEventListener("click", (e) => {
  if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  const a = (e.target as Element | null)?.closest?.("a");
  if (!a || a.target || a.hasAttribute("download") || a.origin !== location.origin || a.pathname.startsWith("/api/")) return;
  e.preventDefault();
  go(a.pathname + a.search);
});
