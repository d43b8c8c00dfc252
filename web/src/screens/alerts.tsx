// alerts - the queue, by cause; one alert beside it.
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { get, may, type PageOf } from "../api";
import { kept, useData } from "../data";
import { useKeys } from "../keys";
import { byCause, canUndo, severityRank, type Alert, type Cause } from "../model";
import { t } from "../text";
import { go, link, param, setParams, withParams } from "../url";
import { Button, Empty, Severity, Show, Tabs, Time, Told } from "../ui/basic";
import { Icon } from "../ui/icon";
import { QueryBar } from "../ui/querybar";
import { undo } from "../ui/reaction";
import { acknowledge, AlertPanel, close } from "./alert";

const grouped = kept("alerts.grouped", true);
const STEP = 200;

export function Alerts({ id }: { id: string }) {
  const wanted = param("status") || "open", q = param("q"), severity = param("severity"), since = param("since"), until = param("until");
  const pages = useSignal(1);
  const query = [q && (severity || since) ? `(${q})` : q, severity && `severity:${severity}`].filter(Boolean).join(" and ");
  const list = useData(`alerts ${wanted} ${query} ${since} ${until} ${pages.value}`, async (signal) => {
    const items: Alert[] = [];
    let cursor: string | null = null;
    for (let i = 0; i < pages.value; i++) {
      const page: PageOf<Alert> = await get<PageOf<Alert>>("alerts", { q: query, status: wanted, since, until, limit: STEP, cursor }, signal);
      items.push(...page.items);
      cursor = page.next_cursor;
      if (!cursor) break;
    }
    return { items, more: cursor !== null };
  }, { every: 10, on: ["alerts"] });
  const open = (a: Alert) => go(withParams({}, link.alert(a.id)), id !== "");
  const shut = () => go(withParams({}, "/alerts"));
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
        </div>
        <Show of={list} what={t.alerts.title} lines={8}>{({ items, more }) => (
          <>
            <Queue items={items} id={id} onOpen={open} filtered={q !== "" || severity !== "" || wanted !== "open"} />
            {more && <Button onClick={() => { pages.value++; }}>{t.alerts.more}</Button>}
          </>
        )}</Show>
      </div>
      {id ? <AlertPanel key={id} id={id} all={list.data?.items ?? []} onClose={shut} /> : null}
    </div>
  );
}

function Queue({ items, id, onOpen, filtered }: { items: Alert[]; id: string; onOpen: (a: Alert) => void; filtered: boolean }) {
  const opened = useSignal<Set<string>>(new Set());
  const at = useSignal(-1);
  const box = useRef<HTMLOListElement>(null);
  const causes: Cause[] = grouped.value ? byCause(items)
    : items.map((a) => ({ key: a.id, alerts: [a], severity: a.severity, last: a.last_seen, hosts: 1 }));
  // What j and k go through: causes, and the alerts of those that are opened.
  const rows: { cause: Cause; alert?: Alert }[] = causes.flatMap((c) => c.alerts.length === 1 ? [{ cause: c, alert: c.alerts[0] }]
    : [{ cause: c }, ...(isOpen(c) ? sorted(c).map((a) => ({ cause: c, alert: a })) : [])]);
  function isOpen(c: Cause) { return opened.value.has(c.key) || (id !== "" && c.alerts.some((a) => a.id === id)); }
  const toggle = (c: Cause) => {
    const next = new Set(opened.value);
    if (!next.delete(c.key)) next.add(c.key);
    opened.value = next;
  };
  const here = id ? rows.findIndex((r) => r.alert?.id === id) : at.value;
  const move = (by: number) => {
    let n = Math.max(0, Math.min(rows.length - 1, (here >= 0 ? here : at.value) + by));
    // With the panel open a heading is passed over.
    if (id && rows[n] && !rows[n]!.alert) n = Math.max(0, Math.min(rows.length - 1, n + Math.sign(by)));
    at.value = n;
    const r = rows[n];
    if (id && r?.alert) onOpen(r.alert);
    else if (id && r) { onOpen(sorted(r.cause)[0]!); }
  };
  useEffect(() => { box.current?.querySelector("[data-here]")?.scrollIntoView({ block: "nearest" }); }, [at.value, id]);
  useKeys({
    j: () => move(1), k: () => move(-1), ArrowDown: () => move(1), ArrowUp: () => move(-1),
    Enter: () => { const r = rows[at.value]; if (r) onOpen(r.alert ?? sorted(r.cause)[0]!); },
    e: () => { const r = rows[here]; if (r && may("alerts:write")) void acknowledge(r.alert ? [r.alert] : r.cause.alerts); },
    u: () => { const r = rows[here]; if (r && may("reactions:write")) { const list = (r.alert?.reactions ?? []).filter(canUndo); const all = r.alert ? list : undoableOf(r.cause); if (all.length) void undo(all); } },
    c: () => { const r = rows[here]; if (r && may("alerts:write")) void close(r.alert ? [r.alert] : r.cause.alerts); },
  });
  if (items.length === 0) return <Empty>{filtered ? t.alerts.noneSuch : t.alerts.none}</Empty>;
  return (
    <ol class="queue card" ref={box} aria-label={t.alerts.list}>
      {rows.map((r, i) => {
        const c = r.cause, a = r.alert;
        const mine = i === here;
        if (a) return (
          <li key={a.id} class={c.alerts.length > 1 ? "inner" : ""} data-here={mine || undefined}>
            <a href={withParams({}, link.alert(a.id))} class="alert-row" aria-current={a.id === id ? "true" : undefined} data-at={mine || undefined}>
              <Severity of={a.severity} short={c.alerts.length > 1} />
              <span class="what"><Told text={a.title} /></span>
              <span class="where"><Told text={a.host?.name} /></span>
              <span class="state">{a.status !== "open" && t.status[a.status]}{a.reactions.length > 0 && <Icon name="reactions" />}{a.count > 1 && <span class="badge">{a.count}×</span>}</span>
              <span class="when"><Time at={a.last_seen} /></span>
            </a>
          </li>
        );
        const openNow = isOpen(c);
        return (
          <li key={c.key} class="cause" data-here={mine || undefined}>
            <button type="button" class="alert-row" aria-expanded={openNow} data-at={mine || undefined} onClick={() => toggle(c)}>
              <Severity of={c.severity} />
              <span class="what"><Icon name={openNow ? "down" : "right"} size={14} /> <Told text={c.alerts[0]!.title} /></span>
              <span class="where">{t.alerts.hosts(c.hosts)}</span>
              <span class="state"><span class="badge">{c.alerts.length}</span></span>
              <span class="when"><Time at={c.last} /></span>
            </button>
            {openNow && may("alerts:write") && (
              <div class="actions cause-actions">
                <Button kind="quiet" icon="check" onClick={() => void acknowledge(c.alerts)}>{t.alerts.ackAll(c.alerts.length)}</Button>
                <Button kind="quiet" onClick={() => void close(c.alerts)}>{t.alerts.closeAll(c.alerts.length)}</Button>
                {undoableOf(c).length > 0 && may("reactions:write") && <Button kind="quiet" icon="undo" onClick={() => void undo(undoableOf(c))}>{t.reactions.undoMany(undoableOf(c).length)}</Button>}
              </div>
            )}
          </li>
        );
      })}
    </ol>
  );
}

const undoableOf = (c: Cause) => c.alerts.flatMap((a) => a.reactions.filter(canUndo));
const sorted = (c: Cause) => [...c.alerts].sort((a, b) => severityRank(b.severity) - severityRank(a.severity) || (a.last_seen < b.last_seen ? 1 : -1));
