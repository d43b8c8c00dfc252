// SPDX-License-Identifier: GPL-2.0-or-later
// daemon - what is normal for one daemon, in words and in pictures; how far it is learnt and what is missing.
import type { Behaviour } from "../api.gen";
import { useSignal } from "@preact/signals";
import { all, get, may, type PageOf } from "../api";
import { useData } from "../data";
import { dateTime, ms, percent, quoted } from "../format";
import { behaviourText, type Alert, type Daemon } from "../model";
import { copy } from "../say";
import { t } from "../text";
import { go, link } from "../url";
import { Button, Empty, Facts, Meter, Note, Section, Severity, Show, Time, Told } from "../ui/basic";
import { useWidth } from "../ui/bars";
import { Begin } from "../ui/expect";
import { Minutes } from "../ui/minutes";
import { VirtualTable } from "../ui/table";
import { Versions } from "../ui/versions";
import { daemonColumns, Daemons, DaemonState } from "./daemons";

type Profile = { daemon: Daemon; behaviours: Behaviour[]; complete: boolean };
type Histogram = { since: string; until: string; buckets: number[] };

export function DaemonOrAll({ id }: { id: string }) {
  return id ? <One key={id} id={id} /> : <Daemons />;
}

function One({ id }: { id: string }) {
  const p = useData(`profile ${id}`, (s) => get<Profile>(`daemons/${encodeURIComponent(id)}/profile`, { limit: 1000 }, s), { every: 30, on: ["profile"] });
  return <div class="screen"><Show of={p} what={t.daemon.words} lines={6}>{(x) => <Body p={x} />}</Show></div>;
}

function Body({ p }: { p: Profile }) {
  const d = p.daemon, q = `host.name:${quoted(d.host?.name ?? "")} and service.name:${quoted(d.name)}`;
  const alerts = useData(`daemon alerts ${d.id}`, (s) => get<PageOf<Alert>>("alerts", { q, limit: 50 }, s), { every: 30, on: ["alerts"] });
  const peers = useData(`daemon peers ${d.name}`, (s) => all<Daemon>("daemons", { q: `service.name:${quoted(d.name)}` }, 5000, s), { every: 120 });
  const deploying = useSignal(false);
  const others = (peers.data ?? []).filter((x) => x.id !== d.id && x.name === d.name);
  return (
    <>
      <div class="screen-head">
        <h1><Told text={d.name} /></h1><DaemonState d={d} />
        <span class="row tight"><Meter value={d.coverage ?? 0} label={`${t.daemons.coverage}: ${percent(d.coverage)}`} /> {percent(d.coverage)}</span>
        <a href={link.host(d.host?.id ?? "")}><Told text={d.host?.name} /></a>
        <a class="button" href={link.events(q)}>{t.daemon.events}</a>
        {may("deployments:write") && <Button onClick={() => { deploying.value = true; }}>{t.deploy.begin}</Button>}
        {deploying.value && <Begin daemon={d.name} host={d.host?.name ?? ""} onClose={() => { deploying.value = false; }} />}
      </div>
      {d.state === "ready" ? <Note kind="good">{t.daemon.ready}</Note> : d.state === "gone" ? <Note>{t.daemon.gone}</Note>
        : <Note kind="warn"><p>{t.daemon.learning}</p>{(d.blockers ?? []).length > 0 && <><strong>{t.daemon.blockers}</strong><ul class="bullets">{d.blockers!.map((b) => <li key={b}><Told text={b} /></li>)}</ul></>}</Note>}
      <div class="overview">
        <div class="stack">
          <Section title={t.daemon.words}><div class="body"><Words list={p.behaviours} /></div></Section>
          <Minutes d={d} q={q} />
          <Section title={t.daemon.pictures} aside={!p.complete && <span>{t.daemon.part}</span>}><div class="body"><Pictures list={p.behaviours} /></div></Section>
        </div>
        <div class="stack">
          <Section title={t.host.alerts} aside={<a href={link.alerts(q)}>{t.overview.all}</a>}>
            <Show of={alerts} what={t.daemon.alerts}>{(a) => (a.items.length === 0 ? <Empty>{t.host.noAlerts}</Empty> : (
              <ul class="queue flat">{a.items.slice(0, 6).map((x) => <li key={x.id}><a class="alert-row" href={link.alert(x.id)}><Severity of={x.severity} /><span class="what"><Told text={x.title} /></span><span class="where">{t.status[x.status]}</span><span class="state" /><span class="when"><Time at={x.last_seen} /></span></a></li>)}</ul>
            ))}</Show>
          </Section>
          <Section title={t.daemon.hours}><div class="body"><Hours q={q} /></div></Section>
          <Section title={t.daemon.versions} aside={<a href="/models">{t.nav.models}</a>}><Versions of={d.name} /></Section>
          <Section title={t.daemon.curve}><div class="body"><Curve list={p.behaviours} /></div></Section>
          <Section title={t.host.facts}>
            <div class="body"><Facts rows={([
              [t.daemon.program, d.executable], [t.daemon.package, [d.package, d.package_version].filter(Boolean).join(" ")], [t.daemon.unit, d.unit], [t.daemon.container, d.container_name ?? d.container],
              [t.daemon.image, d.image], [t.daemon.role, d.role], [t.daemon.pid, d.pid || ""],
            ] as [string, unknown][]).filter(([, v]) => v).map(([k, v]) => [k, <Told text={v} />] as [string, preact.JSX.Element]).concat([
              [t.daemon.first, <span>{dateTime(d.first_seen)}</span>], [t.daemon.last, <span>{dateTime(d.last_seen)}</span>]])} />
              {d.sha256 && <p class="row tight one"><small>{t.daemon.hash}</small> <code class="cut">{d.sha256}</code><Button kind="quiet" icon="copy" label={t.act.copy} onClick={() => void copy(d.sha256!)} /></p>}
            </div>
          </Section>
        </div>
      </div>
      <Section title={t.daemon.peers} aside={<span>{others.length}</span>}>
        <VirtualTable rows={others} columns={daemonColumns(true)} rowKey={(x) => x.id} label={t.daemon.peers} empty={t.daemon.noPeers} minWidth={900} onOpen={(x) => go(link.daemon(x.id))} initialSort={["coverage", 1]} />
      </Section>
    </>
  );
}

