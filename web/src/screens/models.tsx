// SPDX-License-Identifier: GPL-2.0-or-later
// models - what is learnt, from which data, how well; training, versions and the way back.
import { useSignal } from "@preact/signals";
import { all, get, may, post, type PageOf } from "../api";
import { changed, useData } from "../data";
import { count, percent } from "../format";
import type { Job } from "../api.gen";
import type { Daemon } from "../model";
import { doing } from "../say";
import { status } from "../state";
import { t } from "../text";
import { link } from "../url";
import { Button, Chip, Empty, Meter, Section, Show, Time, Told } from "../ui/basic";
import { bucketsOf, fill } from "../ui/bars";
import { Deployments, Expectations } from "../ui/expect";
import { Versions } from "../ui/versions";

const TOO_WIDE = 100; // a bound that says nothing: some host-hours were watched

type Detection = { achieved_per_host_week?: number | null; achieved_upper_95?: number | null; alarms?: number; decisive?: number; host_weeks?: number };

export function Models() {
  const daemons = useData("models daemons", (s) => all<Daemon>("daemons", {}, 20000, s), { every: 60 });
  const settings = useData("models settings", (s) => get<Record<string, Record<string, { value: string }>>>("settings", undefined, s));
  const s = status.value, det = s?.detection as Detection | undefined;
  const rate = (v: number) => v.toLocaleString(undefined, { maximumSignificantDigits: 2 });
  const budget = settings.data?.["detect"]?.["alert_budget"]?.value;
  return (
    <div class="screen">
      <div class="screen-head"><h1>{t.models.title}</h1></div>
      {may("models:write") && <Train />}
      <div class="overview">
        <div class="stack">
          <Section title={t.nav.models}>
            <Versions />
          </Section>
          <Section title={t.models.jobs}><Jobs /></Section>
          <Expectations />
          <Deployments />
        </div>
        <div class="stack">
          <Section title={t.models.profile}>
            <div class="body stack">
              <p class="muted">{t.models.profileText}</p>
              <Show of={daemons} what={t.nav.daemons}>{(list) => <Coverage list={list} />}</Show>
              {budget && <p>{t.models.budgetText(budget)}</p>}
              {det && <p>{t.models.needed}: {det.achieved_per_host_week == null || det.achieved_upper_95 == null || det.achieved_upper_95 > TOO_WIDE ? t.models.not : t.models.achieved(rate(det.achieved_per_host_week), rate(det.achieved_upper_95))}.</p>}
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
  if (rows.length === 0) return list.length > 0 ? <Empty>{t.models.allReady}</Empty> : <Empty icon="daemons">{t.daemons.none}</Empty>;
  return (
    <ul class="lines padded">{rows.map(([why, ds]) => (
      <li key={why}><div><Told text={ds[0]!.blockers?.[0] ?? why} /></div>
        <small>{ds.slice(0, 4).map((d, i) => <span key={d.id}>{i > 0 && ", "}<a href={link.daemon(d.id)}><Told text={`${d.name} on ${d.host?.name ?? ""}`} /></a></span>)}{ds.length > 4 && ` ${t.daemon.others(ds.length - 4)}`}</small></li>
    ))}</ul>
  );
}

function Train() {
  const days = useSignal(7);
  const busy = useSignal(false);
  const go = async () => {
    busy.value = true;
    await doing(() => post("models/train", { days: days.value }), t.models.trained);
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
      <ul class="lines padded">{p.items.slice(0, 12).map((j) => (
        <li key={j.id} class="row spread">
          <span class="grow">{t.models.kinds[j.kind ?? ""] ?? j.kind} <Chip kind={j.state === "failed" ? "bad" : j.state === "done" ? "good" : "accent"}>{t.models.jobStates[j.state ?? ""] ?? j.state}</Chip> {j.message !== j.state && <Told text={j.message ?? ""} />}</span>
          <Meter value={j.state === "done" ? 1 : j.total ? (j.done ?? 0) / j.total : 0} label={t.models.progress} /><Time at={j.updated ?? j.created} />
        </li>
      ))}</ul>
    ))}</Show>
  );
}
