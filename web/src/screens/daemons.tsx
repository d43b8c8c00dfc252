// SPDX-License-Identifier: GPL-2.0-or-later
// daemons - every daemon on every host, and how far each is learnt.
import { all } from "../api";
import { useData } from "../data";
import { count, percent, plain } from "../format";
import type { Daemon } from "../model";
import { t } from "../text";
import { go, link, param, setParams, withParams } from "../url";
import { Chip, Meter, Show, Time, Told } from "../ui/basic";
import { QueryBar } from "../ui/querybar";
import { VirtualTable, type Column } from "../ui/table";
import { Views } from "../ui/views";

export function DaemonState({ d }: { d: Daemon }) {
  const s = d.state ?? "";
  return <Chip kind={s === "ready" ? "good" : s === "learning" ? "accent" : ""} icon={s === "ready" ? "check" : s === "learning" ? "clock" : "close"}>{t.daemons.states[s] ?? s}</Chip>;
}

const Program = ({ d }: { d: Daemon }) => { const text = d.executable ?? d.container_name ?? d.image ?? ""; return <span title={plain(text)}><Told text={text} mono /></span>; };

// Of one host there is less room: the program is a line below the name, in rows of TWO_LINES.
export const TWO_LINES = 50;
export const daemonColumns = (host: boolean): Column<Daemon>[] => [
  { id: "name", title: t.daemons.name, ...(host ? { width: "26%" } : {}), sort: (d) => d.name, cell: (d) => <><a href={link.daemon(d.id)}><Told text={d.name} /></a>{!host && <small class="below cut"><Program d={d} /></small>}</> },
  ...(host ? [{ id: "host", title: t.daemons.host, width: "18%", sort: (d: Daemon) => d.host?.name ?? "", cell: (d: Daemon) => <a href={link.host(d.host?.id ?? "")}><Told text={d.host?.name} /></a> }] : []),
  { id: "state", title: t.daemons.state, width: "112px", sort: (d) => d.state ?? "", cell: (d) => <DaemonState d={d} /> },
  { id: "coverage", title: t.daemons.coverage, width: "146px", sort: (d) => d.coverage ?? 0, cell: (d) => <span class="row tight nowrap"><Meter value={d.coverage ?? 0} label={`${t.daemons.coverage}: ${percent(d.coverage)}`} /><small>{percent(d.coverage)}</small></span> },
  { id: "events", title: t.daemons.events, width: "84px", num: true, sort: (d) => d.events ?? 0, cell: (d) => count(d.events) },
  ...(host ? [{ id: "program", title: t.daemons.program, sort: (d: Daemon) => d.executable ?? "", cell: (d: Daemon) => <Program d={d} /> }] : []),
  { id: "seen", title: t.daemons.seen, width: "104px", sort: (d) => d.last_seen ?? "", cell: (d) => <Time at={d.last_seen} /> },
];

export function Daemons() {
  const q = param("q");
  const list = useData(`daemons ${q}`, (s) => all<Daemon>("daemons", { q }, 20000, s), { every: 30, on: ["hosts"] });
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.daemons.title}</h1>{list.data && <span class="muted">{list.data.length.toLocaleString()}</span>}<Views of="daemons" here={withParams({ q }, "/daemons")} /></div>
      <QueryBar set="daemons" value={q} error={list.why} placeholder={t.query.daemons} onRun={(v) => setParams({ q: v }, false)} />
      <Show of={list} what={t.daemons.title} lines={8}>{(rows) => (
        <section class="card">
          <VirtualTable rows={rows} columns={daemonColumns(true)} rowKey={(d) => d.id} label={t.daemons.title} empty={q ? t.daemons.noneSuch : t.daemons.none} minWidth={900}
            onOpen={(d) => go(link.daemon(d.id))} initialSort={["coverage", 1]} />
        </section>
      )}</Show>
    </div>
  );
}
