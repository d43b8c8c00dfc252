// SPDX-License-Identifier: GPL-2.0-or-later
// reactions - what was done or would have been, why, by whom, until when; and the way back from each.
import { useSignal } from "@preact/signals";
import { all, may } from "../api";
import { useData } from "../data";
import { byWhom, plain } from "../format";
import { canUndo, type Reaction } from "../model";
import { status } from "../state";
import { t } from "../text";
import { link, param, setParams } from "../url";
import { Button, Facts, Note, Show, Tabs, Time, Told } from "../ui/basic";
import { Dialog, Sure } from "../ui/dialog";
import { Modes } from "../ui/modes";
import { approve, Ends, kindOf, ReactionState, targetOf, undo, waits } from "../ui/reaction";
import { Simulate } from "../ui/simulate";
import { VirtualTable, type Column } from "../ui/table";

const filters: Record<string, (r: Reaction) => boolean> = {
  all: () => true, effect: canUndo, would: (r) => r.status === "dry_run" || r.mode === "dry_run", failed: (r) => r.status === "failed",
  ended: (r) => r.status === "expired" || r.status === "undone",
};
const alertOf = (r: Reaction) => r.alert_id ?? "";

export function Reactions({ id }: { id: string }) {
  const which = param("show") || "all";
  const list = useData("reactions", (s) => all<Reaction>("reactions", {}, 5000, s), { every: 10, on: ["reactions"] });
  const picked = useSignal<Set<string>>(new Set());
  const sure = useSignal<Reaction[]>([]);
  const open = useSignal(id);
  const simulating = useSignal(false);
  const items = list.data ?? [], shown = items.filter(filters[which] ?? filters["all"]!);
  const acts = may("reactions:write") && shown.some((r) => waits(r) || canUndo(r));
  const columns: Column<Reaction>[] = [
    { id: "state", title: t.reactions.state, width: "166px", sort: (r) => r.status, cell: (r) => <ReactionState r={r} /> },
    { id: "what", title: t.reactions.what, width: "118px", sort: kindOf, cell: (r) => <strong>{kindOf(r)}</strong> },
    { id: "target", title: t.reactions.target, width: acts ? "16%" : "21%", sort: targetOf, cell: (r) => <Told text={targetOf(r) || r.daemon} mono /> },
    { id: "host", title: t.reactions.host, width: "11%", sort: (r) => r.host?.name ?? "", cell: (r) => (r.host?.id ? <a href={link.host(r.host.id)}><Told text={r.host.name} /></a> : <Told text={r.host?.name ?? ""} />) },
    { id: "why", title: t.reactions.why, cell: (r) => <Told text={r.reason ?? ""} /> },
    { id: "by", title: t.reactions.by, width: "104px", sort: (r) => r.by ?? "", cell: (r) => <span title={plain(r.by)}><Told text={byWhom(r.by ?? r.rule)} /></span> },
    { id: "ends", title: t.reactions.ends, width: "88px", sort: (r) => r.expires ?? "", cell: (r) => (r.expires && r.status !== "dry_run" ? <Time at={r.expires} /> : <span class="muted">–</span>) },
    { id: "when", title: t.reactions.when, width: "98px", sort: (r) => r.created ?? "", cell: (r) => <Time at={r.created} /> },
    ...(acts ? [{ id: "undo", title: t.act.undo, width: "92px", cell: (r: Reaction) => (waits(r) ? <Button icon="check" onClick={() => void approve(r)}>{t.approve.button}</Button> : canUndo(r) ? <Button icon="undo" onClick={() => void undo([r])}>{t.act.undo}</Button> : "") }] : []),
  ];
  const chosen = items.filter((r) => picked.value.has(r.id) && canUndo(r));
  const active = items.filter(canUndo);
  const one = items.find((r) => r.id === open.value);
  const incident = one && alertOf(one) ? active.filter((r) => alertOf(r) === alertOf(one)) : [];
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.reactions.title}</h1>
        <Tabs label={t.reactions.state} current={which} onPick={(v) => setParams({ show: v === "all" ? "" : v })} items={Object.keys(filters).map((k) => [k, t.reactions.filters[k]!])} />
        <Button icon="search" onClick={() => { simulating.value = true; }}>{t.simulate.open}</Button>
        {may("reactions:write") && chosen.length > 0 && <Button icon="undo" kind="primary" onClick={() => { sure.value = chosen; }}>{t.reactions.undoMany(chosen.length)}</Button>}
        {may("reactions:write") && chosen.length === 0 && active.length > 1 && <Button icon="undo" onClick={() => { sure.value = active; }}>{t.reactions.undoAll}</Button>}
      </div>
      {status.value?.mode === "monitor" && <Note>{t.reactions.monitor}</Note>}
      <Show of={list} what={t.reactions.title} lines={8}>{() => (
        <section class="card">
          <VirtualTable rows={shown} columns={columns} rowKey={(r) => r.id} label={t.reactions.title} minWidth={1060} rowHeight={42}
            empty={items.length === 0 ? t.reactions.none : t.reactions.noneSuch} canPick={(r) => may("reactions:write") && canUndo(r)} nameOf={(r) => `${kindOf(r)} ${targetOf(r)}, ${r.host?.name ?? ""}`} picked={picked.value} onPicked={(s) => { picked.value = s; }} initialSort={["when", -1]} onOpen={(r) => { open.value = r.id; }} />
        </section>
      )}</Show>
      <Modes />
      {simulating.value && <Simulate onClose={() => { simulating.value = false; }} />}
      {sure.value.length > 0 && (
        <Sure title={t.act.undo} says={t.reactions.sure(sure.value.length)} go={t.act.undo} kind="primary" icon="undo" onClose={() => { sure.value = []; }}
          onSure={() => undo(sure.value).then(() => { picked.value = new Set(); })}>
          <ul class="lines">{sure.value.slice(0, 12).map((r) => <li key={r.id}>{kindOf(r)} <Told text={targetOf(r)} mono /> · {plain(r.host?.name)}</li>)}</ul>
        </Sure>
      )}
      {one && (
        <Dialog title={`${kindOf(one)}: ${plain(targetOf(one))}`} onClose={() => { open.value = ""; }} wide>
          <Facts rows={[
            [t.reactions.state, <ReactionState r={one} />], [t.reactions.why, <Told text={one.reason ?? "–"} />], [t.reactions.host, <Told text={one.host?.name ?? "–"} />], [t.nav.daemons, <Told text={one.daemon || "–"} />],
            [t.reactions.by, <span title={plain(one.by)}><Told text={byWhom(one.by) || "–"} /></span>], [t.reactions.rule, <Told text={one.rule || "–"} />], [t.reactions.when, <Time at={one.created} exact />], [t.reactions.ends, <Ends r={one} />],
            [t.reactions.alert, alertOf(one) ? <a href={link.alert(alertOf(one))}>{alertOf(one)}</a> : "–"],
            [t.reactions.details, one.result ? <pre class="result" tabIndex={0}>{plain2(one.result)}</pre> : "–"],
          ]} />
          {may("reactions:write") && <div class="actions end">
            {incident.length > 1 && <Button icon="undo" onClick={() => { open.value = ""; sure.value = incident; }}>{t.reactions.undoAlert(incident.length)}</Button>}
            {canUndo(one) && <Button kind="primary" icon="undo" onClick={() => void undo([one]).then(() => { open.value = ""; })}>{t.act.undo}</Button>}</div>}
        </Dialog>
      )}
    </div>
  );
}

const plain2 = (v: unknown) => (typeof v === "string" ? v : JSON.stringify(v, null, 1)).split("\n").map(plain).join("\n");
