// SPDX-License-Identifier: GPL-2.0-or-later
// versions - the models that were trained: what is normal by each, how it differs from the one before, and the way back.
import { useSignal } from "@preact/signals";
import type { Model as Described } from "../api.gen";
import { all, get, may, post } from "../api";
import { changed, useData } from "../data";
import { bytes, count, dateTime, plain } from "../format";
import { doing } from "../say";
import { t } from "../text";
import { Button, Chip, Empty, Facts, Note, Show, Time, Told } from "./basic";
import { Dialog, Sure } from "./dialog";

type Feature = { name: string; middle: number; low: number; high: number };
type Fit = { window?: string; windows?: number; hosts?: number; centers?: number; core_points?: number; clusters?: number; eps?: number; features?: Feature[] };
type Model = Omit<Described, "fits"> & { fits?: Fit[] };

// A model is of a class of daemons: instances of a template share one.
const isOf = (m: Model, daemon: string) => m.daemon === daemon || m.daemon === daemon.replace(/@[^/]*/, "");

// Use another version; what was in use before is the way back.
function use(m: Model, all: Model[]) {
  const now = all.find((x) => x.daemon === m.daemon && x.state === "active");
  const activate = (id: string) => post(`models/${encodeURIComponent(id)}/activate`);
  const back = now && (() => void doing(() => activate(now.id), t.models.activated).then(() => changed("models")));
  return doing(() => activate(m.id), t.models.activated, back).then(() => changed("models"));
}

// Of one daemon, or of all.
export function Versions({ of }: { of?: string }) {
  const models = useData("models", (s) => all<Model>("models", {}, 2000, s), { every: 30, on: ["models", "jobs"] });
  const open = useSignal("");
  const sure = useSignal<Model | null>(null);
  return (
    <Show of={models} what={t.models.title}>{(list) => {
      const mine = of === undefined ? list : list.filter((m) => isOf(m, of)).sort((a, b) => (b.version ?? 0) - (a.version ?? 0));
      if (mine.length === 0) return <Empty icon="models">{of === undefined ? t.models.none : t.models.noneOf}</Empty>;
      return (
        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.models.title}>
          <table class={of === undefined ? "middle stacked" : "middle"}>
            <thead><tr>{of === undefined && <th>{t.models.daemon}</th>}<th class="num">{t.models.version}</th><th>{t.models.state}</th>{of === undefined && <th class="num">{t.models.windows}</th>}{of === undefined && <th class="num">{t.models.hosts}</th>}<th>{t.models.made}</th><th><span class="unseen">{t.models.activate}</span></th></tr></thead>
            <tbody>{mine.slice(0, 400).map((m) => (
              <tr key={m.id}>{of === undefined && <td><Told text={m.daemon ?? ""} /></td>}<td class="num" data-label={t.models.version}>{m.version}</td>
                <td title={plain(m.note)} data-label={t.models.state}><Chip kind={m.state === "active" ? "good" : m.state === "refused" ? "bad" : ""} icon={m.state === "active" ? "check" : m.state === "refused" ? "close" : undefined}>{t.models.states[m.state ?? ""] ?? m.state}</Chip></td>
                {of === undefined && <td class="num" data-label={t.models.windows}>{count(m.windows)}</td>}{of === undefined && <td class="num" data-label={t.models.hosts}>{count(m.hosts)}</td>}<td class="nowrap" data-label={t.models.made}><Time at={m.created} /></td>
                <td><span class="row tight end"><Button kind="quiet" label={`${t.models.look}: ${plain(m.daemon)} ${m.version}`} onClick={() => { open.value = m.id; }}>{t.models.look}</Button>{m.state === "retired" && may("models:write")
                  && <Button icon="undo" onClick={() => { sure.value = m; }}>{t.daemon.rollback}</Button>}</span></td></tr>
            ))}</tbody>
          </table>
          {open.value && <OneModel id={open.value} all={list} onClose={() => { open.value = ""; }} />}
          {sure.value && (
            <Sure title={t.daemon.rollback} says={t.models.sureUse(plain(sure.value.daemon), sure.value.version ?? 0)} go={t.models.activate} kind="primary"
              onClose={() => { sure.value = null; }} onSure={() => use(sure.value!, list)} />
          )}
        </div>
      );
    }}</Show>
  );
}

