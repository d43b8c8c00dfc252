// SPDX-License-Identifier: GPL-2.0-or-later
// judge - what a person says of an alert: that it is normal, by whom it is looked after, what one should know of it.
import { useSignal } from "@preact/signals";
import { get, post, session } from "../api";
import { changed, useData } from "../data";
import { cut } from "../format";
import { causeOf, type Alert, type Host } from "../model";
import { doing } from "../say";
import { t } from "../text";
import { Button, Field, Note, Severity, Show, Time, Told } from "../ui/basic";
import { Dialog } from "../ui/dialog";
import { undoVerdict } from "../ui/expect";

export const path = (a: Alert, verb: string) => `alerts/${encodeURIComponent(a.id)}/${verb}` as const;
export const after = () => changed("alerts", "status", "profile", "expectations");

type Preview = { would_have_hidden?: number; of_days?: number; behaviours?: number; recorded_attacks?: number; alerts?: { id: string; title?: string; verdict?: string | null }[] };

export function Normal({ a, all, onClose }: { a: Alert; all: Alert[]; onClose: () => void }) {
  const verdict = useSignal("benign_expected");
  const scope = useSignal("host");
  const expires = useSignal("90d");
  const labels = useData(`labels ${a.host?.id}`, (s) => get<Host>(`hosts/${a.host?.id}`, undefined, s), { skip: !a.host?.id });
  const label = useSignal("");
  const busy = useSignal(false);
  const mine = labels.data?.labels ?? [];
  const body = (extra = {}) => ({
    verdict: verdict.value, scope: scope.value, expires: expires.value, ...(scope.value === "label" ? { label: label.value || mine[0] } : {}), ...extra,
  });
  const preview = useData(`preview ${a.id} ${verdict.value} ${scope.value} ${expires.value} ${label.value}`,
    () => post<Preview>(path(a, "verdict"), body({ preview: true })));
  const same = all.filter((x) => x.id !== a.id && causeOf(x) === causeOf(a));
  const submit = async (e: Event) => {
    e.preventDefault();
    const note = String(new FormData(e.currentTarget as HTMLFormElement).get("note") ?? "").trim();
    busy.value = true;
    const ok = await doing(() => post(path(a, "verdict"), body(note ? { note } : {})), t.alerts.judged, () => void undoVerdict(a.id));
    busy.value = false;
    after();
    if (ok) onClose();
  };
  const p = preview.data;
  return (
    <Dialog title={t.normal.title} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <p><strong><Told text={a.title} /></strong></p>
        <fieldset class="choice"><legend>{t.normal.which}</legend>
          {([["benign_expected", t.normal.expected], ["false_positive", t.normal.mistaken]] as const).map(([v, text]) => (
            <label key={v} class="checks"><input type="radio" name="verdict" value={v} checked={verdict.value === v} onChange={() => { verdict.value = v; }} />{text}</label>
          ))}
        </fieldset>
        <Field label={t.normal.where}><select value={scope.value} onChange={(e) => { scope.value = e.currentTarget.value; }}>
          {Object.entries(t.normal.scopes).filter(([v]) => v !== "label" || mine.length > 0).map(([v, text]) => <option key={v} value={v}>{text}</option>)}</select></Field>
        {scope.value === "label" && mine.length > 1 && <Field label={t.fleet.labels}><select value={label.value || mine[0]} onChange={(e) => { label.value = e.currentTarget.value; }}>{mine.map((l) => <option key={l}>{l}</option>)}</select></Field>}
        <Field label={t.normal.until}><select value={expires.value} onChange={(e) => { expires.value = e.currentTarget.value; }}>
          {[7, 30, 90].map((d) => <option key={d} value={`${d}d`}>{t.normal.days(d)}</option>)}<option value="never">{t.normal.forever}</option></select></Field>
        <Field label={t.normal.note}><textarea name="note" maxLength={2000} /></Field>
        <section class="preview" aria-live="polite"><h3>{t.normal.preview}</h3>
          {p === undefined ? <p class="muted">{preview.error || t.normal.seeing}</p> : <>
            <p><strong>{t.normal.hidden(p.would_have_hidden ?? 0, p.of_days ?? 30)}</strong></p>
            {(p.recorded_attacks ?? 0) > 0 && <Note kind="bad">{t.normal.attacks(p.recorded_attacks!)}</Note>}
          </>}
          <p>{t.normal.same(same.length)}</p>
          {same.length > 0 && <ul class="lines">{same.slice(0, 5).map((x) => <li key={x.id}><Severity of={x.severity} short /> <Told text={cut(x.title, 90)} /> · <Told text={x.host?.name} /> · <Time at={x.last_seen} /></li>)}</ul>}
        </section>
        <div class="actions end"><Button onClick={onClose}>{t.act.cancel}</Button><Button type="submit" kind="primary" busy={busy.value}>{t.normal.go}</Button></div>
      </form>
    </Dialog>
  );
}

export function Noting({ a, onClose }: { a: Alert; onClose: () => void }) {
  const submit = async (e: Event) => {
    e.preventDefault();
    const note = String(new FormData(e.currentTarget as HTMLFormElement).get("note") ?? "").trim();
    if (!note) return;
    if (await doing(() => post(path(a, "note"), { note }), t.alerts.noted)) onClose();
    after();
  };
  return (
    <Dialog title={t.alerts.note} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <Field label={t.alerts.note}><textarea name="note" maxLength={2000} required autoFocus /></Field>
        <div class="actions end"><Button onClick={onClose}>{t.act.cancel}</Button><Button type="submit" kind="primary">{t.act.save}</Button></div>
      </form>
    </Dialog>
  );
}

export function Assigning({ a, onClose }: { a: Alert; onClose: () => void }) {
  const users = useData("assignees", (s) => get<{ items: { name: string }[] }>("alerts/assignees", undefined, s));
  const to = (assignee: string | null) => doing(() => post(path(a, "assign"), { assignee }), assignee ? t.alerts.assignedTo(assignee) : t.alerts.unassigned,
    () => void doing(() => post(path(a, "assign"), { assignee: a.assignee ?? null }), t.act.done).then(after)).then((ok) => { after(); if (ok) onClose(); });
  const me = session.value?.user;
  return (
    <Dialog title={t.alerts.assign} onClose={onClose}>
      <Show of={users} what={t.alerts.assignTo}>{({ items }) => {
        const names = items.map((u) => u.name).sort((x, y) => Number(y === me) - Number(x === me) || (x < y ? -1 : 1));
        return (
          <ul class="lines people" aria-label={t.alerts.assignTo}>
            {names.map((name, i) => <li key={name}><Button icon="user" kind={i === 0 ? "primary" : ""} disabled={name === a.assignee} autoFocus={i === 0} onClick={() => void to(name)}>{name === me ? t.alerts.me(name) : name}</Button></li>)}
            {names.length === 0 && <li class="muted">{t.alerts.nobodyToAssign}</li>}
            {a.assignee && <li><Button icon="close" onClick={() => void to(null)}>{t.alerts.nobody}</Button></li>}
          </ul>
        );
      }}</Show>
    </Dialog>
  );
}
