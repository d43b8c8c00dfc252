// fleet - the hosts: who reports, who does not, and what many of them get at once.
import { useSignal } from "@preact/signals";
import { all, may, offers, post } from "../api";
import { changed, useData } from "../data";
import { plain, span } from "../format";
import { severityRank, type Alert, type Host } from "../model";
import { t } from "../text";
import { go, link, param, setParams } from "../url";
import { Button, Chip, Dialog, doing, Field, Severity, Show, Time, Told } from "../ui/basic";
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
  doing(() => Promise.all(hosts.map((h) => post(`hosts/${h.id}/${verb}`))), verb === "approve" ? t.fleet.approved(hosts.length) : t.fleet.revoked(hosts.length))
    .then((ok) => { changed("hosts", "status"); return ok; });

export function Fleet() {
  const q = param("q");
  const list = useData(`hosts ${q}`, (s) => all<Host>("hosts", { q }, MAX, s), { every: 15, on: ["hosts"] });
  const alerts = useData("fleet alerts", (s) => all<Alert>("alerts", { status: "open" }, 5000, s), { every: 30, on: ["alerts"] });
  const picked = useSignal<Set<string>>(new Set());
  const dialog = useSignal<"" | "label" | "revoke" | "mode">("");
  const by = new Map<string, { n: number; worst: string; score: number }>();
  for (const a of alerts.data ?? []) {
    const e = by.get(a.host?.id ?? "") ?? { n: 0, worst: "", score: 0 };
    e.n++;
    e.score = Math.max(e.score, a.score);
    if (severityRank(a.severity) > severityRank(e.worst)) e.worst = a.severity;
    by.set(a.host?.id ?? "", e);
  }
  const columns: Column<Host>[] = [
    { id: "name", title: t.fleet.name, width: "19%", sort: (h) => h.name, cell: (h) => <a href={link.host(h.id)}><Told text={h.name} /></a> },
    { id: "state", title: t.fleet.state, width: "150px", sort: (h) => hostState(h), cell: (h) => <HostState h={h} /> },
    { id: "alerts", title: t.fleet.alerts, width: "92px", sort: (h) => -(by.get(h.id)?.score ?? 0), cell: (h) => { const e = by.get(h.id); return e ? <a class="row tight" href={link.alerts(`host.name:"${h.name}"`)}><Severity of={e.worst} short /><span class="badge hot">{e.n}</span></a> : <span class="muted">–</span>; } },
    { id: "labels", title: t.fleet.labels, width: "15%", sort: (h) => (h.labels ?? []).join(), cell: (h) => <span class="row tight labels">{(h.labels ?? []).map((l) => <Chip key={l}><Told text={l} /></Chip>)}</span> },
    { id: "os", title: t.fleet.os, sort: (h) => h.os ?? "", cell: (h) => <Told text={h.os} /> },
    { id: "version", title: t.fleet.version, width: "82px", sort: (h) => h.agent_version ?? "", cell: (h) => <Told text={h.agent_version} /> },
    { id: "lag", title: t.fleet.lag, width: "78px", num: true, sort: (h) => Number((h.session as { lag_seconds?: number } | undefined)?.lag_seconds ?? -1), cell: (h) => { const l = (h.session as { lag_seconds?: number } | undefined)?.lag_seconds; return l === undefined ? "–" : span(l); } },
    { id: "seen", title: t.fleet.seen, width: "112px", sort: (h) => h.last_seen ?? "", cell: (h) => <Time at={h.last_seen} /> },
    { id: "expires", title: t.fleet.expires, width: "104px", sort: (h) => h.certificate?.expires ?? "", cell: (h) => <Time at={h.certificate?.expires} /> },
  ];
  const hosts = (list.data ?? []).filter((h) => picked.value.has(h.id));
  const done = () => { picked.value = new Set(); dialog.value = ""; };
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.fleet.title}</h1>{list.data && <span class="muted">{t.fleet.total(list.data.length)}{list.data.length >= MAX && `, ${t.fleet.first(MAX)}`}</span>}<Views of="fleet" q={q} /></div>
      <QueryBar set="hosts" value={q} error={list.why} placeholder={t.query.hosts} onRun={(v) => setParams({ q: v }, false)} />
      {hosts.length > 0 && (
        <div class="bulk card" role="region" aria-label={t.fleet.picked(hosts.length)}>
          <strong>{t.fleet.picked(hosts.length)}</strong>
          {may("hosts:write") && <>
            <Button icon="tag" onClick={() => { dialog.value = "label"; }}>{t.fleet.label}</Button>
            {offers("POST", "/modes") && <Button onClick={() => { dialog.value = "mode"; }}>{t.fleet.mode}</Button>}
            <Button icon="check" onClick={() => void decide(hosts, "approve").then(done)}>{t.fleet.approve}</Button>
            <Button kind="danger" onClick={() => { dialog.value = "revoke"; }}>{t.fleet.revoke}</Button></>}
          <Button kind="quiet" onClick={done}>{t.act.clear}</Button>
        </div>
      )}
      <Show of={list} what={t.fleet.title} lines={8}>{(rows) => (
        <section class="card">
          <VirtualTable rows={rows} columns={columns} rowKey={(h) => h.id} label={t.fleet.title} empty={q ? t.fleet.noneSuch : t.fleet.none} minWidth={1080}
            onOpen={(h) => go(link.host(h.id))} picked={picked.value} onPicked={(s) => { picked.value = s; }} initialSort={["alerts", 1]} />
        </section>
      )}</Show>
      {dialog.value === "label" && <Labels hosts={hosts} onClose={() => { dialog.value = ""; }} onDone={done} />}
      {dialog.value === "revoke" && (
        <Dialog title={t.fleet.revoke} onClose={() => { dialog.value = ""; }}>
          <p>{t.fleet.sureRevoke(hosts.length)}</p>
          <p class="muted">{hosts.slice(0, 12).map((h) => plain(h.name)).join(", ")}{hosts.length > 12 && " …"}</p>
          <div class="actions end"><Button onClick={() => { dialog.value = ""; }}>{t.act.cancel}</Button><Button kind="danger" onClick={() => void decide(hosts, "revoke").then(done)}>{t.fleet.revoke}</Button></div>
        </Dialog>
      )}
      {dialog.value === "mode" && <SetMode targets={hosts.map((h) => ({ host: h.id }))} onClose={done} />}
    </div>
  );
}

function Labels({ hosts, onClose, onDone }: { hosts: Host[]; onClose: () => void; onDone: () => void }) {
  const submit = async (e: Event) => {
    e.preventDefault();
    const labels = String(new FormData(e.currentTarget as HTMLFormElement).get("labels") ?? "");
    if (await doing(() => Promise.all(hosts.map((h) => post(`hosts/${h.id}/label`, { labels }))), t.fleet.labelled(hosts.length))) onDone();
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
