// SPDX-License-Identifier: GPL-2.0-or-later
// simulate - what the rules in use would have done about the alerts there are: before a mode is changed, look.
import { get } from "../api";
import { useData } from "../data";
import { t } from "../text";
import { link } from "../url";
import { Chip, Show, Told } from "./basic";
import { Dialog } from "./dialog";

type Case = { alert_id: string; title?: string; host?: { name?: string | null }; daemon?: string; rule?: string; kind: string; target?: string; refused?: string | null; verdict?: string | null };
type Simulation = { since: string; alerts: number; would: number; items: Case[]; totals: { rule: string; kind: string; would: number; wrongly: number; refused: number }[] };

export function Simulate({ onClose }: { onClose: () => void }) {
  const s = useData("simulate", (x) => get<Simulation>("reactions/simulate", undefined, x));
  return (
    <Dialog title={t.simulate.title} onClose={onClose} wide>
      <p class="muted">{t.simulate.why}</p>
      <Show of={s} what={t.simulate.title}>{(r) => (
        <>
          <p><strong>{t.simulate.sum(r.alerts, r.would)}</strong></p>
          {r.totals.length === 0 ? <p>{t.simulate.none}</p> : (
            <div class="table-wrap" tabIndex={0} role="region" aria-label={t.simulate.title}>
              <table>
                <thead><tr><th>{t.simulate.rule}</th><th>{t.reactions.what}</th><th class="num">{t.simulate.would}</th><th class="num">{t.simulate.wrongly}</th><th class="num">{t.simulate.refused}</th></tr></thead>
                <tbody>{r.totals.map((x) => <tr key={x.rule + x.kind}><td><Told text={x.rule} /></td><td>{t.reaction.kinds[x.kind] ?? x.kind}</td><td class="num">{x.would}</td><td class="num">{x.wrongly}</td><td class="num">{x.refused}</td></tr>)}</tbody>
              </table>
            </div>
          )}
          {r.items.length > 0 && <><h3>{t.simulate.cases}</h3>
            <ul class="lines">{r.items.slice(0, 50).map((c, i) => (
              <li key={i}><strong>{t.reaction.kinds[c.kind] ?? c.kind}</strong> <Told text={(c.target ?? "").replace(/^[a-z_]+:/, "").replace(/@\d+$/, "")} mono /> <a href={link.alert(c.alert_id)} onClick={onClose}><Told text={c.title ?? c.alert_id} /></a> <small><Told text={c.host?.name ?? ""} /></small> {c.refused && <Chip kind="warn"><Told text={c.refused} /></Chip>}</li>
            ))}</ul></>}
        </>
      )}</Show>
    </Dialog>
  );
}
