// api - the one way to the server: who asks, errors as sentences, streams, and routes that this server does not have.
import { signal } from "@preact/signals";
import { described, type Problem } from "./api.gen";
import { t } from "./text";

export const prefix = "/api/v1/";

export type Session = { user?: { name?: string } | string; role?: string; csrf?: string };

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
  try {
    r = await fetch(prefix + path, { credentials: "same-origin", cache: "no-store", ...init });
  } catch (e) {
    if ((e as Error).name === "AbortError") throw e;
    online.value = false;
    throw new ApiError(0, t.error.offline);
  }
  online.value = true;
  if (r.status === 401 && signedIn.value !== "asking") signOutHere();
  if (!r.ok) throw await problemOf(r);
  return r;
}

async function send<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const write = method !== "GET";
  const r = await raw(path, {
    method,
    headers: headers(write, body !== undefined),
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  return (r.status === 204 ? undefined : await r.json()) as T;
}

export const get = <T>(path: string, params?: Params, signal?: AbortSignal) => send<T>("GET", path + query(params), undefined, signal);
export const post = <T>(path: string, body?: unknown) => send<T>("POST", path, body ?? {});
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

function signOutHere() {
  token = csrf = "";
  session.value = null;
  signedIn.value = "no";
}

export async function resume(): Promise<void> {
  if (!offers("GET", "/session")) {
    signedIn.value = "no";
    return;
  }
  try {
    const s = await send<Session>("GET", "session");
    hasSessions.value = true;
    session.value = s;
    csrf = s.csrf ?? "";
    signedIn.value = "session";
  } catch (e) {
    // Without a token 401 is said of known routes only; a server without sessions has no such route.
    hasSessions.value = e instanceof ApiError && e.status === 401;
    signedIn.value = "no";
  }
}

export async function signInWithToken(text: string): Promise<void> {
  token = text.trim();
  try {
    await send("GET", "status");
    signedIn.value = "token";
  } catch (e) {
    token = "";
    throw e;
  }
}

export async function signIn(user: string, password: string, totp: string): Promise<void> {
  const s = await send<Session>("POST", "session", totp ? { user, password, totp } : { user, password });
  session.value = s;
  csrf = s.csrf ?? "";
  signedIn.value = "session";
}

export async function signOut(): Promise<void> {
  if (signedIn.value === "session") await send("DELETE", "session").catch(() => undefined);
  signOutHere();
}

const rank = ["viewer", "analyst", "operator", "admin"];
// What the person may do: a token's scopes are the server's to tell, so with a token everything is offered.
export const may = (role: string) => signedIn.value === "token" || rank.indexOf(session.value?.role ?? "") >= rank.indexOf(role);

// ---- streams

// Lines of a response as they come; ends when the server or the signal ends it.
export async function* lines(path: string, signal: AbortSignal, extra: Record<string, string> = {}): AsyncGenerator<string> {
  const h = headers(false, false);
  for (const [k, v] of Object.entries(extra)) h.set(k, v);
  const r = await raw(path, { headers: h, signal });
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