function groups(list: Behaviour[]): [string, Behaviour[]][] {
  const map = new Map<string, Behaviour[]>();
  for (const b of list) {
    const k = b.action ?? "";
    const g = map.get(k);
    if (g) g.push(b);
    else map.set(k, [b]);
  }
  for (const g of map.values()) g.sort((a, b) => (b.count ?? 0) - (a.count ?? 0));
  const order = ["exec", "listen", "accept", "connect", "read", "write", "create"];
  const rank = (a: string) => { const i = order.indexOf(a); return i < 0 ? order.length : i; };
  return [...map].sort((a, b) => rank(a[0]) - rank(b[0]));
}

// "It starts sh and id. It is reached on tcp port 443."
function Words({ list }: { list: Behaviour[] }) {
  const normal = list.filter((b) => b.learnt);
  if (normal.length === 0) return <p class="muted">{t.daemon.noBehaviour}</p>;
  const found = groups(normal), has = new Set(found.map(([a]) => a));
  const nots = (["exec", "connect", "listen"] as const).filter((a) => !has.has(a) && !(a === "exec" && has.has("fork")) && !(a === "listen" && has.has("accept"))).map((a) => t.daemon.nots[a]);
  const privileges = ["setuid", "setgid", "capset", "ptrace"].some((a) => has.has(a));
  return (
    <ul class="words">
      {found.map(([action, items]) => (
        <li key={action}>{t.daemon.does[action] ?? t.event[action] ?? action} {items.slice(0, 5).map((b, i) => (
          <span key={i}>{i > 0 && (i === Math.min(items.length, 5) - 1 && items.length <= 5 ? ` ${t.daemon.and} ` : ", ")}<Told text={behaviourText(action, b.what ?? "")} mono /></span>
        ))}{items.length > 5 && ` ${t.daemon.others(items.length - 5)}`}.</li>
      ))}
      {nots.length > 0 && <li class="muted">{nots.join(" ")} {!privileges && t.daemon.nots.privilege}</li>}
    </ul>
  );
}

