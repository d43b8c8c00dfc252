// SPDX-License-Identifier: GPL-2.0-or-later
// audit - who changed what, and whether the log of it is whole.
import { useSignal } from "@preact/signals";
import type { AuditRow } from "../api.gen";
import { get, pages } from "../api";
import { useData } from "../data";
import { doing } from "../say";
import { t } from "../text";
import { Button, Note, Section, Show, Time, Told } from "../ui/basic";

// What the request said, but for its secrets: those were not kept.
function detailOf(r: AuditRow) {
  let said: Record<string, unknown> = {};
  try { said = JSON.parse(r.detail ?? "{}") as Record<string, unknown>; } catch { return <Told text={r.detail} mono />; }
  const rows = Object.entries(said).filter(([, v]) => v !== "(not logged)" && v !== r.subject);
  return rows.map(([k, v], i) => <span key={k}>{i > 0 && ", "}{k} <Told text={typeof v === "string" ? v : JSON.stringify(v)} mono /></span>);
}

type Verified = { whole: boolean; rows: number; broken_at?: number; head: string };

export function Audit() {
  const shownPages = useSignal(1);
  const verified = useSignal<Verified | null>(null);
  const list = useData(`audit ${shownPages.value}`, (s) => pages<AuditRow>("audit", { limit: 100 }, shownPages.value, s), { on: ["audit"] });
  const v = verified.value;
  return (
    <Section title={t.settings.audit} aside={<Button icon="check" onClick={() => void doing(async () => { verified.value = await get<Verified>("audit/verify"); })}>{t.settings.verify}</Button>}>
      {v && <div class="body"><Note kind={v.whole ? "good" : "bad"}><p>{v.whole ? t.settings.verified : t.settings.broken(v.broken_at ?? 0)}</p><small class="mono">{t.settings.rows(v.rows)} · {v.head}</small></Note></div>}
      <Show of={list} what={t.settings.audit}>{({ items, more }) => (
        <>
          <div class="table-wrap" tabIndex={0} role="region" aria-label={t.settings.audit}>
            <table>
              <thead><tr><th class="num">#</th><th>{t.settings.when}</th><th>{t.settings.who}</th><th>{t.settings.did}</th><th>{t.settings.subject}</th></tr></thead>
              <tbody>{items.map((r) => <tr key={r.number}><td class="num">{r.number}</td><td class="nowrap"><Time at={r.time} exact /></td><td><Told text={r.actor} /></td><td title={r.action}><Told text={t.audit[r.action ?? ""] ?? r.action} /></td><td class="told-cell"><Told text={(r.action ?? "").endsWith(r.subject ?? "") || r.subject === r.actor ? "" : r.subject} mono /> <small>{detailOf(r)}</small></td></tr>)}</tbody>
            </table>
          </div>
          {more && <div class="body"><Button onClick={() => { shownPages.value++; }}>{t.act.more}</Button></div>}
        </>
      )}</Show>
    </Section>
  );
}
