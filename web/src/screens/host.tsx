// host - one host: is it well, what runs there, what differs from the others, what was done.
import { useSignal } from "@preact/signals";
import { all, get, may, offers, type PageOf } from "../api";
import { useData } from "../data";
import { dateTime, ms, quoted, span } from "../format";
import { canUndo, text, type Alert, type Daemon, type Doc, type Host as HostT, type Reaction } from "../model";
import { t } from "../text";
import { go, link } from "../url";
import { Button, Chip, Empty, Facts, Section, Severity, Show, Time, Told } from "../ui/basic";
import { Bars, bucketsOf, fill } from "../ui/bars";
import { Apply } from "../ui/apply";
import { EventLine, objectOf } from "../ui/event";
import { ReactionList } from "../ui/reaction";
import { VirtualTable } from "../ui/table";
import { daemonColumns } from "./daemons";
import { HostState } from "./fleet";

type Session = { peer?: string; since?: string; lag_seconds?: number; clock_skew_seconds?: number; lost?: number; gaps?: number };

export function Host({ id }: { id: string }) {
  const host = useData(`host ${id}`, (s) => get<HostT>(`hosts/${encodeURIComponent(id)}`, undefined, s), { every: 10, on: ["hosts"] });
  return <div class="screen"><Show of={host} what={t.host.title} lines={6}>{(h) => <Body h={h} />}</Show></div>;
}

function Body({ h }: { h: HostT }) {
  const q = `host.name:${quoted(h.name)}`;
  const daemons = useData(`host daemons ${h.id}`, (s) => all<Daemon>("daemons", { host: h.id }, 2000, s), { every: 30, on: ["hosts"] });
  const alerts = useData(`host alerts ${h.id}`, (s) => get<PageOf<Alert>>("alerts", { q, limit: 500 }, s), { every: 15, on: ["alerts"] });
  const starts = useData(`host starts ${h.id}`, (s) => get<PageOf<Doc>>("events", { q: `${q} and event.action:exec`, since: "now-1h", limit: 30 }, s), { every: 30 });
  const ports = useData(`host ports ${h.id}`, (s) => get<PageOf<Doc>>("events", { q: `${q} and event.action:listen`, since: "now-24h", limit: 200 }, s), { every: 60 });
  const reactions = useData(`host reactions ${h.id}`, (s) => get<PageOf<Reaction>>("reactions", { host: h.id, limit: 200 }, s), { every: 15, on: ["reactions"] });
  const isolate = useSignal(false);
  const s = (h.session ?? {}) as Session;
  const mine = (reactions.data?.items ?? []).filter((r) => (r.host?.id ?? h.id) === h.id);
  const active = mine.filter(canUndo);
  const open = (alerts.data?.items ?? []).filter((a) => a.status === "open");
  return (
    <>
      <div class="screen-head">
        <h1><Told text={h.name} /></h1><HostState h={h} />
        {(h.labels ?? []).map((l) => <Chip key={l} icon="tag"><Told text={l} /></Chip>)}
        <a class="button" href={link.events(q)}>{t.host.events}</a>
        {offers("POST", "/reactions") && may("reactions:write") && <Button kind="danger" icon="reactions" onClick={() => { isolate.value = true; }}>{t.apply.title}</Button>}
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
              <VirtualTable rows={rows} columns={daemonColumns(false)} rowKey={(d) => d.id} label={t.host.daemons} empty={t.host.noDaemons} minWidth={640} onOpen={(d) => go(link.daemon(d.id))} initialSort={["name", 1]} />
            )}</Show>
          </Section>
          <Section title={t.host.processes} aside={<a href={link.events(`${q} and event.action:exec`)}>{t.alerts.aroundAll}</a>}>
            <div class="body"><Show of={starts} what={t.host.processes}>{(p) => (p.items.length === 0 ? <p class="muted">{t.host.noPrograms}</p>
              : <Started docs={p.items} />)}</Show></div>
          </Section>
        </div>
        <div class="stack">
          <Section title={t.host.risk}><div class="body"><Risk alerts={alerts.data?.items ?? []} /></div></Section>
          <Section title={t.host.reactions}><div class="body"><Show of={reactions} what={t.host.reactions}>{() => <ReactionList list={active} none={t.alerts.didNot} />}</Show></div></Section>
          <Section title={t.host.peers}><div class="body"><Peers h={h} mine={daemons.data ?? []} /></div></Section>
          <Section title={t.host.listeners}><div class="body"><Show of={ports} what={t.host.listeners}>{(p) => <Ports docs={p.items} />}</Show></div></Section>
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

// The worst score of each half hour.
function Risk({ alerts }: { alerts: Alert[] }) {
  const to = Date.now(), buckets = bucketsOf(to - 24 * 3600e3, to, 48);
  for (const a of alerts) fill(buckets, ms(a.last_seen), a.severity);
  return <Bars buckets={buckets} height={92} label={t.host.risk} empty={t.host.riskQuiet} parts={["low", "medium", "high", "critical"].map((x) => [x, t.severity[x]!.toLowerCase()])} />;
}

function Started({ docs }: { docs: Doc[] }) {
  return <ol class="event-lines" tabIndex={0} aria-label={t.host.processes}>{docs.map((d, i) => <li key={i}><EventLine doc={d} /></li>)}</ol>;
}

function Ports({ docs }: { docs: Doc[] }) {
  const rows = new Map<string, [string, string]>();
  for (const d of docs) rows.set(`${text(d, "service.name")} ${objectOf(d)}`, [objectOf(d), text(d, "service.name") || text(d, "process.name")]);
  if (rows.size === 0) return <p class="muted">{t.host.noListeners}</p>;
  return <ul class="lines">{[...rows.values()].sort().map(([what, who]) => <li key={what + who} class="row spread"><Told text={what} mono /><span class="muted"><Told text={who} /></span></li>)}</ul>;
}

// Daemons that few others have, and daemons that most others have and this host has not.
function Peers({ h, mine }: { h: HostT; mine: Daemon[] }) {
  const everyone = useData("all daemons", (s) => all<Daemon>("daemons", {}, 20000, s), { every: 120 });
  return (
    <Show of={everyone} what={t.host.peers}>{(list) => {
      const hosts = new Set(list.map((d) => d.host?.id));
      const by = new Map<string, Set<string>>();
      for (const d of list) { if (d.state === "gone") continue; const s = by.get(d.name) ?? new Set(); s.add(d.host?.id ?? ""); by.set(d.name, s); }
      const names = new Set(mine.filter((d) => d.state !== "gone").map((d) => d.name));
      const others = hosts.size - 1;
      const only = [...names].filter((x) => others > 0 && (by.get(x)?.size ?? 1) - 1 <= others * 0.1).slice(0, 8);
      const missing = [...by].filter(([x, s]) => others > 2 && !names.has(x) && s.size >= others * 0.8 && !s.has(h.id)).slice(0, 8);
      if (only.length + missing.length === 0) return <p class="muted">{t.host.peersNone}</p>;
      return (
        <>
          {only.length > 0 && <><h3>{t.host.only}</h3><ul class="lines">{only.map((x) => <li key={x} class="row spread"><Told text={x} /><span class="muted">{t.host.of((by.get(x)?.size ?? 1) - 1, others)}</span></li>)}</ul></>}
          {missing.length > 0 && <><h3>{t.host.missing}</h3><ul class="lines">{missing.map(([x, s]) => <li key={x} class="row spread"><Told text={x} /><span class="muted">{t.host.of(s.size, others)}</span></li>)}</ul></>}
        </>
      );
    }}</Show>
  );
}
