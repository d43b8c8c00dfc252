// SPDX-License-Identifier: GPL-2.0-or-later
// overview - whether anything is wrong, what DaemonSec did about it, and how to undo it.
import { useEffect, useRef } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { get, may, post, type PageOf } from "../api";
import type { AlertGroup, AlertSummary } from "../api.gen";
import { changed, useData } from "../data";
import { bytes, count, ms, percent, plain, quoted, span, stripped } from "../format";
import type { Host } from "../model";
import { doing } from "../say";
import { status, type Status } from "../state";
import { t } from "../text";
import { go, link } from "../url";
import { Button, Empty, Facts, Section, Severity, Show, Tabs, Time, Told } from "../ui/basic";
import { Bars, bucketsOf } from "../ui/bars";
import { Icon } from "../ui/icon";

const parts: [string, string][] = ["low", "medium", "high", "critical"].map((s) => [s, t.severity[s]!.toLowerCase()]);
const HOSTS = 600, CELLS = 600, CAUSES = 6;

export const summary = (hours: string, signal?: AbortSignal) => get<AlertSummary>("alerts/summary", { hours }, signal);

export function Overview() {
  const s = status.value;
  const hours = useSignal("24");
  const sum = useData(`overview ${hours.value}`, (x) => summary(hours.value, x), { every: 15, on: ["alerts"] });
  // What needs somebody comes first; the fleet after it.
  const seen = useRef(false);
  const hosts = useData("overview hosts", (x) => get<PageOf<Host>>("hosts", { limit: HOSTS }, x), { every: 30, on: ["hosts"], skip: !sum.data && !sum.error && !seen.current });
  if (sum.data) seen.current = true;
  // Another range leaves what is shown until it is there.
  const last = useSignal<AlertSummary | undefined>(undefined);
  useEffect(() => { if (sum.data) last.value = sum.data; }, [sum.data]);
  const shown = { ...sum, data: sum.data ?? last.value };
  // That it is old is said once.
  const below = { ...shown, error: shown.data ? "" : shown.error };
  return (
    <div class="screen">
      <Posture s={s} sum={shown.data} />
      <div class="overview">
        <div class="stack">
          <Section title={t.overview.needs} aside={<a href="/alerts">{t.overview.all}</a>}>
            <Show of={shown} what={t.nav.alerts}>{(x) => <Needs list={x.causes} total={x.causes_total} />}</Show>
          </Section>
          <Section title={`${t.overview.timeline} ${t.overview.spans[hours.value]}`}
            aside={<Tabs label={t.events.range} current={hours.value} onPick={(v) => { hours.value = v; }} items={Object.entries(t.overview.spans)} />}>
            <div class="body stack"><Show of={below} what={t.nav.alerts}>{(x) => <Timeline x={x} />}</Show></div>
          </Section>
        </div>
        <div class="stack">
          <Section title={t.overview.heat} aside={<a href="/fleet">{hosts.data ? t.fleet.total(s?.counts.hosts.total ?? hosts.data.items.length) : t.nav.fleet}</a>}>
            <div class="body"><Show of={hosts} what={t.nav.fleet}>{(page) => <Heat hosts={page.items} groups={shown.data?.hosts ?? []} total={s?.counts.hosts.total ?? page.items.length} />}</Show></div>
          </Section>
          <Section title={t.overview.standout}>
            <Show of={below} what={t.overview.standout}>{(x) => <Standout list={x.daemons} />}</Show>
          </Section>
          {s && <Ingest s={s} />}
        </div>
      </div>
    </div>
  );
}

// Of several hosts none is named.
const titleOf = (c: AlertGroup) => (c.hosts > 1 ? stripped(c.title ?? "") : c.title ?? "");

// ---- one sentence

