// SPDX-License-Identifier: GPL-2.0-or-later
// api - the one way to the server: who asks, errors as sentences, streams.
import { signal } from "@preact/signals";
import type { Path, Problem, Session } from "./api.gen";
import { t } from "./text";

const prefix = "/api/v1/";

// An API token lives here and nowhere else: a reload asks for it again. A session lives in a cookie that no script sees.
let token = "";
let csrf = "";
// "lost": the session ended under a page that is in use.
export const signedIn = signal<"asking" | "no" | "lost" | "token" | "session">("asking");
export const session = signal<Session | null>(null);
export const online = signal(true);

export class ApiError extends Error {
  constructor(readonly status: number, message: string, readonly problem: Partial<Problem> = {}, readonly waitSeconds = 0) {
    super(message);
  }
  // A query that is not understood is told where it was typed.
  get isTyped() { return this.problem.column !== undefined; }
  is(kind: string) { return (this.problem.type ?? "").endsWith(`:${kind}`); }
}

type Params = Record<string, string | number | boolean | undefined | null>;

export function query(params?: Params): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(params ?? {})) if (v !== undefined && v !== null && v !== "") q.set(k, String(v));
  const s = q.toString();
  return s ? `?${s}` : "";
}

type Request = { method?: string; body?: unknown; signal?: AbortSignal; accept?: string; last?: string };

function headersOf({ method = "GET", body, accept = "application/json", last }: Request): Headers {
  const h = new Headers({ Accept: accept });
  if (token) h.set("Authorization", `Bearer ${token}`);
  if (csrf && method !== "GET") h.set("X-CSRF-Token", csrf);
  if (body !== undefined) h.set("Content-Type", "application/json");
  if (last) h.set("Last-Event-ID", last);
  return h;
}

async function problemOf(r: Response): Promise<ApiError> {
  let p: Partial<Problem> = {};
  try { p = await r.json() as Problem; } catch { /* not ours: the status says enough */ }
  return new ApiError(r.status, p.detail ?? t.error.status(r.status), p, Number(r.headers.get("Retry-After")));
}

// An answer that has not come by then does not come; a stream is watched by who reads it.
const LATE_MS = 120000;
const hurried = (o: Request) => (o.accept || !AbortSignal.any ? o.signal : AbortSignal.any([AbortSignal.timeout(LATE_MS), ...(o.signal ? [o.signal] : [])]));

async function attempt(path: string, o: Request): Promise<Response> {
  let r: Response;
  try {
    r = await fetch(prefix + path, {
      method: o.method, headers: headersOf(o), body: o.body === undefined ? undefined : JSON.stringify(o.body), signal: hurried(o), credentials: "same-origin", cache: "no-store",
    });
  } catch (e) {
    if ((e as Error).name === "AbortError") throw e;
    online.value = false;
    throw new ApiError(0, t.error.offline);
  }
  online.value = true;
  if (r.ok) return r;
  throw await problemOf(r);
}

async function raw(path: string, o: Request): Promise<Response> {
  if (renewing) await renewing;
  try {
    return await attempt(path, o);
  } catch (e) {
    if (!isUnknown(e) || signedIn.peek() === "asking" || signedIn.peek() === "no") throw e;
    await (renewing ??= renew().finally(() => { renewing = null; }));
    return attempt(path, o);
  }
}

// Far-reaching changes want the password again: whoever shows the question resolves this with whether it was given.
// Several at once are one question.
export const confirming = signal<((given: boolean) => void) | null>(null);
let question: Promise<boolean> | null = null;
const isGiven = () => (question ??= new Promise<boolean>((resolve) => { confirming.value = resolve; }).finally(() => { confirming.value = question = null; }));
const wantsPassword = (e: unknown) => e instanceof ApiError && e.status === 403 && e.is("confirm");

// An answer that breaks off is none.
async function json<T>(r: Response): Promise<T> {
  if (r.status === 204) return undefined as T;
  try {
    return await r.json() as T;
  } catch (e) {
    if ((e as Error).name === "AbortError") throw e;
    throw new ApiError(0, t.error.offline);
  }
}

// Whoever asks for too much at once is told to wait a moment, and does; whoever guesses at passwords waits for longer.
const TRIES = 30, MOMENT_S = 2;
async function inTurn<T>(path: string, o: Request): Promise<T> {
  for (let i = 1; ; i++) {
    try {
      return await json<T>(await raw(path, o));
    } catch (e) {
      const wait = e instanceof ApiError && e.status === 429 && !path.startsWith("session") ? e.waitSeconds : 0;
      if (!wait || wait > MOMENT_S || i === TRIES) throw e;
      await new Promise((r) => setTimeout(r, wait * 1000));
    }
  }
}

async function send<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const o = { method, body, signal };
  try {
    return await inTurn<T>(path, o);
  } catch (e) {
    if (!wantsPassword(e) || !await isGiven()) throw e;
    return inTurn<T>(path, o);
  }
}

export const get = <T>(path: Path, params?: Params, signal?: AbortSignal) => send<T>("GET", path + query(params), undefined, signal);
export const post = <T>(path: Path, body?: unknown) => send<T>("POST", path, body ?? {});
export const patch = <T>(path: Path, body: unknown) => send<T>("PATCH", path, body);
export const del = <T>(path: Path) => send<T>("DELETE", path);

