// models - what is learnt, from which data, how well; training, versions and the way back.
import { useSignal } from "@preact/signals";
import { all, bodiesOf, get, may, offers, post, type PageOf } from "../api";
import { changed, useData } from "../data";
import { count, percent } from "../format";
import type { Daemon } from "../model";
import { status } from "../state";
import { t } from "../text";
import { link } from "../url";
import { Button, Chip, doing, Empty, Meter, Note, Section, Show, Time, Told } from "../ui/basic";
import { bucketsOf, fill } from "../ui/bars";

type Model = {
  id: string; kind?: string; daemon?: string | { id?: string | null; name?: string | null }; host?: { name?: string | null }; version?: number | string; created?: string; active?: boolean; state?: string;
  status?: string; samples?: number; rows?: number; false_alarm_rate?: number; false_alarms?: number; budget?: number | string; [k: string]: unknown;
};
type Job = { id: string; kind?: string; state?: string; status?: string; progress?: number; created?: string; started?: string; ended?: string; detail?: string; error?: string; done?: number; total?: number };

const nameOf = (v: Model["daemon"]) => (typeof v === "string" ? v : v?.name) ?? "";

export function Models() {
  const daemons = useData("models daemons", (s) => all<Daemon>("daemons", {}, 20000, s), { every: 60 });
  const settings = useData("models settings", (s) => get<Record<string, Record<string, { value: string }>>>("settings", undefined, s));
  const s = status.value;
  const budget = settings.data?.["detect"]?.["alert_budget"]?.value;
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.models.title}</h1></div>
      {offers("POST", "/models/train") && may("models:write") && <Train />}
      <div class="overview">
        <div class="stack">
          <Section title={t.nav.models}>
            {offers("GET", "/models") ? <Versions /> : <div class="body"><Note>{t.error.unavailableWhy(t.models.train)}</Note></div>}
          </Section>
          {offers("GET", "/jobs") && <Section title={t.models.jobs}><Jobs /></Section>}
        </div>
        <div class="stack">
          <Section title={t.models.profile}>
            <div class="body stack">
              <p class="muted">{t.models.profileText}</p>
              <Show of={daemons} what={t.nav.daemons}>{(list) => <Coverage list={list} />}</Show>
              {budget && <p>{t.models.budgetText(budget)}</p>}
              {s && s.health.store.oldest && <p>{t.models.coverage}: <Time at={s.health.store.oldest} /> – <Time at={s.health.store.newest} />, {count(s.health.store.events)} {t.events.counted}.</p>}
            </div>
          </Section>
          <Section title={t.models.blockers}>
            <Show of={daemons} what={t.nav.daemons}>{(list) => <Blocked list={list} />}</Show>
          </Section>
        </div>
      </div>
    </div>
  );
}

function Coverage({ list }: { list: Daemon[] }) {
  const live = list.filter((d) => d.state !== "gone"), ready = live.filter((d) => d.state === "ready").length;
  const buckets = bucketsOf(0, 100, 20);
  for (const d of live) fill(buckets, Math.min(99.9, (d.coverage ?? 0) * 100), d.state === "ready" ? "good" : "bar");
  return (
    <>
      <p class="row"><Meter value={live.length ? ready / live.length : 0} label={percent(ready / (live.length || 1))} /> <strong>{ready.toLocaleString()} / {live.length.toLocaleString()}</strong> {t.models.ready}</p>
      <CoverageBars buckets={buckets} />
    </>
  );
}

function CoverageBars({ buckets }: { buckets: ReturnType<typeof bucketsOf> }) {
  const max = Math.max(1, ...buckets.map((b) => (b.parts["good"] ?? 0) + (b.parts["bar"] ?? 0)));
  return (
    <svg class="bars" viewBox="0 0 400 84" role="img" aria-label={t.daemons.coverage}>
      <line class="axis" x1="0" x2="400" y1="66.500" y2="66.500" />
      {buckets.map((b, i) => {
        const g = ((b.parts["good"] ?? 0) / max) * 60, l = ((b.parts["bar"] ?? 0) / max) * 60;
        return <g key={i}><rect class="fill-good" x={i * 20 + 1} width="18" y={66 - g} height={g} /><rect class="fill-bar" x={i * 20 + 1} width="18" y={66 - g - l} height={l} /><title>{`${b.from}–${b.to} %: ${(b.parts["good"] ?? 0) + (b.parts["bar"] ?? 0)}`}</title></g>;
      })}
      <text x="0" y="80">0 %</text><text x="200" y="80" text-anchor="middle">{t.daemons.coverage}</text><text x="400" y="80" text-anchor="end">100 %</text>
    </svg>
  );
}