function Posture({ s, sum }: { s: Status | null; sum: AlertSummary | undefined }) {
  if (!sum) return <div class="posture" role="status" aria-label={t.nav.overview}><Icon name="clock" /><div class="stack-tight"><span class="skeleton wide" /><span class="skeleton" /><span class="skeleton" /></div></div>;
  const top = sum.causes[0];
  const alerts = Object.values(sum.open).reduce((a, b) => a + b, 0), need = sum.hosts_in_need;
  // The alerts are told at once; how DaemonSec itself does may come a moment later.
  const sick = s !== null && s.health.status !== "ok", nobody = s?.counts.hosts.total === 0;
  const silent = s ? silentOf(s) : 0, ready = s?.counts.daemons.ready ?? 0;
  const learnt = ready + (s?.counts.daemons.learning ?? 0);
  const r: Record<string, number> = s?.counts.reactions ?? {};
  const effect = r["in_effect"] ?? r["active"] ?? (r["applied"] ?? 0) + (r["verified"] ?? 0);
  const look = sick ? "critical" : need > 0 ? top!.severity : alerts > 0 || nobody ? "low" : "good";
  const title = sick ? t.overview.store : need > 0 ? t.overview.need(need) : alerts > 0 ? t.overview.lesser(alerts)
    : nobody ? t.overview.nobody : t.overview.well;
  const facts = [
    alerts > 0 && t.overview.openAlerts(alerts),
    effect > 0 && t.overview.inEffect(effect),
    (r["dry_run"] ?? 0) > 0 && t.overview.would(r["dry_run"]!),
    learnt > 0 && t.overview.learning(percent(ready / learnt)),
    silent > 0 && t.overview.silent(silent),
  ].filter(Boolean).join(" · ");
  const act = (verb: "pause" | "resume", done: string) => void doing(() => post(`reactions/${verb}`), done).then(() => changed("status", "reactions"));
  return (
    <div class={`posture posture-${look}`} role="status">
      <Icon name={look === "good" ? "ok" : look} />
      <div class="stack-tight">
        <h1>{title}</h1>
        {sick ? <p><Told text={s!.health.store.reason ?? s!.health.status} /></p> : top ? <p>{t.overview.worst(plain(titleOf(top)), top.hosts > 1 ? t.alerts.hosts(top.hosts) : plain(top.title).includes(plain(top.host.name)) ? "" : plain(top.host.name))}, <Time at={top.last_seen} />.</p>
          : <p>{nobody ? t.overview.nobodySub : t.overview.wellSub}</p>}
        <p class="sub">{facts}{facts && ". "}{s && t.mode[`${s.mode}Long`]}</p>
      </div>
      <div class="actions">
        {top && <a class="button primary" href={link.alert(top.alert ?? "")}>{t.overview.look}</a>}
        {nobody && <a class="button primary" href="/rollout">{t.overview.enrol}</a>}
        {may("reactions:write") && s && (s.paused
          ? <Button icon="play" onClick={() => act("resume", t.overview.resumed)}>{t.overview.resume}</Button>
          : <Button icon="pause" kind={s.mode === "monitor" ? "" : "danger"} onClick={() => act("pause", t.overview.paused)}>{t.overview.pause}</Button>)}
      </div>
    </div>
  );
}

function Needs({ list, total }: { list: AlertGroup[]; total: number }) {
  if (list.length === 0) return <Empty>{t.alerts.none}</Empty>;
  return (
    <ul class="queue flat">
      {list.slice(0, CAUSES).map((c) => (
        <li key={c.alert}>
          <a class="alert-row" href={link.alert(c.alert ?? "")}>
            <Severity of={c.severity} />
            <span class="what"><Told text={titleOf(c)} /></span>
            <span class="where">{c.hosts > 1 ? t.alerts.hosts(c.hosts) : <Told text={c.host.name} />}</span>
            <span class="state">{c.alerts > 1 && <span class="badge" title={t.overview.openAlerts(c.alerts)}>{count(c.alerts)}</span>}</span>
            <span class="when"><Time at={c.last_seen} /></span>
          </a>
        </li>
      ))}
      {total > CAUSES && <li class="more"><a href="/alerts">{t.overview.moreCauses(total - CAUSES)}</a></li>}
    </ul>
  );
}

function Timeline({ x }: { x: AlertSummary }) {
  const buckets = bucketsOf(ms(x.since), ms(x.until), x.came_low.length);
  for (const [word, list] of [["low", x.came_low], ["medium", x.came_medium], ["high", x.came_high], ["critical", x.came_critical]] as const)
    list.forEach((k, i) => { if (k) buckets[i]!.parts[word] = k; });
  const pick = (a: number, b: number) => go(`/alerts?status=all&since=${new Date(a).toISOString()}&until=${new Date(b).toISOString()}`);
  return (
    <>
      <Bars buckets={buckets} parts={parts} label={t.nav.alerts} onPick={pick} empty={t.overview.quiet} />
      <p class="legend">{["critical", "high", "medium", "low"].map((w) => <span key={w} class="row tight"><svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="2" class={`fill-${w}`} /></svg>{t.severity[w]}</span>)}</p>
    </>
  );
}

// ---- the fleet at a glance

