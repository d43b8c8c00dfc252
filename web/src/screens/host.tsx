// SPDX-License-Identifier: GPL-2.0-or-later
// host - one host: is it well, what runs there, what differs from the others, what was done.
import { useSignal } from "@preact/signals";
import { all, get, may, type PageOf } from "../api";
import { useData } from "../data";
import { dateTime, ms, quoted, span } from "../format";
import { canUndo, forest, severityRank, text, worth, type Alert, type Daemon, type Doc, type Host as HostT, type Reaction } from "../model";
import { t } from "../text";
import { go, link } from "../url";
import { Button, Chip, Empty, Facts, Section, Severity, Show, Time, Told } from "../ui/basic";
import { Chart } from "../ui/chart";
import { Apply } from "../ui/apply";
import { objectOf } from "../ui/event";
import { ReactionList } from "../ui/reaction";
import { Tree } from "../ui/tree";
import { VirtualTable } from "../ui/table";
import { daemonColumns, TWO_LINES } from "./daemons";
import { HostState } from "./fleet";

const lives = "(event.action:exec or event.action:fork or event.action:exit)";

type Session = { peer?: string; since?: string; lag_seconds?: number; clock_skew_seconds?: number; lost?: number; gaps?: number };

export function Host({ id }: { id: string }) {
  const host = useData(`host ${id}`, (s) => get<HostT>(`hosts/${encodeURIComponent(id)}`, undefined, s), { every: 10, on: ["hosts"] });
  return <div class="screen"><Show of={host} what={t.host.title} lines={6}>{(h) => <Body h={h} />}</Show></div>;
}

function Body({ h }: { h: HostT }) {
  const q = `host.name:${quoted(h.name)}`;
  const daemons = useData(`host daemons ${h.id}`, (s) => all<Daemon>("daemons", { host: h.id }, 2000, s), { every: 30, on: ["hosts"] });
  const alerts = useData(`host alerts ${h.id}`, (s) => get<PageOf<Alert>>("alerts", { q, limit: 500 }, s), { every: 15, on: ["alerts"] });
  const starts = useData(`host starts ${h.id}`, (s) => get<PageOf<Doc>>("events", { q: `${q} and ${lives}`, since: "now-1h", limit: 300 }, s), { every: 30 });
  const ports = useData(`host ports ${h.id}`, async (s) => {
    const of = (action: string, since: string) => get<PageOf<Doc>>("events", { q: `${q} and event.action:${action}`, since, limit: 300 }, s);
    const [opened, reached] = await Promise.all([of("listen", "now-24h"), of("accept", "now-1h")]);
    return [...opened.items, ...reached.items];
  }, { every: 60 });
  const reactions = useData(`host reactions ${h.id}`, (s) => get<PageOf<Reaction>>("reactions", { host: h.id, limit: 200 }, s), { every: 15, on: ["reactions"] });
  const isolate = useSignal(false);
  const s = (h.session ?? {}) as Session;
  const mine = (reactions.data?.items ?? []).filter((r) => (r.host?.id ?? h.id) === h.id);
  const active = mine.filter(canUndo);
  const open = (alerts.data?.items ?? []).filter((a) => a.status === "open").sort((a, b) => severityRank(b.severity) - severityRank(a.severity));
  return (
    <>
      <div class="screen-head">
        <h1><Told text={h.name} /></h1><HostState h={h} />
        {(h.labels ?? []).map((l) => <Chip key={l} icon="tag"><Told text={l} /></Chip>)}
        <a class="button" href={link.events(q)}>{t.host.events}</a>
        {may("reactions:write") && <Button kind="danger" icon="reactions" onClick={() => { isolate.value = true; }}>{t.apply.title}</Button>}
      </div>
      <div class="overview">
        <div class="stack">
          <Section title={t.host.alerts} aside={<a href={link.alerts(q)}>{t.overview.all}</a>}>
            <Show of={alerts} what={t.host.alerts}>{() => (open.length === 0 ? <Empty>{t.host.noAlerts}</Empty> : (
              <ul class="queue flat">{open.slice(0, 8).map((a) => (
                <li key={a.id}><a class="alert-row" href={link.alert(a.id)}><Severity of={a.severity} /><span class="what"><Told text={a.title} /></span><span class="where"><Told text={a.daemon?.name} /></span><span class="state" /><span class="when"><Time at={a.last_seen} /></span></a></li>
              ))}</ul>
            ))}</Show>
          </Section>
          <Section title={t.host.daemons}>
            <Show of={daemons} what={t.host.daemons}>{(rows) => (
              <VirtualTable rows={rows} columns={daemonColumns(false)} rowKey={(d) => d.id} label={t.host.daemons} empty={t.host.noDaemons} rowHeight={TWO_LINES} minWidth={640} onOpen={(d) => go(link.daemon(d.id))} initialSort={["name", 1]} />
            )}</Show>
          </Section>
          <Section title={t.host.processes} aside={<a href={link.events(`${q} and ${lives}`)}>{t.alerts.aroundAll}</a>}>
            <div class="body"><Show of={starts} what={t.host.processes}>{(p) => (p.items.length === 0 ? <p class="muted">{t.host.noPrograms}</p>
              : <Started docs={p.items} />)}</Show></div>
          </Section>
        </div>
        <div class="stack">
          <Section title={t.host.risk} aside={alerts.data && <span>{t.host.riskNow(Math.round(riskAt(alerts.data.items, Date.now())))}</span>}><div class="body"><Show of={alerts} what={t.host.risk}>{(a) => <Risk alerts={a.items} q={q} />}</Show></div></Section>
          <Section title={t.host.reactions}><div class="body"><Show of={reactions} what={t.host.reactions}>{() => <ReactionList list={active} none={t.alerts.didNot} />}</Show></div></Section>
          <Section title={t.host.peers}><div class="body stack"><Peers h={h} mine={daemons.data} /></div></Section>
          <Section title={t.host.listeners}><div class="body"><Show of={ports} what={t.host.listeners}>{(docs) => <Ports docs={docs} />}</Show></div></Section>
          <Section title={t.host.facts}>
            <div class="body"><Facts rows={[
              [t.host.os, <Told text={h.os} />], [t.host.kernel, <Told text={`${h.kernel ?? ""} ${h.architecture ?? ""}`} />], [t.host.agent, <Told text={h.agent_version} />], [t.host.sensors, <Told text={h.sensors} />],
              ...(h.connected ? [[t.host.peer, <><Told text={s.peer} />, {t.host.since} <Time at={s.since} /></>], [t.host.lag, span(s.lag_seconds ?? 0)], [t.host.clock, span(Math.abs(s.clock_skew_seconds ?? 0))],
                [t.host.lost, `${(s.lost ?? 0).toLocaleString()}`]] as [string, preact.ComponentChildren][] : [[t.fleet.seen, <Time at={h.last_seen} />]] as [string, preact.ComponentChildren][]),
              [t.host.enrolled, dateTime(h.enrolled)], [t.host.cert, dateTime(h.certificate?.expires)], [t.host.machine, <Told text={h.machine_id} mono />],
            ]} /></div>
          </Section>
        </div>
      </div>
      {isolate.value && <Apply on={{ host: h }} kind="isolate" onClose={() => { isolate.value = false; }} />}
    </>
  );
}

