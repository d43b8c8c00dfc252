// SPDX-License-Identifier: GPL-2.0-or-later
// expect - what people said is normal, and the changes that they declared; each can be taken back.
import { useSignal } from "@preact/signals";
import type { Deployment, DeploymentPage, Expectation, ExpectationPage } from "../api.gen";
import { each, get, may, post } from "../api";
import { changed, useData } from "../data";
import { byWhom } from "../format";
import { doing } from "../say";
import { t } from "../text";
import { link } from "../url";
import { Button, Chip, Empty, Field, Section, Show, Time, Told } from "./basic";
import { Dialog } from "./dialog";

const back = (list: Expectation[]) => each(list, (x) => post(`expectations/${encodeURIComponent(x.id)}/undo`));
const undo = (list: Expectation[]) => doing(() => back(list), t.expect.undone).then(() => changed("expectations", "alerts", "profile"));

// Takes back what the verdict on an alert made expected.
export async function undoVerdict(alertId: string) {
  await doing(async () => {
    const p = await get<ExpectationPage>("expectations", { limit: 1000 });
    const mine = p.items.filter((x) => x.alert_id === alertId && x.status === "holds");
    if (mine.length === 0) throw new Error(t.expect.nothing);
    await back(mine);
  }, t.expect.undone);
  changed("expectations", "alerts", "profile");
}

export function Expectations() {
  const list = useData("expectations", (s) => get<ExpectationPage>("expectations", { limit: 500 }, s), { every: 60, on: ["expectations", "alerts"] });
  return (
    <Section title={t.expect.title}>
      <Show of={list} what={t.expect.title}>{(p) => (p.items.length === 0 ? <Empty icon="ok">{t.expect.none}</Empty> : (
        <ul class="lines padded">{p.items.slice(0, 100).map((x) => (
          <li key={x.id} class="row spread">
            <span class="grow">
              <span class="muted">{t.event[x.action ?? ""] ?? x.action}</span> <Told text={x.behaviour} mono /> {x.status !== "holds" && <Chip>{t.expect.states[x.status] ?? x.status}</Chip>}
              <br /><small>{[x.daemon, x.host?.name ?? x.label ?? t.normal.scopes[x.scope]].filter(Boolean).map((y, i) => <span key={i}>{i > 0 && ", "}<Told text={y} /></span>)}; {t.alerts.verdicts[x.verdict ?? ""] ?? x.verdict}, {t.alerts.by(byWhom(x.by))}, <Time at={x.created} />{x.expires ? <>, {t.reaction.until} <Time at={x.expires} /></> : ""}{x.note && <>: <Told text={x.note} /></>}
                {x.alert_id && <> · <a href={link.alert(x.alert_id)}>{t.reactions.alert}</a></>}</small>
            </span>
            {x.status === "holds" && may("alerts:write") && <Button icon="undo" onClick={() => void undo([x])}>{t.act.undo}</Button>}
          </li>
        ))}</ul>
      ))}</Show>
    </Section>
  );
}

export function Deployments() {
  const list = useData("deployments", (s) => get<DeploymentPage>("deployments", { limit: 200 }, s), { every: 30, on: ["deployments"] });
  const open = useSignal(false);
  const end = (d: Deployment) => void doing(() => post(`deployments/${encodeURIComponent(d.id)}/end`), t.deploy.ended).then(() => changed("deployments"));
  return (
    <Section title={t.deploy.title} aside={may("deployments:write") && <Button icon="plus" onClick={() => { open.value = true; }}>{t.deploy.begin}</Button>}>
      <Show of={list} what={t.deploy.title}>{(p) => (p.items.length === 0 ? <Empty icon="clock">{t.deploy.none}</Empty> : (
        <ul class="lines padded">{p.items.slice(0, 50).map((d) => (
          <li key={d.id} class="row spread">
            <span class="grow"><strong><Told text={d.daemon} /></strong> <Told text={d.host?.name ?? d.label ?? t.modes.fleet} /> <Chip kind={d.status === "open" ? "warn" : ""}>{t.deploy.states[d.status] ?? d.status}</Chip>
              <br /><small>{t.alerts.by(byWhom(d.by))}, <Time at={d.begun} /> – <Time at={d.ended ?? d.until} />{d.note && <>: <Told text={d.note} /></>}</small></span>
            {d.status === "open" && may("deployments:write") && <Button onClick={() => end(d)}>{t.deploy.end}</Button>}
          </li>
        ))}</ul>
      ))}</Show>
      {open.value && <Begin onClose={() => { open.value = false; }} />}
    </Section>
  );
}

export function Begin({ onClose, daemon = "", host = "" }: { onClose: () => void; daemon?: string; host?: string }) {
  const submit = async (e: Event) => {
    e.preventDefault();
    const f = new FormData(e.currentTarget as HTMLFormElement), text = (k: string) => String(f.get(k) ?? "").trim();
    const body = Object.fromEntries(["daemon", "host", "label", "ttl", "note"].map((k) => [k, text(k)]).filter(([, v]) => v));
    if (await doing(() => post("deployments", body), t.deploy.begun)) onClose();
    changed("deployments");
  };
  return (
    <Dialog title={t.deploy.begin} onClose={onClose}>
      <form class="stack" onSubmit={submit}>
        <p class="muted">{t.deploy.why}</p>
        <Field label={t.daemons.name}><input name="daemon" required defaultValue={daemon} spellcheck={false} /></Field>
        <div class="columns">
          <Field label={t.deploy.host}><input name="host" defaultValue={host} spellcheck={false} /></Field>
          {!host && <Field label={t.deploy.label}><input name="label" spellcheck={false} /></Field>}
          <Field label={t.apply.ttl}><select name="ttl"><option value="30m">{t.deploy.minutes(30)}</option><option value="2h">{t.rollout.hours(2)}</option><option value="24h">{t.rollout.hours(24)}</option></select></Field>
        </div>
        <Field label={t.alerts.note}><input name="note" maxLength={2000} /></Field>
        <div class="actions end"><Button onClick={onClose}>{t.act.cancel}</Button><Button type="submit" kind="primary">{t.deploy.begin}</Button></div>
      </form>
    </Dialog>
  );
}
