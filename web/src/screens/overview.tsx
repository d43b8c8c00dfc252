// overview - whether anything is wrong, what DaemonSec did about it, and how to undo it.
import { useSignal } from "@preact/signals";
import { all, get, may, offers, post, type PageOf } from "../api";
import { changed, useData } from "../data";
import { bytes, count, percent, plain, span } from "../format";
import { byCause, severityRank, worst, type Alert, type Host } from "../model";
import { status, type Status } from "../state";
import { t } from "../text";
import { go, link } from "../url";
import { Button, doing, Empty, Facts, Section, Severity, Show, Tabs, Time, Told } from "../ui/basic";
import { Bars, bucketsOf, fill } from "../ui/bars";
import { Icon } from "../ui/icon";

const parts: [string, string][] = ["low", "medium", "high", "critical"].map((s) => [s, t.severity[s]!.toLowerCase()]);
const HOSTS = 1000, CELLS = 600;

export function Overview() {
  const s = status.value;
  const open = useData("overview open", (x) => all<Alert>("alerts", { status: "open", limit: 500 }, 2000, x), { every: 10, on: ["alerts"] });
  const hosts = useData("overview hosts", (x) => get<PageOf<Host>>("hosts", { limit: HOSTS }, x), { every: 30, on: ["hosts"] });
  return (
    <div class="screen">
      <Posture s={s} alerts={open.data} />
      <div class="overview">
        <div class="stack">
          <Section title={t.overview.needs} aside={<a href="/alerts">{t.overview.all}</a>}>
            <Show of={open} what={t.nav.alerts}>{(list) => <Needs list={list} />}</Show>
          </Section>
          <Timeline />
        </div>
        <div class="stack">
          <Section title={t.overview.heat} aside={<a href="/fleet">{hosts.data ? t.fleet.total(s?.counts.hosts.total ?? hosts.data.items.length) : t.nav.fleet}</a>}>
            <div class="body"><Show of={hosts} what={t.nav.fleet}>{(page) => <Heat hosts={page.items} alerts={open.data ?? []} total={s?.counts.hosts.total ?? page.items.length} />}</Show></div>
          </Section>
          <Section title={t.overview.standout}>
            <Show of={open} what={t.overview.standout}>{(list) => <Standout list={list} />}</Show>
          </Section>
          {s && <Ingest s={s} />}
        </div>
      </div>
    </div>
  );
}

// ---- one sentence