function Blocked({ list }: { list: Daemon[] }) {
  const by = new Map<string, Daemon[]>();
  for (const d of list) {
    if (d.state !== "learning") continue;
    const key = (d.blockers ?? [])[0]?.replace(/[\d.,]+/g, "…") ?? "–";
    by.set(key, [...(by.get(key) ?? []), d]);
  }
  const rows = [...by].sort((a, b) => b[1].length - a[1].length).slice(0, 8);
  if (rows.length === 0) return <Empty>{t.models.allReady}</Empty>;
  return (
    <ul class="lines padded">{rows.map(([why, ds]) => (
      <li key={why}><div><Told text={ds.length === 1 ? ds[0]!.blockers?.[0] ?? why : why} /></div>
        <small>{ds.slice(0, 4).map((d, i) => <span key={d.id}>{i > 0 && ", "}<a href={link.daemon(d.id)}><Told text={`${d.name} on ${d.host?.name ?? ""}`} /></a></span>)}{ds.length > 4 && ` ${t.daemon.others(ds.length - 4)}`}</small></li>
    ))}</ul>
  );
}

function Train() {
  const days = useSignal(7);
  const busy = useSignal(false);
  const go = async () => {
    busy.value = true;
    const takes = bodiesOf("POST", "/models/train");
    await doing(() => post("models/train", takes.includes("days") || takes.length === 0 ? { days: days.value } : {}), t.models.trained);
    busy.value = false;
    changed("jobs", "models");
  };
  return (
    <div class="card body row">
      <label class="row tight">{t.models.days}
        <select class="auto" value={days.value} onChange={(e) => { days.value = Number(e.currentTarget.value); }}>{[1, 3, 7, 14, 30].map((d) => <option key={d} value={d}>{t.overview.days(d)}</option>)}</select></label>
      <Button kind="primary" icon="models" busy={busy.value} onClick={() => void go()}>{t.models.train}</Button>
    </div>
  );
}

function Jobs() {
  const jobs = useData("jobs", (s) => get<PageOf<Job>>("jobs", { limit: 20 }, s), { every: 3, on: ["jobs"] });
  return (
    <Show of={jobs} what={t.models.jobs}>{(p) => (p.items.length === 0 ? <Empty icon="clock">{t.models.noJobs}</Empty> : (
      <ul class="lines padded">{p.items.map((j) => {
        const state = j.status ?? j.state ?? "", part = j.progress ?? (j.total ? (j.done ?? 0) / j.total : state === "done" ? 1 : 0);
        return (
          <li key={j.id} class="row spread">
            <span class="grow"><Told text={j.kind ?? "train"} /> <Chip kind={/fail/.test(state) ? "bad" : /done|complete|finished/.test(state) ? "good" : "accent"}>{state}</Chip> <Told text={j.error ?? j.detail ?? ""} /></span>
            <Meter value={part > 1 ? part / 100 : part} label={t.models.progress} /><Time at={j.started ?? j.created} />
          </li>
        );
      })}</ul>
    ))}</Show>
  );
}

function Versions() {
  const models = useData("models", (s) => all<Model>("models", {}, 2000, s), { every: 30, on: ["models"] });
  return (
    <Show of={models} what={t.models.title}>{(list) => (list.length === 0 ? <Empty icon="models">{t.models.none}</Empty> : (
      <div class="table-wrap" tabIndex={0} role="region" aria-label={t.models.title}>
        <table>
          <thead><tr><th>{t.models.kind}</th><th>{t.models.daemon}</th><th>{t.models.version}</th><th class="num">{t.models.samples}</th><th class="num">{t.models.rate}</th><th>{t.models.made}</th><th><span class="unseen">{t.models.activate}</span></th></tr></thead>
          <tbody>{list.slice(0, 400).map((m) => {
            const rate = m.false_alarm_rate ?? m.false_alarms, active = m.active ?? (m.status === "active" || m.state === "active");
            return (
              <tr key={m.id}><td><Told text={m.kind ?? ""} /></td><td><Told text={nameOf(m.daemon)} /> {m.host?.name && <small><Told text={m.host.name} /></small>}</td><td><Told text={m.version ?? m.id} mono /></td>
                <td class="num">{count(m.samples ?? m.rows)}</td><td class="num">{rate === undefined ? "–" : count(rate)}</td><td><Time at={m.created} /></td>
                <td>{active ? <Chip kind="good" icon="check">{t.models.active}</Chip> : offers("POST", "/models/{id}/activate") && may("models:write")
                  ? <Button onClick={() => void doing(() => post(`models/${encodeURIComponent(m.id)}/activate`), t.models.activated).then(() => changed("models"))}>{t.models.activate}</Button> : null}</td></tr>
            );
          })}</tbody>
        </table>
      </div>
    ))}</Show>
  );
}