// The worth of the worst alert that was there at that time and was no mistake.
function riskAt(alerts: Alert[], at: number) {
  return alerts.reduce((m, a) => {
    if (a.verdict?.verdict === "false_positive" || a.verdict?.verdict === "benign_expected" || ms(a.first_seen) > at) return m;
    return Math.max(m, worth(a.score, at - ms(a.last_seen)));
  }, 0);
}

const STEPS = 144;
function Risk({ alerts, q }: { alerts: Alert[]; q: string }) {
  const step = 24 * 3600e3 / STEPS, to = Math.ceil(Date.now() / 60e3) * 60e3;
  const times = Array.from({ length: STEPS + 1 }, (_, i) => to - (STEPS - i) * step), values = times.map((v) => Math.round(riskAt(alerts, v)));
  if (values.every((v) => v === 0)) return <p class="muted">{t.host.riskQuiet}</p>;
  return (
    <>
      <Chart times={times} values={values} max={100} height={130} label={t.host.risk} onPick={(a, b) => go(`/alerts?status=all&q=${encodeURIComponent(q)}&since=${new Date(a).toISOString()}&until=${new Date(b).toISOString()}`)} drag={t.chart.dragAlerts} />
      <p class="muted small">{t.host.riskWhy}</p>
    </>
  );
}

function Started({ docs }: { docs: Doc[] }) {
  const roots = forest(docs);
  return <div class="scroll" tabIndex={0} role="region" aria-label={t.host.processes}><Tree above={[]} roots={roots.slice(0, 60)} /></div>;
}