function Posture({ s, alerts }: { s: Status | null; alerts: Alert[] | undefined }) {
  if (!s || !alerts) return <div class="posture" role="status"><Icon name="clock" /><div><h1>…</h1></div></div>;
  const serious = alerts.filter((a) => severityRank(a.severity) >= 1);
  const hosts = new Set(serious.map((a) => a.host?.id ?? a.host?.name));
  const first = byCause(alerts)[0];
  const top = first?.alerts[0];
  const sick = s.health.status !== "ok";
  const silent = s.counts.hosts.total - s.counts.hosts.connected - s.counts.hosts.pending - s.counts.hosts.revoked;
  const learnt = s.counts.daemons.ready + s.counts.daemons.learning;
  const r = s.counts.reactions;
  const effect = r["in_effect"] ?? r["active"] ?? (r["applied"] ?? 0) + (r["verified"] ?? 0);
  const look = sick ? "critical" : hosts.size > 0 ? worst(serious) : alerts.length > 0 ? "low" : s.counts.hosts.total === 0 ? "low" : "good";
  const title = sick ? t.overview.store : hosts.size > 0 ? t.overview.need(hosts.size) : alerts.length > 0 ? t.overview.lesser(alerts.length)
    : s.counts.hosts.total === 0 ? t.overview.nobody : t.overview.well;
  const facts = [
    alerts.length > 0 && t.overview.openAlerts(s.counts.alerts.open),
    effect > 0 && t.overview.inEffect(effect),
    (r["dry_run"] ?? 0) > 0 && t.overview.would(r["dry_run"]!),
    learnt > 0 && t.overview.learning(percent(s.counts.daemons.ready / learnt)),
    silent > 0 && t.overview.silent(silent),
  ].filter(Boolean).join(" · ");
  const act = (verb: "pause" | "resume", done: string) => void doing(() => post(`reactions/${verb}`), done).then(() => changed("status", "reactions"));
  return (
    <div class={`posture posture-${look}`} role="status">
      <Icon name={look === "good" ? "ok" : look} />
      <div class="stack-tight">
        <h1>{title}</h1>
        {sick ? <p><Told text={s.health.store.reason ?? s.health.status} /></p> : top ? <p>{t.overview.worst(plain(top.title), plain(top.host?.name))}, <Time at={top.last_seen} />.</p>
          : <p>{s.counts.hosts.total === 0 ? t.overview.nobodySub : t.overview.wellSub}</p>}
        <p class="sub">{facts}{facts && ". "}{t.mode[`${s.mode}Long`]}</p>
      </div>
      <div class="actions">
        {top && <a class="button primary" href={link.alert(top.id)}>{t.overview.look}</a>}
        {s.counts.hosts.total === 0 && <a class="button primary" href="/rollout">{t.overview.enrol}</a>}
        {offers("POST", "/reactions/pause") && may("reactions:write") && (s.paused
          ? <Button icon="play" onClick={() => act("resume", t.overview.resumed)}>{t.overview.resume}</Button>
          : <Button icon="pause" kind={s.mode === "monitor" ? "" : "danger"} onClick={() => act("pause", t.overview.paused)}>{t.overview.pause}</Button>)}
      </div>
    </div>
  );
}

function Needs({ list }: { list: Alert[] }) {
  if (list.length === 0) return <Empty>{t.alerts.none}</Empty>;
  return (
    <ul class="queue flat">
      {byCause(list).slice(0, 6).map((c) => {
        const a = c.alerts[0]!;
        return (
          <li key={c.key}>
            <a class="alert-row" href={link.alert(a.id)}>
              <Severity of={c.severity} />
              <span class="what"><Told text={a.title} /></span>
              <span class="where">{c.hosts > 1 ? t.alerts.hosts(c.hosts) : <Told text={a.host?.name} />}</span>
              <span class="state">{a.reactions.length > 0 && <Icon name="reactions" />}{c.alerts.length > 1 && <span class="badge">{c.alerts.length}</span>}</span>
              <span class="when"><Time at={c.last} /></span>
            </a>
          </li>
        );
      })}
    </ul>
  );
}

function Timeline() {
  const hours = useSignal("24");
  const list = useData(`overview timeline ${hours.value}`, (x) => all<Alert>("alerts", { since: `now-${hours.value}h` }, 5000, x), { every: 60, on: ["alerts"] });
  const to = Date.now(), buckets = bucketsOf(to - Number(hours.value) * 3600e3, to, hours.value === "24" ? 48 : 56);
  for (const a of list.data ?? []) fill(buckets, Date.parse(a.first_seen), a.severity);
  const pick = (a: number, b: number) => go(`/alerts?status=all&since=${new Date(a).toISOString()}&until=${new Date(b).toISOString()}`);
  return (
    <Section title={`${t.overview.timeline} ${t.overview.spans[hours.value]}`}
      aside={<Tabs label={t.events.range} current={hours.value} onPick={(v) => { hours.value = v; }} items={Object.entries(t.overview.spans)} />}>
      <div class="body stack">
        <Show of={list} what={t.overview.timeline}>{() => <Bars buckets={buckets} parts={parts} label={t.nav.alerts} onPick={pick} empty={t.overview.quiet} />}</Show>
        <p class="legend">{["critical", "high", "medium", "low"].map((x) => <span key={x} class="row tight"><svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="2" class={`fill-${x}`} /></svg>{t.severity[x]}</span>)}</p>
      </div>
    </Section>
  );
}

// ---- the fleet at a glance