// Lengths grow with the logarithm: what is rare stays visible beside what is frequent.
function Pictures({ list }: { list: Behaviour[] }) {
  if (list.length === 0) return <p class="muted">{t.daemon.noBehaviour}</p>;
  const max = Math.log1p(Math.max(1, ...list.map((b) => b.count ?? 0)));
  return (
    <div class="stack">
      {groups(list).map(([action, items]) => (
        <details key={action} open={items.length <= 12}>
          <summary><strong>{t.daemon.does[action] ?? t.event[action] ?? action}</strong> <span class="badge">{items.length}</span></summary>
          <ul class="freq">{items.slice(0, 60).map((b, i) => (
            <li key={i} class={b.learnt ? "" : "new"} title={`${dateTime(b.first_seen)} – ${dateTime(b.last_seen)}`}>
              <span class="name"><Told text={behaviourText(action, b.what ?? "")} mono />{!b.learnt && <small> {t.daemon.unlearnt}</small>}</span>
              <span class="track" aria-hidden="true"><span style={{ width: `${(Math.log1p(b.count ?? 0) / max) * 100}%` }} /></span>
              <span class="num">{(b.count ?? 0).toLocaleString()}</span>
            </li>
          ))}</ul>
        </details>
      ))}
    </div>
  );
}

// Seven days by hours: how many events; the darker, the more.
function Hours({ q }: { q: string }) {
  const hour = Math.ceil(Date.now() / 3600e3) * 3600e3;
  const h = useData(`hours ${q}`, (s) => get<Histogram>("events/histogram", { q, since: new Date(hour - 168 * 3600e3).toISOString(), until: new Date(hour).toISOString(), buckets: 168 }, s), { every: 600 });
  return (
    <Show of={h} what={t.daemon.hours}>{(x) => {
      const start = ms(x.since), max = Math.log1p(Math.max(1, ...x.buckets));
      const cells = x.buckets.map((n, i) => { const at = new Date(start + i * 3600e3); return { n, day: Math.floor((dayStart(at) - dayStart(new Date(start))) / 86400e3 + 0.5), hour: at.getHours(), at }; });
      const days = Math.max(...cells.map((c) => c.day)) + 1;
      const total = x.buckets.reduce((a, b) => a + b, 0);
      return (
        <svg class="hours" viewBox={`0 0 ${34 + 24 * 15} ${days * 15 + 16}`} role="img" aria-label={`${t.daemon.hours}: ${t.daemon.perHour(total)}`}>
          {Array.from({ length: days }, (_, d) => <text key={d} x="0" y={d * 15 + 11}>{t.daemon.weekday[new Date(dayStart(new Date(start)) + d * 86400e3 + 43200e3).getDay()]}</text>)}
          {[0, 6, 12, 18].map((k) => <text key={k} x={34 + k * 15} y={days * 15 + 12}>{k}</text>)}
          {cells.map((c, i) => <rect key={i} x={34 + c.hour * 15} y={c.day * 15} width="13" height="13" rx="2" class={c.n ? "fill-bar" : "blank"} fill-opacity={c.n ? 0.18 + 0.82 * (Math.log1p(c.n) / max) : 1}><title>{`${dateTime(c.at.getTime())}: ${t.daemon.perHour(c.n)}`}</title></rect>)}
        </svg>
      );
    }}</Show>
  );
}
const dayStart = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();

// How many behaviours were known when: a curve that has gone flat is a daemon that is learnt.
function Curve({ list }: { list: Behaviour[] }) {
  const [ref, width] = useWidth(400);
  const times = list.map((b) => ms(b.first_seen)).filter(Number.isFinite).sort((a, b) => a - b);
  if (times.length < 2) return <p class="muted">{t.daemon.noBehaviour}</p>;
  const from = times[0]!, to = Math.max(Date.now(), times[times.length - 1]!), h = 90;
  const x = (v: number) => ((v - from) / (to - from || 1)) * (width - 4) + 2, y = (n: number) => h - 4 - (n / times.length) * (h - 18);
  const d = times.map((v, i) => `${i === 0 ? "M" : "H"}${x(v).toFixed(1)}${i === 0 ? ` ${y(0)}` : ""}V${y(i + 1).toFixed(1)}`).join("") + `H${width - 2}`;
  return (
    <div ref={ref}>
      <svg class="bars" width={width} height={h + 16} role="img" aria-label={t.daemon.curveSay(times.length)}>
        <line class="axis" x1="0" x2={width} y1={h - 3.5} y2={h - 3.5} /><path d={d} class="curve" />
        <text x="0" y={h + 12}>{dateTime(from)}</text><text x={width} y={h + 12} text-anchor="end">{t.time.now}</text>
        <text x={width - 2} y="11" text-anchor="end">{t.daemon.curveSay(times.length)}</text>
      </svg>
      <small>{t.daemon.curveWhy}</small>
    </div>
  );
}
