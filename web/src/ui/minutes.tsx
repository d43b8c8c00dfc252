// SPDX-License-Identifier: GPL-2.0-or-later
// minutes - the minutes of a daemon's last day: which are alike, and how the newest compares with nine in ten.
import { useSignal } from "@preact/signals";
import { get } from "../api";
import type { Windows } from "../api.gen";
import { useData } from "../data";
import { count, dateTime, ms } from "../format";
import type { Daemon } from "../model";
import { t } from "../text";
import { go, link } from "../url";
import { Section, Show, Tabs } from "./basic";
import { Chart } from "./chart";
import { Scatter, type Point } from "./scatter";

// Each minute is a vector of counts; those that are alike are neighbours.
export function Minutes({ d, q }: { d: Daemon; q: string }) {
  const feature = useSignal("");
  const by = useSignal<"dbscan" | "kmeans">("dbscan");
  const path = `daemons/${encodeURIComponent(d.id)}/windows` as const;
  const w = useData(`windows ${d.id}`, (s) => get<Windows>(path, undefined, s), { every: 120 });
  const toEvents = (p: Point) => go(link.events(q, p.time, new Date(ms(p.time) + 60e3).toISOString()));
  const odd = w.data?.points.filter((p) => p.cluster < 0) ?? [];
  return (
    <Section title={t.scatter.title} aside={w.data && w.data.points.length > 0 && <>
      <span>{t.scatter.label(w.data.minutes, by.value === "dbscan" ? w.data.clusters ?? 0 : w.data.centers?.length ?? 0, odd.length)}</span>
      <Tabs label={t.scatter.by} current={by.value} onPick={(v) => { by.value = v as "dbscan" | "kmeans"; }} items={[["dbscan", "DBSCAN"], ["kmeans", "K-Means"]]} /></>}>
      <div class="body stack"><Show of={w} what={t.scatter.title}>{(x) => {
        if (x.points.length === 0) return <p class="muted">{t.scatter.few(x.minutes, x.needed)}</p>;
        const newest = [...odd].reverse();
        return (
          <>
            <Scatter points={x.points} centers={x.centers ?? []} by={by.value} label={t.scatter.label(x.minutes, x.clusters ?? 0, odd.length)} onPick={toEvents} />
            {newest.length > 0 && <details><summary><strong>{t.scatter.outliers}</strong> <span class="badge">{newest.length}</span></summary>
              <ul class="lines">{newest.slice(0, 20).map((p) => <li key={p.time} class="row spread"><a href={link.events(q, p.time, new Date(ms(p.time) + 60e3).toISOString())}>{dateTime(p.time)}</a><span class="muted">{p.why}</span></li>)}</ul></details>}
            <h3>{t.scatter.bands}</h3>
            <Usual features={x.features ?? []} picked={feature.value} onPick={(f) => { feature.value = feature.value === f ? "" : f; }} />
            {feature.value && <Course key={feature.value} path={path} feature={feature.value} q={q} />}
          </>
        );
      }}</Show></div>
    </Section>
  );
}

// One feature over the minutes of the day, before the band of what is usual.
function Course({ path, feature, q }: { path: `daemons/${string}/windows`; feature: string; q: string }) {
  const w = useData(`course ${path} ${feature}`, (s) => get<Windows>(path, { feature }, s), { every: 120 });
  return (
    <Show of={w} what={feature}>{(x) => {
      const f = x.features?.find((k) => k.name === feature);
      return x.course && f && f.low !== null && f.high !== null ? <Chart times={x.points.map((p) => ms(p.time))} values={x.course.values} band={[f.low, f.high]} label={t.scatter.course(feature)}
        onPick={(a, b) => go(link.events(q, new Date(a).toISOString(), new Date(b).toISOString()))} /> : null;
    }}</Show>
  );
}

// The band of what is usual, and where the newest minute is in it or beside it; what is beside it comes first.
function Usual({ features, picked, onPick }: { features: NonNullable<Windows["features"]>; picked: string; onPick: (name: string) => void }) {
  const known = features.flatMap((f) => (f.low === null || f.high === null ? [] : [{ ...f, low: f.low, high: f.high, now: f.now ?? NaN }]));
  const isOut = (f: (typeof known)[number]) => f.now > f.high * 1.001 + 0.01 || f.now < f.low - 0.01;
  const seen = known.filter((f) => f.high > 0.01 || f.now > 0.01).sort((a, b) => Number(isOut(b)) - Number(isOut(a)));
  const at = (f: { high: number; now: number }, v: number) => `${(Math.log1p(Math.max(0, v)) / (Math.log1p(Math.max(f.high, f.now || 0, 1e-9)) * 1.08)) * 100}%`;
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label={t.scatter.bands}>
      <table class="bands">
        <thead><tr><th>{t.scatter.feature}</th><th class="num">{t.scatter.low}</th><th class="num">{t.scatter.high}</th><th class="num">{t.scatter.now}</th><th><span class="unseen">{t.scatter.bands}</span></th></tr></thead>
        <tbody>{seen.map((f) => {
          const out = isOut(f);
          return <tr key={f.name}><td><button type="button" class="plain-button link" aria-pressed={picked === f.name} title={t.scatter.course(f.name)} onClick={() => onPick(f.name)}>{f.name}</button></td><td class="num">{count(f.low)}</td><td class="num">{count(f.high)}</td><td class={`num ${out ? "sev-high" : ""}`}>{out ? <strong>{count(f.now)} !</strong> : count(f.now)}</td>
            <td><span class="band" aria-hidden="true"><span class="now" style={{ left: at(f, f.low), right: `calc(100% - ${at(f, f.high)})` }} />{f.now >= 0 && <span class={`mid ${out ? "out" : ""}`} style={{ left: at(f, f.now) }} />}</span></td></tr>;
        })}</tbody>
      </table>
    </div>
  );
}
