// SPDX-License-Identifier: GPL-2.0-or-later
// alerts - the queue, by cause; one alert beside it.
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { all, get, may, pages } from "../api";
import type { AlertGroup, AlertSummary } from "../api.gen";
import { kept, useData } from "../data";
import { count, stripped } from "../format";
import { useKeys } from "../keys";
import { byCause, canUndo, severityRank, type Alert } from "../model";
import { t } from "../text";
import { go, link, param, setParams, withParams } from "../url";
import { Button, Empty, Severity, Show, Tabs, Time, Told } from "../ui/basic";
import { Icon } from "../ui/icon";
import { QueryBar } from "../ui/querybar";
import { undo } from "../ui/reaction";
import { acknowledge, AlertPanel, close } from "./alert";

const grouped = kept("alerts.grouped", true);
const STEP = 200, CAUSES = 200, OF_CAUSE = 1000;

// Alerts that are one thing; which they are is asked for when somebody opens it.
type Heading = { key: string; severity: string; alerts: number; hosts: number; last: string; title: string; host: string; worst: string; list?: Alert[] };

const sorted = (list: Alert[]) => [...list].sort((a, b) => severityRank(b.severity) - severityRank(a.severity) || (a.last_seen < b.last_seen ? 1 : -1));
const keyOf = (daemon: string, title: string) => `${daemon}|${stripped(title)}`;
const ofGroup = (g: AlertGroup): Heading => ({
  key: keyOf(g.daemon ?? "", g.title ?? ""), severity: g.severity, alerts: g.alerts, hosts: g.hosts, last: g.last_seen, title: g.hosts > 1 ? stripped(g.title ?? "") : g.title ?? "", host: g.host.name ?? "", worst: g.alert ?? "",
});
const ofList = (list: Alert[], key: string): Heading => {
  const s = sorted(list), a = s[0]!;
  return { key, severity: a.severity, alerts: list.length, hosts: new Set(list.map((x) => x.host?.id)).size, last: list.reduce((m, x) => (x.last_seen > m ? x.last_seen : m), ""), title: new Set(list.map((x) => x.host?.id)).size > 1 ? stripped(a.title) : a.title, host: a.host?.name ?? "", worst: a.id, list: s };
};
const readCause = (h: Heading, signal?: AbortSignal) => all<Alert>("alerts", { status: "open", cause: h.worst, limit: STEP }, OF_CAUSE, signal).then(sorted);

