// SPDX-License-Identifier: GPL-2.0-or-later
// fleet - the hosts: who reports, who does not, and what many of them get at once.
import { useSignal } from "@preact/signals";
import { all, each, get, may, post } from "../api";
import type { AlertSummary, Mode as Said, ModePage } from "../api.gen";
import { changed, useData } from "../data";
import { count, ms, plain, quoted, span } from "../format";
import { worth, type Host } from "../model";
import { doing } from "../say";
import { status } from "../state";
import { t } from "../text";
import { go, link, param, setParams, withParams } from "../url";
import { Button, Chip, Field, Severity, Show, Time, Told } from "../ui/basic";
import { Dialog, Sure } from "../ui/dialog";
import { SetMode } from "../ui/modes";
import { QueryBar } from "../ui/querybar";
import { VirtualTable, type Column } from "../ui/table";
import { Views } from "../ui/views";

const MAX = 10000;
export const hostState = (h: Host) => (h.status === "pending" ? "pending" : h.status === "revoked" ? "revoked" : h.connected ? "connected" : "offline");
const looks: Record<string, string> = { connected: "good", offline: "bad", pending: "warn", revoked: "" };

export function HostState({ h }: { h: Host }) {
  const s = hostState(h);
  return <Chip kind={looks[s]} icon={s === "connected" ? "check" : s === "offline" ? "close" : "clock"}>{t.fleet.states[s]}</Chip>;
}

export const decide = (hosts: Host[], verb: "approve" | "revoke") =>
  doing(() => each(hosts, (h) => post(`hosts/${h.id}/${verb}`)), verb === "approve" ? t.fleet.approved(hosts.length) : t.fleet.revoked(hosts.length))
    .then((ok) => { changed("hosts", "status"); return ok; });

