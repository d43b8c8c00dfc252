// SPDX-License-Identifier: GPL-2.0-or-later
// alert - one alert: why it was raised, what was done, and what to do now.
import { useSignal } from "@preact/signals";
import { each, get, may, post, type PageOf } from "../api";
import { useData } from "../data";
import { byWhom, dateTime, ms, plain, quoted } from "../format";
import { useKeys } from "../keys";
import { canUndo, treeOf, type Alert, type Doc } from "../model";
import { copy, doing } from "../say";
import { status } from "../state";
import { t } from "../text";
import { link } from "../url";
import { Button, Chip, Facts, Meter, Severity, Show, Time, Told } from "../ui/basic";
import { Apply } from "../ui/apply";
import { undoVerdict } from "../ui/expect";
import { EventLine } from "../ui/event";
import { ReactionList, undo } from "../ui/reaction";
import { Tree } from "../ui/tree";
import { after, Assigning, Normal, Noting, path } from "./judge";

// What other hosts with the same daemon are asked about; a login is not.
const hasPeers = /^(new_|privilege)/;

const iso = (v: number) => new Date(v).toISOString();

export const acknowledge = (list: Alert[]) => doing(() => each(list, (a) => post(path(a, "ack"))), t.alerts.acked).then(after);
export const close = (list: Alert[]) => doing(() => each(list, (a) => post(path(a, "close"))), t.alerts.closed).then(after);
const share = (a: Alert) => copy(location.origin + link.alert(a.id), t.alerts.linked);

export function AlertPanel({ id, all, onClose }: { id: string; all: Alert[]; onClose: () => void }) {
  const one = useData(`alert ${id}`, (s) => get<Alert>(`alerts/${encodeURIComponent(id)}`, undefined, s), { every: 10, on: ["alerts"] });
  return (
    <aside class="panel" aria-label={t.alerts.panel}>
      <Show of={one} what={t.alerts.panel} lines={6}>{(a) => <Body key={a.id} a={a} all={all} onClose={onClose} />}</Show>
      {one.error && !one.data && <Button onClick={onClose}>{t.act.close}</Button>}
    </aside>
  );
}