export function Alerts({ id }: { id: string }) {
  const wanted = param("status") || "open", q = param("q"), severity = param("severity"), since = param("since"), until = param("until");
  const shownPages = useSignal(1), opened = useSignal<Set<string>>(new Set());
  const query = [q && (severity || since) ? `(${q})` : q, severity && `severity:${severity}`].filter(Boolean).join(" and ");
  // All that is open is grouped by the server; what was searched for is grouped here, as far as it was read.
  const whole = grouped.value && wanted === "open" && !query && !since && !until;
  const sum = useData("alerts by cause", (s) => get<AlertSummary>("alerts/summary", { limit: CAUSES }, s), { every: 15, on: ["alerts"], skip: !whole });
  const list = useData(`alerts ${wanted} ${query} ${since} ${until} ${shownPages.value}`,
    (signal) => pages<Alert>("alerts", { q: query, status: wanted, since, until, limit: STEP }, shownPages.value, signal), { every: 15, on: ["alerts"], skip: whole });
  const one = useData(`alert ${id}`, (s) => get<Alert>(`alerts/${encodeURIComponent(id)}`, undefined, s), { skip: !id || !whole });
  const groups = whole ? (sum.data?.causes ?? []).map(ofGroup) : [];
  const isOpen = (h: Heading) => opened.value.has(h.key) || (id !== "" && (h.list?.some((a) => a.id === id) ?? (one.data !== undefined && keyOf(one.data.daemon?.name ?? "", one.data.title) === h.key)));
  const wide = groups.filter((h) => h.alerts > 1 && isOpen(h));
  const inner = useData(`cause ${wide.map((h) => h.key).join("\n")}`, async (s) => new Map(await Promise.all(wide.map(async (h) => [h.key, await readCause(h, s)] as const))),
    { on: ["alerts"], skip: wide.length === 0 });
  // While the next one is read the last stays.
  const last = useRef(new Map<string, Alert[]>());
  if (inner.data) last.current = inner.data;
  const items = list.data?.items ?? [];
  const headings = whole ? groups.map((h) => ({ ...h, list: h.alerts > 1 ? last.current.get(h.key) : undefined }))
    : grouped.value ? byCause(items).map((c) => ofList(c.alerts, c.key)) : items.map((a) => ofList([a], a.id));
  const toggle = (h: Heading) => {
    const next = new Set(opened.value);
    if (!next.delete(h.key)) next.add(h.key);
    opened.value = next;
  };
  const open = (alert: string) => go(withParams({}, link.alert(alert)), id !== "");
  const shown = whole ? { ...sum, data: sum.data && { more: false } } : { ...list, data: list.data && { more: list.data.more } };
  const beside = headings.find((h) => h.list?.some((a) => a.id === id))?.list ?? items;
  return (
    <div class={`screen triage ${id ? "with-panel" : ""}`}>
      <div class="triage-list stack">
        <div class="screen-head"><h1>{t.alerts.title}</h1>
          <Tabs label={t.alerts.filter} current={wanted} onPick={(s) => setParams({ status: s === "open" ? "" : s })}
            items={["open", "acknowledged", "closed", "all"].map((s) => [s, t.status[s]!])} />
        </div>
        <QueryBar set="alerts" value={q} error={list.why} placeholder={t.query.alerts} onRun={(v) => setParams({ q: v }, false)} />
        <div class="row">
          <label class="row tight"><span class="unseen">{t.alerts.severity}</span>
            <select value={severity} aria-label={t.alerts.severity} onChange={(e) => setParams({ severity: e.currentTarget.value })}>
              <option value="">{t.alerts.anySeverity}</option>
              {["critical", "high", "medium", "low"].map((s) => <option key={s} value={s}>{t.severity[s]}</option>)}
            </select></label>
          <label class="row tight nowrap"><input type="checkbox" checked={grouped.value} onChange={(e) => { grouped.value = e.currentTarget.checked; }} />{t.alerts.grouped}</label>
          {(since || until) && <Button icon="close" onClick={() => setParams({ since: "", until: "" })}>{t.act.clear}: {t.alerts.filter}</Button>}
          {whole && sum.data && <span class="muted">{t.alerts.inCauses(Object.values(sum.data.open).reduce((a, b) => a + b, 0), sum.data.causes_total)}</span>}
        </div>
        <Show of={shown} what={t.alerts.title} lines={8}>{({ more }) => (
          <>
            <Queue headings={headings} isOpen={isOpen} onToggle={toggle} id={id} onOpen={open} filtered={!whole} />
            {more && <Button onClick={() => { shownPages.value++; }}>{t.alerts.more}</Button>}
            {whole && sum.data!.causes_total > CAUSES && <p class="muted">{t.alerts.worstCauses(CAUSES)}</p>}
          </>
        )}</Show>
      </div>
      {id ? <AlertPanel key={id} id={id} all={beside} onClose={() => go(withParams({}, "/alerts"))} /> : null}
    </div>
  );
}