export function Fleet() {
  const q = param("q");
  const list = useData(`hosts ${q}`, (s) => all<Host>("hosts", { q }, MAX, s), { every: 15, on: ["hosts"] });
  const alerts = useData("fleet alerts", (s) => get<AlertSummary>("alerts/summary", undefined, s), { every: 30, on: ["alerts"] });
  const modes = useData("modes", (s) => get<ModePage>("modes", undefined, s), { every: 60, on: ["modes"] });
  const picked = useSignal<Set<string>>(new Set());
  const dialog = useSignal<"" | "label" | "revoke" | "mode">("");
  const by = new Map((alerts.data?.hosts ?? []).map((g) => [g.host.id ?? "", g]));
  const risk = (h: Host) => { const g = by.get(h.id); return g ? Math.round(worth(g.score, Date.now() - ms(g.last_seen))) : 0; };
  const columns: Column<Host>[] = [
    { id: "name", title: t.fleet.name, width: "14%", sort: (h) => h.name, cell: (h) => <a href={link.host(h.id)}><Told text={h.name} /></a> },
    { id: "state", title: t.fleet.state, width: "166px", sort: (h) => hostState(h), cell: (h) => <HostState h={h} /> },
    { id: "alerts", title: t.fleet.alerts, width: "78px", sort: (h) => -(by.get(h.id)?.alerts ?? 0), cell: (h) => { const e = by.get(h.id); return e ? <a class="row tight nowrap" href={link.alerts(`host.name:${quoted(h.name)}`)}><Severity of={e.severity} short /><span class="badge hot">{count(e.alerts)}</span></a> : <span class="muted">–</span>; } },
    { id: "risk", title: t.fleet.risk, width: "104px", sort: (h) => -risk(h), cell: (h) => { const v = risk(h); return v ? <span class="row tight nowrap"><span class="meter narrow" aria-hidden="true"><span class={`risk-${by.get(h.id)!.severity}`} style={{ width: `${v}%` }} /></span>{v}</span> : <span class="muted">0</span>; } },
    { id: "mode", title: t.fleet.modeOf, width: "78px", sort: (h) => modeOf(h, modes.data?.items ?? []), cell: (h) => { const m = modeOf(h, modes.data?.items ?? []); return <span class={m === "monitor" ? "muted" : ""}>{(t.mode as Record<string, string>)[m] ?? m}</span>; } },
    { id: "labels", title: t.fleet.labels, sort: (h) => (h.labels ?? []).join(), cell: (h) => <span class="row tight labels">{(h.labels ?? []).map((l) => <Chip key={l}><Told text={l} /></Chip>)}</span> },
    { id: "os", title: t.fleet.os, width: "108px", sort: (h) => h.os ?? "", cell: (h) => <span title={plain(h.os)}><Told text={shortOs(h.os)} /></span> },
    { id: "version", title: t.fleet.version, width: "64px", sort: (h) => h.agent_version ?? "", cell: (h) => <Told text={h.agent_version} /> },
    { id: "lag", title: t.fleet.lag, width: "64px", num: true, sort: (h) => Number((h.session as { lag_seconds?: number } | undefined)?.lag_seconds ?? -1), cell: (h) => { const l = (h.session as { lag_seconds?: number } | undefined)?.lag_seconds; return l === undefined ? "–" : span(l); } },
    { id: "seen", title: t.fleet.seen, width: "94px", sort: (h) => h.last_seen ?? "", cell: (h) => <Time at={h.last_seen} /> },
    { id: "expires", title: t.fleet.expires, width: "88px", sort: (h) => h.certificate?.expires ?? "", cell: (h) => <Time at={h.certificate?.expires} /> },
  ];
  const hosts = (list.data ?? []).filter((h) => picked.value.has(h.id));
  const close = () => { dialog.value = ""; };
  const done = () => { picked.value = new Set(); close(); };
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.fleet.title}</h1>{list.data && <span class="muted">{t.fleet.total(list.data.length)}{list.data.length >= MAX && `, ${t.fleet.first(MAX)}`}</span>}<Views of="fleet" here={withParams({ q }, "/fleet")} /></div>
      <QueryBar set="hosts" value={q} error={list.why} placeholder={t.query.hosts} onRun={(v) => setParams({ q: v }, false)} />
      {hosts.length > 0 && (
        <div class="bulk card" role="region" aria-label={t.fleet.picked(hosts.length)}>
          <strong>{t.fleet.picked(hosts.length)}</strong>
          {may("hosts:write") && <>
            <Button icon="tag" onClick={() => { dialog.value = "label"; }}>{t.fleet.label}</Button>
            <Button onClick={() => { dialog.value = "mode"; }}>{t.fleet.mode}</Button>
            {hosts.some((h) => h.status !== "approved") && <Button icon="check" onClick={() => void decide(hosts, "approve").then((ok) => { if (ok) done(); })}>{t.fleet.approve}</Button>}
            <Button kind="danger" onClick={() => { dialog.value = "revoke"; }}>{t.fleet.revoke}</Button></>}
          <Button kind="quiet" onClick={done}>{t.act.clear}</Button>
        </div>
      )}
      <Show of={list} what={t.fleet.title} lines={8}>{(rows) => (
        <section class="card">
          <VirtualTable rows={rows} columns={columns} rowKey={(h) => h.id} nameOf={(h) => h.name} label={t.fleet.title} empty={q ? t.fleet.noneSuch : t.fleet.none} minWidth={1140}
            onOpen={(h) => go(link.host(h.id))} canPick={() => may("hosts:write")} picked={picked.value} onPicked={(s) => { picked.value = s; }} initialSort={["risk", 1]} />
        </section>
      )}</Show>
      {dialog.value === "label" && <Labels hosts={hosts} onClose={close} onDone={done} />}
      {dialog.value === "revoke" && (
        <Sure title={t.fleet.revoke} says={t.fleet.sureRevoke(hosts.length)} go={t.fleet.revoke} onClose={close} onSure={() => decide(hosts, "revoke").then((ok) => { if (ok) done(); })}>
          <p class="muted">{hosts.slice(0, 12).map((h) => plain(h.name)).join(", ")}{hosts.length > 12 && " …"}</p>
        </Sure>
      )}
      {dialog.value === "mode" && <SetMode targets={hosts.map((h) => ({ host: h.id }))} onClose={close} />}
    </div>
  );
}

// "Debian GNU/Linux 12 (bookworm)" as people say it.
const shortOs = (os = "") => os.replace(/ GNU\/Linux| Linux(?= \d)| \(.*\)$/g, "");

// Who says it closest to the host has it: the host itself, one of its labels, the fleet. Daemons may have words of their own.
function modeOf(h: Host, said: Said[]): string {
  const whole = said.filter((m) => !m.daemon);
  const word = whole.find((m) => m.host?.id === h.id) ?? whole.find((m) => m.label && (h.labels ?? []).includes(m.label)) ?? whole.find((m) => !m.host?.id && !m.label);
  return word?.mode ?? status.value?.mode ?? "monitor";
}

function Labels({ hosts, onClose, onDone }: { hosts: Host[]; onClose: () => void; onDone: () => void }) {
  const submit = async (e: Event) => {
    e.preventDefault();
    const labels = String(new FormData(e.currentTarget as HTMLFormElement).get("labels") ?? "");
    if (await doing(() => each(hosts, (h) => post(`hosts/${h.id}/label`, { labels })), t.fleet.labelled(hosts.length))) onDone();
    changed("hosts");
  };
  const common = hosts.length === 1 ? (hosts[0]!.labels ?? []).join(",") : "";
  return (
    <Dialog title={t.fleet.label} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <Field label={t.fleet.labels} hint={t.fleet.labelHint}><input name="labels" maxLength={500} defaultValue={common} autoFocus /></Field>
        <div class="actions end"><Button onClick={onClose}>{t.act.cancel}</Button><Button type="submit" kind="primary">{t.act.save}</Button></div>
      </form>
    </Dialog>
  );
}