function Ports({ docs }: { docs: Doc[] }) {
  const rows = new Map<string, [string, string]>();
  for (const d of docs) {
    const what = text(d, "event.action") === "accept" ? `${text(d, "network.transport")} ${text(d, "destination.port")}` : objectOf(d), who = text(d, "service.name") || text(d, "process.name");
    if (text(d, "event.action") !== "accept" || text(d, "destination.port")) rows.set(`${who} ${what}`, [what, who]);
  }
  if (rows.size === 0) return <p class="muted">{t.host.noListeners}</p>;
  return <ul class="lines limited" tabIndex={0}>{[...rows.values()].sort((a, b) => (a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : a[0] < b[0] ? -1 : 1)).map(([what, who]) => <li key={what + who} class="row spread"><Told text={what} mono /><span class="muted"><Told text={who} /></span></li>)}</ul>;
}

// Daemons that few others have, daemons and versions that most others have and this host has not.
function Peers({ h, mine }: { h: HostT; mine: Daemon[] | undefined }) {
  const everyone = useData("all daemons", (s) => all<Daemon>("daemons", {}, 20000, s), { every: 120 });
  const hosts = useData("all hosts", (s) => all<HostT>("hosts", {}, 2000, s), { every: 120 });
  return (
    <Show of={everyone} what={t.host.peers}>{(list) => {
      const live = list.filter((d) => d.state !== "gone"), ids = new Set(live.map((d) => d.host?.id));
      const by = new Map<string, Set<string>>();
      for (const d of live) { const s = by.get(d.name) ?? new Set(); s.add(d.host?.id ?? ""); by.set(d.name, s); }
      const names = new Set((mine ?? []).filter((d) => d.state !== "gone").map((d) => d.name));
      const others = ids.size - (ids.has(h.id) ? 1 : 0);
      if (others === 0 || mine === undefined) return <p class="muted">{mine === undefined ? "…" : t.host.alone}</p>;
      const only = [...names].filter((x) => (by.get(x)?.size ?? 1) - 1 <= others * 0.1).slice(0, 8);
      const missing = [...by].filter(([x, s]) => others > 2 && !names.has(x) && s.size >= others * 0.8 && !s.has(h.id)).slice(0, 8);
      const versions = [...new Set((mine ?? []).filter((d) => d.package_version).map((d) => d.name))].map((name) => [name, usual(live.filter((d) => d.name === name && d.host?.id !== h.id).map((d) => d.package_version ?? "")), mine!.find((d) => d.name === name)!.package_version ?? ""] as const)
        .filter(([, u, v]) => u && u[0] !== v).slice(0, 8);
      const facts = ([[t.host.os, (x: HostT) => x.os], [t.host.kernel, (x: HostT) => x.kernel], [t.host.agent, (x: HostT) => x.agent_version], [t.host.sensors, (x: HostT) => x.sensors]] as const)
        .map(([name, of]) => [name, usual((hosts.data ?? []).filter((x) => x.id !== h.id).map((x) => of(x) ?? "")), of(h) ?? ""] as const).filter(([, u, v]) => u && u[0] !== v);
      if (only.length + missing.length + versions.length + facts.length === 0) return <p class="muted">{t.host.peersNone}</p>;
      return (
        <>
          {only.length > 0 && <><h3>{t.host.only}</h3><ul class="lines">{only.map((x) => <li key={x} class="row spread"><Told text={x} /><span class="muted">{t.host.of((by.get(x)?.size ?? 1) - 1, others)}</span></li>)}</ul></>}
          {missing.length > 0 && <><h3>{t.host.missing}</h3><ul class="lines">{missing.map(([x, s]) => <li key={x} class="row spread"><Told text={x} /><span class="muted">{t.host.of(s.size, others)}</span></li>)}</ul></>}
          {versions.length + facts.length > 0 && <><h3>{t.host.differs}</h3><ul class="lines">{[...versions, ...facts].map(([name, u, v]) => <li key={name}><strong><Told text={name} /></strong>: <Told text={v || "–"} /> <small>{t.host.usual} <Told text={u![0]} />, {t.host.of(u![1], u![2])}</small></li>)}</ul></>}
        </>
      );
    }}</Show>
  );
}

// What three quarters of them have, how many, of how many; null when there is no such thing, or too few to say.
function usual(values: string[]): [string, number, number] | null {
  const tally = new Map<string, number>();
  for (const v of values) tally.set(v, (tally.get(v) ?? 0) + 1);
  const top = [...tally].sort((a, b) => b[1] - a[1])[0];
  return top && values.length >= 3 && top[1] >= values.length * 0.75 ? [top[0], top[1], values.length] : null;
}