function Heat({ hosts, alerts, total }: { hosts: Host[]; alerts: Alert[]; total: number }) {
  const by = new Map<string, string>();
  for (const a of alerts) {
    const id = a.host?.id ?? "";
    if (severityRank(a.severity) > severityRank(by.get(id) ?? "")) by.set(id, a.severity);
  }
  const state = (h: Host) => by.get(h.id) ?? (h.status === "revoked" ? "revoked" : h.status === "pending" ? "pending" : h.connected ? "ok" : "offline");
  const rank = ["critical", "high", "offline", "medium", "pending", "low", "revoked", "ok"];
  const cells = hosts.map((h) => [h, state(h)] as const).sort((a, b) => rank.indexOf(a[1]) - rank.indexOf(b[1]) || (a[0].name < b[0].name ? -1 : 1)).slice(0, CELLS);
  if (cells.length === 0) return <Empty icon="host">{t.fleet.none}</Empty>;
  const tally = rank.map((r) => [r, cells.filter((c) => c[1] === r).length] as const).filter(([, k]) => k > 0);
  return (
    <div class="stack">
      <ul class={`heat ${cells.length > 150 ? "small" : ""}`}>
        {cells.map(([h, s]) => {
          const say = `${plain(h.name)}: ${t.severity[s]?.toLowerCase() ?? t.overview.hostState[s] ?? s}`;
          return <li key={h.id}><a href={link.host(h.id)} class={`cell cell-${s}`} title={say} aria-label={say}><span aria-hidden="true">{mark[s] ?? ""}</span></a></li>;
        })}
      </ul>
      {total > cells.length && <p><a href="/fleet">{t.overview.heatMore(total - cells.length)}</a></p>}
      <p class="legend">{tally.map(([s, k]) => <span key={s} class="row tight"><span class={`cell cell-${s} key`} aria-hidden="true">{mark[s] ?? ""}</span>{k} {t.severity[s]?.toLowerCase() ?? t.overview.hostState[s]}</span>)}</p>
    </div>
  );
}
const mark: Record<string, string> = { critical: "!", high: "!", medium: "•", offline: "×", pending: "?", revoked: "–" };

function Standout({ list }: { list: Alert[] }) {
  const by = new Map<string, { name: string; alerts: Alert[]; hosts: Set<string>; score: number }>();
  for (const a of list) {
    const name = a.daemon?.name;
    if (!name) continue;
    let d = by.get(name);
    if (!d) by.set(name, (d = { name, alerts: [], hosts: new Set(), score: 0 }));
    d.alerts.push(a);
    d.hosts.add(a.host?.id ?? "");
    d.score = Math.max(d.score, a.score) + a.score / 1000;
  }
  const rows = [...by.values()].sort((a, b) => b.score - a.score).slice(0, 6);
  if (rows.length === 0) return <Empty>{t.overview.none}</Empty>;
  return (
    <ul class="lines padded">
      {rows.map((d) => {
        const first = d.alerts[0]!;
        return (
          <li key={d.name} class="row spread stands">
            <a href={d.hosts.size === 1 && first.daemon?.id ? link.daemon(first.daemon.id) : `/daemons?q=${encodeURIComponent(`service.name:"${d.name}"`)}`} class="grow cut"><Told text={d.name} /></a>
            <span class="where cut">{d.hosts.size === 1 ? <Told text={first.host?.name} /> : t.overview.on(d.hosts.size)}</span>
            <a class="row tight" href={link.alerts(`service.name:"${d.name}"`)}><Severity of={worst(d.alerts)} short /><span class="badge hot">{d.alerts.length}</span><span class="unseen">{t.nav.alerts}</span></a>
          </li>
        );
      })}
    </ul>
  );
}

function Ingest({ s }: { s: Status }) {
  const i = s.ingest, h = s.health.store, d = s.counts.daemons;
  const silent = s.counts.hosts.total - s.counts.hosts.connected - s.counts.hosts.pending - s.counts.hosts.revoked;
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