// The same for each of many, a few at a time. All are tried, unless somebody would not give the password for it; then it
// is told how many failed.
const AT_ONCE = 6;
export async function each<T>(list: T[], what: (x: T) => Promise<unknown>): Promise<void> {
  const rest = list.values(), failed: unknown[] = [];
  const work = async () => {
    for (const x of rest) {
      try {
        await what(x);
      } catch (e) {
        failed.push(e);
        if (wantsPassword(e)) failed.push(...[...rest].map(() => e));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (failed.length === 0) return;
  const why = failed[0];
  throw failed.length === list.length || !(why instanceof ApiError) ? why : new ApiError(why.status, t.error.some(failed.length, list.length, why.message), why.problem);
}

export type PageOf<T> = { items: T[]; next_cursor: string | null };

// So many pages of a list, one after the other; `each` sees every one.
export async function pages<T, P extends PageOf<T> = PageOf<T>>(path: Path, params: Params, most: number, signal?: AbortSignal, each: (p: P) => void = () => {}) {
  const items: T[] = [];
  let cursor: string | null = null;
  for (let i = 0; i < most; i++) {
    const page: P = await get<P>(path, { ...params, cursor }, signal);
    items.push(...page.items);
    each(page);
    cursor = page.next_cursor;
    if (!cursor) break;
  }
  return { items, more: cursor !== null };
}

// The whole list, up to a bound.
export const all = async <T>(path: Path, params: Params = {}, max = 10000, signal?: AbortSignal): Promise<T[]> => {
  const limit = Math.min(max, Number(params["limit"] ?? 1000));
  return (await pages<T>(path, { ...params, limit }, Math.ceil(max / limit), signal)).items;
};

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

const whoAmI = async () => json<Session>(await attempt("session", {}));
const never = () => new Promise<never>(() => {});

// Nobody's session, or not this one; a password that was mistyped ends none.
const isUnknown = (e: unknown) => e instanceof ApiError && ((e.status === 401 && e.is("token")) || (e.status === 403 && e.is("csrf")));

// Another tab may have changed the cookie, by a new password or by signing in again: then we learn its secret. Where nobody
// is signed in any more, what is asked waits until somebody is. In both cases what is on the screen and was typed stays.
let renewing: Promise<void> | null = null;
let waiting: { again: () => void; never: (why: Error) => void } | null = null;
async function renew(): Promise<void> {
  const before = session.peek()?.user;
  try {
    const now = await whoAmI();
    if (now.user === before) take(now);
    else await someoneElse();
  } catch (e) {
    if (!isUnknown(e)) throw e;
    remember(false);
    token = csrf = "";
    await new Promise<void>((again, never) => { waiting = { again, never }; signedIn.value = "lost"; });
  }
}

// What one person began is not sent in the name of another.
function someoneElse(): Promise<never> {
  remember(true);
  location.reload();
  return never();
}

async function enter(s: Session): Promise<void> {
  if (waiting && s.user !== session.peek()?.user) await someoneElse();
  take(s);
  waiting?.again();
  waiting = null;
}

function signOutHere() {
  remember(false);
  token = csrf = "";
  session.value = null;
  signedIn.value = "no";
  waiting?.never(new ApiError(401, t.login.out));
  waiting = null;
}

export async function resume(): Promise<void> {
  try {
    // Whoever was not here before is not asked for.
    if (!remembered()) throw new ApiError(401, "");
    take(await whoAmI());
  } catch (e) {
    // A server that is away has ended no session.
    if (e instanceof ApiError && (e.status === 401 || e.status === 403)) remember(false);
    signedIn.value = "no";
  }
}

export async function signInWithToken(text: string): Promise<void> {
  token = text.trim();
  try {
    await enter(await whoAmI());
  } catch (e) {
    token = "";
    throw e;
  }
}

const withCode = (body: object, totp: string) => (totp ? { ...body, totp } : body);

export async function signIn(user: string, password: string, totp: string): Promise<void> {
  await enter(await json<Session>(await attempt("session", { method: "POST", body: withCode({ user, password }, totp) })));
}

const proof = async (path: Path, body: object) => take(await json<Session>(await raw(path, { method: "POST", body })));
export const choosePassword = (current: string, next: string, totp: string) => proof("session/password", withCode({ current, new: next }, totp));
export const confirm = (password: string, totp: string) => proof("session/confirm", withCode({ password }, totp));

// A session that the server did not end is still good: then nobody is told that they are out.
export async function signOut(): Promise<void> {
  if (signedIn.peek() === "session") await send("DELETE", "session").catch((e: unknown) => { if (!(e instanceof ApiError && e.status === 401)) throw e; });
  signOutHere();
}

// What the caller's role or token allows.
export function may(scope: string): boolean {
  const [subject, verb] = scope.split(":");
  return (session.value?.scopes ?? []).some((s) => s === "*" || s === scope || s === `${subject}:*` || s === `*:${verb}` || s === "*:*");
}

// ---- streams

// The server says something each 15 s, if only an empty line: a connection that is silent for longer is dead.
const SILENT_MS = 60000;

// Lines of a response as they come; ends when the server, the signal or silence ends it.
export async function* lines(path: string, o: Request, opened = () => {}): AsyncGenerator<string> {
  const r = await raw(path, o);
  opened();
  const reader = r.body!.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  const read = async () => {
    const watch = setTimeout(() => void reader.cancel().catch(() => undefined), SILENT_MS);
    try { return await reader.read(); } finally { clearTimeout(watch); }
  };
  try {
    for (;;) {
      const { done, value } = await read();
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
