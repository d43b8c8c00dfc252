// model - alerts, reactions and events as the dashboard reads them: what api.yaml describes and what is in its open objects.
import type { Alert as Described, Daemon as DescribedDaemon, Host as DescribedHost } from "./api.gen";

export type Reaction = {
  id: string; kind: string; status: string; mode?: string; target?: string; host?: { id?: string | null; name?: string | null };
  daemon?: { id?: string | null; name?: string | null } | string; alert?: string | { id?: string }; alert_id?: string; reason?: string; by?: string; rule?: string;
  created?: string; updated?: string; expires?: string | null; result?: { needs_approval?: boolean; outcome?: string; text?: string } & Record<string, unknown>; args?: Record<string, unknown>; approved_by?: string;
};
export type AlertEvent = {
  time?: string; action?: string; pid?: number; parent_pid?: number; executable?: string; command_line?: string; user?: string; parents?: string[]; [k: string]: unknown;
};
export type AlertProcess = { pid?: number; parent_pid?: number; executable?: string; command_line?: string; user?: string; parents?: string[] };
export type Alert = Omit<Described, "process" | "reactions" | "verdict"> & {
  process: AlertProcess | null; reactions: Reaction[]; verdict: { verdict?: string; by?: string; note?: string; time_us?: number; scope?: string; expires?: string } | null;
  notes?: { by?: string; note?: string; time_us?: number }[]; events?: AlertEvent[]; assignee?: string | null;
  record?: { scope?: string; prevalence?: string; clears?: string; model?: string; coverage?: number };
};
export type Host = DescribedHost & { id: string; name: string };
export type Daemon = DescribedDaemon & { id: string; name: string };
export type Doc = Record<string, unknown>;

const order = ["low", "medium", "high", "critical"];
export const severityRank = (s: string) => order.indexOf(s);
export const worst = (list: { severity: string }[]) => list.reduce<string>((w, a) => (severityRank(a.severity) > severityRank(w) ? a.severity : w), "");

// What makes two alerts one cause: the same thing, done by the same daemon, wherever it ran.
export const causeOf = (a: Alert) => `${a.kind}|${a.daemon?.name ?? ""}|${a.title.replace(/ on [\w.-]+$/, "")}`;

export type Cause = { key: string; alerts: Alert[]; severity: string; last: string; hosts: number };
export function byCause(alerts: Alert[]): Cause[] {
  const map = new Map<string, Alert[]>();
  for (const a of alerts) {
    const k = causeOf(a);
    const list = map.get(k);
    if (list) list.push(a);
    else map.set(k, [a]);
  }
  const rank = (c: Cause) => severityRank(c.severity);
  return [...map].map(([key, list]) => ({
    key, alerts: list, severity: worst(list), last: list.reduce((m, a) => (a.last_seen > m ? a.last_seen : m), ""),
    hosts: new Set(list.map((a) => a.host?.id)).size,
  })).sort((a, b) => rank(b) - rank(a) || (a.last < b.last ? 1 : -1));
}

const undoable = new Set(["pending", "sent", "applied", "verified"]);
export const canUndo = (r: Reaction) => undoable.has(r.status) && r.mode !== "dry_run";

// "source.ip" of an ECS document.
export function pick(doc: Doc | undefined, path: string): unknown {
  if (!doc) return undefined;
  if (path in doc) return doc[path];
  let at: unknown = doc;
  for (const part of path.split(".")) {
    if (at === null || typeof at !== "object") return undefined;
    at = (at as Doc)[part];
  }
  return at;
}
export const text = (doc: Doc | undefined, path: string): string => {
  const v = pick(doc, path);
  return v === undefined || v === null ? "" : Array.isArray(v) ? v.join(" ") : String(v);
};

// Every value of a document by its path, for looking at and for going on from.
export function flat(doc: Doc, prefix = "", out: [string, string | number][] = []): [string, string | number][] {
  for (const [k, v] of Object.entries(doc)) {
    const name = prefix ? `${prefix}.${k}` : k;
    if (v === null || v === undefined) continue;
    if (Array.isArray(v)) out.push([name, v.map(String).join(name.endsWith(".args") ? " " : ", ")]);
    else if (typeof v === "object") flat(v as Doc, name, out);
    else out.push([name, typeof v === "number" ? v : String(v)]);
  }
  return out;
}

// ---- process trees

export type Node = { pid: number; parent: number; exe: string; cmd: string; at: string; did: Doc[]; below: Node[]; hot: boolean };

export function treeOf(alert: Alert, near: Doc[]): { above: string[]; roots: Node[] } {
  const nodes = new Map<number, Node>();
  const node = (pid: number) => {
    let n = nodes.get(pid);
    if (!n) nodes.set(pid, (n = { pid, parent: 0, exe: "", cmd: "", at: "", did: [], below: [], hot: false }));
    return n;
  };
  const tell = (pid: number, parent: number, exe: string, cmd: string, at: string) => {
    const n = node(pid);
    n.parent ||= parent;
    n.exe = exe || n.exe;
    n.cmd ||= cmd;
    n.at ||= at;
    return n;
  };
  const mine = new Set<number>();
  const p = alert.process;
  if (p?.pid) { tell(p.pid, p.parent_pid ?? 0, p.executable ?? "", p.command_line ?? "", alert.first_seen).hot = true; mine.add(p.pid); }
  for (const e of alert.events ?? []) if (e.pid) { tell(e.pid, e.parent_pid ?? 0, e.executable ?? "", e.command_line ?? "", e.time ?? "").hot = true; mine.add(e.pid); }
  const docs = [...near].sort((a, b) => (text(a, "@timestamp") < text(b, "@timestamp") ? -1 : 1));
  for (const d of docs) {
    const pid = Number(pick(d, "process.pid") ?? 0), parent = Number(pick(d, "process.parent.pid") ?? 0);
    if (!pid || (!mine.has(pid) && !mine.has(parent))) continue;
    mine.add(pid);
    const n = tell(pid, parent, text(d, "process.executable"), text(d, "process.command_line"), text(d, "@timestamp"));
    if (!text(d, "event.action").startsWith("exec")) n.did.push(d);
  }
  const roots: Node[] = [];
  for (const n of nodes.values()) {
    const up = nodes.get(n.parent);
    if (up && up !== n && !under(up, n, nodes)) up.below.push(n);
    else roots.push(n);
  }
  return { above: [...(p?.parents ?? [])].reverse(), roots };
}

// Whether `n` is above `up`: pids are used again, and a circle must not become a tree.
function under(up: Node, n: Node, nodes: Map<number, Node>): boolean {
  for (let at: Node | undefined = up, i = 0; at && i < 64; i++) {
    if (at === n) return true;
    at = nodes.get(at.parent);
  }
  return false;
}