function Body({ a, all, onClose }: { a: Alert; all: Alert[]; onClose: () => void }) {
  const dialog = useSignal<"" | "normal" | "note" | "assign" | "react">("");
  const undoable = may("reactions:write") ? a.reactions.filter(canUndo) : [];
  const write = may("alerts:write");
  const open = a.status !== "closed";
  // A finding that joined the alert says of the same things what was true by then.
  const added = a.explanation.filter((x, i, all) => all.findIndex((y) => y.feature === x.feature) !== i);
  const doUndo = () => { if (undoable.length) void undo(undoable); };
  useKeys({
    e: () => { if (write && a.status === "open") void acknowledge([a]); },
    c: () => { if (write && open) void close([a]); },
    n: () => { if (write) dialog.value = "normal"; },
    u: doUndo,
    s: () => void share(a),
    a: () => { if (write) dialog.value = "assign"; },
    w: () => { if (write) dialog.value = "note"; },
    r: () => { if (may("reactions:write")) dialog.value = "react"; },
    Escape: onClose,
  });
  return (
    <>
      <header class="panel-head">
        <div class="row spread">
          <span class="row"><Severity of={a.severity} /><Chip kind={a.status === "open" ? "bad" : a.status === "acknowledged" ? "accent" : ""}>{t.status[a.status] ?? a.status}</Chip>
            {a.assignee && <Chip icon="user">{a.assignee}</Chip>}</span>
          <Button icon="close" kind="quiet" label={t.act.close} keys="Esc" onClick={onClose} />
        </div>
        <h2><Told text={a.title} /></h2>
        <p class="row tight muted">
          <Time at={a.last_seen} /> ·
          {a.host?.id ? <a href={link.host(a.host.id)}><Told text={a.host.name} /></a> : <Told text={a.host?.name} />} ·
          {a.daemon?.id ? <a href={link.daemon(a.daemon.id)}><Told text={a.daemon.name} /></a> : <Told text={a.daemon?.name} />}
          {a.count > 1 && <> · {t.alerts.times(a.count)}</>}
        </p>
        <div class="actions">
          {write && a.status === "open" && <Button kind="primary" icon="check" keys="e" onClick={() => void acknowledge([a])}>{t.alerts.ack}</Button>}
          {undoable.length > 0 && <Button icon="undo" keys="u" onClick={doUndo}>{t.alerts.undo}</Button>}
          {write && <Button icon="ok" keys="n" onClick={() => { dialog.value = "normal"; }}>{t.alerts.normal}</Button>}
          {may("reactions:write") && <Button icon="reactions" keys="r" onClick={() => { dialog.value = "react"; }}>{t.apply.title}</Button>}
          {write && open && <Button keys="c" onClick={() => void close([a])}>{t.alerts.close}</Button>}
          {write && a.verdict === null && <Button onClick={() => void doing(() => post(path(a, "verdict"), { verdict: "true_positive" }), t.alerts.realDone).then(after)}>{t.alerts.real}</Button>}
          {write && <Button icon="user" keys="a" onClick={() => { dialog.value = "assign"; }}>{t.alerts.assign}</Button>}
          {write && <Button keys="w" onClick={() => { dialog.value = "note"; }}>{t.alerts.note}</Button>}
          <Button icon="link" keys="s" onClick={() => void share(a)}>{t.alerts.share}</Button>
        </div>
      </header>
      <p class="reason"><Told text={a.reason} /></p>

      <section><h3>{t.alerts.what}</h3>
        <ReactionList list={a.reactions} none={status.value?.mode === "monitor" ? t.alerts.did : t.alerts.didNot} />
      </section>

      <section><h3>{t.alerts.why}</h3>
        <Explanation list={a.explanation.filter((x, i, all) => all.findIndex((y) => y.feature === x.feature) === i)} />
        {((a.peers.of ?? 0) > 0 || hasPeers.test(a.kind)) && <p class="peers"><strong>{t.alerts.peers(a.peers.seen ?? 0, a.peers.of ?? 0, plain(a.daemon?.name))}</strong></p>}
        {a.record?.clears && <p class="muted">{t.alerts.clears}: <Told text={inWords(a.record.clears)} />.</p>}
        {added.length > 0 && <details><summary>{t.alerts.later(added.length)}</summary><Explanation list={added} /></details>}
      </section>

      <Around a={a} />

      {a.threat.length > 0 && (
        <section><h3>{t.alerts.attack}</h3>
          <p class="row">{a.threat.map((x) => (
            <a key={x.id} class="chip" target="_blank" rel="noreferrer" href={`https://attack.mitre.org/techniques/${encodeURIComponent(x.id ?? "").replace(".", "/")}/`}>
              <span class="mono">{x.id}</span> <Told text={x.name} /></a>
          ))}</p>
        </section>
      )}

      <section><h3>{t.alerts.notes}</h3>
        {a.verdict?.verdict && <p><Chip kind="good" icon="ok">{t.alerts.verdicts[a.verdict.verdict] ?? a.verdict.verdict}</Chip> {a.verdict.by && <span class="muted">{t.alerts.by(byWhom(a.verdict.by))}</span>} {a.verdict.note && <Told text={a.verdict.note} />}
          {a.verdict.verdict !== "true_positive" && write && <Button kind="quiet" icon="undo" onClick={() => void undoVerdict(a.id)}>{t.act.undo}</Button>}</p>}
        {(a.notes ?? []).map((x, i) => <p key={i}><Told text={x.note} /> <small>{t.alerts.by(byWhom(x.by))}{x.time_us ? `, ${dateTime(x.time_us / 1000)}` : ""}</small></p>)}
        {!a.verdict && !a.notes?.length && <p class="muted">{t.alerts.noNotes}</p>}
      </section>

      <details><summary>{t.alerts.facts}</summary>
        <Facts rows={[
          [t.alerts.kind, t.alerts.kinds[a.kind] ?? a.kind], [t.alerts.score, a.score], [t.alerts.count, a.count.toLocaleString()],
          [t.alerts.first, <Time at={a.first_seen} exact />], [t.alerts.last, <Time at={a.last_seen} exact />],
          [t.alerts.basis, <Told text={a.record?.scope ?? "–"} />], [t.alerts.model, <Told text={a.record?.model ?? "–"} />], [t.alerts.id, <Told text={a.id} mono />],
        ]} />
      </details>
      {dialog.value === "normal" && <Normal a={a} all={all} onClose={() => { dialog.value = ""; }} />}
      {dialog.value === "note" && <Noting a={a} onClose={() => { dialog.value = ""; }} />}
      {dialog.value === "react" && <Apply on={{ host: a.host, daemon: a.daemon?.name ?? undefined, alert: a }} kind={a.process?.pid ? "freeze" : "block_ip"} onClose={() => { dialog.value = ""; }} />}
      {dialog.value === "assign" && <Assigning a={a} onClose={() => { dialog.value = ""; }} />}
    </>
  );
}