function Queue({ headings, isOpen, onToggle, id, onOpen, filtered }: {
  headings: Heading[]; isOpen: (h: Heading) => boolean; onToggle: (h: Heading) => void; id: string; onOpen: (alert: string) => void; filtered: boolean;
}) {
  const at = useSignal(-1);
  const box = useRef<HTMLOListElement>(null);
  // What j and k go through: causes, and the alerts of those that are opened.
  const rows: { h: Heading; alert?: Alert }[] = headings.flatMap((h) => (h.alerts === 1 ? [{ h, alert: h.list?.[0] }] : [{ h }, ...(isOpen(h) ? (h.list ?? []).map((a) => ({ h, alert: a })) : [])]));
  const idOf = (r: { h: Heading; alert?: Alert }) => r.alert?.id ?? (r.h.alerts === 1 ? r.h.worst : undefined);
  const here = id ? rows.findIndex((r) => idOf(r) === id) : at.value;
  const move = (by: number) => {
    let n = Math.max(0, Math.min(rows.length - 1, (here >= 0 ? here : at.value) + by));
    // With the panel open a heading whose alerts are in sight is passed over.
    if (id && rows[n] && !idOf(rows[n]!) && isOpen(rows[n]!.h)) n = Math.max(0, Math.min(rows.length - 1, n + Math.sign(by)));
    at.value = n;
    const r = rows[n];
    if (id && r) onOpen(idOf(r) ?? r.h.worst);
  };
  const ofRow = async (r: { h: Heading; alert?: Alert }): Promise<Alert[]> => (r.alert ? [r.alert] : r.h.list ?? readCause(r.h));
  const withRow = (n: number, act: (list: Alert[]) => unknown, scope = "alerts:write") => { const r = rows[n]; if (r && may(scope)) void ofRow(r).then(act); };
  const back = (list: Alert[]) => { const undoable = list.flatMap((a) => a.reactions.filter(canUndo)); if (undoable.length) void undo(undoable); };
  useEffect(() => { box.current?.querySelector("[data-here]")?.scrollIntoView({ block: "nearest" }); }, [at.value, id]);
  useKeys({
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
    Enter: () => { const r = rows[at.value]; if (r) onOpen(idOf(r) ?? r.h.worst); },
    e: () => withRow(here, acknowledge), c: () => withRow(here, close), u: () => withRow(here, back, "reactions:write"),
  });
  if (headings.length === 0) return <Empty>{filtered ? t.alerts.noneSuch : t.alerts.none}</Empty>;
  return (
    <ol class="queue card" ref={box} aria-label={t.alerts.list}>
      {rows.map((r, i) => {
        const { h, alert: a } = r, alone = idOf(r), mine = i === here;
        if (alone) return (
          <li key={alone} class={h.alerts > 1 ? "inner" : ""} data-here={mine || undefined}>
            <a href={withParams({}, link.alert(alone))} class="alert-row" aria-current={alone === id ? "true" : undefined} data-at={mine || undefined}>
              <Severity of={a?.severity ?? h.severity} short={h.alerts > 1} />
              <span class="what"><Told text={a?.title ?? h.title} /></span>
              <span class="where"><Told text={a?.host?.name ?? h.host} /></span>
              <span class="state">{a && a.status !== "open" && t.status[a.status]}{a && a.reactions.length > 0 && <Icon name="reactions" />}{a && a.count > 1 && <span class="badge">{count(a.count)}×</span>}</span>
              <span class="when"><Time at={a?.last_seen ?? h.last} /></span>
            </a>
          </li>
        );
        const open = isOpen(h), undoable = (h.list ?? []).flatMap((x) => x.reactions.filter(canUndo));
        return (
          <li key={h.key} class="cause" data-here={mine || undefined}>
            <button type="button" class="alert-row" aria-expanded={open} data-at={mine || undefined} onClick={() => onToggle(h)}>
              <Severity of={h.severity} />
              <span class="what"><Icon name={open ? "down" : "right"} size={14} /> <Told text={h.title} /></span>
              <span class="where">{t.alerts.hosts(h.hosts)}</span>
              <span class="state"><span class="badge">{count(h.alerts)}</span></span>
              <span class="when"><Time at={h.last} /></span>
            </button>
            {open && may("alerts:write") && (
              <div class="actions cause-actions">
                <Button kind="quiet" icon="check" onClick={() => withRow(i, acknowledge)}>{t.alerts.ackAll(h.alerts)}</Button>
                <Button kind="quiet" onClick={() => withRow(i, close)}>{t.alerts.closeAll(h.alerts)}</Button>
                {undoable.length > 0 && may("reactions:write") && <Button kind="quiet" icon="undo" onClick={() => void undo(undoable)}>{t.reactions.undoMany(undoable.length)}</Button>}
                {!h.list && <span class="muted" role="status">…</span>}
              </div>
            )}
          </li>
        );
      })}
    </ol>
  );
}
