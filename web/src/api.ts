// SPDX-License-Identifier: GPL-2.0-or-later
// api - the one way to the server: who asks, errors as sentences, streams, and routes that this server does not have.
import { signal } from "@preact/signals";
import { bodies, described, type Problem, type Session } from "./api.gen";
import { t } from "./text";

export const prefix = "/api/v1/";

// An API token lives here and nowhere else: a reload asks for it again. A session lives in a cookie that no script sees.
let token = "";
let csrf = "";
export const signedIn = signal<"asking" | "no" | "token" | "session">("asking");
export const session = signal<Session | null>(null);
// Whether the server has sessions at all: without them only a token lets one in.
export const hasSessions = signal(false);
export const online = signal(true);

export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly problem: Partial<Problem> = {}) {
    super(message);
  }
  get missing() { return this.status === 404 || this.status === 405 || this.status === 501; }
}

// A route that the server does not know answers with this type; a resource that is not there says its name.
const noRoute = "there is no such resource";
export const isUnavailable = (e: unknown) =>
  e instanceof ApiError && ((e.status === 404 && (e.problem.detail ?? "").startsWith(noRoute)) || e.status === 405 || e.status === 501);

// The server of this build has what schema/api.yaml describes; what it does not have is not asked for.
export const offers = (method: string, path: string) => described.includes(`${method} ${path}`);

export const bodiesOf = (method: string, path: string) => bodies[`${method} ${path}`] ?? [];

type Params = Record<string, string | number | boolean | undefined | null>;

export function query(params?: Params): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params ?? {})) if (v !== undefined && v !== null && v !== "") q.set(k, String(v));
  const s = q.toString();
  return s ? `?${s}` : "";
}

function headers(write: boolean, body: boolean): Headers {
  const h = new Headers({ Accept: "application/json" });
  if (token) h.set("Authorization", `Bearer ${token}`);
  if (write && csrf) h.set("X-CSRF-Token", csrf);
  if (body) h.set("Content-Type", "application/json");
  return h;
}

async function problemOf(r: Response): Promise<ApiError> {
  let p: Partial<Problem> = {};
  try { p = await r.json() as Problem; } catch { /* not ours: the status says enough */ }
  return new ApiError(r.status, p.detail ?? t.error.status(r.status), p);
}

export async function raw(path: string, init: RequestInit = {}): Promise<Response> {
  let r: Response;
  const asked = csrf;
  try {
    r = await fetch(prefix + path, { credentials: "same-origin", cache: "no-store", ...init });
  } catch (e) {
    if ((e as Error).name === "AbortError") throw e;
    online.value = false;
    throw new ApiError(0, t.error.offline);
  }
  online.value = true;
  if (r.ok) return r;
  const problem = await problemOf(r);
  // A password that was mistyped ends no session, nor does what was asked before the session got another secret: only who
  // is not known any more has to sign in.
  if (r.status === 401 && asked === csrf && signedIn.value !== "asking" && (problem.problem.type ?? "").endsWith(":token")) signOutHere();
  throw problem;
}

// Far-reaching changes want the password again: whoever shows the question resolves this with whether it was given.
export const confirming = signal<((given: boolean) => void) | null>(null);
const wantsConfirm = (e: unknown) => e instanceof ApiError && e.status === 403 && (e.problem.type ?? "").endsWith(":confirm");

async function once<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const r = await raw(path, {
    method,
    headers: headers(method !== "GET", body !== undefined),
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  return (r.status === 204 ? undefined : await r.json()) as T;
}

async function send<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  try {
    return await once<T>(method, path, body, signal);
  } catch (e) {
    if (!wantsConfirm(e)) throw e;
    confirming.peek()?.(false);
    const given = await new Promise<boolean>((resolve) => { confirming.value = resolve; });
    confirming.value = null;
    if (!given) throw e;
    return once<T>(method, path, body, signal);
  }
}

export const get = <T>(path: string, params?: Params, signal?: AbortSignal) => send<T>("GET", path + query(params), undefined, signal);
export const post = <T>(path: string, body?: unknown) => send<T>("POST", path, body ?? {});
export const patch = <T>(path: string, body: unknown) => send<T>("PATCH", path, body);
export const del = <T>(path: string) => send<T>("DELETE", path);

export type PageOf<T> = { items: T[]; next_cursor: string | null };

// All pages, up to a bound.
export async function all<T>(path: string, params: Params = {}, max = 10000, signal?: AbortSignal): Promise<T[]> {
  const out: T[] = [];
  let cursor: string | null = null;
  do {
    const page: PageOf<T> = await get<PageOf<T>>(path, { limit: 1000, ...params, cursor }, signal);
    out.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && out.length < max);
  return out;
}

// ---- who asks

const hint = "daemonsec.session";
const remember = (on: boolean) => {
  try {
    if (on) localStorage.setItem(hint, "1");
    else localStorage.removeItem(hint);
  } catch { /* then one is asked to sign in again */ }
};
export const remembered = () => { try { return localStorage.getItem(hint) !== null; } catch { return false; } };

function take(s: Session) {
  session.value = s;
  csrf = s.csrf ?? "";
  signedIn.value = s.kind === "token" ? "token" : "session";
  remember(s.kind === "session");
}

function signOutHere() {
  remember(false);
  token = csrf = "";
  session.value = null;
  signedIn.value = "no";
}

export async function resume(): Promise<void> {
  hasSessions.value = offers("GET", "/session");
  try {
    // Whoever was not here before is not asked for.
    if (!hasSessions.value || !remembered()) throw new ApiError(401, "");
    take(await send<Session>("GET", "session"));
  } catch {
    remember(false);
    signedIn.value = "no";
  }
}

export async function signInWithToken(text: string): Promise<void> {
  token = text.trim();
  try {
    if (hasSessions.value) take(await send<Session>("GET", "session"));
    else {
      await send("GET", "status");
      signedIn.value = "token";
    }
  } catch (e) {
    token = "";
    throw e;
  }
}

export async function signIn(user: string, password: string, totp: string): Promise<void> {
  take(await once<Session>("POST", "session", totp ? { user, password, totp } : { user, password }));
}

export async function choosePassword(current: string, next: string, totp: string): Promise<void> {
  take(await once<Session>("POST", "session/password", { current, new: next, ...(totp ? { totp } : {}) }));
}

export async function confirm(password: string, totp: string): Promise<void> {
  take(await once<Session>("POST", "session/confirm", { password, ...(totp ? { totp } : {}) }));
}

export async function signOut(): Promise<void> {
  if (signedIn.value === "session") await send("DELETE", "session").catch(() => undefined);
  signOutHere();
}

// What the caller's role or token allows; where the server does not say, everything is offered and it decides.
export function may(scope: string): boolean {
  const scopes = session.value?.scopes;
  if (!scopes) return true;
  const [subject, verb] = scope.split(":");
  return scopes.some((s) => s === "*" || s === scope || s === `${subject}:*` || s === `*:${verb}` || s === "*:*");
}

// ---- streams

// Lines of a response as they come; ends when the server or the signal ends it.
export async function* lines(path: string, signal: AbortSignal, extra: Record<string, string> = {}, opened = () => {}): AsyncGenerator<string> {
  const h = headers(false, false);
  for (const [k, v] of Object.entries(extra)) h.set(k, v);
  const r = await raw(path, { headers: h, signal });
  opened();
  const reader = r.body!.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n");
      rest = parts.pop() ?? "";
      // A line without an end is bounded.
      if (rest.length > 1 << 20) rest = "";
      yield* parts;
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
