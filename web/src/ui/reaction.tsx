// SPDX-License-Identifier: GPL-2.0-or-later
// reaction - what was done or would have been, and the way back.
import type { ComponentChildren } from "preact";
import { may, post } from "../api";
import { changed } from "../data";
import { canUndo, type Reaction } from "../model";
import { doing } from "../say";
import { t } from "../text";
import { Button, Chip, Time, Told } from "./basic";

const look: Record<string, [string, string]> = {
  dry_run: ["", "search"], pending: ["accent", "clock"], sent: ["accent", "clock"], applied: ["warn", "reactions"], verified: ["warn", "check"], failed: ["bad", "high"],
  expired: ["", "clock"], undone: ["", "undo"],
};

export function ReactionState({ r }: { r: Reaction }) {
  const [kind, icon] = look[r.status] ?? ["", "clock"];
  return <Chip kind={kind} icon={icon} title={r.result?.text}>{waits(r) ? t.approve.waits : t.reaction.states[r.status] ?? r.status}</Chip>;
}

export const kindOf = (r: Reaction) => t.reaction.answers[Number(r.args?.["answer"])] ?? t.reaction.kinds[r.kind] ?? r.kind.replace(/_/g, " ");

type Undone = { items: { result: string }[] };
const back = (r: Reaction) => post(`reactions/${encodeURIComponent(r.id)}/undo`);

// The newest first. For more than a few the server may want the password again. What has no way back is told.
async function undoAll(list: Reaction[]): Promise<void> {
  if (list.length === 1) return void await back(list[0]!);
  const not = (await post<Undone>("reactions/undo", { ids: [...list].sort((a, b) => ((a.created ?? "") < (b.created ?? "") ? 1 : -1)).map((r) => r.id) }))
    .items.map((x) => x.result).filter((x) => x !== "ordered" && x !== "withdrawn");
  if (not.length > 0) throw new Error(t.alerts.undonePart(not.length, list.length, not[0]!));
}

export async function undo(list: Reaction[]) {
  await doing(() => undoAll(list), list.length === 1 ? t.alerts.undone : t.alerts.undoneMany(list.length));
  changed("reactions", "alerts", "status");
}

// "process:7@1800000000000000" as people read it.
export function targetOf(r: Reaction): string {
  const [, sort, value] = /^([a-z_]+):(.*)$/s.exec(r.target ?? "") ?? [];
  if (!sort) return r.target ?? "";
  const exe = r.args?.["exe"];
  if (sort === "process") return `${t.reaction.process} ${value!.replace(/@\d+$/, "")}${typeof exe === "string" ? ` (${exe})` : ""}`;
  return value!;
}

export const waits = (r: Reaction) => r.status === "pending" && r.result?.needs_approval === true;
export const approve = (r: Reaction) => doing(() => post(`reactions/${encodeURIComponent(r.id)}/approve`), t.approve.done).then(() => changed("reactions", "alerts", "status"));

export function Ends({ r }: { r: Reaction }) {
  if (!r.expires || r.status === "dry_run") return <span class="muted">–</span>;
  return canUndo(r) ? <span>{t.reaction.until} <Time at={r.expires} /></span> : <span class="muted">{t.reaction.ended} <Time at={r.expires} /></span>;
}

export function ReactionList({ list, none }: { list: Reaction[]; none: ComponentChildren }) {
  if (list.length === 0) return <p class="muted">{none}</p>;
  return (
    <ul class="lines">
      {list.map((r) => (
        <li key={r.id} class="row spread">
          <span class="row tight grow">
            <ReactionState r={r} /><strong>{kindOf(r)}</strong>{r.target && <Told text={targetOf(r)} mono />}{r.expires && r.status !== "dry_run" && <Ends r={r} />}
          </span>
          {canUndo(r) && may("reactions:write") && <Button icon="undo" onClick={() => void undo([r])}>{t.act.undo}</Button>}
        </li>
      ))}
    </ul>
  );
}
