// SPDX-License-Identifier: GPL-2.0-or-later
// model - alerts, reactions and events as the dashboard reads them: what api.yaml describes and what is in its open objects.
import { stripped } from "./format";
import type { Alert as Described, Daemon as DescribedDaemon, Host as DescribedHost, Reaction as DescribedReaction } from "./api.gen";

export type Reaction = Omit<DescribedReaction, "result" | "args"> & {
  args?: Record<string, unknown>; result?: { needs_approval?: boolean; outcome?: string; text?: string } & Record<string, unknown>;
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
export const causeOf = (a: Alert) => `${a.kind}|${a.daemon?.name ?? ""}|${stripped(a.title)}`;

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

export type Node = { pid: number; parent: number; exe: string; cmd: string; at: string; did: Doc[]; below: Node[]; hot: boolean; ended?: string };

// Processes by their numbers, and those under which the others are.
function plant() {
  const nodes = new Map<number, Node>();
  const node = (pid: number) => {
    let n = nodes.get(pid);
    if (!n) nodes.set(pid, (n = { pid, parent: 0, exe: "", cmd: "", at: "", did: [], below: [], hot: false }));
    return n;
  };
  // Numbers are used again, and a circle must not become a tree.
  const isAbove = (n: Node, of: Node) => {
    for (let at: Node | undefined = of, i = 0; at && i < 64; i++, at = nodes.get(at.parent)) if (at === n) return true;
    return false;
  };
  const roots = () => [...nodes.values()].filter((n) => {
    const up = nodes.get(n.parent);
    if (!up || up === n || isAbove(n, up)) return true;
    up.below.push(n);
    return false;
  });
  return { nodes, node, roots };
}

const byTime = (docs: Doc[]) => [...docs].sort((a, b) => (text(a, "@timestamp") < text(b, "@timestamp") ? -1 : 1));
const pids = (d: Doc) => [Number(pick(d, "process.pid") ?? 0), Number(pick(d, "process.parent.pid") ?? 0)] as const;

// What an alert is about, and what the same processes did near it.
export function treeOf(alert: Alert, near: Doc[]): { above: string[]; roots: Node[] } {
  const { node, roots } = plant();
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
  for (const e of [...(p ? [{ time: alert.first_seen, ...p }] : []), ...(alert.events ?? [])])
    if (e.pid) { tell(e.pid, e.parent_pid ?? 0, e.executable ?? "", e.command_line ?? "", e.time ?? "").hot = true; mine.add(e.pid); }
  for (const d of byTime(near)) {
    const [pid, parent] = pids(d);
    if (!pid || (!mine.has(pid) && !mine.has(parent))) continue;
    mine.add(pid);
    const n = tell(pid, parent, text(d, "process.executable"), text(d, "process.command_line"), text(d, "@timestamp"));
    if (!text(d, "event.action").startsWith("exec")) n.did.push(d);
  }
  return { above: [...(p?.parents ?? [])].reverse(), roots: roots() };
}

// Who started whom on a host, of what was seen of it; the newest roots first.
export function forest(docs: Doc[]): Node[] {
  const { nodes, node, roots } = plant();
  for (const d of byTime(docs)) {
    const [pid, parent] = pids(d);
    if (!pid) continue;
    if (text(d, "event.action") === "exit") {
      const n = nodes.get(pid);
      if (n) n.ended = text(d, "@timestamp");
      continue;
    }
    const n = node(pid);
    n.parent = parent || n.parent;
    n.exe = text(d, "process.executable") || n.exe;
    n.cmd = text(d, "process.command_line") || n.cmd;
    n.at ||= text(d, "@timestamp");
    delete n.ended;
    if (parent) node(parent).exe ||= text(d, "process.parent.executable");
  }
  const newest = (n: Node): string => n.below.reduce((m, c) => { const v = newest(c); return v > m ? v : m; }, n.at);
  return roots().map((n) => [n, newest(n)] as const).sort((a, b) => (a[1] < b[1] ? 1 : -1)).map(([n]) => n);
}

// What an alert's score is still worth: it halves each four hours since it was seen last.
export const worth = (score: number, since: number) => score * 0.5 ** (Math.max(0, since) / (4 * 3600e3));

// ---- behaviours in words

const capabilities = ("chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock "
  + "ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap "
  + "mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore").split(" ");
const namespaces: Record<number, string> = { 0x80: "time", 0x20000: "mount", 0x2000000: "cgroup", 0x4000000: "uts", 0x8000000: "ipc", 0x10000000: "user", 0x20000000: "pid", 0x40000000: "net" };

function bits(what: string, names: (bit: number) => string | undefined): string[] {
  const mask = BigInt(what);
  return Array.from({ length: 64 }, (_, i) => i).filter((i) => (mask >> BigInt(i)) & 1n).map((i) => names(i) ?? `bit ${i}`);
}

// Masks that the kernel counts in are told by their names.
export function behaviourText(action: string, what: string): string {
  if (action === "ptrace" && /^\d+$/.test(what)) return "another process";
  if (/^set[ug]id$/.test(action) && what === "0") return "root";
  if (action === "read") return what.replace(/^read /, "");
  if (!/^\d{1,20}$/.test(what) || what === "0") return what;
  if (action === "namespace") return bits(what, (i) => namespaces[2 ** i]).join(", ");
  if (action !== "capset") return what;
  const list = bits(what, (i) => capabilities[i]);
  return list.length > 6 ? `${list.slice(0, 3).join(", ")} … (${list.length})` : list.join(", ");
}
