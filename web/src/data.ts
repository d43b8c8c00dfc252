// SPDX-License-Identifier: GPL-2.0-or-later
// data - what a screen asks for: kept fresh while it is looked at, quiet while it is not.
import { useEffect, useRef } from "preact/hooks";
import { signal, useSignal, type Signal } from "@preact/signals";
import { ApiError, lines, signedIn } from "./api";
import { t } from "./text";

export type Loaded<T> = {
  data: T | undefined;
  error: string;
  why: unknown; // the error itself
  loading: boolean; // for the first time
  at: number;
};

// Raised when something changed, by the stream or by an action of ours: who shows it asks again.
const topics = new Map<string, Signal<number>>();
const topic = (name: string) => {
  let s = topics.get(name);
  if (!s) topics.set(name, (s = signal(0)));
  return s;
};
export const changed = (...names: string[]) => { for (const n of names) topic(n).value++; };

// What the stream tells: the first at once, and then at most once in a while, however much happens.
const PAUSE = 1000;
const resting = new Map<string, boolean>(); // whether more came meanwhile
function told(name: string) {
  if (resting.has(name)) { resting.set(name, true); return; }
  changed(name);
  resting.set(name, false);
  window.setTimeout(() => {
    const more = resting.get(name);
    resting.delete(name);
    if (more) told(name);
  }, PAUSE);
}

// What the first screen will ask for, asked for while it is still found out who asks; a refusal is asked again.
const early = new Map<string, Promise<unknown>>();
export function begin(key: string, ask: () => Promise<unknown>) {
  const answer = ask();
  answer.catch(() => undefined);
  early.set(key, answer);
}
async function begun<T>(key: string, ask: () => Promise<T>): Promise<T> {
  const answer = early.get(key) as Promise<T> | undefined;
  early.delete(key);
  return answer ? answer.catch(ask) : ask();
}

export type Options = { every?: number; on?: string[]; skip?: boolean };

// Asks at once, when a key or a topic changes, and every so many seconds while the page is visible.
export function useData<T>(key: string, ask: (signal: AbortSignal) => Promise<T>, o: Options = {}): Loaded<T> & { again: () => void } {
  const state = useSignal<Loaded<T> & { key: string }>({ key, data: undefined, error: "", why: undefined, loading: true, at: 0 });
  const kick = useRef(() => {});
  const seen = (o.on ?? []).map((n) => topic(n).value).join();
  const latest = useRef(ask);
  latest.current = ask;
  const skip = o.skip ?? false;
  useEffect(() => {
    if (skip) return;
    let ended = false, running = false, dirty = false, missed = false;
    let timer = 0;
    const abort = new AbortController();
    if (state.peek().key !== key) state.value = { key, data: undefined, error: "", why: undefined, loading: true, at: 0 };
    const once = async () => {
      try {
        const data = await begun(key, () => latest.current(abort.signal));
        if (!ended) state.value = { key, data, error: "", why: undefined, loading: false, at: Date.now() };
      } catch (e) {
        if (ended || (e as Error).name === "AbortError") return;
        state.value = { ...state.peek(), error: (e as Error).message, why: e, loading: false };
        if (!(e instanceof ApiError)) console.error(e);
      }
    };
    // What changes while the answer is under way is asked for after it: a flood of changes must not keep it from coming.
    const run = async () => {
      clearTimeout(timer);
      missed = false;
      if (running) { dirty = true; return; }
      running = true;
      do {
        dirty = false;
        await once();
      } while (dirty && !ended);
      running = false;
      if (!ended && o.every) timer = window.setTimeout(tick, o.every * 1000);
    };
    const tick = () => { if (document.visibilityState === "visible") void run(); };
    const seenAgain = () => { if (document.visibilityState === "visible" && (missed || (o.every && Date.now() - state.peek().at >= o.every * 1000))) void run(); };
    kick.current = () => { if (document.visibilityState === "visible") void run(); else missed = true; };
    void run();
    document.addEventListener("visibilitychange", seenAgain);
    return () => {
      ended = true;
      clearTimeout(timer);
      abort.abort();
      document.removeEventListener("visibilitychange", seenAgain);
    };
  }, [key, skip, o.every]);
  const before = useRef(seen);
  useEffect(() => {
    if (before.current === seen) return;
    before.current = seen;
    if (!skip) kick.current();
  }, [seen]);
  const s = state.value;
  return s.key === key ? { ...s, again: () => kick.current() }
    : { data: undefined, error: "", why: undefined, loading: true, at: 0, again: () => kick.current() };
}

// ---- what is small and at hand: kept in this browser

export function kept<T>(name: string, fallback: T): Signal<T> {
  const key = `daemonsec.${name}`;
  let start = fallback;
  try {
    const text = localStorage.getItem(key);
    if (text !== null) start = JSON.parse(text) as T;
  } catch { /* a browser that keeps nothing, or something else wrote it */ }
  const s = signal<T>(start);
  let first = true;
  s.subscribe((v) => {
    if (first) { first = false; return; }
    try { localStorage.setItem(key, JSON.stringify(v)); } catch { /* it is for convenience only */ }
  });
  // What another tab keeps is kept here too, or the next change here would take it away.
  addEventListener("storage", (e) => {
    if (e.key !== key || e.newValue === null) return;
    try { s.value = JSON.parse(e.newValue) as T; } catch { /* something else wrote it */ }
  });
  return s;
}

// ---- the server's stream

export const live = signal<"off" | "on" | "waiting">("off");
export const announced = signal("");

const topicOf: Record<string, string[]> = {
  reset: ["alerts", "reactions", "hosts", "jobs", "status"], alert: ["alerts", "status"], reaction: ["reactions", "alerts", "status"], host: ["hosts", "status"], job: ["jobs", "models"],
};

// Server-Sent Events by fetch, because EventSource can carry no token. Comes back after a while that grows, and says
// which event it saw last.
export function startStream(): () => void {
  const abort = new AbortController();
  let last = "";
  let wait = 1000;
  let timer = 0;
  const take = (name: string, id: string, data: string) => {
    if (id) last = id;
    (topicOf[name] ?? []).forEach(told);
    if (name !== "alert") return;
    try {
      const a = JSON.parse(data) as { title?: string; severity?: string };
      if (a.title) announced.value = t.live.alert(a.severity ?? "", a.title);
    } catch { /* the lists tell */ }
  };
  const run = async () => {
    let name = "message", id = "", data = "";
    try {
      const opened = () => {
        // What happened while we were away, should the server not remember.
        if (live.peek() === "waiting") changed("alerts", "reactions", "hosts", "jobs", "status");
        live.value = "on";
        wait = 1000;
      };
      for await (const line of lines("stream", { signal: abort.signal, accept: "text/event-stream", last }, opened)) {
        const text = line.replace(/\r$/, "");
        if (text === "") {
          if (data) take(name, id, data);
          name = "message"; id = ""; data = "";
        } else if (text.startsWith("event:")) name = text.slice(6).trim();
        else if (text.startsWith("id:")) id = text.slice(3).trim();
        else if (text.startsWith("data:")) data += (data ? "\n" : "") + text.slice(5).trim();
      }
    } catch (e) {
      if (abort.signal.aborted) return;
      if (e instanceof ApiError && (e.status === 401 || e.status === 403)) {
        live.value = "off";
        return;
      }
    }
    if (abort.signal.aborted || signedIn.peek() === "no") return;
    live.value = "waiting";
    timer = window.setTimeout(run, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, 30000);
  };
  void run();
  return () => { clearTimeout(timer); abort.abort(); live.value = "off"; };
}