// One version, and how it differs from another of the same daemon: the one before it, unless somebody says which.
function OneModel({ id, all, onClose }: { id: string; all: Model[]; onClose: () => void }) {
  const m = useData(`model ${id}`, (s) => get<Model>(`models/${encodeURIComponent(id)}`, undefined, s));
  const me = all.find((x) => x.id === id);
  const others = all.filter((x) => x.daemon === me?.daemon && x.id !== id).sort((a, b) => (b.version ?? 0) - (a.version ?? 0));
  const against = useSignal(others.find((x) => (x.version ?? 0) < (me?.version ?? 0))?.id ?? others[0]?.id ?? "");
  const old = useData(`model ${against.value}`, (s) => get<Model>(`models/${encodeURIComponent(against.value)}`, undefined, s), { skip: !against.value });
  const before = against.value ? old.data : undefined;
  return (
    <Dialog title={`${t.models.one}: ${plain(me?.daemon)}, ${t.models.version.toLowerCase()} ${me?.version ?? ""}`} onClose={onClose} wide>
      <Show of={m} what={t.models.one}>{(x) => (
        <>
          <Facts rows={[
            [t.models.data, <>{dateTime(x.data_from)} – {dateTime(x.data_to)}</>], [t.models.windows, count(x.windows)], [t.models.hosts, count(x.hosts)], [t.models.size, bytes(x.size)],
            ...(x.note ? [[t.models.note, <Told text={x.note} />] as [string, preact.ComponentChildren]] : []),
          ]} />
          {x.damaged && <Note kind="bad"><Told text={x.damaged} /></Note>}
          {others.length > 0 ? <label class="row tight">{t.models.against}
            <select class="auto" value={against.value} onChange={(e) => { against.value = e.currentTarget.value; }}>{others.map((o) => <option key={o.id} value={o.id}>{t.models.version} {o.version}, {t.models.states[o.state ?? ""] ?? o.state}</option>)}</select></label>
            : <p class="muted">{t.models.first}</p>}
          {(x.fits ?? []).filter((f) => f.features?.length).slice(0, 6).map((f, i) => {
            const was = before?.fits?.find((b) => b.window === f.window && (b.centers === undefined) === (f.centers === undefined))?.features;
            return (
              <details key={i} open={i === 0}><summary><strong>{t.models.fit(f.window ?? "", f.windows ?? 0)}</strong>{f.centers !== undefined ? `, ${t.models.centers(f.centers)}` : f.clusters !== undefined ? `, ${t.models.clusters(f.clusters, f.core_points ?? 0)}` : ""}{was && <span class="muted"> · {t.models.differ(f.features!.filter((k) => change(k, was) > FEW).length)}</span>}</summary>
                <Bands features={f.features!} before={was} /></details>
            );
          })}
        </>
      )}</Show>
    </Dialog>
  );
}

// How far a band moved, on the scale it is drawn at; less than FEW is nothing to speak of.
const FEW = 0.15;
function change(f: Feature, before?: Feature[]) {
  const b = before?.find((x) => x.name === f.name);
  return b ? Math.abs(Math.log1p(f.high) - Math.log1p(b.high)) + Math.abs(Math.log1p(f.low) - Math.log1p(b.low)) : before ? 1 : 0;
}

// The band of what is normal for each feature, and that of the other version as a thin line below it; what differs most comes first.
function Bands({ features, before }: { features: Feature[]; before?: Feature[] }) {
  // A band from nothing to less than one is a feature that does not happen.
  const seen = features.filter((f) => f.middle > 0 || f.high >= 0.5 || change(f, before) > FEW).sort((a, b) => change(b, before) - change(a, before));
  if (seen.length === 0) return <p class="muted">{t.models.idle}</p>;
  const other = (f: Feature) => before?.find((b) => b.name === f.name);
  const top = (f: Feature) => Math.log1p(Math.max(f.high, other(f)?.high ?? 0, 1e-9));
  const at = (f: Feature, v: number) => `${(Math.log1p(Math.max(0, v)) / (top(f) * 1.05)) * 100}%`;
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.models.bands}>
      <table class="bands">
        <thead><tr><th>{t.models.feature}</th><th class="num">{t.models.low}</th><th class="num">{t.models.middle}</th><th class="num">{t.models.high}</th>{before && <th class="num">{t.models.was}</th>}<th><span class="unseen">{t.models.bands}</span></th></tr></thead>
        <tbody>{seen.map((f) => {
          const b = other(f), moved = change(f, before) > FEW;
          return (
            <tr key={f.name}><td><Told text={f.name} /></td><td class="num">{count(f.low)}</td><td class="num">{count(f.middle)}</td><td class="num">{moved ? <strong>{count(f.high)}</strong> : count(f.high)}</td>
              {before && <td class={`num ${moved ? "" : "muted"}`}>{b ? `${count(b.low)} – ${count(b.high)}` : t.models.isNew}</td>}
              <td><span class="band" aria-hidden="true"><span class="now" style={{ left: at(f, f.low), right: `calc(100% - ${at(f, f.high)})` }} /><span class="mid" style={{ left: at(f, f.middle) }} />{b && <span class="was" style={{ left: at(f, b.low), right: `calc(100% - ${at(f, b.high)})` }} />}</span></td></tr>
          );
        })}</tbody>
      </table>
    </div>
  );
}