// Verdicts by the names that they have here.
const inWords = (s: string) => s.replace(/\b(true_positive|false_positive|benign_expected)\b/g, (v) => `“${t.alerts.verdicts[v]}”`);

const show = (v: unknown) => (typeof v === "string" || typeof v === "number" ? v : v === null || v === undefined ? "–" : JSON.stringify(v));

function Explanation({ list }: { list: Alert["explanation"] }) {
  return (
    <div class="table-wrap">
      <table class="explain">
        <thead><tr><th>{t.alerts.feature}</th><th>{t.alerts.baseline}</th><th>{t.alerts.observed}</th><th>{t.alerts.weight}</th></tr></thead>
        <tbody>{list.map((x, i) => (
          <tr key={i}><th scope="row"><Told text={x.feature} /></th><td data-label={t.alerts.baseline}><Told text={show(x.baseline)} /></td><td class="seen" data-label={t.alerts.observed}><Told text={show(x.observed)} /></td>
            <td data-label={t.alerts.weight}><Meter value={x.weight ?? 0} label={`${Math.round((x.weight ?? 0) * 100)} %`} /></td></tr>
        ))}</tbody>
      </table>
    </div>
  );
}

// The events from a minute before to two minutes after, as a tree and as a list.
function Around({ a }: { a: Alert }) {
  const from = iso(ms(a.first_seen) - 60e3), to = iso(Math.min(ms(a.last_seen), ms(a.first_seen) + 600e3) + 120e3);
  const q = [a.host?.name && `host.name:${quoted(a.host.name)}`, a.daemon?.name && `service.name:${quoted(a.daemon.name)}`].filter(Boolean).join(" and ");
  const near = useData(`near ${a.id} ${to}`, (s) => get<PageOf<Doc>>("events", { q, since: from, until: to, limit: 300 }, s));
  const tree = treeOf(a, near.data?.items ?? []);
  const first = ms(a.first_seen) - 500, last = ms(a.last_seen) + 500;
  const isHot = (d: Doc) => { const v = ms(String(d["@timestamp"])); return v >= first && v <= last; };
  const list = [...(near.data?.items ?? [])].reverse();
  const at = Math.max(0, list.findIndex(isHot) - 8);
  return (
    <>
      <section><h3>{t.alerts.tree}</h3>
        {tree.roots.length > 0 ? <Tree above={tree.above} roots={tree.roots} /> : <p class="muted">{t.alerts.noTree}</p>}
      </section>
      <section>
        <div class="row spread"><h3>{t.alerts.around}</h3><a href={link.events(q, from, to)}>{t.alerts.aroundAll}</a></div>
        <Show of={near} what={t.alerts.around}>{() => (list.length === 0 ? <p class="muted">{t.alerts.noEvents}</p>
          : <ol class="event-lines" tabIndex={0} aria-label={t.alerts.around}>{list.slice(at, at + 40).map((d, i) => <li key={i} class={isHot(d) ? "hot" : ""}><EventLine doc={d} /></li>)}</ol>)}</Show>
      </section>
    </>
  );
}