// Hosts in need are shown even when they are not among the hosts that were read.
function Heat({ hosts: read, groups, total }: { hosts: Host[]; groups: AlertGroup[]; total: number }) {
  const by = new Map(groups.map((g) => [g.host.id ?? "", g.severity as string]));
  const have = new Set(read.map((h) => h.id));
  const hosts = [...read, ...groups.filter((g) => g.host.id && !have.has(g.host.id)).map((g) => ({ id: g.host.id!, name: g.host.name ?? "", connected: true }) as Host)];
  // A host with an alert that is silent as well counts as both.
  const states = (h: Host) => {
    const alert = by.get(h.id), own = h.status === "revoked" ? "revoked" : h.status === "pending" ? "pending" : h.connected ? "ok" : "offline";
    return !alert ? [own] : own === "offline" ? [alert, own] : [alert];
  };
  const rank = ["critical", "high", "offline", "medium", "pending", "low", "revoked", "ok"];
  const first = (s: string[]) => Math.min(...s.map((x) => rank.indexOf(x)));
  const word = (s: string) => t.severity[s]?.toLowerCase() ?? t.overview.hostState[s] ?? s;
  const cells = hosts.map((h) => [h, states(h)] as const).sort((a, b) => first(a[1]) - first(b[1]) || (a[0].name < b[0].name ? -1 : 1)).slice(0, CELLS);
  if (cells.length === 0) return <Empty icon="host">{t.fleet.none}</Empty>;
  const tally = rank.map((r) => [r, cells.filter((c) => c[1].includes(r)).length] as const).filter(([, k]) => k > 0);
  return (
    <div class="stack">
      <ul class={`heat ${cells.length > 150 ? "small" : ""}`}>
        {cells.map(([h, s]) => {
          const say = `${plain(h.name)}: ${s.map(word).join(", ")}`;
          return <li key={h.id}><a href={link.host(h.id)} class={`cell cell-${s[0]}`} title={say} aria-label={say}><span aria-hidden="true">{s.map((x) => mark[x] ?? "").join("")}</span></a></li>;
        })}
      </ul>
      {total > cells.length && <p><a href="/fleet">{t.overview.heatMore(total - cells.length)}</a></p>}
      <p class="legend">{tally.map(([s, k]) => <span key={s} class="row tight"><span class={`cell cell-${s} key`} aria-hidden="true">{mark[s] ?? ""}</span>{k} {word(s)}</span>)}</p>
    </div>
  );
}
const mark: Record<string, string> = { critical: "!", high: "!", medium: "•", offline: "×", pending: "?", revoked: "–" };

function Standout({ list }: { list: AlertGroup[] }) {
  const rows = [...list].sort((a, b) => b.score - a.score || b.alerts - a.alerts).slice(0, CAUSES);
  if (rows.length === 0) return <Empty>{t.overview.none}</Empty>;
  return (
    <ul class="lines padded">
      {rows.map((d) => {
        const q = `service.name:${quoted(d.daemon ?? "")}`, here = d.hosts === 1 ? `${q} and host.name:${quoted(d.host.name ?? "")}` : q;
        return (
          <li key={d.daemon} class="row spread stands">
            <a href={`/daemons?q=${encodeURIComponent(here)}`} class="grow cut"><Told text={d.daemon} /></a>
            <span class="where cut">{d.hosts === 1 ? <Told text={d.host.name} /> : t.overview.on(d.hosts)}</span>
            <a class="row tight" href={link.alerts(q)}><Severity of={d.severity} short /><span class="badge hot">{count(d.alerts)}</span><span class="unseen">{t.nav.alerts}</span></a>
          </li>
        );
      })}
    </ul>
  );
}

const silentOf = (s: Status) => Math.max(0, s.counts.hosts.total - s.counts.hosts.connected - s.counts.hosts.pending - s.counts.hosts.revoked);

function Ingest({ s }: { s: Status }) {
  const i = s.ingest, h = s.health.store, d = s.counts.daemons;
  const silent = silentOf(s);
  return (
    <Section title={t.overview.ingest} aside={<a href="/settings">{t.settings.storage}</a>}>
      <div class="body figures">
        <Figure label={t.overview.perSecond} value={count(i.events_per_second)} />
        <Figure label={t.overview.lag} value={span(i.lag_seconds)} bad={i.lag_seconds > 60} />
        <Figure label={t.overview.lost} value={count(i.lost)} bad={i.lost > 0} />
        <Figure label={t.overview.gaps} value={count(i.gaps)} bad={i.gaps > 0} />
        <Figure label={t.overview.daemonsReady} value={`${d.ready.toLocaleString()} / ${(d.ready + d.learning).toLocaleString()}`} />
        <Figure label={t.overview.notReporting} value={count(silent)} bad={silent > 0} href="/fleet?q=connected:no" />
      </div>
      <div class="body"><Facts rows={[
        [t.overview.health, h.status === "ok" ? t.overview.ok : <Told text={h.reason ?? h.status} />],
        [t.overview.stored, `${count(h.events)} ${t.events.counted}, ${bytes(h.bytes)}, ${t.overview.days(h.days)}`],
        [t.overview.oldest, <Time at={h.oldest} />],
        [t.overview.disk, bytes(h.disk_free_bytes)],
      ]} /></div>
    </Section>
  );
}

function Figure({ label, value, bad, href }: { label: string; value: string; bad?: boolean; href?: string }) {
  const inner = <><strong>{value}</strong><small>{label}</small></>;
  return href && bad ? <a class="figure bad" href={href}>{inner}</a> : <div class={`figure ${bad ? "bad" : ""}`}>{inner}</div>;
}
